//! The pages of customers: what they buy, pay and run, and the organisations that they belong to.

use serde_json::json;

use super::roles::{For, Row};

/// Where forms are sent that are empty here: what is in them is refused for what it says, and not for who sends it.
const FORMS: [&str; 12] = [
    "/billing",
    "/checkout/",
    "/dashboard/",
    "/hosts",
    "/invoices/",
    "/orders/",
    "/organisations",
    "/plugins/",
    "/publish/",
    "/service-orders/",
    "/spend/",
    "/subscription",
];

/// Whether a route is sent a form.
pub(super) fn is_form(route: &str) -> bool {
    FORMS.iter().any(|start| route.starts_with(start))
}

pub(super) fn rows() -> Vec<Row> {
    let mut rows: Vec<Row> = [
        ("GET", "/billing"),
        ("POST", "/billing"),
        ("GET", "/hosts"),
        ("POST", "/hosts"),
        ("GET", "/spend"),
        ("POST", "/spend/budget"),
        ("POST", "/spend/teams"),
        ("GET", "/subscription"),
        ("GET", "/subscription/trial"),
        ("POST", "/subscription/trial"),
        ("GET", "/subscription/keep"),
        ("POST", "/subscription/keep"),
        ("GET", "/subscription/cancel"),
        ("POST", "/subscription/cancel"),
        ("GET", "/checkout/subscription"),
        ("POST", "/checkout/subscription"),
        ("GET", "/checkout/plugins/{namespace}/{name}"),
        ("POST", "/checkout/plugins/{namespace}/{name}"),
        ("GET", "/checkout/services/{namespace}/{name}"),
        ("POST", "/checkout/services/{namespace}/{name}"),
        ("GET", "/checkout/return/{reference}"),
        ("GET", "/orders"),
        ("GET", "/orders/{reference}"),
        ("GET", "/orders/{reference}/end"),
        ("POST", "/orders/{reference}/end"),
        ("POST", "/orders/{reference}/payment"),
        ("GET", "/service-orders/{reference}"),
        ("POST", "/service-orders/{reference}"),
        ("GET", "/invoices"),
        ("GET", "/invoices/{number}"),
        ("POST", "/invoices/{number}/payment"),
        ("GET", "/credit-notes"),
        ("GET", "/organisations"),
        ("POST", "/organisations"),
        ("POST", "/organisations/{organisation}/invitation"),
    ]
    .map(|(method, route)| (method, route, For::Accounts, json!(null)))
    .into();
    rows.extend([
        ("GET", "/organisations/{organisation}", For::Belonging, json!(null)),
        ("POST", "/organisations/{organisation}/members", For::Owners, json!(null)),
        ("POST", "/organisations/{organisation}/members/{account}/removal", For::Owners, json!(null)),
        ("POST", "/organisations/{organisation}/domains", For::Owners, json!(null)),
        ("GET", "/terms", For::Everybody, json!(null)),
    ]);
    rows
}
