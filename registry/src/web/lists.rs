//! The lists of a partner's dashboard, each with pages of its own.

use axum::extract::State;
use axum::response::{IntoResponse as _, Redirect, Response};
use chandlery_accounts::Account;
use chandlery_edge::{Path, Query};
use chandlery_money::Finance;
use chandlery_money::payouts::{self, EarningKey, PluginKey, StatementKey};
use chandlery_package::wire::{Earning, Page, Paging, Payout, PluginEarning, PublishedStatement};
use chandlery_package::{Balance, Currency, Digest, Namespace};
use maud::{Markup, html};

use super::layout;
use crate::error::Error;

fn log_in(partner: &Namespace) -> Response {
    Redirect::to(&format!("/login?next=/dashboard/{partner}")).into_response()
}

fn list(caller: &Account, partner: &Namespace, content: Markup) -> Response {
    let content = html! {
        h1 { "Payouts of " a href=(format!("/dashboard/{partner}")) { (partner) } }
        (content)
    };
    layout::page(&format!("Payouts of {partner}"), Some(caller), content).into_response()
}

/// The page `/dashboard/{partner}/transactions`.
pub(super) async fn transactions(
    State(finance): State<Finance>,
    caller: Option<Account>,
    Path(partner): Path<Namespace>,
    Query(paging): Query<Paging<EarningKey>>,
) -> Result<Response, Error> {
    let Some(caller) = caller else { return Ok(log_in(&partner)) };
    caller.must_see(&finance.db, &partner).await?;
    let mut db = finance.db.read().acquire().await?;
    let page = payouts::transactions(&mut db, &partner, &paging).await?;
    Ok(list(&caller, &partner, all_transactions(&partner, &page)))
}

/// The page `/dashboard/{partner}/plugins`.
pub(super) async fn plugins(
    State(finance): State<Finance>,
    caller: Option<Account>,
    Path(partner): Path<Namespace>,
    Query(paging): Query<Paging<PluginKey>>,
) -> Result<Response, Error> {
    let Some(caller) = caller else { return Ok(log_in(&partner)) };
    caller.must_see(&finance.db, &partner).await?;
    let mut db = finance.db.read().acquire().await?;
    let page = payouts::by_plugin(&mut db, &partner, &paging).await?;
    Ok(list(&caller, &partner, earnings_by_plugin(&partner, &page)))
}

/// The page `/dashboard/{partner}/payouts`.
pub(super) async fn payouts(
    State(finance): State<Finance>,
    caller: Option<Account>,
    Path(partner): Path<Namespace>,
    Query(paging): Query<Paging<i64>>,
) -> Result<Response, Error> {
    let Some(caller) = caller else { return Ok(log_in(&partner)) };
    caller.must_see(&finance.db, &partner).await?;
    let mut db = finance.db.read().acquire().await?;
    let page = payouts::list(&mut db, Some(&partner), &paging).await?;
    Ok(list(&caller, &partner, all_payouts(&partner, &page)))
}

/// The page `/dashboard/{partner}/statements`.
pub(super) async fn statements(
    State(finance): State<Finance>,
    caller: Option<Account>,
    Path(partner): Path<Namespace>,
    Query(paging): Query<Paging<StatementKey>>,
) -> Result<Response, Error> {
    let Some(caller) = caller else { return Ok(log_in(&partner)) };
    caller.must_see(&finance.db, &partner).await?;
    let mut db = finance.db.read().acquire().await?;
    let page = payouts::statements(&mut db, &partner, None, &paging).await?;
    Ok(list(&caller, &partner, all_statements(&partner, &page)))
}

/// What an account held, as people write it.
fn written(minor: i64, currency: Currency) -> String {
    Balance::new(minor, currency).map_or_else(|error| error.to_string(), |balance| balance.to_string())
}

/// The first letters of a digest.
fn short(digest: &Digest) -> String {
    digest.to_string().chars().take(19).collect()
}

/// Every payout, with what it was made of to the bank's reference.
pub(super) fn all_payouts(partner: &Namespace, payouts: &Page<Payout>) -> Markup {
    html! {
        @if !payouts.items.is_empty() {
            h2 { "Payouts" }
            div.card.scroll {
                table {
                    thead {
                        tr {
                            th { "No." } th { "State" } th { "By" } th { "Bank reference" }
                            th.number { "From your balance" } th.number { "Withheld" } th.number { "Sent" }
                        }
                    }
                    tbody {
                        @for payout in &payouts.items {
                            tr {
                                td { (payout.id) }
                                td { (payout.state) }
                                td { (payout.rail) }
                                td { (payout.bank_reference.as_deref().unwrap_or("")) }
                                td.number { (payout.amount) } td.number { (payout.withheld) } td.number { (payout.sent) }
                            }
                        }
                    }
                }
                p.note { code { "chandlery payouts explain NUMBER" } " follows every cent of one." }
            }
            (layout::next_page(&format!("/dashboard/{partner}/payouts"), payouts.next.as_deref()))
        }
    }
}

/// The statements, as the transparency log has them.
pub(super) fn all_statements(partner: &Namespace, statements: &Page<PublishedStatement>) -> Markup {
    html! {
        @if !statements.items.is_empty() {
            h2 { "Statements" }
            div.card.scroll {
                table {
                    thead { tr { th { "Month" } th.number { "Changes" } th { "At its end" } th { "Log entry" } th { "Digest" } } }
                    tbody {
                        @for published in &statements.items {
                            @let statement = &published.statement;
                            tr {
                                td { (statement.month) }
                                td.number { (statement.lines.len()) }
                                td {
                                    @for (account, minor) in &statement.closing {
                                        div { (account) " " (written(*minor, statement.currency)) }
                                    }
                                }
                                td { (published.log_index) }
                                td { code { (short(&published.digest)) "…" } }
                            }
                        }
                    }
                }
            }
            (layout::next_page(&format!("/dashboard/{partner}/statements"), statements.next.as_deref()))
        }
    }
}

/// What was earned with each plugin.
pub(super) fn earnings_by_plugin(partner: &Namespace, plugins: &Page<PluginEarning>) -> Markup {
    html! {
        @if !plugins.items.is_empty() {
            h2 { "By plugin" }
            div.card.scroll {
                table {
                    thead { tr { th { "Plugin" } th.number { "Sales" } th.number { "Customers pay" } th.number { "Your share" } } }
                    tbody {
                        @for row in &plugins.items {
                            tr {
                                td { (row.plugin) } td.number { (row.sales) }
                                td.number { (row.gross) } td.number { (row.net) }
                            }
                        }
                    }
                }
            }
            (layout::next_page(&format!("/dashboard/{partner}/plugins"), plugins.next.as_deref()))
        }
    }
}

/// Every transaction, newest first.
pub(super) fn all_transactions(partner: &Namespace, transactions: &Page<Earning>) -> Markup {
    html! {
        div.above {
            h2 { "Transactions" }
            a href=(format!("/dashboard/{partner}/transactions.csv")) { "Download as CSV" }
        }
        div.card.scroll {
            table {
                thead {
                    tr {
                        th { "No." } th { "Date (UTC)" } th { "What" } th { "Available from" }
                        th.number { "Customer pays" } th.number { "Your balance" }
                    }
                }
                tbody {
                    @for row in &transactions.items {
                        tr {
                            td { (row.transaction) }
                            td { (row.at.strftime("%Y-%m-%d %H:%M")) }
                            td { (row.description) }
                            td { @if let Some(at) = row.available_at { (at.strftime("%Y-%m-%d")) } }
                            td.number { @if let Some(gross) = row.gross { (gross) } }
                            td.number { (row.net) }
                        }
                    }
                    @if transactions.items.is_empty() { tr { td colspan="6" { "None yet." } } }
                }
            }
        }
        (layout::next_page(&format!("/dashboard/{partner}/transactions"), transactions.next.as_deref()))
    }
}
