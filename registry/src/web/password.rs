//! Another password, set on a page.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Redirect, Response};
use chandlery_package::wire::PasswordChange;
use maud::{Markup, html};
use serde::Deserialize;

use super::layout;
use crate::error::Error;
use crate::shell::{LogIn, shown_again};
use chandlery_accounts::{Account, Caller, change_password};
use chandlery_edge::{Client, Form};
use chandlery_money::Finance;

const PAGE: &str = "/account/password";

#[derive(Deserialize)]
pub(super) struct Given {
    current: String,
    password: String,
    again: String,
}

/// The page `/account/password`.
pub(super) async fn form(caller: Option<Account>, log_in: LogIn) -> Response {
    match caller {
        Some(caller) => page(&caller, None).into_response(),
        None => log_in.then(PAGE),
    }
}

pub(super) async fn change(
    State(finance): State<Finance>,
    client: Client,
    caller: Option<Caller>,
    log_in: LogIn,
    Form(given): Form<Given>,
) -> Result<Response, Error> {
    let Some(caller) = caller else { return Ok(log_in.then(PAGE)) };
    if given.password != given.again {
        let page = page(&caller, Some("The two new passwords differ."));
        return Ok((StatusCode::BAD_REQUEST, page).into_response());
    }
    let new = PasswordChange { current: given.current, password: given.password, end_all_tokens: false };
    let changed = change_password(&finance.accounts, client, &caller, &new).await;
    let Err(error) = changed else { return Ok(Redirect::to("/account").into_response()) };
    shown_again(error, |fault| page(&caller, Some(fault)))
}

fn page(caller: &Account, fault: Option<&str>) -> Markup {
    let form = html! {
        h1 { "Password of " (caller.name) }
        (chandlery_pages::fault(fault))
        form.card method="post" action="/account/password" {
            label {
                "Current password"
                input name="current" type="password" autocomplete="current-password" required autofocus;
            }
            label { "New password" input name="password" type="password" autocomplete="new-password" required; }
            label {
                "New password, again" input name="again" type="password" autocomplete="new-password" required;
            }
            button { "Change the password" }
        }
        p.note { "Whoever else is logged in with the current password is logged out. Tokens that were made for machines stay." }
    };
    layout::page("Password", Some(caller), form)
}
