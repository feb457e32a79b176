//! The routes of organisations themselves.

use serde_json::json;

use super::{For, Row};

pub(super) fn rows() -> Vec<Row> {
    vec![
        ("GET", "/api/v1/organisations", For::Accounts, json!(null)),
        ("POST", "/api/v1/organisations", For::Accounts, json!({ "name": "umbrella", "title": "Umbrella" })),
        ("GET", "/api/v1/organisations/{organisation}", For::Belonging, json!(null)),
        ("PATCH", "/api/v1/organisations/{organisation}", For::Owners, json!({ "title": "Umbrella" })),
        // It is subscribed to a tier, so that it stays.
        ("DELETE", "/api/v1/organisations/{organisation}", For::Owners, json!(null)),
        ("GET", "/api/v1/organisations/{organisation}/members", For::Belonging, json!(null)),
        (
            "PUT",
            "/api/v1/organisations/{organisation}/members/{account}",
            For::Owners,
            json!({ "role": "viewer" }),
        ),
        ("DELETE", "/api/v1/organisations/{organisation}/members/{account}", For::Owners, json!(null)),
        ("GET", "/api/v1/organisations/{organisation}/tokens", For::Owners, json!(null)),
        ("DELETE", "/api/v1/organisations/{organisation}/tokens/{id}", For::Owners, json!(null)),
        ("PUT", "/api/v1/organisations/{organisation}/invitation", For::Accounts, json!(null)),
        ("DELETE", "/api/v1/organisations/{organisation}/invitation", For::Accounts, json!(null)),
        ("GET", "/api/v1/account/organisation-invitations", For::Accounts, json!(null)),
    ]
}
