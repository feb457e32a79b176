//! What may be done for an organisation, and by which power: a table to read. What has no row is done by people for themselves alone.

use axum::http::Method;

use crate::powers::Power::{self, Manage, Own, Pay, Publish, See, Use};

/// A method, a route, and the power that it takes.
pub const RIGHTS: &[(&str, &str, Power)] = &[
    // What an organisation is, and who acts for it by which token.
    ("GET", "/api/v1/account", See),
    ("GET", "/api/v1/account/export", Own),
    ("GET", "/api/v1/account/tokens", Use),
    ("POST", "/api/v1/account/tokens", Use),
    ("DELETE", "/api/v1/account/tokens/{id}", Use),
    ("GET", "/api/v1/notices", See),
    // Where it pulls and pushes.
    ("GET", "/token", See),
    ("GET", "/v2", See),
    ("GET", "/v2/", See),
    ("GET", "/v2/{*path}", Use),
    ("POST", "/v2/{*path}", Publish),
    ("PUT", "/v2/{*path}", Publish),
    ("PATCH", "/v2/{*path}", Publish),
    ("DELETE", "/v2/{*path}", Publish),
    // The catalog, as its members see it.
    ("GET", "/api/v1/plugins", See),
    ("GET", "/api/v1/plugins/{namespace}/{name}/quote", See),
    ("GET", "/api/v1/plugins/{namespace}/{name}/releases", See),
    ("GET", "/api/v1/plugins/{namespace}/{name}/releases/{version}", See),
    ("GET", "/api/v1/plugins/{namespace}/{name}/listing", See),
    ("GET", "/api/v1/plugins/{namespace}/{name}/advisories", See),
    ("GET", "/api/v1/plugins/{namespace}/{name}/trusted-publishers", See),
    ("GET", "/api/v1/plugins/{namespace}/{name}/staged-releases", See),
    ("GET", "/api/v1/advisories", See),
    ("GET", "/api/v1/advisories/{advisory}", See),
    // What it publishes.
    ("POST", "/api/v1/plugins/{namespace}/{name}/releases", Publish),
    ("PUT", "/api/v1/plugins/{namespace}/{name}/releases/{version}/yank", Publish),
    ("DELETE", "/api/v1/plugins/{namespace}/{name}/releases/{version}/yank", Publish),
    ("PUT", "/api/v1/plugins/{namespace}/{name}/releases/{version}/deprecation", Publish),
    ("DELETE", "/api/v1/plugins/{namespace}/{name}/releases/{version}/deprecation", Publish),
    ("PUT", "/api/v1/plugins/{namespace}/{name}/listing", Publish),
    ("PUT", "/api/v1/plugins/{namespace}/{name}/listing/screenshots", Publish),
    ("PUT", "/api/v1/plugins/{namespace}/{name}/listing/icon", Publish),
    ("DELETE", "/api/v1/plugins/{namespace}/{name}/listing/icon", Publish),
    ("PUT", "/api/v1/plugins/{namespace}/{name}/listing/screenshots/{digest}", Publish),
    ("DELETE", "/api/v1/plugins/{namespace}/{name}/listing/screenshots/{digest}", Publish),
    ("PUT", "/api/v1/plugins/{namespace}/{name}/listing/screenshots/{digest}/caption", Publish),
    ("PUT", "/api/v1/plugins/{namespace}/{name}/releases/{version}/review", Publish),
    ("PUT", "/api/v1/plugins/{namespace}/{name}/releases/{version}/withdrawal", Manage),
    ("DELETE", "/api/v1/plugins/{namespace}/{name}/staged-releases/{version}", Publish),
    ("PUT", "/api/v1/plugins/{namespace}/{name}/advisories/{advisory}", Publish),
    ("DELETE", "/api/v1/plugins/{namespace}/{name}/advisories/{advisory}", Publish),
    ("POST", "/api/v1/plugins/{namespace}/{name}/trusted-publishers", Manage),
    ("DELETE", "/api/v1/plugins/{namespace}/{name}/trusted-publishers/{id}", Manage),
    ("PUT", "/api/v1/plugins/{namespace}/{name}/price", Manage),
    ("GET", "/api/v1/plugins/{namespace}/{name}/prices", Manage),
    ("GET", "/api/v1/plugins/{namespace}/{name}/coupons", Manage),
    ("POST", "/api/v1/plugins/{namespace}/{name}/coupons", Manage),
    // Its namespaces.
    ("POST", "/api/v1/namespaces", Manage),
    ("POST", "/api/v1/namespaces/{namespace}/keys", Manage),
    ("PUT", "/api/v1/namespaces/{namespace}/keys/{key}/revocation", Manage),
    ("PUT", "/api/v1/namespaces/{namespace}/visibility", Manage),
    ("GET", "/api/v1/namespaces/{namespace}/key-requests", See),
    ("DELETE", "/api/v1/namespaces/{namespace}/key-requests/{key}", Manage),
    ("POST", "/api/v1/namespaces/{namespace}/key-requests/{key}/approval", Manage),
    ("GET", "/api/v1/namespaces/{namespace}/two-people", See),
    ("GET", "/api/v1/namespaces/{namespace}/members", See),
    ("PUT", "/api/v1/namespaces/{namespace}/members/{account}", Manage),
    ("DELETE", "/api/v1/namespaces/{namespace}/members/{account}", Manage),
    ("GET", "/api/v1/account/invitations", See),
    ("PUT", "/api/v1/namespaces/{namespace}/invitation", Manage),
    ("DELETE", "/api/v1/namespaces/{namespace}/invitation", Manage),
    ("PUT", "/api/v1/consultants/{namespace}", Manage),
    ("PUT", "/api/v1/consultants/{namespace}/services/{name}", Manage),
    // Its hosts, and what they use.
    ("GET", "/api/v1/licence", Use),
    ("GET", "/api/v1/hosts", See),
    ("DELETE", "/api/v1/hosts/{host}", Use),
    ("PUT", "/api/v1/hosts/{host}/key", Use),
    ("POST", "/api/v1/hosts/{host}/usage", Use),
    ("GET", "/api/v1/usage", See),
    ("POST", "/api/v1/usage", Use),
    ("GET", "/api/v1/usage-hosts", See),
    ("GET", "/api/v1/usage-records", See),
    ("GET", "/api/v1/usage-segments", See),
    ("GET", "/api/v1/usage-roots", See),
    ("GET", "/api/v1/usage-charges", See),
    ("GET", "/api/v1/usage-corrections", See),
    ("PUT", "/api/v1/usage-corrections/{event}", Manage),
    // What it buys.
    ("GET", "/api/v1/subscription", See),
    ("PUT", "/api/v1/subscription", Pay),
    ("POST", "/api/v1/subscription/end", Pay),
    ("POST", "/api/v1/subscription/trial", Use),
    ("GET", "/api/v1/orders", See),
    ("POST", "/api/v1/orders", Pay),
    ("DELETE", "/api/v1/orders/{reference}", Pay),
    ("POST", "/api/v1/orders/{reference}/payment-intent", Pay),
    ("GET", "/api/v1/service-orders", See),
    ("POST", "/api/v1/service-orders", Pay),
    ("POST", "/api/v1/service-orders/{reference}/milestones/{number}/accept", Pay),
    ("GET", "/api/v1/invoices", See),
    ("GET", "/api/v1/invoices/{number}", See),
    ("GET", "/api/v1/invoices/{number}/csv", See),
    ("GET", "/api/v1/invoices/{number}/page", See),
    ("GET", "/api/v1/invoices/{number}/xml", See),
    ("POST", "/api/v1/invoices/{number}/payment-intent", Pay),
    ("GET", "/api/v1/credit-notes", See),
    ("GET", "/api/v1/credit-notes/{number}/page", See),
    ("GET", "/api/v1/credit-notes/{number}/xml", See),
    ("GET", "/api/v1/billing-profile", See),
    ("PUT", "/api/v1/billing-profile", Pay),
    ("GET", "/api/v1/spend", See),
    ("PUT", "/api/v1/spend/budget", Pay),
    ("DELETE", "/api/v1/spend/budget", Pay),
    ("PUT", "/api/v1/spend/teams", Pay),
    // The same on pages.
    ("GET", "/account", See),
    ("GET", "/billing", See),
    ("POST", "/billing", Pay),
    ("GET", "/hosts", See),
    ("POST", "/hosts", Use),
    ("GET", "/spend", See),
    ("POST", "/spend/budget", Pay),
    ("POST", "/spend/teams", Pay),
    ("GET", "/subscription", See),
    ("GET", "/subscription/trial", Use),
    ("POST", "/subscription/trial", Use),
    ("GET", "/subscription/keep", Pay),
    ("POST", "/subscription/keep", Pay),
    ("GET", "/subscription/cancel", Pay),
    ("POST", "/subscription/cancel", Pay),
    ("GET", "/checkout/subscription", Pay),
    ("POST", "/checkout/subscription", Pay),
    ("GET", "/checkout/plugins/{namespace}/{name}", Pay),
    ("POST", "/checkout/plugins/{namespace}/{name}", Pay),
    ("GET", "/checkout/services/{namespace}/{name}", Pay),
    ("POST", "/checkout/services/{namespace}/{name}", Pay),
    ("GET", "/checkout/return/{reference}", See),
    ("GET", "/orders", See),
    ("GET", "/orders/{reference}", See),
    ("GET", "/orders/{reference}/end", Pay),
    ("POST", "/orders/{reference}/end", Pay),
    ("POST", "/orders/{reference}/payment", Pay),
    ("GET", "/service-orders/{reference}", See),
    ("POST", "/service-orders/{reference}", Pay),
    ("GET", "/invoices", See),
    ("GET", "/invoices/{number}", See),
    ("POST", "/invoices/{number}/payment", Pay),
    ("GET", "/credit-notes", See),
    // What it earns.
    ("GET", "/api/v1/partners/{partner}/balances", Pay),
    ("GET", "/api/v1/partners/{partner}/transactions", Pay),
    ("GET", "/api/v1/partners/{partner}/transactions.csv", Pay),
    ("GET", "/api/v1/partners/{partner}/months", Pay),
    ("GET", "/api/v1/partners/{partner}/plugins", Pay),
    ("GET", "/api/v1/partners/{partner}/statements", Pay),
    ("GET", "/api/v1/partners/{partner}/self-billed", Pay),
    ("GET", "/api/v1/partners/{partner}/self-billed/{number}/page", Pay),
    ("GET", "/api/v1/partners/{partner}/self-billed/{number}/xml", Pay),
    ("GET", "/api/v1/partners/{partner}/payouts", Pay),
    ("GET", "/api/v1/partners/{partner}/payout-profile", Pay),
    ("PUT", "/api/v1/partners/{partner}/payout-profile", Pay),
    ("GET", "/api/v1/partners/{partner}/debt-offsets", Pay),
    ("PUT", "/api/v1/partners/{partner}/debt-offsets", Pay),
    ("GET", "/api/v1/partners/{partner}/leaving", Pay),
    ("PUT", "/api/v1/partners/{partner}/leaving", Own),
    ("DELETE", "/api/v1/partners/{partner}/leaving", Own),
    ("GET", "/api/v1/partners/{partner}/notices", Pay),
    ("PUT", "/api/v1/partners/{partner}/notices", Pay),
    ("GET", "/api/v1/partners/{partner}/webhooks", Pay),
    ("POST", "/api/v1/partners/{partner}/webhooks", Pay),
    ("DELETE", "/api/v1/partners/{partner}/webhooks/{id}", Pay),
    ("POST", "/api/v1/partners/{partner}/webhooks/{id}/secret", Pay),
    ("POST", "/api/v1/partners/{partner}/webhooks/{id}/enable", Pay),
    ("POST", "/api/v1/partners/{partner}/webhooks/{id}/test", Pay),
    ("GET", "/api/v1/partners/{partner}/webhook-deliveries", Pay),
    ("POST", "/api/v1/partners/{partner}/webhooks/{id}/deliveries/{notice}", Pay),
    ("GET", "/api/v1/payouts/{id}/explain", Pay),
    // Pages, in a session that acts for it. On all others people are themselves.
    ("GET", "/dashboard", Pay),
    ("GET", "/dashboard/{partner}", Pay),
    ("GET", "/dashboard/{partner}/transactions", Pay),
    ("GET", "/dashboard/{partner}/transactions.csv", Pay),
    ("GET", "/dashboard/{partner}/plugins", Pay),
    ("GET", "/dashboard/{partner}/payouts", Pay),
    ("GET", "/dashboard/{partner}/statements", Pay),
    ("GET", "/dashboard/{partner}/gross-to-net.csv", Pay),
    ("GET", "/dashboard/{partner}/earnings.csv", Pay),
    ("GET", "/dashboard/{partner}/plugins.csv", Pay),
    ("GET", "/dashboard/{partner}/sales", Pay),
    ("GET", "/dashboard/{partner}/sales.csv", Pay),
    ("GET", "/dashboard/{partner}/sales/{number}", Pay),
    ("GET", "/dashboard/{partner}/customers", Pay),
    ("GET", "/dashboard/{partner}/customers.csv", Pay),
    ("GET", "/dashboard/{partner}/contracts.csv", Pay),
    ("GET", "/dashboard/{partner}/use", Pay),
    ("GET", "/dashboard/{partner}/use.csv", Pay),
    ("GET", "/dashboard/{partner}/payouts.csv", Pay),
    ("GET", "/dashboard/{partner}/payouts/{id}", Pay),
    ("GET", "/dashboard/{partner}/statements/{month}", Pay),
    ("GET", "/dashboard/{partner}/statements/{month}/table.csv", Pay),
    ("GET", "/dashboard/{partner}/disputes", Pay),
    ("GET", "/dashboard/{partner}/notices", Pay),
    ("POST", "/dashboard/{partner}/notices", Pay),
    ("GET", "/dashboard/{partner}/disputes.csv", Pay),
];

/// The power that a route takes for an organisation; none: nobody uses it for one.
pub fn needed(method: &Method, route: &str) -> Option<Power> {
    // Who asks for the head of an answer is served by the route of the whole of it.
    let method = if *method == Method::HEAD { "GET" } else { method.as_str() };
    let right = RIGHTS.iter().find(|(known, path, _)| *known == method && *path == route);
    right.map(|(.., power)| *power)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::path::Path;

    use serde_json::Value;

    use super::*;

    #[test]
    fn each_right_is_of_a_route_that_there_is() {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/openapi/registry.json");
        let document: Value = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
        let mut seen = BTreeSet::new();
        for (method, path, _) in RIGHTS {
            assert!(seen.insert((method, path)), "{method} {path}: there twice");
            let described = !document["paths"][*path][method.to_lowercase()].is_null();
            // Of pages and of what OCI describes, the tests of a whole registry look.
            assert!(described || !path.starts_with("/api/"), "{method} {path}: is not routed");
        }
    }

    #[test]
    fn what_has_no_row_is_done_for_no_organisation() {
        for (method, route) in [
            (Method::POST, "/api/v1/account/password"),
            (Method::POST, "/api/v1/plugins/{namespace}/{name}/staged-releases/{version}/approval"),
            (Method::PUT, "/api/v1/policies"),
            (Method::GET, ""),
            (Method::PUT, "/api/v1/orders"),
        ] {
            assert_eq!(needed(&method, route), None, "{method} {route}");
        }
        assert_eq!(needed(&Method::HEAD, "/v2/{*path}"), Some(Use));
    }
}
