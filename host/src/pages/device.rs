//! Where whoever is signed in confirms a program that shows a code.

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse as _, Response};
use maud::{Markup, html};
use serde::Deserialize;

use super::{door, layout};
use crate::error::Error;
use crate::extract::{Form, Query};
use crate::host::Host;
use crate::users::Actor;

#[derive(Deserialize)]
pub(super) struct Code {
    #[serde(default)]
    user_code: String,
}

impl Code {
    /// The page that asks for it.
    fn path(&self) -> String {
        format!("/device?user_code={}", self.user_code)
    }
}

/// The page `/device`.
pub(super) async fn form(
    State(host): State<Host>,
    headers: HeaderMap,
    Query(code): Query<Code>,
) -> Result<Response, Error> {
    match door::who(&host, &headers).await? {
        Some(by) => Ok(page(&by, &code.user_code, None).into_response()),
        None => Ok(door::to_sign_in(&code.path())),
    }
}

pub(super) async fn confirm(
    State(host): State<Host>,
    headers: HeaderMap,
    Form(code): Form<Code>,
) -> Result<Response, Error> {
    let Some(by) = door::who(&host, &headers).await? else { return Ok(door::to_sign_in(&code.path())) };
    match host.users.confirm_device(&by, &code.user_code).await {
        Ok(true) => Ok(confirmed(&by).into_response()),
        Ok(false) => {
            let page = page(&by, &code.user_code, Some("No program is waiting with this code."));
            Ok((StatusCode::NOT_FOUND, page).into_response())
        }
        Err(error) => layout::again(error, |fault| page(&by, &code.user_code, Some(fault))),
    }
}

fn page(by: &Actor, code: &str, fault: Option<&str>) -> Markup {
    let content = html! {
        h1 { "Sign in a program" }
        (layout::fault(fault))
        p { "A program shows you this code, such as " code { "chandlery host login" } ". It can do everything that you can." }
        form.card method="post" action="/device" {
            label {
                "Code" input name="user_code" value=(code) autocomplete="off" autocapitalize="characters" required;
            }
            button { "Sign it in as " (by.name()) }
        }
        p.note { "Do not confirm a code that somebody has sent you: they would be signed in as you." }
    };
    layout::page("Sign in a program", Some(by), content)
}

fn confirmed(by: &Actor) -> Markup {
    let content = html! {
        h1 { "The program is signed in" }
        p { "It goes on by itself, as " (by.name()) ". " a href="/account" { "Your account" } " shows its session, and ends it." }
    };
    layout::page("Signed in", Some(by), content)
}
