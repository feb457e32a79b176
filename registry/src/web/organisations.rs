//! The organisations of an account, and for which of them a session of the pages acts.

use axum::extract::State;
use axum::response::{IntoResponse as _, Redirect, Response};
use chandlery_package::Namespace;
use chandlery_package::wire::{Organisation, Paging};
use chandlery_pages::{Column, Link, Tone, banner, crumbs, empty, table};
use maud::{Markup, html};
use serde::Deserialize;

use super::customer::frame::ORGANISATIONS as OWN;
use super::layout;
use crate::error::Error;
use crate::shell::{LogIn, ORGANISATIONS, shown_again};
use chandlery_accounts::{Account, Caller, act_for, acting_for, organisations};
use chandlery_edge::{Form, Query};
use chandlery_money::Finance;

const ABOVE: [Link<'static>; 1] = [Link { path: "/account", name: "Account" }];
/// How many organisations are shown at a time.
const SHOWN: u32 = 100;

/// What one of the page's forms sends.
#[derive(Deserialize)]
pub(super) struct Chosen {
    /// Nothing: the account itself.
    #[serde(default)]
    organisation: String,
}

/// The page `/account/organisations`.
pub(super) async fn page(
    State(finance): State<Finance>,
    caller: Option<Caller>,
    log_in: LogIn,
    Query(paging): Query<Paging<Namespace>>,
) -> Result<Response, Error> {
    let Some(caller) = caller else { return Ok(log_in.then(ORGANISATIONS)) };
    Ok(shown(&finance, &caller, &paging, None).await?.into_response())
}

/// Lets the session act for an organisation, or for its account itself.
pub(super) async fn choose(
    State(finance): State<Finance>,
    caller: Option<Caller>,
    log_in: LogIn,
    Form(chosen): Form<Chosen>,
) -> Result<Response, Error> {
    let Some(caller) = caller else { return Ok(log_in.then(ORGANISATIONS)) };
    match chosen_by(&finance, &caller, &chosen).await {
        Ok(()) => Ok(Redirect::to("/account").into_response()),
        Err(error) => {
            let page = shown(&finance, &caller, &Paging::first(SHOWN), Some(&error.to_string())).await?;
            shown_again(error, |_| page)
        }
    }
}

async fn chosen_by(finance: &Finance, caller: &Caller, chosen: &Chosen) -> Result<(), chandlery_edge::Error> {
    let organisation = match chosen.organisation.as_str() {
        "" => None,
        name => Some(name.parse::<Namespace>()?),
    };
    act_for(&finance.accounts, caller, organisation.as_ref()).await
}

async fn shown(
    finance: &Finance,
    caller: &Caller,
    paging: &Paging<Namespace>,
    fault: Option<&str>,
) -> Result<Markup, Error> {
    let all = organisations::of(&finance.db, &caller.name, paging).await?;
    let acts_for = acting_for(&finance.accounts, caller).await?;
    let rows: Vec<Vec<Markup>> = all.items.iter().map(|one| row(one, acts_for.as_ref())).collect();
    let columns = ["Name", "Title", "Role", "Domains", ""].map(Column::Text);
    let content = html! {
        (crumbs(&ABOVE, "Organisations"))
        h1 { "Organisations of " (caller.name) }
        (chandlery_pages::fault(fault))
        @if let Some(organisation) = &acts_for { (acting(caller, organisation)) }
        @if rows.is_empty() { (none()) } @else { (table("Organisations", &columns, &rows)) }
        (layout::next_page(ORGANISATIONS, all.next.as_deref()))
    };
    let account: &Account = caller;
    Ok(layout::page("Organisations", Some(account), content))
}

fn acting(caller: &Caller, organisation: &Namespace) -> Markup {
    let told = html! {
        p {
            "On pages about what an account has, such as " a href="/account" { "Account" } " and "
            a href="/dashboard" { "Payouts" } ", this session acts for " strong { (organisation) } ", as your role there allows. "
            "It ends with your membership. On all other pages you are yourself."
        }
        form method="post" action=(ORGANISATIONS) {
            input type="hidden" name="organisation" value="";
            button { "Act for " (caller.name) " again" }
        }
    };
    banner(Tone::Plain, &told)
}

fn none() -> Markup {
    let next = html! {
        a href=(OWN) { "Make one, or accept an invitation" } ", as do " code { "chandlery organisation create NAME" } " and "
        code { "chandlery organisation accept NAME" } "."
    };
    empty("You belong to no organisation.", &next)
}

fn row(one: &Organisation, acts_for: Option<&Namespace>) -> Vec<Markup> {
    let domains: Vec<String> = one.domains.iter().map(ToString::to_string).collect();
    let choice = html! {
        @if acts_for == Some(&one.name) { "acts for it" } @else {
            form method="post" action=(ORGANISATIONS) {
                input type="hidden" name="organisation" value=(one.name);
                button.quiet { "Act for it" }
            }
        }
    };
    vec![
        html! { a href=(format!("{OWN}/{}", one.name)) { (one.name) } },
        html! { (one.title) },
        html! { (one.role) },
        html! { (domains.join(", ")) },
        choice,
    ]
}
