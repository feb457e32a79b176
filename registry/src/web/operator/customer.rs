//! A customer as operators see it: its subscription, what it owes and since when, what it was told of that, and every invoice.

use axum::extract::State;
use chandlery_edge::{Path, Query};
use chandlery_money::{Finance, billing, reports};
use chandlery_package::wire::{
    AgedReceivable, CustomerInvoice, Dunning, DunningStep, InvoiceState, Page, Paging,
};
use chandlery_package::{Balance, Namespace};
use chandlery_pages::{Column, Link, Tone, badge, crumbs, day, money, next_page, table};
use jiff::Timestamp;
use maud::{Markup, html};

use super::customers::path;
use crate::console::{self, CUSTOMERS, Operator};
use crate::error::Error;
use crate::web::customer::cards::{Reader, cards};

/// How many invoices that are open are shown with what their customer was told of them.
const DUNNED_SHOWN: u32 = 100;
/// How many currencies a customer may owe something in: more than there are.
const CURRENCIES_MAX: u32 = 1000;

/// The page `/operator/customers/{account}`.
pub(super) async fn page(
    State(finance): State<Finance>,
    operator: Operator,
    Path(account): Path<Namespace>,
    Query(paging): Query<Paging<i64>>,
) -> Result<Markup, Error> {
    let now = finance.clock.now();
    if chandlery_accounts::find_account(&finance.db, &account).await?.is_none() {
        return Err(Error::not_found(format!("account '{account}'")));
    }
    let has = billing::subscription(&finance.db, &account, now).await?;
    let mut db = finance.db.snapshot().await?;
    let used = billing::deployments(&mut db, &account).await?;
    let aged = reports::ageing(&mut db, Some(&account), now, &Paging::first(CURRENCIES_MAX)).await?;
    let dunned = reports::dunning(&mut db, Some(&account), &Paging::first(DUNNED_SHOWN)).await?;
    let credit = reports::credit(&mut db, &account).await?;
    let wanted = reports::Wanted { account: Some(account.clone()), ..reports::Wanted::default() };
    let invoices = reports::invoices(&mut db, &wanted, &paging).await?;
    drop(db);
    let content = html! {
        (crumbs(&[Link { path: CUSTOMERS, name: "Customers" }], account.as_str()))
        h1 { (account) }
        (cards(Reader::Operator, &has, used))
        h2 { "What it owes" }
        (owed(&aged.items, &credit))
        @if !dunned.items.is_empty() { h2 { "What it was told of that" } (told(&dunned.items)) }
        h2 { "Invoices" }
        (all(&account, &invoices, now))
    };
    Ok(console::page(&operator, account.as_str(), CUSTOMERS, &content))
}

fn owed(aged: &[AgedReceivable], credit: &[Balance]) -> Markup {
    let columns = [
        Column::Number("Not due"),
        Column::Number("Up to 30 days"),
        Column::Number("Up to 60"),
        Column::Number("Up to 90"),
        Column::Number("Older"),
        Column::Number("All"),
    ];
    let row = |owed: &AgedReceivable| {
        let parts = [owed.not_due, owed.days_30, owed.days_60, owed.days_90, owed.older];
        let mut cells: Vec<Markup> = parts.into_iter().map(|part| html! { (money(part)) }).collect();
        cells.push(html! { span data-figure="owed" { (money(owed.total)) } });
        cells
    };
    html! {
        @if aged.is_empty() { p { "Nothing." } }
        @else { (table("What it owes", &columns, &aged.iter().map(row).collect::<Vec<_>>())) }
        @for amount in credit {
            p { "It has " strong data-figure="credit" { (money(*amount)) } " as credit, which pays for its next invoices." }
        }
    }
}

fn told(dunned: &[Dunning]) -> Markup {
    let columns = [
        Column::Text("Invoice"),
        Column::Text("Due by"),
        Column::Text("Reminded"),
        Column::Text("What comes next"),
        Column::Number("To be paid"),
    ];
    let row = |dunning: &Dunning| {
        let reminded = html! {
            @for reminder in &dunning.reminders {
                div {
                    (day(reminder.at))
                    @match (&reminder.sent_at, &reminder.refused) {
                        (_, Some(why)) => { ", the mail was refused: " (why) }
                        (Some(_), None) => ", by mail",
                        (None, None) => ", on its page",
                    }
                }
            }
        };
        vec![
            invoice(dunning.invoice),
            day(dunning.due_at),
            reminded,
            html! { (step(dunning.next)) " on " (day(dunning.next_at)) },
            html! { (money(dunning.due)) },
        ]
    };
    table("What it was told", &columns, &dunned.iter().map(row).collect::<Vec<_>>())
}

fn step(step: DunningStep) -> &'static str {
    match step {
        DunningStep::FirstReminder => "it is reminded",
        DunningStep::SecondReminder => "it is reminded again",
        DunningStep::WrittenOff => "it is written off",
    }
}

fn invoice(number: i64) -> Markup {
    html! { a href=(format!("/api/v1/invoices/{number}/page")) { (number) } }
}

fn all(account: &Namespace, page: &Page<CustomerInvoice>, now: Timestamp) -> Markup {
    let columns = [
        Column::Text("Invoice"),
        Column::Text("Issued on"),
        Column::Text("Due by"),
        Column::Text("State"),
        Column::Number("Total"),
        Column::Number("Paid"),
        Column::Number("Credited"),
        Column::Number("Written off"),
        Column::Number("Due"),
    ];
    let row = |one: &CustomerInvoice| {
        let mut cells = vec![invoice(one.number), day(one.issued_at), day(one.due_at), state(one, now)];
        let amounts = [one.total, one.paid, one.credited, one.written_off, one.due];
        cells.extend(amounts.map(|amount| html! { (money(amount)) }));
        cells
    };
    let rows: Vec<Vec<Markup>> = page.items.iter().map(row).collect();
    let next = page.next.as_deref().map(|after| format!("{}?after={after}", path(account)));
    html! { (table("Invoices", &columns, &rows)) (next_page(next.as_deref())) }
}

fn state(invoice: &CustomerInvoice, now: Timestamp) -> Markup {
    match invoice.state {
        InvoiceState::Open if invoice.due_at < now => badge(Tone::Bad, "overdue"),
        InvoiceState::Open => badge(Tone::Warning, "to be paid"),
        InvoiceState::Paid => badge(Tone::Good, "paid"),
        InvoiceState::Uncollectible => badge(Tone::Bad, "given up"),
    }
}
