//! Where a user who was invited sets a password.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use chandlery_package::UserName;
use maud::{Markup, html};
use serde::Deserialize;

use super::{door, layout};
use crate::error::Error;
use crate::extract::{Form, Query};
use crate::host::Host;

#[derive(Deserialize)]
pub(super) struct Invitation {
    #[serde(default)]
    token: String,
}

#[derive(Deserialize)]
pub(super) struct Given {
    token: String,
    password: String,
    again: String,
}

/// The page `/set-up`.
pub(super) async fn form(
    State(host): State<Host>,
    Query(query): Query<Invitation>,
) -> Result<Response, Error> {
    match host.users.invited(&query.token).await? {
        Some(user) => Ok(page(&user, &query.token, None).into_response()),
        None => Ok(ended()),
    }
}

pub(super) async fn set_up(State(host): State<Host>, Form(given): Form<Given>) -> Result<Response, Error> {
    let Some(user) = host.users.invited(&given.token).await? else { return Ok(ended()) };
    if given.password != given.again {
        let page = page(&user, &given.token, Some("The two passwords differ."));
        return Ok((StatusCode::BAD_REQUEST, page).into_response());
    }
    match host.users.set_up(&given.token, &given.password).await {
        Ok(Some(opened)) => Ok(door::let_in(&host, opened.token, "")),
        Ok(None) => Ok(ended()),
        Err(error) => layout::again(error, |fault| page(&user, &given.token, Some(fault))),
    }
}

fn ended() -> Response {
    let content = html! {
        h1 { "This invitation is no longer valid" }
        p { "An invitation is valid for 24 hours and can be used once. Ask an admin of the host for another one." }
        p { "If your password is set already, " a href="/login" { "sign in" } "." }
    };
    (StatusCode::NOT_FOUND, layout::page("Invitation", None, content)).into_response()
}

fn page(user: &UserName, token: &str, fault: Option<&str>) -> Markup {
    let content = html! {
        h1 { "Password of " (user) }
        (layout::fault(fault))
        form.card method="post" action="/set-up" {
            input type="hidden" name="token" value=(token);
            input type="hidden" name="username" autocomplete="username" value=(user);
            label {
                "Password" input name="password" type="password" autocomplete="new-password" required autofocus;
            }
            label { "Password, again" input name="again" type="password" autocomplete="new-password" required; }
            button { "Set the password" }
        }
        p.note { "It must be hard to guess. Digits and symbols are not required." }
    };
    layout::page("Password", None, content)
}
