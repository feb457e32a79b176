//! The partner's payout dashboard: what is on hold, available and paid; earnings by month and by plugin; every
//! transaction behind them.

use std::collections::BTreeSet;

use axum::extract::State;
use axum::response::{IntoResponse as _, Redirect, Response};
use chandlery_package::wire::{Earning, NextPayout, PartnerBalance, Payout};
use chandlery_package::{Balance, Currency, Namespace};
use maud::{Markup, html};

use super::{chart, layout};
use crate::{Error, Registry};
use chandlery_accounts::Account;
use chandlery_edge::Path;
use chandlery_money::payouts::{self, MonthlyEarning, PluginEarning, Published};
use chandlery_store::Db;

/// `/dashboard`: to the one namespace that the account owns, or a choice between several.
pub(super) async fn own(
    State(registry): State<Registry>,
    caller: Option<Account>,
) -> Result<Response, Error> {
    let Some(caller) = caller else { return Ok(Redirect::to("/login").into_response()) };
    let partners = partners(&registry.db, &caller).await?;
    if let [only] = partners.as_slice() {
        return Ok(Redirect::to(&format!("/dashboard/{only}")).into_response());
    }
    let content = html! {
        h1 { "Payouts" }
        @if partners.is_empty() {
            p { "This account owns no namespace yet. Take one with " code { "chandlery namespace take NAME" } "." }
        }
        ul { @for partner in &partners { li { a href=(format!("/dashboard/{partner}")) { (partner) } } } }
    };
    Ok(layout::page("Payouts", Some(&caller), content).into_response())
}

/// `/dashboard/{partner}`.
pub(super) async fn page(
    State(registry): State<Registry>,
    caller: Option<Account>,
    Path(partner): Path<Namespace>,
) -> Result<Response, Error> {
    let Some(caller) = caller else {
        return Ok(Redirect::to(&format!("/login?next=/dashboard/{partner}")).into_response());
    };
    caller.must_see(&registry.db, &partner).await?;
    // One snapshot for all figures, so that they agree.
    let mut db = registry.db.read().begin().await?;
    let balances = payouts::balances(&mut db, &partner, registry.clock.now()).await?;
    let transactions = payouts::transactions(&mut db, &partner).await?;
    let paid_out = payouts::of_partner(&mut db, &partner).await?;
    let statements = payouts::statements(&mut db, &partner, None).await?;
    drop(db);
    let months = payouts::by_month(&transactions)?;
    let plugins = payouts::by_plugin(&transactions)?;
    let content = html! {
        h1 { "Payouts of " (partner) }
        (cards(&balances, registry.finance.hold_days, next_release(&transactions, registry.clock.now())))
        (earnings_by_month(&months))
        (earnings_by_plugin(&plugins))
        (all_payouts(&paid_out))
        (all_statements(&statements))
        (all_transactions(&partner, &transactions))
    };
    Ok(layout::page(&format!("Payouts of {partner}"), Some(&caller), content).into_response())
}

async fn partners(db: &Db, caller: &Account) -> Result<Vec<String>, Error> {
    let rows: Vec<(String,)> = match caller.operator {
        true => sqlx::query_as("select name from namespaces order by name"),
        false => {
            sqlx::query_as("select namespace from namespace_members where account = $1 and role = 'owner' order by namespace")
                .bind(caller.name.as_str())
        }
    }
    .fetch_all(db.read())
    .await?;
    Ok(rows.into_iter().map(|(name,)| name).collect())
}

fn next_release(transactions: &[Earning], now: jiff::Timestamp) -> Option<String> {
    let ends = transactions.iter().filter_map(|earning| earning.available_at).filter(|end| *end > now);
    ends.min().map(|end| end.strftime("%Y-%m-%d").to_string())
}

/// What an account held, as people write it.
fn written(minor: i64, currency: Currency) -> String {
    Balance::new(minor, currency).map_or_else(|error| error.to_string(), |balance| balance.to_string())
}

/// What becomes of what is available.
fn next_payout(next: &NextPayout) -> String {
    let NextPayout { amount, minimum, not_before } = next;
    let when = not_before
        .map_or("the next run".into(), |from| format!("the first run from {} on", from.strftime("%Y-%m-%d")));
    match (amount.minor(), amount.minor() < minimum.minor().max(1)) {
        (..=0, _) => "nothing waits for the next payout".into(),
        (_, true) => format!("{amount} wait until they are {minimum}, the least that is paid out"),
        (_, false) => format!("{amount} are paid out by {when}"),
    }
}

fn cards(balances: &[PartnerBalance], hold_days: u32, next_release: Option<String>) -> Markup {
    html! {
        @if balances.is_empty() { p { "Nothing was earned yet. Sales appear here as soon as they are paid." } }
        @for balance in balances {
            dl.cards {
                @if balance.accrued.minor() != 0 {
                    div.card { dt { "Earned, not yet paid for" } dd data-figure="accrued" { (balance.accrued) } p.note { "invoiced to customers" } }
                }
                div.card {
                    dt { "On hold" } dd data-figure="on-hold" { (balance.on_hold) }
                    p.note {
                        "for " (hold_days) " days after each payment"
                        @if let Some(date) = &next_release { "; next available on " (date) }
                    }
                }
                @if balance.reserve.minor() != 0 {
                    div.card { dt { "Reserve" } dd data-figure="reserve" { (balance.reserve) } p.note { "kept for refunds, then yours" } }
                }
                div.card {
                    dt { "Available" } dd data-figure="available" { (balance.available) }
                    p.note { (next_payout(&balance.next_payout)) }
                }
                @if balance.in_transit.minor() != 0 {
                    div.card { dt { "On its way" } dd data-figure="in-transit" { (balance.in_transit) } p.note { "approved, not yet confirmed by the bank" } }
                }
                @if balance.disputed.minor() != 0 {
                    div.card { dt { "Disputed" } dd data-figure="disputed" { (balance.disputed) } p.note { "until the customer's bank has decided" } }
                }
                @if balance.owed.minor() != 0 {
                    div.card { dt { "Owed back" } dd data-figure="owed" { (balance.owed) } p.note { "taken from what you earn next" } }
                }
                div.card {
                    dt { "Paid" } dd data-figure="paid" { (balance.paid) }
                    p.note { "has reached your bank" }
                }
            }
        }
    }
}

/// Every payout, with what it was made of to the bank's reference.
fn all_payouts(payouts: &[Payout]) -> Markup {
    html! {
        @if !payouts.is_empty() {
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
                        @for payout in payouts {
                            tr {
                                td { (payout.id) }
                                td { (format!("{:?}", payout.state).to_lowercase()) }
                                td { (payout.rail) }
                                td { (payout.bank_reference.as_deref().unwrap_or("")) }
                                td.number { (payout.amount) } td.number { (payout.withheld) } td.number { (payout.sent) }
                            }
                        }
                    }
                }
                p.note { code { "chandlery payouts explain NUMBER" } " follows every cent of one." }
            }
        }
    }
}

/// The statements, as the transparency log has them.
fn all_statements(statements: &[Published]) -> Markup {
    html! {
        @if !statements.is_empty() {
            h2 { "Statements" }
            div.card.scroll {
                table {
                    thead { tr { th { "Month" } th.number { "Changes" } th { "At its end" } th { "Log entry" } th { "Digest" } } }
                    tbody {
                        @for published in statements {
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
                                td { code { (published.digest.get(..19).unwrap_or("")) "…" } }
                            }
                        }
                    }
                }
            }
        }
    }
}

fn earnings_by_month(months: &[MonthlyEarning]) -> Markup {
    let currencies: BTreeSet<_> = months.iter().map(|month| month.gross.currency()).collect();
    html! {
        @if !months.is_empty() { h2 { "Earnings by month" } }
        @for currency in currencies {
            @let shown: Vec<_> = months.iter().filter(|month| month.gross.currency() == currency).collect();
            div.card.scroll {
                (chart::months(&shown))
                table {
                    thead { tr { th { "Month" } th.number { "Sales" } th.number { "Customers paid" } th.number { "Your share" } } }
                    tbody {
                        @for month in shown.iter().rev() {
                            tr {
                                td { (month.month) } td.number { (month.sales) }
                                td.number { (month.gross) } td.number { (month.net) }
                            }
                        }
                    }
                }
            }
        }
    }
}

fn earnings_by_plugin(plugins: &[PluginEarning]) -> Markup {
    html! {
        @if !plugins.is_empty() {
            h2 { "By plugin" }
            div.card.scroll {
                table {
                    thead { tr { th { "Plugin" } th.number { "Sales" } th.number { "Customers paid" } th.number { "Your share" } } }
                    tbody {
                        @for row in plugins {
                            tr {
                                td { (row.plugin) } td.number { (row.sales) }
                                td.number { (row.gross) } td.number { (row.net) }
                            }
                        }
                    }
                }
            }
        }
    }
}

fn all_transactions(partner: &Namespace, transactions: &[Earning]) -> Markup {
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
                        th.number { "Customer paid" } th.number { "Your balance" }
                    }
                }
                tbody {
                    @for row in transactions {
                        tr {
                            td { (row.transaction) }
                            td { (row.at.strftime("%Y-%m-%d %H:%M")) }
                            td { (row.description) }
                            td { @if let Some(at) = row.available_at { (at.strftime("%Y-%m-%d")) } }
                            td.number { @if let Some(gross) = row.gross { (gross) } }
                            td.number { (row.net) }
                        }
                    }
                    @if transactions.is_empty() { tr { td colspan="6" { "None yet." } } }
                }
            }
        }
    }
}
