//! What whoever is signed in has: roles, sessions, tokens and a password.

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse as _, Redirect, Response};
use chandlery_package::wire::host::{HostSession, HostToken, Membership};
use chandlery_pages::{Column, Field, minute, table};
use maud::{Markup, html};
use serde::Deserialize;

use super::{door, layout, values};
use crate::error::Error;
use crate::extract::Form;
use crate::host::Host;
use crate::users::Actor;

const PATH: &str = "/account";

#[derive(Deserialize)]
pub(super) struct Which {
    id: String,
}

#[derive(Deserialize)]
pub(super) struct NewPassword {
    current: String,
    password: String,
    again: String,
}

/// The page `/account`.
pub(super) async fn page(State(host): State<Host>, headers: HeaderMap) -> Result<Response, Error> {
    match door::who(&host, &headers).await? {
        Some(by) => Ok(shown(&host, &by, None).await?.into_response()),
        None => Ok(door::to_sign_in(PATH)),
    }
}

pub(super) async fn change_password(
    State(host): State<Host>,
    headers: HeaderMap,
    Form(given): Form<NewPassword>,
) -> Result<Response, Error> {
    let Some(by) = door::who(&host, &headers).await? else { return Ok(door::to_sign_in(PATH)) };
    if given.password != given.again {
        let page = shown(&host, &by, Some("The two new passwords differ.")).await?;
        return Ok((StatusCode::BAD_REQUEST, page).into_response());
    }
    match host.users.change_password(&by, &given.current, &given.password).await {
        Ok(()) => Ok(Redirect::to(PATH).into_response()),
        Err(error) => {
            let page = shown(&host, &by, Some(&error.to_string())).await?;
            layout::again(error, |_| page)
        }
    }
}

pub(super) async fn end_session(
    State(host): State<Host>,
    headers: HeaderMap,
    Form(which): Form<Which>,
) -> Result<Response, Error> {
    let Some(by) = door::who(&host, &headers).await? else { return Ok(door::to_sign_in(PATH)) };
    host.users.end_own_session(&by, &which.id).await?;
    Ok(Redirect::to(PATH).into_response())
}

pub(super) async fn end_token(
    State(host): State<Host>,
    headers: HeaderMap,
    Form(which): Form<Which>,
) -> Result<Response, Error> {
    let Some(by) = door::who(&host, &headers).await? else { return Ok(door::to_sign_in(PATH)) };
    host.users.revoke_own(&by, &which.id).await?;
    Ok(Redirect::to(PATH).into_response())
}

async fn shown(host: &Host, by: &Actor, fault: Option<&str>) -> Result<Markup, Error> {
    let sessions = host.users.sessions_of(by.name()).await?;
    let tokens = host.users.tokens_of(by.name()).await?;
    let has_password = host.users.has_password(by.name()).await?;
    let content = html! {
        h1 { (by.name()) }
        (layout::fault(fault))
        p { (by.whoami().role) " on this host" }
        @for membership in &by.whoami().teams { p { (member(membership)) } }
        h2 { "Sessions" }
        (sessions_table(&sessions, by))
        h2 { "Tokens" }
        @if tokens.is_empty() { p.note { "None: an admin of the host makes them, for programs such as CI." } }
        @else { (tokens_table(&tokens)) }
        @if has_password { (password_form()) }
    };
    Ok(layout::page("Account", Some(by), content))
}

fn member(Membership { team, role, targets }: &Membership) -> String {
    format!("{role} in team {team}, on {}", values::joined(targets))
}

fn sessions_table(sessions: &[HostSession], by: &Actor) -> Markup {
    let columns = [
        Column::Text("Since"),
        Column::Text("By"),
        Column::Text("Last used"),
        Column::Text("Until"),
        Column::Text("Revoke"),
    ];
    let row = |session: &HostSession| {
        vec![
            minute(session.opened_at),
            html! { (session.kind) ", by " (session.opened_by) },
            html! { @if let Some(at) = session.used_at { (minute(at)) } },
            minute(session.expires_at),
            html! {
                @if by.token() == Some(session.id.as_str()) { "this one" }
                @else { (end("/account/sessions", &session.id)) }
            },
        ]
    };
    let rows: Vec<Vec<Markup>> = sessions.iter().map(row).collect();
    table("Sessions", &columns, &rows)
}

fn tokens_table(tokens: &[HostToken]) -> Markup {
    let columns = [
        Column::Text("Token"),
        Column::Text("For"),
        Column::Text("Last used"),
        Column::Text("Until"),
        Column::Text("Revoke"),
    ];
    let row = |token: &HostToken| {
        let targets = token.targets.iter().map(|target| target.as_str());
        let names: Vec<&str> = targets.chain(token.deployments.iter().map(|name| name.as_str())).collect();
        vec![
            html! { code { (token.id) } " " (token.note) },
            html! {
                (token.role)
                @if let Some(team) = &token.team { " in team " (team) }
                @if !names.is_empty() { ", " (names.join(", ")) }
            },
            html! { @if let Some(at) = token.used_at { (minute(at)) } },
            minute(token.expires_at),
            end("/account/tokens", &token.id),
        ]
    };
    let rows: Vec<Vec<Markup>> = tokens.iter().map(row).collect();
    table("Tokens", &columns, &rows)
}

fn end(action: &str, id: &str) -> Markup {
    html! {
        form method="post" action=(action) {
            input type="hidden" name="id" value=(id);
            button.quiet { "End" }
        }
    }
}

fn password_form() -> Markup {
    let field = |name, label| Field::new(name, label).kind("password").required();
    html! {
        h2 { "Password" }
        form.card method="post" action="/account/password" {
            (field("current", "Current password").complete("current-password"))
            (field("password", "New password").complete("new-password"))
            (field("again", "New password, again").complete("new-password"))
            button { "Change the password" }
        }
        p.note { "All other sessions end. Tokens stay." }
    }
}
