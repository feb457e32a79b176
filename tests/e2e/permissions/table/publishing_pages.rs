//! The pages of publishers: what is in their forms is refused for what it says, and not for who sends it.

use serde_json::json;

use super::{For, Row};

pub(super) fn rows() -> Vec<Row> {
    [
        ("GET", "/publish", For::Accounts),
        ("POST", "/publish", For::Accounts),
        ("GET", "/publish.js", For::Everybody),
        ("POST", "/publish/namespaces", For::Accounts),
        // There is no such draft, which only those learn who have an account.
        ("GET", "/publish/{draft}", For::Accounts),
        ("POST", "/publish/{draft}", For::Accounts),
        ("POST", "/publish/{draft}/discard", For::Accounts),
        ("GET", "/publish/namespaces/{namespace}", For::Members),
        ("POST", "/publish/namespaces/{namespace}/two-people", For::Owners),
        ("POST", "/publish/namespaces/{namespace}/keys", For::Owners),
        ("POST", "/publish/namespaces/{namespace}/keys/{key}/revocation", For::Owners),
        ("POST", "/publish/namespaces/{namespace}/key-requests", For::Publishers),
        ("POST", "/publish/namespaces/{namespace}/key-requests/{key}", For::Publishers),
        ("POST", "/publish/teams/{namespace}/invitation", For::Accounts),
        ("POST", "/publish/teams/{namespace}/members", For::Owners),
        ("POST", "/publish/teams/{namespace}/members/{account}/removal", For::Owners),
        ("GET", "/publish/plugins/{namespace}/{name}", For::Members),
        ("GET", "/publish/plugins/{namespace}/{name}/price", For::Owners),
        ("POST", "/publish/plugins/{namespace}/{name}/price", For::Owners),
        ("POST", "/publish/plugins/{namespace}/{name}/coupons", For::Owners),
        ("GET", "/publish/plugins/{namespace}/{name}/listing", For::Publishers),
        ("POST", "/publish/plugins/{namespace}/{name}/listing", For::Publishers),
        ("POST", "/publish/plugins/{namespace}/{name}/listing/icon", For::Publishers),
        ("POST", "/publish/plugins/{namespace}/{name}/listing/icon/removal", For::Publishers),
        ("POST", "/publish/plugins/{namespace}/{name}/listing/screenshots", For::Publishers),
        ("POST", "/publish/plugins/{namespace}/{name}/listing/screenshots/{digest}", For::Publishers),
        ("POST", "/publish/plugins/{namespace}/{name}/releases/{version}", For::Publishers),
        (
            "POST",
            "/publish/plugins/{namespace}/{name}/releases/{version}/withdrawal",
            For::OwnersAndOperators,
        ),
        ("POST", "/publish/plugins/{namespace}/{name}/staged-releases/{version}", For::Publishers),
        ("POST", "/publish/plugins/{namespace}/{name}/trusted-publishers", For::Owners),
        ("POST", "/publish/plugins/{namespace}/{name}/trusted-publishers/{id}/removal", For::Owners),
        ("GET", "/account/tokens", For::Accounts),
        ("POST", "/account/tokens", For::Accounts),
    ]
    .map(|(method, route, who)| (method, route, who, json!(null)))
    .into()
}
