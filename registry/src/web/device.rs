//! Signing a program in that waits with a code: whoever is signed in compares the code, and confirms.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use chandlery_package::wire::UserCode;
use chandlery_pages::minute;
use maud::{Markup, html};
use serde::Deserialize;

use super::layout;
use crate::error::Error;
use crate::shell::{LogIn, shown_again};
use chandlery_accounts::{Account, Caller, Waiting, confirm_device, waiting_device};
use chandlery_edge::{Client, Form, Path};
use chandlery_money::Finance;

const PAGE: &str = "/device";
/// What the button sends that signs a program in.
const CONFIRM: &str = "confirm";

#[derive(Deserialize)]
pub(super) struct Given {
    #[serde(default)]
    code: String,
    #[serde(default)]
    act: String,
}

/// The page `/device`, on which a code is typed.
pub(super) async fn form(caller: Option<Account>, log_in: LogIn) -> Response {
    match caller {
        Some(caller) => typed(&caller, None).into_response(),
        None => log_in.then(PAGE),
    }
}

/// The page of a code, to which a program leads.
pub(super) async fn page(
    State(finance): State<Finance>,
    client: Client,
    caller: Option<Caller>,
    log_in: LogIn,
    Path(code): Path<String>,
) -> Result<Response, Error> {
    match (caller, code.parse::<UserCode>()) {
        (None, _) => Ok(log_in.then(PAGE)),
        (Some(caller), Ok(code)) => look(&finance, client, &caller, &code).await,
        (Some(caller), Err(error)) => Ok(unreadable(&caller, &error.to_string())),
    }
}

/// Looks at a code that was typed, or signs its program in.
pub(super) async fn act(
    State(finance): State<Finance>,
    client: Client,
    caller: Option<Caller>,
    log_in: LogIn,
    Form(given): Form<Given>,
) -> Result<Response, Error> {
    let Some(caller) = caller else { return Ok(log_in.then(PAGE)) };
    let code = match given.code.parse::<UserCode>() {
        Ok(code) => code,
        Err(error) => return Ok(unreadable(&caller, &error.to_string())),
    };
    if given.act != CONFIRM {
        return look(&finance, client, &caller, &code).await;
    }
    match confirm_device(&finance.accounts, client, &caller, &code).await {
        Ok(_) => {
            let content = html! {
                h1 { "Logged in" }
                p { "The program is logged in as " strong { (caller.name) } ". You can close this page." }
                p.note { a href="/account/sessions" { "Where you are logged in" } " shows it, and ends it." }
            };
            Ok(layout::page("Logged in", Some(&caller), content).into_response())
        }
        Err(error) => shown_again(error, |fault| typed(&caller, Some(fault))),
    }
}

async fn look(
    finance: &Finance,
    client: Client,
    caller: &Caller,
    code: &UserCode,
) -> Result<Response, Error> {
    match waiting_device(&finance.accounts, client, caller, code).await {
        Ok(waiting) => Ok(asked(caller, &waiting).into_response()),
        Err(error) => shown_again(error, |fault| typed(caller, Some(fault))),
    }
}

fn unreadable(caller: &Account, fault: &str) -> Response {
    (StatusCode::BAD_REQUEST, typed(caller, Some(fault))).into_response()
}

fn typed(caller: &Account, fault: Option<&str>) -> Markup {
    let content = html! {
        h1 { "Log a program in" }
        (chandlery_pages::fault(fault))
        form.card method="post" action=(PAGE) {
            label {
                "The code that the program shows"
                input name="code" placeholder="WDJB-MJHT" autocomplete="off" autocapitalize="characters" required autofocus;
            }
            button { "Continue" }
        }
    };
    layout::page("Log a program in", Some(caller), content)
}

fn asked(caller: &Account, waiting: &Waiting) -> Markup {
    let content = html! {
        h1 { "Log a program in" }
        p { "Does the program show this code?" }
        dl.cards {
            div.card { dt { "Code" } dd data-figure="code" { (waiting.code) } }
            div.card {
                dt { "What asks" }
                dd { @if waiting.program.is_empty() { "a program" } @else { (waiting.program) } }
                dd.note { "by its own word" }
            }
            div.card {
                dt { "Asks from" }
                dd { (waiting.address.as_deref().unwrap_or("an unknown address")) }
                dd.note { "since " (minute(waiting.asked_at)) }
            }
        }
        p { "It can then do all that " strong { (caller.name) } " may, for 90 days. If you have not started it yourself, close this page." }
        form.card method="post" action=(PAGE) {
            input type="hidden" name="code" value=(waiting.code);
            input type="hidden" name="act" value=(CONFIRM);
            button { "Log it in as " (caller.name) }
        }
    };
    layout::page("Log a program in", Some(caller), content)
}
