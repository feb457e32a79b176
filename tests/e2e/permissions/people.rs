//! The routes of accounts and of whoever operates the registry: who may use each.

use serde_json::{Value, json};

use super::roles::For;

pub(super) fn rows() -> Vec<(&'static str, &'static str, For, Value)> {
    vec![
        // Accounts. Registering and logging in are for whoever can.
        (
            "POST",
            "/api/v1/accounts",
            For::Everybody,
            json!({ "name": "acme", "password": "long enough to be one" }),
        ),
        (
            "POST",
            "/api/v1/tokens",
            For::Everybody,
            json!({ "name": "acme", "password": "correct horse battery" }),
        ),
        ("GET", "/api/v1/account", For::Accounts, json!(null)),
        (
            "PUT",
            "/api/v1/account/email",
            For::Accounts,
            json!({ "email": "acme@example.org", "password": "x".repeat(2000) }),
        ),
        ("POST", "/api/v1/account/deletion", For::Accounts, json!({ "password": "x".repeat(2000) })),
        ("DELETE", "/api/v1/account/deletion", For::Accounts, json!(null)),
        ("GET", "/api/v1/account/export", For::Accounts, json!(null)),
        ("GET", "/api/v1/account/second-factor", For::Accounts, json!(null)),
        ("POST", "/api/v1/account/second-factor", For::Accounts, json!({ "password": "x".repeat(2000) })),
        ("PUT", "/api/v1/account/second-factor", For::Accounts, json!({ "code": "000000" })),
        (
            "POST",
            "/api/v1/account/second-factor/removal",
            For::Accounts,
            json!({ "password": "none", "code": "000000" }),
        ),
        ("POST", "/api/v1/account/recovery-codes", For::Accounts, json!({ "code": "000000" })),
        ("POST", "/api/v1/second-factor", For::Everybody, json!({ "challenge": "none", "code": "000000" })),
        ("GET", "/api/v1/account/passkeys", For::Accounts, json!(null)),
        ("POST", "/api/v1/account/passkeys/challenge", For::Accounts, json!({})),
        (
            "POST",
            "/api/v1/account/passkeys",
            For::Accounts,
            json!({ "challenge": "none", "name": "phone", "credential": {} }),
        ),
        ("PATCH", "/api/v1/account/passkeys/{id}", For::Accounts, json!({ "name": "phone" })),
        ("DELETE", "/api/v1/account/passkeys/{id}", For::Accounts, json!({})),
        ("POST", "/api/v1/passkey-log-ins/challenge", For::Everybody, json!(null)),
        ("POST", "/api/v1/passkey-log-ins", For::Everybody, json!({ "challenge": "none", "credential": {} })),
        ("GET", "/api/v1/account/sessions", For::Accounts, json!(null)),
        ("DELETE", "/api/v1/account/sessions", For::Accounts, json!(null)),
        ("DELETE", "/api/v1/account/sessions/{id}", For::Accounts, json!(null)),
        ("POST", "/api/v1/email-verifications", For::Everybody, json!({ "token": "none" })),
        ("POST", "/api/v1/password-reset-requests", For::Everybody, json!({ "name": "nobody-there" })),
        ("GET", "/api/v1/account/tokens", For::Accounts, json!(null)),
        ("POST", "/api/v1/account/tokens", For::Accounts, json!({ "scope": "read", "days_valid": 1 })),
        ("DELETE", "/api/v1/account/tokens/{id}", For::Accounts, json!(null)),
        ("GET", "/api/v1/account/invitations", For::Accounts, json!(null)),
        (
            "POST",
            "/api/v1/account/password",
            For::Accounts,
            json!({ "current": "correct horse battery", "password": "short" }),
        ),
        ("POST", "/api/v1/accounts/{name}/password-reset", For::Operators, json!(null)),
        (
            "POST",
            "/api/v1/password-resets",
            For::Everybody,
            json!({ "token": "none", "password": "long enough to be one" }),
        ),
        ("GET", "/api/v1/operators", For::Operators, json!(null)),
        ("DELETE", "/api/v1/operators/{name}", For::Operators, json!(null)),
        ("GET", "/api/v1/operator-proposals", For::Operators, json!(null)),
        ("POST", "/api/v1/operator-proposals", For::Operators, json!({ "account": "nobody-there" })),
        ("DELETE", "/api/v1/operator-proposals/{account}", For::Operators, json!(null)),
        ("POST", "/api/v1/operator-proposals/{account}/confirm", For::Operators, json!(null)),
        // Domains of an organisation.
        ("GET", "/api/v1/organisations/{organisation}/domains", For::Belonging, json!(null)),
        ("POST", "/api/v1/organisations/{organisation}/domains/{domain}/check", For::Owners, json!(null)),
        ("PUT", "/api/v1/organisations/{organisation}/domains/{domain}", For::Owners, json!(null)),
        ("DELETE", "/api/v1/organisations/{organisation}/domains/{domain}", For::Owners, json!(null)),
        ("GET", "/api/v1/audit", For::Operators, json!(null)),
        ("GET", "/api/v1/audit.jsonl", For::Operators, json!(null)),
        // Pages.
        ("POST", "/login/code", For::Everybody, json!(null)),
        ("GET", "/account/email", For::Accounts, json!(null)),
        ("POST", "/account/email", For::Accounts, json!(null)),
        ("GET", "/account/email/verification", For::Everybody, json!(null)),
        ("POST", "/account/email/verification", For::Everybody, json!(null)),
        ("GET", "/account/second-factor", For::Accounts, json!(null)),
        ("POST", "/account/second-factor", For::Accounts, json!(null)),
        ("GET", "/account/passkeys", For::Accounts, json!(null)),
        ("POST", "/account/passkeys", For::Accounts, json!(null)),
        ("GET", "/passkeys.js", For::Everybody, json!(null)),
        ("GET", "/account/sessions", For::Accounts, json!(null)),
        ("POST", "/account/sessions", For::Accounts, json!(null)),
    ]
}
