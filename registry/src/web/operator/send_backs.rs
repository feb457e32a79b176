//! What goes back to customers by the bank: refunds of transfers, lines that are sent back, and what a processor refuses to give back; and
//! the bank file of all that may leave.

use axum::extract::State;
use axum::response::{IntoResponse as _, Redirect, Response};
use chandlery_edge::{Form, Path, Query};
use chandlery_money::rails::SendBackTotal;
use chandlery_money::{Finance, rails};
use chandlery_package::wire::{Page, Paging, Payee, SendBack, SendBackState};
use chandlery_pages::{
    Column, Link, Tone, badge, banner, crumbs, empty, money, next_page, select, signed, table,
};
use maud::{Markup, html};
use serde::Deserialize;

use super::asking::{ANY, InState, bank_file, confirm};
use crate::console::{self, Operator, SEND_BACKS};
use crate::error::Error;
use crate::shell::shown_again;
use crate::web::customer::frame::fault;

/// Where the next bank file is shown, and made.
const FILE: &str = "/operator/send-backs/file";

/// The path of a transfer's page.
pub(super) fn path(reference: &str) -> String {
    format!("{SEND_BACKS}/{reference}")
}

/// The page `/operator/send-backs`: those that wait, unless others are asked for.
pub(super) async fn page(
    State(finance): State<Finance>,
    operator: Operator,
    Query(wanted): Query<InState>,
    Query(made): Query<Made>,
    Query(paging): Query<Paging<i64>>,
) -> Result<Markup, Error> {
    let state = wanted.or(SendBackState::Open)?;
    let mut db = finance.db.snapshot().await?;
    let found = rails::list_send_backs(&mut db, state, &paging).await?;
    let waiting = rails::count_send_backs(&mut db).await?;
    let sums = rails::send_back_totals(&mut db, state).await?;
    let of_file = match made.file {
        Some(file) => rails::send_back_file_totals(&mut db, file).await?,
        None => Vec::new(),
    };
    drop(db);
    let chosen = state.map_or(ANY, SendBackState::as_str);
    let states: Vec<(&str, &str)> = SendBackState::ALL
        .into_iter()
        .map(|state| (state.as_str(), in_words(state)))
        .chain([(ANY, "all of them")])
        .collect();
    let content = html! {
        h1 { "What goes back to customers" }
        @if let Some(file) = made.file.filter(|_| !of_file.is_empty()) { (file_made(file, &of_file)) }
        form.card.filters method="get" action=(SEND_BACKS) {
            (select("state", "State", chosen, &states))
            div { button { "Show" } }
        }
        @if !sums.is_empty() { p data-figure="totals" { "All of them: " (totals(&sums)) "." } }
        (listed(&found, chosen))
        @if waiting > 0 { p.actions { a.button href=(FILE) { "Review the next bank file" } } }
    };
    Ok(console::page(&operator, "What goes back to customers", SEND_BACKS, &content))
}

/// The bank file that was just made, if the address names one.
#[derive(Deserialize)]
pub(super) struct Made {
    file: Option<i64>,
}

/// What was made, where it is, and what comes next.
fn file_made(file: i64, sums: &[SendBackTotal]) -> Markup {
    banner(
        Tone::Good,
        &html! {
            p { strong data-figure="file" { "Bank file " (file) " is made: " (totals(sums)) "." } }
            p { "Download " (file_link(file)) ", and upload it to the bank. Each transfer has left when a line of the bank tells of it." }
        },
    )
}

/// How many transfers there are of each currency, and what they come to.
fn totals(sums: &[SendBackTotal]) -> String {
    let told = |of: &SendBackTotal| {
        let transfers = if of.count == 1 { "transfer" } else { "transfers" };
        format!("{} {transfers}, {}", signed(of.count), money(of.amount))
    };
    sums.iter().map(told).collect::<Vec<_>>().join("; ")
}

fn listed(page: &Page<SendBack>, state: &str) -> Markup {
    let next = page.next.as_deref().map(|after| format!("{SEND_BACKS}?state={state}&after={after}"));
    html! {
        @if page.items.is_empty() {
            (empty("Nothing is here.", &html! { "What is given back of transfers, or sent back of a bank line, appears here until it has left." }))
        } @else {
            (rows("Transfers", &page.items)) (next_page(next.as_deref()))
        }
    }
}

fn rows(label: &str, transfers: &[SendBack]) -> Markup {
    let columns = [
        Column::Text("Transfer"),
        Column::Text("State"),
        Column::Text("Customer"),
        Column::Text("Cause"),
        Column::Text("Goes to"),
        Column::Text("Bank file"),
        Column::Number("Amount"),
        Column::Number("Came back"),
    ];
    let row = |back: &SendBack| {
        vec![
            html! { a href=(path(&back.reference)) { (back.reference) } },
            state(back.state),
            customer(back),
            html! { div.words { (back.cause) } },
            payee(back.to.as_ref()),
            html! { @if let Some(file) = back.file { (file_link(file)) } },
            html! { (money(back.amount)) },
            html! { @if !back.returned.is_zero() { (money(back.returned)) } },
        ]
    };
    table(label, &columns, &transfers.iter().map(row).collect::<Vec<_>>())
}

/// What a state means for whoever operates.
fn in_words(state: SendBackState) -> &'static str {
    match state {
        SendBackState::Open => "to be sent",
        SendBackState::Filed => "in a bank file",
        SendBackState::Left => "left",
        SendBackState::Returned => "came back",
    }
}

/// A state as a badge.
pub(super) fn state(state: SendBackState) -> Markup {
    let tone = match state {
        SendBackState::Open => Tone::Warning,
        SendBackState::Filed => Tone::Plain,
        SendBackState::Left => Tone::Good,
        SendBackState::Returned => Tone::Bad,
    };
    badge(tone, in_words(state))
}

/// Whose a transfer is.
pub(super) fn customer(back: &SendBack) -> Markup {
    html! {
        @match &back.customer {
            Some(account) => a href=(super::customers::path(account)) { (account) },
            None => "unknown",
        }
    }
}

/// The account that a transfer goes to.
pub(super) fn payee(to: Option<&Payee>) -> Markup {
    html! {
        @match to {
            Some(to) => { (to.holder) ", " code { (to.iban) } @if let Some(bic) = &to.bic { " (" (bic) ")" } }
            None => (badge(Tone::Bad, "no account yet")),
        }
    }
}

/// A link to a bank file.
pub(super) fn file_link(number: i64) -> Markup {
    html! { a href=(format!("{SEND_BACKS}/files/{number}/bank-file.xml")) download { "File " (number) } }
}

/// The page `/operator/send-backs/file`: what the next bank file would have.
pub(super) async fn next(State(finance): State<Finance>, operator: Operator) -> Result<Markup, Error> {
    let (ready, left_out) = rails::next_send_back_file(&mut *finance.db.snapshot().await?).await?;
    Ok(shown(&operator, &ready, &left_out, None))
}

fn shown(operator: &Operator, ready: &[SendBack], left_out: &[SendBack], wrong: Option<&str>) -> Markup {
    let title = "The next bank file";
    let references: Vec<&str> = ready.iter().map(|back| back.reference.as_str()).collect();
    let seen = references.join(" ");
    let content = html! {
        (crumbs(&[Link { path: SEND_BACKS, name: "Send-backs" }], title))
        h1 { (title) }
        (fault(wrong))
        @if ready.is_empty() { p { "Nothing waits whose payee is known." } } @else {
            p { "Each transfer is in one bank file at most. It has left when a line of the bank tells of it: upload the file there." }
            (rows("Transfers of the file", ready))
            (confirm(FILE, &[("seen", seen.as_str())], "Make the bank file"))
        }
        @if !left_out.is_empty() {
            h2 { "Left out" }
            p.note { "No bank has said where the money came from: say where each goes." }
            (rows("Left out", left_out))
        }
        p { a href=(SEND_BACKS) { "Cancel" } }
    };
    console::page(operator, title, SEND_BACKS, &content)
}

/// The transfers that were shown.
#[derive(Deserialize)]
pub(super) struct Seen {
    #[serde(default)]
    seen: String,
}

/// Makes the bank file that was shown, once.
pub(super) async fn make(
    State(finance): State<Finance>,
    operator: Operator,
    Form(given): Form<Seen>,
) -> Result<Response, Error> {
    let seen: Vec<String> = given.seen.split_whitespace().map(str::to_owned).collect();
    match rails::make_send_back_file(&finance, &operator, Some(&seen)).await {
        Ok(made) => {
            let next = format!("{SEND_BACKS}?state={}&file={}", SendBackState::Filed, made.number);
            Ok(Redirect::to(&next).into_response())
        }
        Err(error) => {
            let (ready, left_out) = rails::next_send_back_file(&mut *finance.db.snapshot().await?).await?;
            shown_again(error, |wrong| shown(&operator, &ready, &left_out, Some(wrong)))
        }
    }
}

/// The file `/operator/send-backs/files/{number}/bank-file.xml`, as the bank takes it.
pub(super) async fn file(
    State(finance): State<Finance>,
    _operator: Operator,
    Path(number): Path<i64>,
) -> Result<Response, Error> {
    let file = rails::print_send_back_file(&mut *finance.db.snapshot().await?, number).await?;
    Ok(bank_file(&format!("back-{number}.xml"), file))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn totals_are_told_by_currency() {
        let total = |count, amount: &str| SendBackTotal {
            count,
            amount: amount.parse::<chandlery_package::Money>().unwrap().into(),
        };
        assert_eq!(totals(&[total(1, "7.00 EUR")]), "1 transfer, 7.00 EUR");
        assert_eq!(
            totals(&[total(2, "7.00 EUR"), total(1000, "1234.50 USD")]),
            "2 transfers, 7.00 EUR; 1,000 transfers, 1,234.50 USD"
        );
    }
}
