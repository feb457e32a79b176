//! Trusted publishing, and publishing that takes two.

use serde_json::json;

use super::{For, Row};

pub(super) fn rows(digest: &str) -> Vec<Row> {
    vec![
        ("GET", "/api/v1/oidc-issuers", For::Everybody, json!(null)),
        (
            "PUT",
            "/api/v1/oidc-issuers",
            For::Operators,
            json!({ "issuer": "https://ci.example", "allowed": true }),
        ),
        // How the shop shows a plugin.
        ("GET", "/api/v1/plugins/{namespace}/{name}/listing", For::Everybody, json!(null)),
        ("PUT", "/api/v1/plugins/{namespace}/{name}/listing", For::Publishers, json!({})),
        ("PUT", "/api/v1/plugins/{namespace}/{name}/listing/icon", For::Publishers, json!(null)),
        (
            "DELETE",
            "/api/v1/plugins/{namespace}/{name}/listing/icon",
            For::PublishersAndOperators,
            json!(null),
        ),
        (
            "PUT",
            "/api/v1/plugins/{namespace}/{name}/listing/screenshots/{digest}",
            For::Publishers,
            json!(null),
        ),
        (
            "DELETE",
            "/api/v1/plugins/{namespace}/{name}/listing/screenshots/{digest}",
            For::PublishersAndOperators,
            json!(null),
        ),
        (
            "PUT",
            "/api/v1/plugins/{namespace}/{name}/listing/screenshots/{digest}/caption",
            For::Publishers,
            json!({ "caption": "A page" }),
        ),
        (
            "PUT",
            "/api/v1/plugins/{namespace}/{name}/listing/screenshots",
            For::Publishers,
            json!({ "order": [] }),
        ),
        ("GET", "/images/{namespace}/{name}/{digest}", For::Everybody, json!(null)),
        ("GET", "/api/v1/plugins/{namespace}/{name}/trusted-publishers", For::Members, json!(null)),
        (
            "POST",
            "/api/v1/plugins/{namespace}/{name}/trusted-publishers",
            For::Owners,
            json!({ "issuer": "https://ci.example", "claims": { "sub": "robot" } }),
        ),
        ("DELETE", "/api/v1/plugins/{namespace}/{name}/trusted-publishers/{id}", For::Owners, json!(null)),
        // By a token of an issuer, which is in the body.
        (
            "POST",
            "/api/v1/tokens/exchange",
            For::Everybody,
            json!({ "plugin": "acme:ocr-server", "token": "x", "key": "KEY", "proof": "" }),
        ),
        ("GET", "/api/v1/namespaces/{namespace}/key-requests", For::Publishers, json!(null)),
        (
            "POST",
            "/api/v1/namespaces/{namespace}/key-requests",
            For::Publishers,
            json!({ "key": "KEY", "proof": "" }),
        ),
        ("DELETE", "/api/v1/namespaces/{namespace}/key-requests/{key}", For::Publishers, json!(null)),
        ("POST", "/api/v1/namespaces/{namespace}/key-requests/{key}/approval", For::Owners, json!(null)),
        ("GET", "/api/v1/namespaces/{namespace}/two-people", For::Members, json!(null)),
        ("PUT", "/api/v1/namespaces/{namespace}/two-people", For::Owners, json!(null)),
        ("DELETE", "/api/v1/namespaces/{namespace}/two-people", For::Owners, json!(null)),
        ("GET", "/api/v1/plugins/{namespace}/{name}/staged-releases", For::Members, json!(null)),
        (
            "DELETE",
            "/api/v1/plugins/{namespace}/{name}/staged-releases/{version}",
            For::Publishers,
            json!(null),
        ),
        (
            "POST",
            "/api/v1/plugins/{namespace}/{name}/staged-releases/{version}/approval",
            For::Publishers,
            json!({ "artifact": digest }),
        ),
    ]
}
