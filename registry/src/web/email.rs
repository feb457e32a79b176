//! Where an account is written to, set and verified on pages.

use axum::extract::State;
use axum::response::{IntoResponse as _, Redirect, Response};
use chandlery_package::wire::{AccountProfile, EmailAddress, EmailChange};
use chandlery_pages::minute;
use maud::{Markup, html};
use serde::Deserialize;

use super::layout;
use crate::error::Error;
use crate::shell::{LogIn, shown_again};
use chandlery_accounts::{Account, Address, Caller, change_email, profile, verify_email};
use chandlery_edge::{Client, Form, Query};
use chandlery_money::Finance;

const PAGE: &str = "/account/email";

#[derive(Deserialize)]
pub(super) struct Change {
    #[serde(default)]
    email: String,
    #[serde(default)]
    password: String,
}

#[derive(Deserialize)]
pub(super) struct Token {
    #[serde(default)]
    token: String,
}

/// The page `/account/email`.
pub(super) async fn form(
    State(finance): State<Finance>,
    caller: Option<Account>,
    log_in: LogIn,
) -> Result<Response, Error> {
    let Some(caller) = caller else { return Ok(log_in.then(PAGE)) };
    let has = profile(&finance.db, &caller.name).await?;
    Ok(page(&caller, &has, finance.mail.is_some(), "", None).into_response())
}

pub(super) async fn change(
    State(finance): State<Finance>,
    client: Client,
    caller: Option<Caller>,
    log_in: LogIn,
    Form(given): Form<Change>,
) -> Result<Response, Error> {
    let Some(caller) = caller else { return Ok(log_in.then(PAGE)) };
    let Change { email: typed, password } = given;
    let asked = match typed.trim().parse::<EmailAddress>() {
        Ok(email) => {
            let change = EmailChange { email, password };
            change_email(&finance.accounts, client, &caller, &change).await
        }
        Err(error) => Err(chandlery_edge::Error::Invalid(error.to_string())),
    };
    let Err(error) = asked else { return Ok(Redirect::to("/account/email").into_response()) };
    let has = profile(&finance.db, &caller.name).await?;
    shown_again(error, |fault| page(&caller, &has, finance.mail.is_some(), &typed, Some(fault)))
}

/// The page `/account/email/verification`, to which a letter leads. Opening it changes nothing: programs follow links in mail, too.
pub(super) async fn verification(caller: Option<Account>, Query(given): Query<Token>) -> Markup {
    token_page(caller.as_ref(), &given.token, None)
}

pub(super) async fn verify(
    State(finance): State<Finance>,
    client: Client,
    address: Address,
    caller: Option<Account>,
    Form(given): Form<Token>,
) -> Result<Response, Error> {
    match verify_email(&finance.accounts, client, address, given.token.trim()).await {
        Ok(verified) => {
            let content = html! {
                h1 { "Verified" }
                p { "The account " strong { (verified.account) } " is written to at " (verified.email) " from now on." }
                p { a href="/welcome" { "The next step" } }
            };
            Ok(layout::page("Verified", caller.as_ref(), content).into_response())
        }
        Err(error) => shown_again(error, |fault| token_page(caller.as_ref(), &given.token, Some(fault))),
    }
}

fn page(
    caller: &Account,
    has: &AccountProfile,
    sends_letters: bool,
    typed: &str,
    fault: Option<&str>,
) -> Markup {
    let content = html! {
        h1 { "E-mail of " (caller.name) }
        (chandlery_pages::fault(fault))
        p {
            @match &has.email {
                Some(email) => { "Verified: " strong { (email) } }
                None => "No address was verified: nobody can be sent a token that sets another password.",
            }
        }
        @match &has.pending_email {
            Some(pending) if sends_letters => p {
                "A token was sent to " strong { (pending.email) } ", which ends on "
                (minute(pending.expires_at)) ". "
                a href="/account/email/verification" { "Verify it" }
            },
            Some(pending) => p { "Not verified: " strong { (pending.email) } },
            None => {}
        }
        @if !sends_letters {
            p.note { "This registry sends no e-mail: no address can be verified until its operator names a mail server." }
        }
        form.card method="post" action="/account/email" {
            label { "Another address" input name="email" type="email" value=(typed) autocomplete="email" required; }
            label {
                "Password"
                input name="password" type="password" autocomplete="current-password" required;
            }
            button { "Send a token to this address" }
        }
    };
    layout::page("E-mail", Some(caller), content)
}

fn token_page(caller: Option<&Account>, token: &str, fault: Option<&str>) -> Markup {
    let content = html! {
        h1 { "Verify an e-mail address" }
        (chandlery_pages::fault(fault))
        form.card method="post" action="/account/email/verification" {
            label { "The token from the e-mail" input name="token" value=(token) autocomplete="off" required; }
            button { "Verify" }
        }
    };
    layout::page("Verify", caller, content)
}
