//! Where an account is logged in, shown and ended on a page.

use axum::extract::State;
use axum::response::{IntoResponse as _, Redirect, Response};
use chandlery_package::wire::{Page, Paging, Session};
use chandlery_pages::{Column, minute, table};
use maud::{Markup, html};
use serde::Deserialize;

use super::layout;
use crate::error::Error;
use crate::shell::LogIn;
use chandlery_accounts::{Account, Caller, end_others, end_session, list_sessions};
use chandlery_edge::{Form, Query};
use chandlery_money::Finance;
use jiff::Timestamp;

const PAGE: &str = "/account/sessions";
/// What stands for every session but the one that asks.
const OTHERS: &str = "all";

#[derive(Deserialize)]
pub(super) struct Which {
    #[serde(default)]
    id: String,
}

/// The page `/account/sessions`.
pub(super) async fn page(
    State(finance): State<Finance>,
    caller: Option<Caller>,
    log_in: LogIn,
    Query(paging): Query<Paging<(Timestamp, String)>>,
) -> Result<Response, Error> {
    let Some(caller) = caller else { return Ok(log_in.then(PAGE)) };
    let sessions = list_sessions(&finance.accounts, &caller, &paging).await?;
    Ok(shown(&caller, &sessions).into_response())
}

pub(super) async fn end(
    State(finance): State<Finance>,
    caller: Option<Caller>,
    log_in: LogIn,
    Form(which): Form<Which>,
) -> Result<Response, Error> {
    let Some(caller) = caller else { return Ok(log_in.then(PAGE)) };
    match which.id.as_str() {
        OTHERS => {
            end_others(&finance.accounts, &caller).await?;
        }
        id => end_session(&finance.accounts, &caller, id).await?,
    }
    Ok(Redirect::to(PAGE).into_response())
}

fn shown(caller: &Account, sessions: &Page<Session>) -> Markup {
    let columns = ["Since", "By", "For", "Last used", "From", "Until", ""].map(Column::Text);
    let rows: Vec<Vec<Markup>> = sessions.items.iter().map(row).collect();
    let content = html! {
        h1 { "Where " (caller.name) " is logged in" }
        (table("Sessions", &columns, &rows))
        (layout::next_page(PAGE, sessions.next.as_deref()))
        form method="post" action=(PAGE) {
            input type="hidden" name="id" value=(OTHERS);
            p { button { "End all but this one" } }
        }
        p.note { "Tokens that were made for machines stay: " a href="/account/tokens" { "they are on a page of their own" } "." }
    };
    layout::page("Sessions", Some(caller), content)
}

fn row(session: &Session) -> Vec<Markup> {
    vec![
        minute(session.created_at),
        html! { (session.opened_by) ", " (session.note) },
        html! { @match &session.acts_for { Some(organisation) => (organisation), None => "itself" } },
        html! { @if let Some(at) = session.used_at { (minute(at)) } },
        html! { (session.address.as_deref().unwrap_or_default()) },
        minute(session.expires_at),
        html! {
            @if session.current { "this one" } @else {
                form method="post" action=(PAGE) {
                    input type="hidden" name="id" value=(session.id);
                    button.quiet { "End" }
                }
            }
        },
    ]
}
