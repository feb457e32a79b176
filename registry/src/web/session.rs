//! Logging in and out of the pages.

use axum::extract::{Form, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse as _, Redirect, Response};
use axum_extra::extract::CookieJar;
use cookie::time::Duration;
use jiff::SignedDuration;
use maud::{Markup, html};
use serde::Deserialize;

use super::layout;
use crate::error::Error;
use chandlery_accounts::{self as accounts, Actor, Address, Credential, SessionCookie};
use chandlery_edge::{Client, Query};
use chandlery_money::Finance;

const LIFETIME_HOURS: i64 = 12;

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

pub(super) async fn form(Query(query): Query<Next>) -> Markup {
    page(&query.next, None)
}

pub(super) async fn log_in(
    State(finance): State<Finance>,
    client: Client,
    address: Address,
    Form(given): Form<Credentials>,
) -> Result<Response, Error> {
    let found = finance.accounts.by_password(client, &given.name, &given.password).await?;
    let Some((caller, mark)) = found else {
        let page = page(&given.next, Some("No account has this name and password."));
        return Ok((StatusCode::UNAUTHORIZED, page).into_response());
    };
    let lifetime = SignedDuration::from_hours(LIFETIME_HOURS);
    let actor = Actor::new(&caller.name, &Credential::Password(mark), address);
    let token = accounts::log_in(&finance.db, &actor, &caller.name, "pages", lifetime).await?;
    let cookie = cookie(finance.accounts.cookie, token, Duration::hours(LIFETIME_HOURS));
    Ok((cookie, Redirect::to(own_path(&given.next))).into_response())
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
    Ok((cookie(kept, String::new(), Duration::ZERO), Redirect::to("/login")).into_response())
}

fn cookie(kept: SessionCookie, token: String, lifetime: Duration) -> CookieJar {
    let mut cookie = kept.with(token);
    cookie.set_max_age(lifetime);
    CookieJar::new().add(cookie)
}

/// Only a path of this registry, so that a link to the log-in leads nowhere else.
fn own_path(next: &str) -> &str {
    let plain = next.bytes().all(|b| b.is_ascii_alphanumeric() || b"/-".contains(&b));
    if next.starts_with('/') && !next.starts_with("//") && plain { next } else { "/dashboard" }
}

fn page(next: &str, fault: Option<&str>) -> Markup {
    let form = html! {
        h1 { "Log in" }
        @if let Some(fault) = fault { p.fault role="alert" { (fault) } }
        form.card method="post" action="/login" {
            input type="hidden" name="next" value=(next);
            label { "Account" input name="name" autocomplete="username" required autofocus; }
            label { "Password" input name="password" type="password" autocomplete="current-password" required; }
            button { "Log in" }
        }
    };
    layout::page("Log in", None, form)
}
