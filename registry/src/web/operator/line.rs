//! A line of the bank's statement: what it says, where its parts went, what it may be for, and the form that says what it is for.

use axum::extract::State;
use chandlery_edge::Query;
use chandlery_money::Finance;
use chandlery_money::rails::{self, BankPart};
use chandlery_package::wire::{BankLine, NewAllotment, Suggestion};
use chandlery_pages::{Column, Link, crumbs, facts, minute, money, table};
use maud::{Markup, html};
use serde::Deserialize;

use super::parts::{address, in_words, rows, written};
use super::send_backs;
use crate::console::{self, BANK, Operator};
use crate::error::Error;
use crate::web::customer::frame::fault;

/// Where a line's page is.
const PAGE: &str = "/operator/bank/line";
/// Where it is confirmed and said what a line is for.
pub(super) const ALLOTMENT: &str = "/operator/bank/allotment";

/// The line that is asked for.
#[derive(Deserialize)]
pub(super) struct Asked {
    #[serde(default)]
    id: String,
}

/// The address of a line's page.
pub(super) fn path(id: &str) -> String {
    address(PAGE, &[("id".into(), id.into())])
}

/// The page `/operator/bank/line`.
pub(super) async fn page(
    State(finance): State<Finance>,
    operator: Operator,
    Query(asked): Query<Asked>,
) -> Result<Markup, Error> {
    let (line, parts) = rails::find_line(&mut *finance.db.snapshot().await?, &asked.id).await?;
    Ok(shown(&operator, &line, &parts, None))
}

/// The page of a line, with what was wrong with what was said of it.
pub(super) fn shown(operator: &Operator, line: &BankLine, parts: &[BankPart], wrong: Option<&str>) -> Markup {
    let title = format!("Bank line {}", line.id);
    let content = html! {
        (crumbs(&[Link { path: BANK, name: "Bank" }], &line.id))
        h1 { (title) }
        (fault(wrong))
        div.card { (facts(&about(line))) }
        @if !parts.is_empty() { h2 { "Where its parts went" } (went(parts)) }
        @if !line.suggestions.is_empty() { h2 { "What it may be for" } (suggested(line)) }
        @if line.amount.is_some() { h2 { "Say what it is for" } (form(line)) }
    };
    console::page(operator, &title, BANK, &content)
}

/// What a line says, and how it stands.
pub(super) fn about(line: &BankLine) -> Vec<(&'static str, Markup)> {
    let mut about = vec![
        ("Account", html! { (line.account) }),
        ("Day", html! { @match line.day { Some(day) => (day), None => "the bank does not say it" } }),
        ("Text", html! { (line.text) }),
        (
            "Amount",
            html! { @match line.amount { Some(amount) => (money(amount)), None => "of a currency that the books do not have" } },
        ),
        (
            "Open",
            html! { span data-figure="open" { @match line.open { Some(open) => (money(open)), None => "nothing" } } },
        ),
        ("What became of it", html! { span data-figure="outcome" { (line.outcome) } }),
    ];
    if let Some(iban) = &line.other_iban {
        about.push(("From or to", html! { code { (iban) } }));
    }
    about
}

fn went(parts: &[BankPart]) -> Markup {
    let columns = [Column::Text("When"), Column::Text("What"), Column::Number("Amount")];
    let row = |part: &BankPart| {
        let what = html! {
            @match rails::send_back_named(&part.target) {
                Some(reference) => a href=(send_backs::path(reference)) { (part.target) },
                None => (part.target),
            }
        };
        vec![minute(part.at), what, html! { (money(part.amount)) }]
    };
    table("Where its parts went", &columns, &parts.iter().map(row).collect::<Vec<_>>())
}

fn suggested(line: &BankLine) -> Markup {
    let columns = [
        Column::Text("It"),
        Column::Text("What speaks for it"),
        Column::Text("Do"),
        Column::Number("Amount"),
    ];
    let row = |suggestion: &Suggestion| {
        let (what, amount) = in_words(&suggestion.to);
        let new = NewAllotment { line: line.id.clone(), to: vec![suggestion.to.clone()] };
        vec![
            html! { (what) },
            html! { (suggestion.why) },
            html! { a href=(address(ALLOTMENT, &fields(&new))) aria-label=(format!("This is it: {what}")) { "This is it" } },
            html! { (amount) },
        ]
    };
    table("What it may be for", &columns, &line.suggestions.iter().map(row).collect::<Vec<_>>())
}

/// What a form sends of what a line is said to be for.
pub(super) fn fields(new: &NewAllotment) -> Vec<(String, String)> {
    let mut fields = vec![("line".to_owned(), new.line.clone())];
    fields.extend(written(&new.to));
    fields
}

fn form(line: &BankLine) -> Markup {
    html! {
        form.card.wide method="get" action=(ALLOTMENT) {
            input type="hidden" name="line" value=(line.id);
            p.note {
                "One part or several, which together are at most what is open. Amounts are above zero, as in "
                code { "99.00 USD" } ". Nothing is done before you have confirmed it."
            }
            (rows(line.open))
            div { button { "Go on" } }
        }
    }
}
