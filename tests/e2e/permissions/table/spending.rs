//! The routes of what an account spends, and of its budget.

use serde_json::json;

use super::{For, Row};

pub(super) fn rows() -> Vec<Row> {
    vec![
        ("GET", "/api/v1/spend", For::Accounts, json!(null)),
        (
            "PUT",
            "/api/v1/spend/budget",
            For::Accounts,
            json!({ "monthly": { "minor": 100, "currency": "USD" } }),
        ),
        ("DELETE", "/api/v1/spend/budget", For::Accounts, json!(null)),
        ("PUT", "/api/v1/spend/teams", For::Accounts, json!({ "deployment": "web", "team": "ml" })),
    ]
}
