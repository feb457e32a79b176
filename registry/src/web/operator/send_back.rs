//! A transfer that goes back to a customer: what it is for, how far it is, and the account that it goes to.

use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use chandlery_edge::{Form, Path, Query};
use chandlery_money::{Finance, payouts, rails};
use chandlery_package::wire::{Payee, SendBack, SendBackState};
use chandlery_pages::{Field, Link, crumbs, facts, money};
use maud::{Markup, html};
use serde::Deserialize;

use super::asking::{confirm, led};
use super::send_backs::{customer, file_link, path, payee, state};
use crate::console::{self, BANK, Operator, SEND_BACKS};
use crate::error::Error;
use crate::shell::shown_again;
use crate::web::customer::frame::fault;

/// What browsers check before they send it: ISO 13616 and ISO 9362 by their form. The server checks the digits, too.
const IBAN: &str = " *[A-Za-z]{2} *[0-9] *[0-9]( *[A-Za-z0-9]){11,30} *";
const BIC: &str = " *[A-Za-z0-9]{4}[A-Za-z]{2}[A-Za-z0-9]{2}([A-Za-z0-9]{3})? *";

fn payee_path(reference: &str) -> String {
    format!("{}/payee", path(reference))
}

/// The page `/operator/send-backs/{reference}`.
pub(super) async fn page(
    State(finance): State<Finance>,
    operator: Operator,
    Path(reference): Path<String>,
) -> Result<Markup, Error> {
    let back = rails::find_send_back(&mut *finance.db.snapshot().await?, &reference).await?;
    Ok(shown(&operator, &back, back.to.as_ref(), None))
}

/// The page of a transfer. `to` is the account that its form has, `wrong` what is wrong with that.
fn shown(operator: &Operator, back: &SendBack, to: Option<&Payee>, wrong: Option<&str>) -> Markup {
    let content = html! {
        (crumbs(&[Link { path: SEND_BACKS, name: "Send-backs" }], &back.reference))
        h1 { (back.reference) }
        p.badges { (state(back.state)) }
        (fault(wrong))
        div.card { (facts(&about(back))) }
        (next(back, to))
    };
    console::page(operator, &back.reference, SEND_BACKS, &content)
}

fn about(back: &SendBack) -> Vec<(&'static str, Markup)> {
    let mut about = vec![
        ("Amount", html! { span data-figure="amount" { (money(back.amount)) } }),
        ("Customer", customer(back)),
        ("Cause", html! { (back.cause) }),
        ("Goes to", payee(back.to.as_ref())),
        ("Ledger transaction", html! { (back.transaction) }),
    ];
    if let Some(file) = back.file {
        about.push(("Bank file", file_link(file)));
    }
    if !back.returned.is_zero() {
        about.push(("Came back", html! { span data-figure="returned" { (money(back.returned)) } }));
    }
    about
}

/// What comes next, and who does it.
fn next(back: &SendBack, to: Option<&Payee>) -> Markup {
    html! {
        @match back.state {
            SendBackState::Open => {
                h2 { @if back.to.is_some() { "Send it to another account" } @else { "Say which account it goes to" } }
                (form(&back.reference, to))
            }
            SendBackState::Filed => p {
                "It has left when a line of the bank tells of it: upload the file there, and then "
                a href=(BANK) { "bring the statement" } "."
            },
            SendBackState::Left => p { "A line of the bank has told that it left. What comes back of it is the customer's credit." },
            SendBackState::Returned => p { "All of it came back, and is the customer's credit." },
        }
    }
}

fn form(reference: &str, to: Option<&Payee>) -> Markup {
    let known = |of: fn(&Payee) -> &str| to.map_or("", of);
    html! {
        form.card method="get" action=(payee_path(reference)) {
            (Field::new("holder", "Whose account it is").value(known(|to| &to.holder)).required())
            (Field::new("iban", "IBAN").value(known(|to| &to.iban)).required().pattern(IBAN)
                .hint("Two letters, two digits, and 11 to 30 letters or digits, such as DE89 3704 0044 0532 0130 00."))
            (Field::new("bic", "BIC (optional)").value(known(|to| to.bic.as_deref().unwrap_or(""))).pattern(BIC)
                .hint("8 or 11 letters and digits, such as DEUTDEFF, for a bank that is not found by the IBAN."))
            p.note { "Another account may need another operator's approval. Nothing is done before you have confirmed it." }
            button { "Continue" }
        }
    }
}

/// The account that a form is about.
#[derive(Deserialize)]
pub(super) struct Given {
    #[serde(default)]
    holder: String,
    #[serde(default)]
    iban: String,
    #[serde(default)]
    bic: String,
}

impl Given {
    fn read(&self) -> Payee {
        let iban: String = self.iban.split_whitespace().collect();
        let bic = Some(self.bic.trim().to_ascii_uppercase()).filter(|bic| !bic.is_empty());
        Payee { holder: self.holder.trim().to_owned(), iban: iban.to_ascii_uppercase(), bic }
    }
}

/// The page `/operator/send-backs/{reference}/payee`: what would be said, or what is wrong with it.
pub(super) async fn payee_page(
    State(finance): State<Finance>,
    operator: Operator,
    Path(reference): Path<String>,
    Query(given): Query<Given>,
) -> Result<Response, Error> {
    let back = rails::find_send_back(&mut *finance.db.snapshot().await?, &reference).await?;
    let to = given.read();
    match payouts::check_account(&to.holder, &to.iban, to.bic.as_deref()) {
        Ok(()) => Ok(confirmed(&operator, &back, &to).into_response()),
        Err(error) => shown_again(error, |wrong| shown(&operator, &back, Some(&to), Some(wrong))),
    }
}

/// What would be said of where a transfer goes, with the button that says it.
fn confirmed(operator: &Operator, back: &SendBack, to: &Payee) -> Markup {
    let own = path(&back.reference);
    let title = format!("Where {} goes", back.reference);
    let about = [
        ("Amount", html! { (money(back.amount)) }),
        ("Cause", html! { (back.cause) }),
        ("Goes to now", payee(back.to.as_ref())),
        ("Would go to", payee(Some(to))),
    ];
    let fields = [
        ("holder", to.holder.as_str()),
        ("iban", to.iban.as_str()),
        ("bic", to.bic.as_deref().unwrap_or("")),
    ];
    let content = html! {
        (crumbs(&[Link { path: SEND_BACKS, name: "Send-backs" }, Link { path: &own, name: &back.reference }], "Where it goes"))
        h1 { (title) }
        div.card { (facts(&about)) }
        (confirm(&payee_path(&back.reference), &fields, "Send it to this account"))
        p { a href=(own) { "Cancel" } }
    };
    console::page(operator, &title, SEND_BACKS, &content)
}

/// Says where a transfer goes, or asks others where it goes elsewhere by that.
pub(super) async fn say_where(
    State(finance): State<Finance>,
    operator: Operator,
    Path(reference): Path<String>,
    Form(given): Form<Given>,
) -> Result<Response, Error> {
    let to = given.read();
    match rails::say_where_send_back_goes(&finance, &operator, &reference, &to).await {
        Ok(said) => Ok(led(said, &path(&reference))),
        Err(error) => {
            let back = rails::find_send_back(&mut *finance.db.snapshot().await?, &reference).await?;
            shown_again(error, |wrong| shown(&operator, &back, Some(&to), Some(wrong)))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_account_is_read_however_it_is_typed() {
        let given = Given {
            holder: " Acme SA ".into(),
            iban: "de89 3704 0044 0532 0130 00".into(),
            bic: " deutdeff ".into(),
        };
        let to = given.read();
        payouts::check_account(&to.holder, &to.iban, to.bic.as_deref()).unwrap();
        assert_eq!((to.holder.as_str(), to.iban.as_str()), ("Acme SA", "DE89370400440532013000"));
        let blank = Given { holder: String::new(), iban: String::new(), bic: " ".into() };
        assert_eq!(blank.read().bic, None);
    }
}
