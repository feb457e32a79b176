//! Who may do what on the host: users, teams, tokens and sessions. It is for admins, as what it shows is.

use std::collections::BTreeSet;

use axum::extract::State;
use chandlery_package::wire::host::{HostRole, HostSession, HostToken, Team, User};
use chandlery_package::wire::{PAGE_ITEMS, Page, Paging};
use chandlery_package::{TeamName, UserName};
use chandlery_pages::{Column, minute, next_page, table};
use maud::{Markup, html};

use super::address::address;
use super::door::SignedIn;
use super::{layout, values};
use crate::error::Error;
use crate::extract::Query;
use crate::host::Host;

const PATH: &str = "/users";

/// The page `/users`.
pub(super) async fn page(
    State(host): State<Host>,
    SignedIn(by): SignedIn,
    Query(paging): Query<Paging<UserName>>,
) -> Result<Markup, Error> {
    by.must_be(HostRole::Admin)?;
    let users = host.users.page(&paging).await?;
    let teams: Page<Team> = host.users.teams(&Paging::<TeamName>::first(PAGE_ITEMS)).await?;
    let tokens: Page<HostToken> = host.users.tokens(&Paging::<String>::first(PAGE_ITEMS)).await?;
    let sessions: Page<HostSession> = host.users.sessions(&Paging::<String>::first(PAGE_ITEMS)).await?;
    let content = html! {
        h1 { "Users" }
        p { "An admin adds one with " code { "chandlery host users add NAME ROLE" } ", and invites with " code { "chandlery host users invite NAME" } "." }
        (users_table(users))
        h2 { "Teams" }
        (teams_table(&teams.items))
        (more(&teams.next, "chandlery host teams list"))
        h2 { "Tokens" }
        (tokens_table(&tokens.items))
        (more(&tokens.next, "chandlery host tokens list"))
        h2 { "Sessions" }
        (sessions_table(&sessions.items))
        (more(&sessions.next, "chandlery host sessions list"))
    };
    Ok(layout::page("Users", Some(&by), content))
}

/// That there are more than a page shows, and what shows them.
fn more(next: &Option<String>, shows: &str) -> Markup {
    html! { @if next.is_some() { p.note { "There are more: " code { (shows) } " shows all." } } }
}

fn users_table(Page { items, next }: Page<User>) -> Markup {
    let columns = [Column::Text("User"), Column::Text("Role"), Column::Text("Teams"), Column::Text("Added")];
    let row = |user: &User| {
        vec![
            html! { (user.name) },
            html! { (user.role) },
            html! { (values::joined(&user.teams)) },
            minute(user.added_at),
        ]
    };
    let rows: Vec<Vec<Markup>> = items.iter().map(row).collect();
    let next = next.map(|next| address(PATH, &[("after", Some(next.as_str()))]));
    html! {
        (table("Users", &columns, &rows))
        (next_page(next.as_deref()))
    }
}

fn teams_table(teams: &[Team]) -> Markup {
    let columns = [Column::Text("Team"), Column::Text("Targets"), Column::Text("Members")];
    let row = |team: &Team| {
        let members = team.members.iter().map(|(member, role)| format!("{member} ({role})"));
        vec![
            html! { (team.name) },
            html! { (values::joined(&team.targets)) },
            html! { (values::joined(members)) },
        ]
    };
    let rows: Vec<Vec<Markup>> = teams.iter().map(row).collect();
    table("Teams", &columns, &rows)
}

/// A table of tokens without their texts.
fn tokens_table(tokens: &[HostToken]) -> Markup {
    let columns = [
        Column::Text("Token"),
        Column::Text("Of"),
        Column::Text("For"),
        Column::Text("What it is for"),
        Column::Text("Made by"),
        Column::Text("Last used"),
        Column::Text("Until"),
    ];
    let row = |token: &HostToken| {
        let names: BTreeSet<String> = token
            .targets
            .iter()
            .map(ToString::to_string)
            .chain(token.deployments.iter().map(ToString::to_string))
            .collect();
        vec![
            html! { code { (token.id) } },
            html! { (token.user) },
            html! {
                (token.role)
                @if let Some(team) = &token.team { " in team " (team) }
                @if !names.is_empty() { ", " (values::joined(&names)) }
            },
            html! { (token.note) },
            html! { (token.made_by) },
            html! { @match token.used_at { Some(at) => { (minute(at)) } None => { "never" } } },
            minute(token.expires_at),
        ]
    };
    let rows: Vec<Vec<Markup>> = tokens.iter().map(row).collect();
    table("Tokens", &columns, &rows)
}

fn sessions_table(sessions: &[HostSession]) -> Markup {
    let columns = [
        Column::Text("Session"),
        Column::Text("Of"),
        Column::Text("By"),
        Column::Text("Since"),
        Column::Text("Last used"),
        Column::Text("Until"),
    ];
    let row = |session: &HostSession| {
        vec![
            html! { code { (session.id) } },
            html! { (session.user) },
            html! { (session.kind) ", by " (session.opened_by) },
            minute(session.opened_at),
            html! { @match session.used_at { Some(at) => { (minute(at)) } None => { "never" } } },
            minute(session.expires_at),
        ]
    };
    let rows: Vec<Vec<Markup>> = sessions.iter().map(row).collect();
    table("Sessions", &columns, &rows)
}
