//! One sale down to its split, the policy in force, what became of it, and the ledger's entries.

use axum::extract::State;
use axum::response::Response;
use chandlery_accounts::Account;
use chandlery_edge::{Path, Query};
use chandlery_money::Finance;
use chandlery_money::partners::{self, Posted, SaleDetails, TakenBack};
use chandlery_package::wire::{ExplainedLot, Rating};
use chandlery_package::{Namespace, RevenueSharePolicy};
use chandlery_pages::{Column, Link, command, crumbs, day, facts, minute, money, signed, table};
use maud::{Markup, html};

use super::asked::{Asked, View};
use super::disputes;
use crate::error::Error;
use crate::shell::LogIn;

const PAGE: &str = "/sales";

/// The page `/dashboard/{partner}/sales/{number}`.
pub(in crate::web) async fn one(
    State(finance): State<Finance>,
    caller: Option<Account>,
    log_in: LogIn,
    Path((partner, number)): Path<(Namespace, i64)>,
    Query(asked): Query<Asked>,
) -> Result<Response, Error> {
    let Some(caller) = caller else { return Ok(log_in.then(&format!("/dashboard/{partner}"))) };
    caller.must_see(&finance.db, &partner).await?;
    let mut db = finance.db.snapshot().await?;
    let view = View::read(&mut db, &finance, partner, &asked).await?;
    let details = partners::sale(&mut db, &view.partner, number).await?;
    drop(db);
    let above = view.path(PAGE);
    let content = html! {
        (crumbs(&[Link { path: &above, name: "Sales" }], &format!("Sale {number}")))
        @for lot in &details.lots { (split(&details, lot)) }
        h2 { "The policy in force" }
        (policy(&details.policy, &details))
        (history(&view, &details))
        h2 { "Ledger entries of your accounts" }
        (entries(&details.entries))
    };
    Ok(view.page(&caller, PAGE, &content))
}

/// What was sold, and who shares it.
fn split(details: &SaleDetails, lot: &ExplainedLot) -> Markup {
    let sale = &lot.sale;
    let what = sale.plugin.as_ref().map_or_else(|| "a service".into(), ToString::to_string);
    let mut all = vec![
        ("What", html! { (what) ", by " (sale.source) }),
        ("Customer", html! { (sale.customer) }),
        ("Sold", minute(sale.sold_at)),
        ("Paid", paid(details)),
    ];
    if let Some((invoice, payment)) = &sale.invoice {
        all.push(("Invoice", html! { (invoice) @if let Some(payment) = payment { ", paid by " (payment) } }));
    }
    if let Some(gross) = sale.gross {
        all.push(("Price", html! { span data-line="gross" { (money(gross)) } }));
    }
    if let Some(commission) = sale.commission {
        all.push(("Marketplace", html! { span data-line="commission" { (money(commission)) } }));
    }
    let others: Vec<_> =
        details.others.iter().map(|(partner, share)| html! { (partner) ": " (money(*share)) }).collect();
    if !others.is_empty() {
        all.push(("Others", html! { @for other in &others { div { (other) } } }));
    }
    all.push(("Your share", html! { span data-line="share" { (money(lot.share)) } ", as " (lot.role) }));
    all.push(("In reserve", html! { (money(lot.reserve)) }));
    if let Some(refunded) = details.refunded {
        all.push(("Given back", html! { span data-line="refunded" { (money(refunded)) } " of the price" }));
    }
    all.push(("Taken back", html! { span data-line="returned" { (money(lot.returned)) } " of your share" }));
    if let Some(at) = lot.available_at {
        all.push(("On hold until", day(at)));
    }
    html! {
        div.card { (facts(&all)) }
        @if let Some(used) = &sale.rating { (usage(used)) }
    }
}

fn paid(details: &SaleDetails) -> Markup {
    html! {
        @match (details.collected_at, details.void_at) {
            (_, Some(at)) => { "never: given up on " (day(at)) }
            (Some(at), None) => { (minute(at)) }
            (None, None) => { "not yet" }
        }
    }
}

/// What was used, where it was sold by use.
fn usage(used: &Rating) -> Markup {
    let are_more = used.events > used.event_ids.len() as i64;
    html! {
        h2 { "What was used" }
        div.card {
            p {
                (signed(used.used)) " in " (used.month) ", which costs " (money(used.charged)) ", as "
                (signed(used.events)) " records of usage say:"
            }
            ul { @for id in &used.event_ids { li { code { (id) } } } }
            @if are_more { p.note { "and more" } }
        }
    }
}

fn policy(policy: &RevenueSharePolicy, details: &SaleDetails) -> Markup {
    let version = details.lots.first().map(|lot| lot.sale.policy);
    html! {
        div.card {
            @if let Some(version) = version { p { "Version " (version) ", which the sale keeps." } }
            ul {
                @for step in &policy.commission {
                    li { "The marketplace keeps " (step.rate) @if let Some(up_to) = step.up_to { " up to " (money(up_to)) } }
                }
                @for (plugin, rate) in &policy.exceptions { li { (rate) " of " (plugin) } }
                li { (policy.services) " of services" }
                li { (policy.referral) " for referring the customer, from what the marketplace keeps" }
                @if policy.reserve.days > 0 {
                    li { (policy.reserve.rate) " of each share are in reserve for " (policy.reserve.days) " days" }
                }
            }
        }
    }
}

/// What became of the sale: what was taken back, what is disputed, and which payouts took it on.
fn history(view: &View, details: &SaleDetails) -> Markup {
    let notes: Vec<Vec<Markup>> = details.taken_back.iter().map(note).collect();
    let columns = [
        Column::Text("Credit note"),
        Column::Text("Date"),
        Column::Text("Reason"),
        Column::Number("Of your earnings with its invoice"),
    ];
    html! {
        @if !notes.is_empty() { h2 { "Refunds" } (table("Refunds", &columns, &notes)) }
        @if !details.disputes.is_empty() { h2 { "Disputes" } (disputes::rows(view, &details.disputes)) }
        @if !details.payouts.is_empty() {
            h2 { "Payouts" }
            ul {
                @for payout in &details.payouts {
                    li { a href=(format!("/dashboard/{}/payouts/{payout}", view.partner)) { "Payout " (payout) } }
                }
            }
            @for payout in &details.payouts { (command(&format!("chandlery payouts explain {payout}"))) }
        }
    }
}

fn note(taken: &TakenBack) -> Vec<Markup> {
    vec![
        html! { (taken.credit_note) },
        minute(taken.at),
        html! { (taken.reason) },
        html! { (money(taken.share)) },
    ]
}

fn entries(entries: &[Posted]) -> Markup {
    let columns = [
        Column::Text("Transaction"),
        Column::Text("Date"),
        Column::Text("Kind"),
        Column::Text("What"),
        Column::Text("Account"),
        Column::Number("Change"),
    ];
    let cells = |entry: &Posted| {
        vec![
            html! { (entry.transaction) },
            minute(entry.at),
            html! { (entry.kind) },
            html! { (entry.description) },
            html! { (entry.account) },
            html! { (money(entry.amount)) },
        ]
    };
    table("Ledger entries", &columns, &entries.iter().map(cells).collect::<Vec<_>>())
}
