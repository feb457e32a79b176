//! Signing in and out.

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse as _, Response};
use maud::{Markup, html};
use serde::Deserialize;

use super::{door, layout};
use crate::error::Error;
use crate::extract::{Form, Query};
use crate::host::Host;
use crate::users::FIRST_ADMIN;

#[derive(Deserialize)]
pub(super) struct Next {
    #[serde(default)]
    pub(super) next: String,
}

#[derive(Deserialize)]
pub(super) struct Credentials {
    name: String,
    password: String,
    #[serde(default)]
    next: String,
}

/// The page `/login`.
pub(super) async fn form(State(host): State<Host>, Query(query): Query<Next>) -> Markup {
    page(&host, &query.next, None)
}

pub(super) async fn sign_in(
    State(host): State<Host>,
    Form(given): Form<Credentials>,
) -> Result<Response, Error> {
    match host.users.sign_in(given.name.trim(), given.password.trim_end_matches(['\r', '\n'])).await {
        Ok(Some(opened)) => Ok(door::let_in(&host, opened.token, &given.next)),
        Ok(None) => {
            let page = page(&host, &given.next, Some("No user has this name and password."));
            Ok((StatusCode::UNAUTHORIZED, page).into_response())
        }
        Err(error) => layout::again(error, |fault| page(&host, &given.next, Some(fault))),
    }
}

pub(super) async fn sign_out(State(host): State<Host>, headers: HeaderMap) -> Result<Response, Error> {
    if let Some(by) = door::who(&host, &headers).await? {
        host.users.end_own_session(&by, by.token().unwrap_or_default()).await?;
    }
    Ok(door::let_out(&host))
}

/// The page where one signs in, and what was wrong.
pub(super) fn page(host: &Host, next: &str, fault: Option<&str>) -> Markup {
    let settings = &host.users.settings;
    let own = html! {
        form.card method="post" action="/login" {
            input type="hidden" name="next" value=(next);
            label { "User" input name="name" autocomplete="username" required autofocus; }
            label { "Password" input name="password" type="password" autocomplete="current-password" required; }
            button { "Sign in" }
        }
        p.note { "The first admin is " code { (FIRST_ADMIN) } ", with the text in the host's file " code { "host.token" } " as the password." }
    };
    let content = html! {
        h1 { "Sign in" }
        (layout::fault(fault))
        @if let Some(provider) = &settings.provider {
            p { a.button href=(format!("/login/sso?next={next}")) { "Sign in at " (provider.issuer) } }
        }
        @if settings.provider_only {
            details { summary { "The first admin" } (own) }
        } @else {
            (own)
        }
    };
    layout::page("Sign in", None, content)
}
