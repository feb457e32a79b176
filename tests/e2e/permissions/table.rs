//! The table of all routes: who may use each.

use chandlery_package::wire::UsageEvent;
use serde_json::{Value, json};

/// Who may use a route; nobody else.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum For {
    Everybody,
    /// With an account.
    Accounts,
    /// Members of the namespace, and operators.
    Members,
    Publishers,
    Owners,
    OwnersAndOperators,
    Operators,
}

pub(super) const ROLES: [&str; 6] = ["anonymous", "other", "viewer", "publisher", "owner", "operator"];

impl For {
    /// Whether somebody in this role may use it.
    pub(super) fn allows(self, role: &str) -> bool {
        match self {
            Self::Everybody => true,
            Self::Accounts => role != "anonymous",
            Self::Members => ["viewer", "publisher", "owner", "operator"].contains(&role),
            Self::Publishers => ["publisher", "owner"].contains(&role),
            Self::Owners => role == "owner",
            Self::OwnersAndOperators => ["owner", "operator"].contains(&role),
            Self::Operators => role == "operator",
        }
    }
}

pub(super) struct Case {
    pub(super) method: &'static str,
    pub(super) route: &'static str,
    pub(super) path: String,
    pub(super) who: For,
    pub(super) body: Value,
}

/// Paths are filled with what is there; what a request asks for may still be refused for other reasons than who asks.
pub(super) fn cases() -> Vec<Case> {
    let digest = format!("sha256:{}", "0".repeat(64));
    let table: Vec<(&str, &str, For, Value)> = vec![
        ("GET", "/healthz", For::Everybody, json!(null)),
        ("GET", "/readyz", For::Everybody, json!(null)),
        ("GET", "/metrics", For::Everybody, json!(null)),
        ("GET", "/.well-known/wasm-pkg/registry.json", For::Everybody, json!(null)),
        // OCI: a public namespace is pulled from by everybody.
        ("GET", "/token", For::Everybody, json!(null)),
        ("POST", "/token", For::Accounts, json!(null)),
        ("GET", "/v2", For::Accounts, json!(null)),
        ("GET", "/v2/", For::Accounts, json!(null)),
        ("GET", "/v2/acme/ocr-server/tags/list", For::Everybody, json!(null)),
        ("GET", "/v2/acme/ocr-server/manifests/1.0.0", For::Everybody, json!(null)),
        ("GET", "/v2/acme/ocr-server/blobs/DIGEST", For::Everybody, json!(null)),
        ("GET", "/v2/acme/ocr-server/referrers/DIGEST", For::Everybody, json!(null)),
        ("POST", "/v2/acme/x/blobs/uploads/", For::Publishers, json!(null)),
        (
            "PATCH",
            "/v2/acme/x/blobs/uploads/00000000-0000-0000-0000-000000000000",
            For::Publishers,
            json!("x"),
        ),
        ("PUT", "/v2/acme/x/blobs/uploads/00000000-0000-0000-0000-000000000000", For::Publishers, json!("x")),
        (
            "GET",
            "/v2/acme/x/blobs/uploads/00000000-0000-0000-0000-000000000000",
            For::Publishers,
            json!(null),
        ),
        (
            "DELETE",
            "/v2/acme/x/blobs/uploads/00000000-0000-0000-0000-000000000000",
            For::Publishers,
            json!(null),
        ),
        ("PUT", "/v2/acme/x/manifests/latest", For::Publishers, json!({})),
        ("DELETE", "/v2/acme/x/manifests/latest", For::Publishers, json!(null)),
        ("DELETE", "/v2/acme/x/blobs/DIGEST", For::Publishers, json!(null)),
        // A private one by its members alone.
        ("GET", "/v2/hidden/x/tags/list", For::Members, json!(null)),
        ("GET", "/v2/hidden/x/manifests/latest", For::Members, json!(null)),
        ("GET", "/v2/hidden/x/blobs/DIGEST", For::Members, json!(null)),
        ("GET", "/v2/hidden/x/referrers/DIGEST", For::Members, json!(null)),
        ("POST", "/v2/hidden/x/blobs/uploads/", For::Publishers, json!(null)),
        ("POST", "/api/v1/garbage", For::Operators, json!(null)),
        ("GET", "/api/v1/log", For::Everybody, json!(null)),
        ("GET", "/log/checkpoint", For::Everybody, json!(null)),
        ("GET", "/log/tile/entries/{*index}", For::Everybody, json!(null)),
        ("GET", "/log/tile/{level}/{*index}", For::Everybody, json!(null)),
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
        ("GET", "/api/v1/account/tokens", For::Accounts, json!(null)),
        ("POST", "/api/v1/account/tokens", For::Accounts, json!({ "scope": "read", "days_valid": 1 })),
        ("DELETE", "/api/v1/account/tokens/{id}", For::Accounts, json!(null)),
        ("GET", "/api/v1/account/invitations", For::Accounts, json!(null)),
        ("PUT", "/api/v1/operators/{name}", For::Operators, json!(null)),
        ("GET", "/api/v1/namespaces/{namespace}/members", For::Members, json!(null)),
        ("PUT", "/api/v1/namespaces/{namespace}/members/{account}", For::Owners, json!({ "role": "viewer" })),
        ("DELETE", "/api/v1/namespaces/{namespace}/members/{account}", For::Owners, json!(null)),
        ("PUT", "/api/v1/namespaces/{namespace}/invitation", For::Accounts, json!(null)),
        ("DELETE", "/api/v1/namespaces/{namespace}/invitation", For::Accounts, json!(null)),
        // The catalog.
        ("POST", "/api/v1/namespaces", For::Accounts, json!({ "name": "acme" })),
        ("PUT", "/api/v1/namespaces/{namespace}/visibility", For::Owners, json!({ "public": true })),
        ("GET", "/api/v1/namespaces/{namespace}/keys", For::Everybody, json!(null)),
        ("POST", "/api/v1/namespaces/{namespace}/keys", For::Owners, json!({ "key": "KEY", "proof": "" })),
        (
            "PUT",
            "/api/v1/namespaces/{namespace}/keys/{key}/revocation",
            For::Owners,
            json!({ "from": "2030-01-01T00:00:00Z" }),
        ),
        ("GET", "/api/v1/plugins", For::Everybody, json!(null)),
        ("GET", "/api/v1/plugins/{namespace}/{name}/releases", For::Everybody, json!(null)),
        (
            "POST",
            "/api/v1/plugins/{namespace}/{name}/releases",
            For::Publishers,
            json!({ "version": "9.9.9", "artifact": digest }),
        ),
        ("GET", "/api/v1/plugins/{namespace}/{name}/releases/{version}", For::Everybody, json!(null)),
        ("PUT", "/api/v1/plugins/{namespace}/{name}/releases/{version}/yank", For::Publishers, json!(null)),
        (
            "DELETE",
            "/api/v1/plugins/{namespace}/{name}/releases/{version}/yank",
            For::Publishers,
            json!(null),
        ),
        (
            "PUT",
            "/api/v1/plugins/{namespace}/{name}/releases/{version}/deprecation",
            For::Publishers,
            json!({ "note": "use something else" }),
        ),
        (
            "DELETE",
            "/api/v1/plugins/{namespace}/{name}/releases/{version}/deprecation",
            For::Publishers,
            json!(null),
        ),
        (
            "PUT",
            "/api/v1/plugins/{namespace}/{name}/releases/{version}/withdrawal",
            For::OwnersAndOperators,
            json!({ "reason": "it mines coins" }),
        ),
        ("PUT", "/api/v1/plugins/{namespace}/{name}/certification", For::Operators, json!(null)),
        ("DELETE", "/api/v1/plugins/{namespace}/{name}/certification", For::Operators, json!(null)),
        (
            "PUT",
            "/api/v1/plugins/{namespace}/{name}/price",
            For::Owners,
            json!({ "offer": { "price": { "kind": "once", "amount": { "minor": 100, "currency": "USD" } } } }),
        ),
        (
            "POST",
            "/api/v1/plugins/{namespace}/{name}/coupons",
            For::Owners,
            json!({ "code": "C", "discount": "10%", "until": "2100-01-01T00:00:00Z", "uses_max": 1 }),
        ),
        // Money.
        ("GET", "/api/v1/usage", For::Accounts, json!(null)),
        ("POST", "/api/v1/usage", For::Accounts, json!(Vec::<UsageEvent>::new())),
        ("GET", "/api/v1/tiers", For::Everybody, json!(null)),
        ("GET", "/api/v1/subscription", For::Accounts, json!(null)),
        ("PUT", "/api/v1/subscription", For::Accounts, json!({ "tier": "free", "billed": "monthly" })),
        ("POST", "/api/v1/subscription/trial", For::Accounts, json!({ "tier": "team" })),
        (
            "PUT",
            "/api/v1/accounts/{account}/subscription",
            For::Operators,
            json!({ "price": { "minor": 0, "currency": "USD" }, "billed": "monthly" }),
        ),
        ("GET", "/api/v1/invoices", For::Accounts, json!(null)),
        (
            "POST",
            "/api/v1/invoices/{number}/payment",
            For::Operators,
            json!({ "bank_reference": "B", "amount": { "minor": 1, "currency": "USD" } }),
        ),
        ("GET", "/api/v1/invoices/{number}", For::Accounts, json!(null)),
        ("GET", "/api/v1/invoices/{number}/page", For::Accounts, json!(null)),
        ("GET", "/api/v1/invoices/{number}/csv", For::Accounts, json!(null)),
        ("POST", "/api/v1/invoices/{number}/payment-intent", For::Accounts, json!(null)),
        (
            "POST",
            "/api/v1/invoices/{number}/refunds",
            For::Operators,
            json!({ "key": "K", "amount": { "minor": 1, "currency": "USD" }, "reason": "" }),
        ),
        ("GET", "/api/v1/credit-notes", For::Accounts, json!(null)),
        ("PUT", "/api/v1/billing-profile", For::Accounts, json!({ "country": "DE" })),
        (
            "POST",
            "/api/v1/tax-rules",
            For::Operators,
            json!({ "country": "XX", "since": "2026-01-01", "name": "VAT", "rate": "1%" }),
        ),
        ("POST", "/api/v1/bank-statements", For::Operators, json!("")),
        // Signed by a secret instead.
        ("POST", "/api/v1/stripe/webhook", For::Everybody, json!({})),
        ("GET", "/api/v1/licence", For::Accounts, json!(null)),
        ("GET", "/api/v1/hosts", For::Accounts, json!(null)),
        ("DELETE", "/api/v1/hosts/{host}", For::Accounts, json!(null)),
        ("GET", "/api/v1/notices", For::Accounts, json!(null)),
        ("GET", "/api/v1/orders", For::Accounts, json!(null)),
        ("POST", "/api/v1/orders", For::Accounts, json!({ "plugin": "acme:none" })),
        (
            "POST",
            "/api/v1/orders/{reference}/payment",
            For::Operators,
            json!({ "bank_reference": "B", "amount": { "minor": 1, "currency": "USD" } }),
        ),
        ("DELETE", "/api/v1/orders/{reference}", For::Accounts, json!(null)),
        ("POST", "/api/v1/orders/{reference}/payment-intent", For::Accounts, json!(null)),
        ("GET", "/api/v1/exchange-rates", For::Everybody, json!(null)),
        (
            "PUT",
            "/api/v1/exchange-rates",
            For::Operators,
            json!({ "base": "USD", "quote": "EUR", "day": "2026-01-01", "numerator": 9, "denominator": 10 }),
        ),
        ("GET", "/api/v1/policies", For::Everybody, json!(null)),
        (
            "POST",
            "/api/v1/policies",
            For::Operators,
            json!({ "since": "2100-01-01T00:00:00Z", "policy": { "commission": [{ "rate": "15%" }] } }),
        ),
        ("POST", "/api/v1/policies/replay", For::Operators, json!({ "commission": [{ "rate": "15%" }] })),
        ("PUT", "/api/v1/namespaces/{namespace}/volume-group", For::Operators, json!({ "group": null })),
        (
            "POST",
            "/api/v1/disputes",
            For::Operators,
            json!({ "id": "D", "sale": 1, "amount": { "minor": 1, "currency": "USD" },
                    "fee": { "minor": 0, "currency": "USD" } }),
        ),
        ("PUT", "/api/v1/disputes/{id}", For::Operators, json!({ "won": true })),
        ("GET", "/api/v1/clock", For::Everybody, json!(null)),
        ("PUT", "/api/v1/clock", For::Operators, json!({ "now": "2026-01-01T00:00:00Z" })),
        ("GET", "/api/v1/figures", For::Operators, json!(null)),
        ("GET", "/api/v1/figures/{month}", For::Operators, json!(null)),
        ("GET", "/api/v1/ledger/journal", For::Operators, json!(null)),
        ("GET", "/api/v1/ledger/postings.csv", For::Operators, json!(null)),
        ("GET", "/api/v1/ledger/balances", For::Operators, json!(null)),
        (
            "POST",
            "/api/v1/ledger/expenses",
            For::Operators,
            json!({ "key": "E", "description": "", "amount": { "minor": 1, "currency": "USD" },
                    "on": { "kind": "hosting" } }),
        ),
        (
            "POST",
            "/api/v1/ledger/exchanges",
            For::Operators,
            json!({ "key": "X", "sold": { "minor": 1, "currency": "USD" }, "bought": { "minor": 1, "currency": "EUR" } }),
        ),
        ("GET", "/api/v1/ledger/months", For::Operators, json!(null)),
        ("POST", "/api/v1/ledger/months/{month}/close", For::Operators, json!(null)),
        ("GET", "/api/v1/ledger/check", For::Operators, json!(null)),
        ("GET", "/api/v1/partners/{partner}/balances", For::OwnersAndOperators, json!(null)),
        ("GET", "/api/v1/partners/{partner}/transactions", For::OwnersAndOperators, json!(null)),
        ("GET", "/api/v1/partners/{partner}/transactions.csv", For::OwnersAndOperators, json!(null)),
        ("GET", "/api/v1/partners/{partner}/months", For::OwnersAndOperators, json!(null)),
        ("GET", "/api/v1/partners/{partner}/plugins", For::OwnersAndOperators, json!(null)),
        ("GET", "/api/v1/partners/{partner}/statements", For::OwnersAndOperators, json!(null)),
        ("GET", "/api/v1/partners/{partner}/payouts", For::OwnersAndOperators, json!(null)),
        ("GET", "/api/v1/partners/{partner}/payout-profile", For::OwnersAndOperators, json!(null)),
        (
            "PUT",
            "/api/v1/partners/{partner}/payout-profile",
            For::OwnersAndOperators,
            json!({ "rail": { "kind": "manual" } }),
        ),
        ("POST", "/api/v1/partners/{partner}/payout-profile/{version}/approve", For::Operators, json!(null)),
        ("GET", "/api/v1/bank-account", For::Operators, json!(null)),
        (
            "PUT",
            "/api/v1/bank-account",
            For::Operators,
            json!({ "holder": "Us", "iban": "DE89370400440532013000", "bic": "DEUTDEFF" }),
        ),
        ("POST", "/api/v1/payout-runs", For::Operators, json!(null)),
        ("POST", "/api/v1/payout-runs/{run}/send", For::Operators, json!(null)),
        ("GET", "/api/v1/payout-runs/{run}/pain.001", For::Operators, json!(null)),
        ("GET", "/api/v1/payouts/{id}/explain", For::Accounts, json!(null)),
        ("POST", "/api/v1/payouts/{id}/cancel", For::Operators, json!(null)),
        ("GET", "/api/v1/payouts", For::Operators, json!(null)),
        ("POST", "/api/v1/payouts", For::Operators, json!({ "partner": "acme", "currency": "USD" })),
        ("POST", "/api/v1/payouts/{id}/approve", For::Operators, json!(null)),
        ("POST", "/api/v1/payouts/{id}/confirm", For::Operators, json!({ "bank_reference": "B" })),
        ("POST", "/api/v1/payouts/{id}/return", For::Operators, json!({ "bank_reference": "B" })),
        ("GET", "/api/v1/consultants", For::Everybody, json!(null)),
        ("PUT", "/api/v1/consultants/{namespace}", For::Owners, json!({ "title": "", "about": "" })),
        (
            "PUT",
            "/api/v1/consultants/{namespace}/certification",
            For::Operators,
            json!({ "until": "2020-01-01T00:00:00Z" }),
        ),
        (
            "PUT",
            "/api/v1/consultants/{namespace}/services/{name}",
            For::Owners,
            json!({ "title": "", "price": { "minor": 1, "currency": "USD" } }),
        ),
        ("GET", "/api/v1/service-orders", For::Accounts, json!(null)),
        (
            "POST",
            "/api/v1/service-orders",
            For::Accounts,
            json!({ "reference": "S", "consultant": "acme", "service": "none" }),
        ),
        ("POST", "/api/v1/service-orders/{reference}/milestones/{number}/accept", For::Accounts, json!(null)),
        // Pages. Those of partners send whoever is not logged in to the log-in.
        ("GET", "/", For::Everybody, json!(null)),
        ("GET", "/login", For::Everybody, json!(null)),
        ("POST", "/login", For::Everybody, json!(null)),
        ("POST", "/logout", For::Everybody, json!(null)),
        ("GET", "/style.css", For::Everybody, json!(null)),
        ("GET", "/invoice.css", For::Everybody, json!(null)),
        ("GET", "/account", For::Accounts, json!(null)),
        ("GET", "/figures", For::Operators, json!(null)),
        ("GET", "/figures/{month}", For::Operators, json!(null)),
        ("GET", "/dashboard", For::Accounts, json!(null)),
        ("GET", "/dashboard/{partner}", For::OwnersAndOperators, json!(null)),
        ("GET", "/dashboard/{partner}/transactions.csv", For::OwnersAndOperators, json!(null)),
        ("GET", "/dashboard/{partner}/transactions", For::OwnersAndOperators, json!(null)),
        ("GET", "/dashboard/{partner}/plugins", For::OwnersAndOperators, json!(null)),
        ("GET", "/dashboard/{partner}/payouts", For::OwnersAndOperators, json!(null)),
        ("GET", "/dashboard/{partner}/statements", For::OwnersAndOperators, json!(null)),
    ];
    let fill = |route: &str| {
        let filled = [
            ("{namespace}", "acme"),
            ("{partner}", "acme"),
            ("{name}", "ocr-server"),
            ("{version}", "1.0.0"),
            ("{account}", "nobody"),
            ("{key}", "SHA256:0000000000000000"),
            ("{reference}", "CH-NONE"),
            ("{host}", "none"),
            ("{number}", "1"),
            ("{id}", "1"),
            ("{run}", "1"),
            ("{month}", "2026-01"),
            ("{level}", "0"),
            ("{*index}", "000.p/1"),
            ("DIGEST", &digest),
        ];
        let path = filled.iter().fold(route.to_owned(), |path, (name, value)| path.replace(name, value));
        match path.as_str() {
            "/api/v1/garbage" => format!("{path}?older_than_seconds=4000000"),
            // The operator is one already; others must not become one.
            "/api/v1/partners/acme/payout-profile/1.0.0/approve" => path.replace("1.0.0", "1"),
            "/api/v1/operators/ocr-server" => "/api/v1/operators/operator".into(),
            _ => path,
        }
    };
    table
        .into_iter()
        .map(|(method, route, who, body)| Case { method, route, path: fill(route), who, body })
        .collect()
}
