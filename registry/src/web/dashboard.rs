//! The partner's payout dashboard: what is on hold, available and paid; earnings by month; the lists behind them.

use std::collections::BTreeSet;

use axum::extract::State;
use axum::response::{IntoResponse as _, Redirect, Response};
use chandlery_package::Namespace;
use chandlery_package::wire::{MonthlyEarning, NextPayout, Paging, PartnerBalance};
use jiff::Timestamp;
use maud::{Markup, html};

use super::{chart, layout, lists};
use crate::error::Error;
use chandlery_accounts::organisations::{Power, speaks_for};
use chandlery_accounts::{Account, namespaces_of};
use chandlery_edge::Path;
use chandlery_money::Finance;
use chandlery_money::payouts;
use chandlery_store::Db;

/// How many of each list are shown before its own page.
const SHOWN: u32 = 100;

/// `/dashboard`: to the one namespace that the account owns, or a choice between several.
pub(super) async fn own(State(finance): State<Finance>, caller: Option<Account>) -> Result<Response, Error> {
    let Some(caller) = caller else { return Ok(Redirect::to("/login").into_response()) };
    let partners = partners(&finance.db, &caller).await?;
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

/// The page `/dashboard/{partner}`.
pub(super) async fn page(
    State(finance): State<Finance>,
    caller: Option<Account>,
    Path(partner): Path<Namespace>,
) -> Result<Response, Error> {
    let Some(caller) = caller else {
        return Ok(Redirect::to(&format!("/login?next=/dashboard/{partner}")).into_response());
    };
    caller.must_see(&finance.db, &partner).await?;
    // One snapshot for all figures, so that they agree.
    let mut db = finance.db.read().begin().await?;
    let balances = payouts::balances(&mut db, &partner, finance.clock.now()).await?;
    let next_release = payouts::next_release(&mut db, &partner, finance.clock.now()).await?;
    let months = payouts::by_month(&mut db, &partner).await?;
    let plugins = payouts::by_plugin(&mut db, &partner, &Paging::first(SHOWN)).await?;
    let paid_out = payouts::list(&mut db, Some(&partner), &Paging::first(SHOWN)).await?;
    let statements = payouts::statements(&mut db, &partner, None, &Paging::first(SHOWN)).await?;
    let transactions = payouts::transactions(&mut db, &partner, &Paging::first(SHOWN)).await?;
    drop(db);
    let content = html! {
        h1 { "Payouts of " (partner) }
        (cards(&balances, finance.hold_days, next_release))
        (earnings_by_month(&months))
        (lists::earnings_by_plugin(&partner, &plugins))
        (lists::all_payouts(&partner, &paid_out))
        (lists::all_statements(&partner, &statements))
        (lists::all_transactions(&partner, &transactions))
    };
    Ok(layout::page(&format!("Payouts of {partner}"), Some(&caller), content).into_response())
}

async fn partners(db: &Db, caller: &Account) -> Result<Vec<String>, Error> {
    if !caller.operator {
        let belongs = namespaces_of(db, &caller.name).await?;
        let (mut read, mut mine) = (db.read().acquire().await?, Vec::new());
        for (name, _) in belongs {
            if speaks_for(&mut read, &name, &caller.name, Power::Pay).await? {
                mine.push(name.to_string());
            }
        }
        return Ok(mine);
    }
    let rows: Vec<(String,)> =
        sqlx::query_as("select name from namespaces order by name").fetch_all(db.read()).await?;
    Ok(rows.into_iter().map(|(name,)| name).collect())
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

fn cards(balances: &[PartnerBalance], hold_days: u32, next_release: Option<Timestamp>) -> Markup {
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
                        @if let Some(date) = next_release { "; next available on " (date.strftime("%Y-%m-%d")) }
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

fn earnings_by_month(months: &[MonthlyEarning]) -> Markup {
    let currencies: BTreeSet<_> = months.iter().map(|month| month.gross.currency()).collect();
    html! {
        @if !months.is_empty() { h2 { "Earnings by month" } }
        @for currency in currencies {
            @let shown: Vec<_> = months.iter().filter(|month| month.gross.currency() == currency).collect();
            div.card.scroll {
                (chart::months(&shown))
                table {
                    thead { tr { th { "Month" } th.number { "Sales" } th.number { "Customers pay" } th.number { "Your share" } } }
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
