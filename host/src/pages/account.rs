//! What whoever is signed in has: roles, sessions, tokens and a password.

use axum::extract::{Form, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse as _, Redirect, Response};
use chandlery_package::wire::host::{HostSession, HostToken, Membership};
use maud::{Markup, html};
use serde::Deserialize;

use super::{door, layout};
use crate::error::Error;
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
        div.card.scroll {
            table {
                thead { tr { th { "Since" } th { "By" } th { "Last used" } th { "Until" } th { } } }
                tbody { @for session in &sessions { (session_row(session, by)) } }
            }
        }
        h2 { "Tokens" }
        @if tokens.is_empty() { p.note { "None: an admin of the host makes them, for programs such as CI." } }
        @else {
            div.card.scroll {
                table {
                    thead { tr { th { "Token" } th { "For" } th { "Last used" } th { "Until" } th { } } }
                    tbody { @for token in &tokens { (token_row(token)) } }
                }
            }
        }
        @if has_password { (password_form()) }
    };
    Ok(layout::page("Account", Some(by), content))
}

fn member(Membership { team, role, targets }: &Membership) -> String {
    let targets: Vec<&str> = targets.iter().map(|target| target.as_str()).collect();
    format!("{role} in team {team}, on {}", targets.join(", "))
}

fn session_row(session: &HostSession, by: &Actor) -> Markup {
    html! {
        tr {
            td { (layout::minute(session.opened_at)) }
            td { (session.kind) ", by " (session.opened_by) }
            td { @if let Some(at) = session.used_at { (layout::minute(at)) } }
            td { (layout::minute(session.expires_at)) }
            td {
                @if by.token() == Some(session.id.as_str()) { "this one" }
                @else { (end("/account/sessions", &session.id)) }
            }
        }
    }
}

fn token_row(token: &HostToken) -> Markup {
    let names = token.targets.iter().map(|target| target.as_str());
    let names: Vec<&str> = names.chain(token.deployments.iter().map(|name| name.as_str())).collect();
    html! {
        tr {
            td { code { (token.id) } " " (token.note) }
            td {
                (token.role)
                @if let Some(team) = &token.team { " in team " (team) }
                @if !names.is_empty() { ", " (names.join(", ")) }
            }
            td { @if let Some(at) = token.used_at { (layout::minute(at)) } }
            td { (layout::minute(token.expires_at)) }
            td { (end("/account/tokens", &token.id)) }
        }
    }
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
    html! {
        h2 { "Password" }
        form.card method="post" action="/account/password" {
            label {
                "Current password"
                input name="current" type="password" autocomplete="current-password" required;
            }
            label { "New password" input name="password" type="password" autocomplete="new-password" required; }
            label {
                "New password, again" input name="again" type="password" autocomplete="new-password" required;
            }
            button { "Change the password" }
        }
        p.note { "All other sessions end. Tokens stay." }
    }
}
