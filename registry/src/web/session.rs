//! Logging in and out of the pages.

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse as _, Redirect, Response};
use chandlery_package::Namespace;
use chandlery_package::problem::Explain as _;
use chandlery_package::wire::{LogInBy, SecondFactorLogin};
use jiff::SignedDuration;
use maud::{Markup, html};
use serde::Deserialize;

use super::{layout, passkeys};
use crate::error::Error;
use crate::shell::{scripted, shown_again};
use chandlery_accounts::{self as accounts, Actor, Address, Credential, PAGES, SESSION_HOURS, SessionCookie};
use chandlery_edge::{Client, Form, Query};
use chandlery_money::Finance;

/// How long a session of the pages lasts.
pub(super) const LIFETIME: SignedDuration = SignedDuration::from_hours(SESSION_HOURS);

/// The longest path that one goes to after a log-in, in bytes: it is kept while a browser is away.
const NEXT_BYTES_MAX: usize = 500;

#[derive(Deserialize)]
pub(super) struct Next {
    #[serde(default)]
    next: String,
}

#[derive(Deserialize)]
pub(super) struct Credentials {
    name: String,
    password: String,
    #[serde(default)]
    next: String,
}

#[derive(Deserialize)]
pub(super) struct Code {
    challenge: String,
    code: String,
    #[serde(default)]
    next: String,
}

pub(super) async fn form(State(finance): State<Finance>, Query(query): Query<Next>) -> Response {
    page(&finance, &query.next, None)
}

pub(super) async fn log_in(
    State(finance): State<Finance>,
    client: Client,
    address: Address,
    Form(given): Form<Credentials>,
) -> Result<Response, Error> {
    let found = finance.accounts.by_password(client, &given.name, &given.password).await?;
    let Some((caller, mark)) = found else {
        let page = page(&finance, &given.next, Some("No account has this name and password."));
        return Ok((StatusCode::UNAUTHORIZED, page).into_response());
    };
    if let Some(owed) = accounts::code_owed(&finance.accounts, &caller.name, &mark).await? {
        return Ok(code_page(&owed.challenge, &given.next, None).into_response());
    }
    begin(&finance, address, (&caller.name, mark), LogInBy::Password, &given.next).await
}

/// Goes on with a log-in by a code of the second factor.
pub(super) async fn go_on(
    State(finance): State<Finance>,
    client: Client,
    address: Address,
    Form(given): Form<Code>,
) -> Result<Response, Error> {
    let answer = SecondFactorLogin { challenge: given.challenge, code: given.code };
    let error = match accounts::answer_challenge(&finance.accounts, client, &answer).await {
        Ok((caller, mark, by)) => {
            return begin(&finance, address, (&caller.name, mark), by, &given.next).await;
        }
        Err(error) => error,
    };
    if matches!(error, accounts::Error::NotFound(_)) {
        // The challenge has ended.
        let page = page(&finance, &given.next, Some("That took too long: log in again."));
        return Ok((StatusCode::NOT_FOUND, page).into_response());
    }
    shown_again(error, |fault| code_page(&answer.challenge, &given.next, Some(fault)))
}

/// Begins the session of a log-in that has shown all that it owes: the account's name and its password's mark, and a code or none.
async fn begin(
    finance: &Finance,
    address: Address,
    (account, mark): (&Namespace, String),
    by: LogInBy,
    next: &str,
) -> Result<Response, Error> {
    let actor = Actor::new(account, &Credential::Password(mark.clone()), address);
    let opened =
        accounts::log_in(&finance.db, &actor, (account, Some(mark.as_str())), PAGES, LIFETIME, by).await;
    match opened {
        Ok(token) => Ok(enter(finance.accounts.cookie, token, own_path(next))),
        Err(error) => not_logged_in(error),
    }
}

/// Sends whoever has this token of a session on to a page.
pub(super) fn enter(kept: SessionCookie, token: String, path: &str) -> Response {
    (kept.begin(token), Redirect::to(path)).into_response()
}

pub(super) async fn log_out(
    State(finance): State<Finance>,
    address: Address,
    headers: HeaderMap,
) -> Result<Response, Error> {
    let kept = finance.accounts.cookie;
    if let Some(token) = kept.read(&headers) {
        accounts::log_out(&finance.db, &token, address).await?;
    }
    Ok((kept.end(), Redirect::to("/login")).into_response())
}

/// Only a path of this registry with its query, so that a link to the log-in leads nowhere else.
pub(super) fn own_path(next: &str) -> &str {
    let is_plain = next.bytes().all(|b| b.is_ascii_alphanumeric() || b"/-?=&_.:~+%".contains(&b));
    let is_own = next.starts_with('/') && !next.starts_with("//") && next.len() <= NEXT_BYTES_MAX;
    if is_own && is_plain { next } else { "/account" }
}

fn page(finance: &Finance, next: &str, fault: Option<&str>) -> Response {
    let site = finance.accounts.passkey_site();
    let form = html! {
        h1 { "Log in" }
        (chandlery_pages::fault(fault))
        form.card method="post" action="/login" {
            input type="hidden" name="next" value=(next);
            label { "Account" input name="name" autocomplete="username" required autofocus; }
            label { "Password" input name="password" type="password" autocomplete="current-password" required; }
            button { "Log in" }
        }
        (passkeys::sign_in_form(site, own_path(next)))
        h2 { "Single sign-on" }
        form.card method="get" action="/login/sso" {
            input type="hidden" name="next" value=(next);
            label { "Your e-mail address at your organisation" input name="email" type="email" autocomplete="email" required; }
            button { "Log in with your organisation" }
        }
        p { "No account yet? " a href="/register" { "Sign up" } "." }
    };
    let page = layout::page("Log in", None, form);
    match site {
        Some(_) => scripted(page),
        None => page.into_response(),
    }
}

/// The page that says why nobody was logged in; what the registry itself is at fault for is an error.
pub(super) fn not_logged_in(error: accounts::Error) -> Result<Response, Error> {
    let problem = error.problem();
    match StatusCode::from_u16(problem.status) {
        Ok(status) if status.is_client_error() => Ok((status, refused(&problem.in_words())).into_response()),
        _ => Err(error.into()),
    }
}

/// Says why nobody is logged in.
pub(super) fn refused(fault: &str) -> Markup {
    let content = html! {
        h1 { "Not logged in" }
        (chandlery_pages::fault(Some(fault)))
        p { a href="/login" { "Log in" } }
    };
    layout::page("Log in", None, content)
}

fn code_page(challenge: &str, next: &str, fault: Option<&str>) -> Markup {
    let form = html! {
        h1 { "Log in: second factor" }
        (chandlery_pages::fault(fault))
        form.card method="post" action="/login/code" {
            input type="hidden" name="next" value=(next);
            input type="hidden" name="challenge" value=(challenge);
            label {
                "Code of your authenticator, or a recovery code"
                input name="code" autocomplete="one-time-code" required autofocus;
            }
            button { "Log in" }
        }
    };
    layout::page("Log in", None, form)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_log_in_leads_to_a_page_of_this_registry() {
        for next in
            ["/account", "/checkout/plugins/acme/x?referrer=bob&coupon=SPRING_1", "/service-orders/PO%2012"]
        {
            assert_eq!(own_path(next), next);
        }
        let long = format!("/{}", "a".repeat(NEXT_BYTES_MAX));
        for next in [
            "",
            "account",
            "//evil.example",
            "https://evil.example",
            "/\\evil.example",
            "/a\r\nx: y",
            "/a;b",
            long.as_str(),
        ] {
            assert_eq!(own_path(next), "/account", "{next}");
        }
    }
}
