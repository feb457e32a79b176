//! The routes of what partners are told.

use serde_json::json;

use super::{For, Row};

pub(super) fn rows() -> Vec<Row> {
    vec![
        ("GET", "/api/v1/partners/{partner}/notices", For::Owners, json!(null)),
        ("PUT", "/api/v1/partners/{partner}/notices", For::Owners, json!({ "kinds": ["sale"] })),
        ("GET", "/api/v1/partners/{partner}/webhooks", For::Owners, json!(null)),
        (
            "POST",
            "/api/v1/partners/{partner}/webhooks",
            For::Owners,
            json!({ "url": "https://127.0.0.1/", "kinds": ["sale"] }),
        ),
        ("DELETE", "/api/v1/partners/{partner}/webhooks/{id}", For::Owners, json!(null)),
        ("POST", "/api/v1/partners/{partner}/webhooks/{id}/secret", For::Owners, json!(null)),
        ("POST", "/api/v1/partners/{partner}/webhooks/{id}/enable", For::Owners, json!(null)),
        ("POST", "/api/v1/partners/{partner}/webhooks/{id}/test", For::Owners, json!(null)),
        ("GET", "/api/v1/partners/{partner}/webhook-deliveries", For::Owners, json!(null)),
        ("POST", "/api/v1/partners/{partner}/webhooks/{id}/deliveries/{notice}", For::Owners, json!(null)),
        ("GET", "/dashboard/{partner}/notices", For::Owners, json!(null)),
        ("POST", "/dashboard/{partner}/notices", For::Owners, json!(null)),
    ]
}
