//! The invoices and credit notes of an account, and how what is due is paid.

use axum::extract::State;
use chandlery_accounts::organisations::Power;
use chandlery_edge::{Path, Query};
use chandlery_money::{Finance, billing, rails};
use chandlery_package::wire::{CreditNote, Invoice, InvoiceState, Page, Paging};
use chandlery_pages::{Column, Link, Tone, badge, crumbs, day, empty, facts, money, next_page, table};
use jiff::Timestamp;
use maud::{Markup, html};

use super::cards::due;
use super::frame::{self, Customer};
use super::paying::{self, Parties};
use crate::error::Error;

const PAGE: &str = "/invoices";
const CREDIT_NOTES: &str = "/credit-notes";
const ABOVE: Link<'static> = Link { path: PAGE, name: "Invoices" };

/// The page `/invoices`.
pub(super) async fn page(
    State(finance): State<Finance>,
    caller: Customer,
    Query(paging): Query<Paging<i64>>,
) -> Result<Markup, Error> {
    let now = finance.clock.now();
    let invoices = billing::invoices(&finance.db, &caller.name, &paging).await?;
    let content = html! {
        h1 { "Invoices of " (caller.name) }
        (all(&invoices, now))
        p { a href=(CREDIT_NOTES) { "Credit notes" } }
    };
    Ok(frame::page(&caller, "Invoices", PAGE, &content))
}

fn all(page: &Page<Invoice>, now: Timestamp) -> Markup {
    let columns = [
        Column::Text("No."),
        Column::Text("For"),
        Column::Text("Issued on"),
        Column::Text("Due by"),
        Column::Text("State"),
        Column::Number("Total"),
        Column::Number("To be paid"),
    ];
    let row = |invoice: &Invoice| {
        vec![
            html! { a href=(format!("{PAGE}/{}", invoice.number)) { (invoice.number) } },
            html! { @for line in &invoice.lines { div { (line.description) } } },
            day(invoice.issued_at),
            day(invoice.due_at),
            state(invoice, now),
            html! { (money(invoice.total)) },
            html! { @if invoice.state == InvoiceState::Open { (due(invoice)) } },
        ]
    };
    let rows: Vec<Vec<Markup>> = page.items.iter().map(row).collect();
    let next = page.next.as_deref().map(|after| format!("{PAGE}?after={after}"));
    html! {
        @if rows.is_empty() { (none_yet()) } @else {
            (table("Invoices", &columns, &rows))
            (next_page(next.as_deref()))
        }
    }
}

/// That there is no invoice, and what makes one.
pub(in crate::web) fn none_yet() -> Markup {
    empty(
        "There are no invoices yet.",
        &html! {
            "A " a href="/subscription" { "subscription" } " is invoiced when it begins, and what you order from the "
            a href="/search" { "shop" } " once it is paid, or by the month."
        },
    )
}

/// How an invoice stands.
pub(in crate::web) fn state(invoice: &Invoice, now: Timestamp) -> Markup {
    match invoice.state {
        InvoiceState::Open if invoice.due_at < now => badge(Tone::Bad, "overdue"),
        InvoiceState::Open => badge(Tone::Warning, "to be paid"),
        InvoiceState::Paid => badge(Tone::Good, "paid"),
        InvoiceState::Uncollectible => badge(Tone::Bad, "given up"),
    }
}

/// An invoice of a customer's own.
pub(super) async fn own(finance: &Finance, caller: &Customer, number: i64) -> Result<Invoice, Error> {
    let mut db = finance.db.read().acquire().await?;
    let invoice = billing::find_invoice(&mut db, number).await?;
    match invoice.account == caller.name {
        true => Ok(invoice),
        false => Err(Error::not_found(format!("invoice {number}"))),
    }
}

/// The page `/invoices/{number}`.
pub(super) async fn one(
    State(finance): State<Finance>,
    caller: Customer,
    Path(number): Path<i64>,
) -> Result<Markup, Error> {
    let invoice = own(&finance, &caller, number).await?;
    let may_pay = caller.may(&finance.db, Power::Pay).await?;
    let parties = Parties::of(&finance, &caller.name).await?;
    let card = (may_pay && rails::offers_page(&finance)).then(|| format!("{PAGE}/{number}/payment"));
    let left = invoice.due().map_err(chandlery_money::Error::from)?;
    let is_owed = invoice.state != InvoiceState::Paid && left.is_positive();
    let document = format!("/api/v1/invoices/{number}");
    let content = html! {
        (crumbs(&[ABOVE], &number.to_string()))
        h1 { "Invoice " (number) }
        p.badges data-figure="state" { (state(&invoice, finance.clock.now())) }
        div.card { (facts(&about(&invoice))) }
        p {
            a href=(format!("{document}/page")) { "Print" } " · "
            a href=(format!("{document}/xml")) { "As XML (EN 16931)" } " · "
            a href=(format!("{document}/csv")) { "As CSV" }
        }
        (paying::lines(&invoice))
        @if is_owed { (paying::ways(card.as_deref(), left, &format!("INVOICE-{number}"), parties.bank())) }
    };
    Ok(frame::page(&caller, &format!("Invoice {number}"), PAGE, &content))
}

fn about(invoice: &Invoice) -> Vec<(&'static str, Markup)> {
    let mut facts = vec![("Issued on", day(invoice.issued_at)), ("Due by", day(invoice.due_at))];
    if let Some(paid) = invoice.part_paid {
        facts.push(("Paid so far", html! { (money(paid)) }));
    }
    if !invoice.refunded.is_zero() {
        let back = html! { (money(invoice.refunded)) " · " a href=(CREDIT_NOTES) { "Credit notes" } };
        facts.push(("Given back", back));
    }
    if invoice.state == InvoiceState::Open {
        facts.push(("To be paid", html! { span data-figure="due" { (due(invoice)) } }));
    }
    facts
}

/// The page `/credit-notes`.
pub(super) async fn credit_notes(
    State(finance): State<Finance>,
    caller: Customer,
    Query(paging): Query<Paging<i64>>,
) -> Result<Markup, Error> {
    let notes = billing::credit_notes(&finance.db, &caller.name, &paging).await?;
    let columns = [
        Column::Text("No."),
        Column::Text("Of invoice"),
        Column::Text("On"),
        Column::Text("Why"),
        Column::Number("Net"),
        Column::Number("Tax"),
    ];
    let rows: Vec<Vec<Markup>> = notes.items.iter().map(note).collect();
    let next = notes.next.as_deref().map(|after| format!("{CREDIT_NOTES}?after={after}"));
    let content = html! {
        (crumbs(&[ABOVE], "Credit notes"))
        h1 { "Credit notes of " (caller.name) }
        @if rows.is_empty() {
            (empty("There are no credit notes yet.", &html! { "What is given back of an invoice stands here. " a href=(PAGE) { "Invoices" } }))
        } @else {
            (table("Credit notes", &columns, &rows))
            (next_page(next.as_deref()))
        }
    };
    Ok(frame::page(&caller, "Credit notes", PAGE, &content))
}

fn note(note: &CreditNote) -> Vec<Markup> {
    vec![
        html! { a href=(format!("/api/v1/credit-notes/{}/page", note.number)) { (note.number) } },
        html! { a href=(format!("{PAGE}/{}", note.invoice)) { (note.invoice) } },
        day(note.at),
        html! { (note.reason) },
        html! { (money(note.net)) },
        html! { (money(note.tax)) },
    ]
}
