//! A transfer that goes back to a customer: what it is for, how far it is, and the account that it goes to.

use axum::extract::{Form, State};
use axum::response::Response;
use chandlery_edge::{Path, Query};
use chandlery_money::{Finance, rails};
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
    Ok(shown(&operator, &back, None))
}

fn shown(operator: &Operator, back: &SendBack, wrong: Option<&str>) -> Markup {
    let content = html! {
        (crumbs(&[Link { path: SEND_BACKS, name: "Send-backs" }], &back.reference))
        h1 { (back.reference) }
        p.badges { (state(back.state)) }
        (fault(wrong))
        div.card { (facts(&about(back))) }
        (next(back))
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
fn next(back: &SendBack) -> Markup {
    html! {
        @match back.state {
            SendBackState::Open => {
                h2 { @if back.to.is_some() { "Let it go elsewhere" } @else { "Say where it goes" } }
                (form(back))
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

fn form(back: &SendBack) -> Markup {
    let known = |of: fn(&Payee) -> &str| back.to.as_ref().map_or("", of);
    html! {
        form.card method="get" action=(payee_path(&back.reference)) {
            (Field::new("holder", "Whose account it is").value(known(|to| &to.holder)).required())
            (Field::new("iban", "IBAN").value(known(|to| &to.iban)).required())
            (Field::new("bic", "BIC").value(known(|to| to.bic.as_deref().unwrap_or("")))
                .hint("Where the bank does not find it by the IBAN."))
            p.note { "Another account may need another operator's approval. Nothing is done before you have confirmed it." }
            button { "Go on" }
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
        let iban = self.iban.split_whitespace().collect();
        let bic = Some(self.bic.trim().to_owned()).filter(|bic| !bic.is_empty());
        Payee { holder: self.holder.trim().to_owned(), iban, bic }
    }
}

/// The page `/operator/send-backs/{reference}/payee`: what would be said.
pub(super) async fn payee_page(
    State(finance): State<Finance>,
    operator: Operator,
    Path(reference): Path<String>,
    Query(given): Query<Given>,
) -> Result<Markup, Error> {
    let back = rails::find_send_back(&mut *finance.db.snapshot().await?, &reference).await?;
    let (own, to) = (path(&back.reference), given.read());
    let title = format!("Where {} goes", back.reference);
    let about = [
        ("Amount", html! { (money(back.amount)) }),
        ("Cause", html! { (back.cause) }),
        ("Goes to now", payee(back.to.as_ref())),
        ("Would go to", payee(Some(&to))),
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
        (confirm(&payee_path(&back.reference), &fields, "Send it there"))
        p { a href=(own) { "Not so" } }
    };
    Ok(console::page(&operator, &title, SEND_BACKS, &content))
}

/// Says where a transfer goes, or asks others where it goes elsewhere by that.
pub(super) async fn say_where(
    State(finance): State<Finance>,
    operator: Operator,
    Path(reference): Path<String>,
    Form(given): Form<Given>,
) -> Result<Response, Error> {
    match rails::say_where_send_back_goes(&finance, &operator, &reference, &given.read()).await {
        Ok(said) => Ok(led(said, &path(&reference))),
        Err(error) => {
            let back = rails::find_send_back(&mut *finance.db.snapshot().await?, &reference).await?;
            shown_again(error, |wrong| shown(&operator, &back, Some(wrong)))
        }
    }
}
