//! The operator's console: none of its pages is for anybody else.

use serde_json::json;

use super::roles::{For, Row};

/// Where the console's pages are, whose forms are sent empty here.
pub(super) const CONSOLE: &str = "/operator";

pub(super) fn rows() -> Vec<Row> {
    [
        ("GET", "/operator"),
        ("GET", "/operator/approvals"),
        ("GET", "/operator/approvals/{id}"),
        ("POST", "/operator/approvals/{id}"),
        ("GET", "/operator/payouts"),
        ("GET", "/operator/payouts/all"),
        ("POST", "/operator/payouts/runs"),
        ("GET", "/operator/payouts/runs/{run}"),
        ("GET", "/operator/payouts/runs/{run}/step"),
        ("POST", "/operator/payouts/runs/{run}/step"),
        ("GET", "/operator/payouts/runs/{run}/bank-file.xml"),
        ("GET", "/operator/payouts/profiles"),
        ("GET", "/operator/payouts/profiles/{partner}/{version}"),
        ("POST", "/operator/payouts/profiles/{partner}/{version}"),
        ("GET", "/operator/payouts/{id}"),
        ("GET", "/operator/payouts/{id}/step"),
        ("POST", "/operator/payouts/{id}/step"),
        ("GET", "/operator/bank"),
        ("POST", "/operator/bank/statements"),
        ("GET", "/operator/bank/line"),
        ("GET", "/operator/bank/allotment"),
        ("POST", "/operator/bank/allotment"),
        ("GET", "/operator/send-backs"),
        ("GET", "/operator/send-backs/file"),
        ("POST", "/operator/send-backs/file"),
        ("GET", "/operator/send-backs/files/{number}/bank-file.xml"),
        ("GET", "/operator/send-backs/{reference}"),
        ("GET", "/operator/send-backs/{reference}/payee"),
        ("POST", "/operator/send-backs/{reference}/payee"),
        ("GET", "/operator/disputes"),
        ("GET", "/operator/disputes/dispute"),
        ("GET", "/operator/disputes/decision"),
        ("POST", "/operator/disputes/decision"),
        ("GET", "/operator/customers"),
        ("GET", "/operator/customers/{account}"),
        ("GET", "/operator/close"),
        ("GET", "/operator/close/{month}"),
        ("POST", "/operator/close/{month}"),
        ("GET", "/operator/close/{month}/trial"),
        ("GET", "/operator/policies"),
        ("GET", "/operator/policies/next"),
        ("POST", "/operator/policies/next"),
        ("GET", "/operator/reviews"),
        ("GET", "/operator/reviews/{namespace}/{name}/{version}"),
        ("POST", "/operator/reviews/{namespace}/{name}/{version}"),
        ("GET", "/operator/moderation"),
        ("GET", "/operator/moderation/reports/{id}"),
        ("POST", "/operator/moderation/reports/{id}"),
        ("GET", "/operator/moderation/quarantines"),
        ("POST", "/operator/moderation/quarantines"),
        ("POST", "/operator/moderation/withdrawals"),
        ("GET", "/operator/moderation/accounts"),
        ("POST", "/operator/moderation/accounts"),
        ("GET", "/operator/moderation/names"),
        ("POST", "/operator/moderation/names"),
        ("GET", "/operator/audit"),
        ("GET", "/operator/audit.csv"),
        ("GET", "/operator/health"),
    ]
    .map(|(method, route)| (method, route, For::Operators, json!(null)))
    .into()
}
