//! A second factor, set up and removed on a page.

use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse as _, Redirect, Response};
use chandlery_package::wire::{RecoveryCodes, SecondFactor, SecondFactorRemoval, SecondFactorSecret};
use chandlery_pages::day;
use maud::{Markup, html};
use serde::Deserialize;

use super::layout;
use crate::error::Error;
use crate::shell::{LogIn, shown_again};
use chandlery_accounts::{
    Account, Caller, confirm_factor, factor_state, remove_factor, renew_recovery_codes, set_up_factor,
};
use chandlery_edge::{Client, Form};
use chandlery_money::Finance;

const PAGE: &str = "/account/second-factor";

/// What one of the page's forms sends.
#[derive(Deserialize)]
pub(super) struct Given {
    #[serde(default)]
    act: String,
    #[serde(default)]
    password: String,
    #[serde(default)]
    code: String,
}

/// The page `/account/second-factor`.
pub(super) async fn page(
    State(finance): State<Finance>,
    caller: Option<Account>,
    log_in: LogIn,
) -> Result<Response, Error> {
    let Some(caller) = caller else { return Ok(log_in.then(PAGE)) };
    let has = factor_state(&finance.db, &caller.name).await?;
    Ok(shown(&caller, &has, None).into_response())
}

pub(super) async fn act(
    State(finance): State<Finance>,
    client: Client,
    caller: Option<Caller>,
    log_in: LogIn,
    Form(given): Form<Given>,
) -> Result<Response, Error> {
    let Some(caller) = caller else { return Ok(log_in.then(PAGE)) };
    match done(&finance, client, &caller, &given).await {
        Ok(response) => Ok(response),
        Err(error) => {
            let has = factor_state(&finance.db, &caller.name).await?;
            shown_again(error, |fault| shown(&caller, &has, Some(fault)))
        }
    }
}

async fn done(
    finance: &Finance,
    client: Client,
    caller: &Caller,
    given: &Given,
) -> Result<Response, chandlery_edge::Error> {
    let accounts = &finance.accounts;
    match given.act.as_str() {
        "set-up" => {
            let secret = set_up_factor(accounts, client, caller, &given.password).await?;
            Ok(once(secret_page(caller, &secret)))
        }
        "confirm" => {
            let codes = confirm_factor(accounts, client, caller, &given.code).await?;
            Ok(once(codes_page(caller, &codes)))
        }
        "codes" => {
            let codes = renew_recovery_codes(accounts, client, caller, &given.code).await?;
            Ok(once(codes_page(caller, &codes)))
        }
        "remove" => {
            let shown = SecondFactorRemoval { password: given.password.clone(), code: given.code.clone() };
            remove_factor(accounts, client, caller, &shown).await?;
            Ok(Redirect::to(PAGE).into_response())
        }
        other => Err(chandlery_edge::Error::Invalid(format!("'{other}' is nothing that this page does"))),
    }
}

/// What is shown once is kept in no cache.
fn once(page: Markup) -> Response {
    ([(header::CACHE_CONTROL, "no-store")], page).into_response()
}

fn shown(caller: &Account, has: &SecondFactor, fault: Option<&str>) -> Markup {
    let content = html! {
        h1 { "Second factor of " (caller.name) }
        (chandlery_pages::fault(fault))
        @match has.since {
            Some(since) => {
                p {
                    "A log-in needs a code since " (day(since)) "; "
                    (has.recovery_codes) " recovery codes are left."
                }
                h2 { "New recovery codes" }
                form.card method="post" action=(PAGE) {
                    input type="hidden" name="act" value="codes";
                    (code_input())
                    button { "Create new codes" }
                }
                h2 { "Remove it" }
                form.card method="post" action=(PAGE) {
                    input type="hidden" name="act" value="remove";
                    (password_input())
                    (code_input())
                    button { "Remove the second factor" }
                }
            }
            None => {
                p { "With a second factor, a log-in needs the password and a code that an authenticator on your phone shows." }
                form.card method="post" action=(PAGE) {
                    input type="hidden" name="act" value="set-up";
                    (password_input())
                    button { "Set up a second factor" }
                }
                h2 { "Continue" }
                p.note { "Your authenticator has the secret already: enter its first code." }
                (confirm_form())
            }
        }
    };
    layout::page("Second factor", Some(caller), content)
}

fn secret_page(caller: &Account, made: &SecondFactorSecret) -> Markup {
    let content = html! {
        h1 { "Second factor of " (caller.name) }
        p { "Enter this secret in your authenticator, or open the link on its device: " a href=(made.uri) { "add it" } "." }
        p { code { (groups(&made.secret)) } }
        (confirm_form())
    };
    layout::page("Second factor", Some(caller), content)
}

fn codes_page(caller: &Account, made: &RecoveryCodes) -> Markup {
    let content = html! {
        h1 { "Recovery codes of " (caller.name) }
        p { "Each replaces a code of your authenticator once. Keep them in a safe place: they are not shown again." }
        div.card { @for code in &made.codes { div { code { (code) } } } }
        p { a href=(PAGE) { "I have kept them" } }
    };
    layout::page("Recovery codes", Some(caller), content)
}

fn confirm_form() -> Markup {
    html! {
        form.card method="post" action=(PAGE) {
            input type="hidden" name="act" value="confirm";
            (code_input())
            button { "Confirm" }
        }
    }
}

fn code_input() -> Markup {
    html! { label { "Code" input name="code" autocomplete="one-time-code" required; } }
}

fn password_input() -> Markup {
    html! {
        label { "Password" input name="password" type="password" autocomplete="current-password" required; }
    }
}

/// A secret as it is typed: in groups of four.
fn groups(secret: &str) -> String {
    let letters: Vec<char> = secret.chars().collect();
    letters.chunks(4).map(|group| group.iter().collect::<String>()).collect::<Vec<_>>().join(" ")
}
