//! The table's rows of moderation: who may use each of its routes.

use serde_json::json;

use super::roles::{For, Row};

pub(super) fn rows() -> Vec<Row> {
    vec![
        ("GET", "/.well-known/security.txt", For::Everybody, json!(null)),
        ("GET", "/api/v1/suspensions", For::Operators, json!(null)),
        (
            "PUT",
            "/api/v1/accounts/{name}/suspension",
            For::Operators,
            json!({ "suspended": false, "reason": "it was a mistake" }),
        ),
        (
            "PUT",
            "/api/v1/namespaces/{namespace}/owner",
            For::Operators,
            json!({ "account": "nobody-there", "reason": "it was squatted" }),
        ),
        ("GET", "/api/v1/advisories", For::Everybody, json!(null)),
        ("GET", "/api/v1/advisories/{advisory}", For::Everybody, json!(null)),
        ("GET", "/api/v1/plugins/{namespace}/{name}/advisories", For::Everybody, json!(null)),
        (
            "PUT",
            "/api/v1/plugins/{namespace}/{name}/advisories/{advisory}",
            For::PublishersAndOperators,
            json!({
                "id": "CHA-2026-1", "summary": "It leaks", "database_specific": { "severity": "LOW" },
                "affected": [{
                    "package": { "ecosystem": "Chandlery", "name": "acme:ocr-server" }, "versions": ["9.9.9"],
                }],
            }),
        ),
        (
            "DELETE",
            "/api/v1/plugins/{namespace}/{name}/advisories/{advisory}",
            For::PublishersAndOperators,
            json!(null),
        ),
        ("GET", "/api/v1/reports", For::Operators, json!(null)),
        (
            "POST",
            "/api/v1/reports",
            For::Accounts,
            json!({ "subject": "acme:ocr-server", "why": "It leaks" }),
        ),
        (
            "PUT",
            "/api/v1/reports/{id}/resolution",
            For::Operators,
            json!({ "outcome": "dismissed", "note": "It does not" }),
        ),
        ("GET", "/api/v1/reviews", For::Operators, json!(null)),
        ("GET", "/api/v1/plugins/{namespace}/{name}/releases/{version}/review", For::Operators, json!(null)),
        (
            "PUT",
            "/api/v1/plugins/{namespace}/{name}/releases/{version}/review",
            For::Publishers,
            json!({ "note": "the first release" }),
        ),
        (
            "PUT",
            "/api/v1/plugins/{namespace}/{name}/releases/{version}/review/decision",
            For::Operators,
            json!({ "verdict": "refused", "reason": "it does not say what it is for" }),
        ),
        ("GET", "/api/v1/quarantines", For::Operators, json!(null)),
        (
            "PUT",
            "/api/v1/plugins/{namespace}/{name}/quarantine",
            For::Operators,
            json!({ "quarantined": false, "reason": "nothing was found" }),
        ),
        (
            "PUT",
            "/api/v1/plugins/{namespace}/{name}/releases/{version}/quarantine",
            For::Operators,
            json!({ "quarantined": false, "reason": "nothing was found" }),
        ),
    ]
}
