//! A line of the bank's statement: what it says, where its parts went, what it may be for, and the form that says what it is for.

use axum::extract::State;
use chandlery_edge::Query;
use chandlery_money::Finance;
use chandlery_money::rails::{self, BankPart};
use chandlery_package::wire::{BankLine, NewAllotment, Suggestion};
use chandlery_package::{Money, Namespace};
use chandlery_pages::{Column, Link, crumbs, facts, minute, money, table};
use maud::{Markup, html};
use serde::Deserialize;

use super::parts::{Offered, address, in_words, rows, written};
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
    if asked.id.is_empty() {
        return Err(Error::invalid("no bank line is named: choose one on the page Bank"));
    }
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
        h2 { "Say what it is for" }
        (said(line, parts))
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
        Column::Text("What"),
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

/// What can still be said of a line, or why there is nothing.
fn said(line: &BankLine, parts: &[BankPart]) -> Markup {
    let credit = credit(parts);
    html! {
        @match (line.amount, line.open, credit) {
            (None, ..) => p { "It is of a currency that the books do not have: book it where you keep that currency." },
            (Some(_), Some(open), _) => (form(line, &Offered::of_open(open))),
            (Some(_), None, Some((customer, credit))) => {
                p {
                    "All of it is where it belongs. What is credit of " a href=(super::customers::path(customer)) { (customer) }
                    " can be sent back, as far as it was not used."
                }
                (form(line, &Offered::of_credit(credit)))
            }
            (Some(_), None, None) => p { "All of it is where it belongs: nothing is left to be said." },
        }
    }
}

/// Whose credit of a line there is, the first of them, and how much was kept for it.
fn credit(parts: &[BankPart]) -> Option<(&Namespace, Money)> {
    let customer = parts.iter().find_map(|part| part.credit_of.as_ref())?;
    let mut kept =
        parts.iter().filter(|part| part.credit_of.as_ref() == Some(customer)).map(|part| part.amount);
    let first = kept.next()?;
    let sum = kept.try_fold(first, Money::plus).ok()?;
    sum.is_positive().then_some((customer, sum))
}

fn form(line: &BankLine, offered: &Offered) -> Markup {
    html! {
        form.card.wide method="get" action=(ALLOTMENT) {
            input type="hidden" name="line" value=(line.id);
            p.note {
                "One part or several, which together are at most what is open. Amounts are above zero, as in "
                code { "99.00 USD" } ". Nothing is done before you have confirmed it."
            }
            (rows(offered))
            div { button { "Continue" } }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_credit_is_what_was_kept_less_what_was_taken_back() {
        let part = |amount: &str, customer: Option<&str>| BankPart {
            amount: format!("{amount} USD").parse().unwrap(),
            target: String::new(),
            credit_of: customer.map(|name| name.parse().unwrap()),
            at: jiff::Timestamp::UNIX_EPOCH,
        };
        let kept = part("20.00", Some("globex"));
        assert_eq!(credit(&[part("7.00", None)]), None);
        let both = [part("7.00", None), kept.clone(), part("-5.00", Some("globex"))];
        let found = credit(&both).map(|(customer, sum)| (customer.as_str(), sum.to_string()));
        assert_eq!(found, Some(("globex", "15.00 USD".to_owned())));
        assert_eq!(credit(&[kept, part("-20.00", Some("globex"))]), None);
    }
}
