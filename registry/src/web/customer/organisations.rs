//! The organisations of a person, the invitations that wait, and another one.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Redirect, Response};
use chandlery_accounts::{Account, organisations};
use chandlery_edge::{Form, Path, Query};
use chandlery_money::Finance;
use chandlery_package::Namespace;
use chandlery_package::wire::{
    NewOrganisation, Organisation, OrganisationMember, OrganisationTitle, Page, Paging,
};
use chandlery_pages::{Column, Field, day, empty, next_page, table};
use maud::{Markup, html};
use serde::Deserialize;

use super::frame::{self, Customer, ORGANISATIONS};
use crate::error::Error;
use crate::shell;
use crate::team::{Answer, invitation};

/// How many invitations are shown at a time.
const SHOWN: u32 = 100;

/// What the form for another one sends.
#[derive(Default, Deserialize)]
pub(super) struct Given {
    #[serde(default)]
    name: String,
    #[serde(default)]
    title: String,
}

/// What is wrong with each field, and with the whole.
#[derive(Default)]
struct Faults {
    whole: Option<String>,
    name: Option<String>,
    title: Option<String>,
}

/// The page `/organisations`.
pub(super) async fn page(
    State(finance): State<Finance>,
    caller: Customer,
    Query(paging): Query<Paging<Namespace>>,
) -> Result<Markup, Error> {
    shown(&finance, &caller, &paging, &Given::default(), &Faults::default()).await
}

async fn shown(
    finance: &Finance,
    caller: &Account,
    paging: &Paging<Namespace>,
    given: &Given,
    faults: &Faults,
) -> Result<Markup, Error> {
    let belongs = organisations::of(&finance.db, &caller.name, paging).await?;
    let invited = organisations::invitations_of(&finance.db, &caller.name, &Paging::first(SHOWN)).await?;
    let content = html! {
        h1 { "Organisations of " (caller.name) }
        (frame::fault(faults.whole.as_deref()))
        (invitations(&invited))
        (list(&belongs))
        (form(given, faults))
    };
    Ok(frame::page(caller, "Organisations", ORGANISATIONS, &content))
}

fn list(page: &Page<Organisation>) -> Markup {
    let columns =
        [Column::Text("Name"), Column::Text("Title"), Column::Text("Your role"), Column::Text("Created on")];
    let row = |organisation: &Organisation| {
        let name = &organisation.name;
        vec![
            html! { a href=(format!("{ORGANISATIONS}/{name}")) { (name) } },
            html! { (organisation.title) },
            html! { (organisation.role) },
            day(organisation.created_at),
        ]
    };
    let rows: Vec<Vec<Markup>> = page.items.iter().map(row).collect();
    let next = page.next.as_deref().map(|after| format!("{ORGANISATIONS}?after={after}"));
    html! {
        @if rows.is_empty() {
            (empty("You belong to no organisation.", &html! { "One buys, pays and publishes for all of its members, each within a role." }))
        } @else {
            (table("Organisations", &columns, &rows))
            p.note { a href=(shell::ORGANISATIONS) { "Act for one on these pages" } }
            (next_page(next.as_deref()))
        }
    }
}

fn invitations(page: &Page<OrganisationMember>) -> Markup {
    html! {
        @for invited in &page.items {
            (invitation(&format!("{ORGANISATIONS}/{}", invited.organisation), &html! {
                "You are invited to " strong { (invited.organisation) } " as its " (invited.role) ", since " (day(invited.since)) "."
            }))
        }
    }
}

fn form(given: &Given, faults: &Faults) -> Markup {
    html! {
        h2 { "Create one" }
        form.card method="post" action=(ORGANISATIONS) {
            (Field::new("name", "Name").value(&given.name).required().fault(faults.name.as_deref())
                .hint("Lower-case letters, digits and dashes. Accounts and organisations share their names, and this one cannot be changed."))
            (Field::new("title", "Title").value(&given.title).required().fault(faults.title.as_deref())
                .complete("organization").hint("The name that people see."))
            button { "Create the organisation" }
        }
    }
}

/// The organisation that is asked for, or all that is wrong with how it is written.
fn read(given: &Given) -> Result<NewOrganisation, Faults> {
    let name = given.name.trim().parse::<Namespace>();
    let title = given.title.trim().parse::<OrganisationTitle>();
    match (name, title) {
        (Ok(name), Ok(title)) => Ok(NewOrganisation { name, title }),
        (name, title) => Err(Faults {
            whole: None,
            name: name.err().map(|error| error.to_string()),
            title: title.err().map(|error| error.to_string()),
        }),
    }
}

/// Makes one, which whoever asks owns.
pub(super) async fn make(
    State(finance): State<Finance>,
    caller: Customer,
    Form(given): Form<Given>,
) -> Result<Response, Error> {
    let paging = Paging::first(SHOWN);
    let new = match read(&given) {
        Ok(new) => new,
        Err(faults) => {
            let page = shown(&finance, &caller, &paging, &given, &faults).await?;
            return Ok((StatusCode::BAD_REQUEST, page).into_response());
        }
    };
    match organisations::create(&finance.db, &caller.actor, &caller, new).await {
        Ok(made) => Ok(Redirect::to(&format!("{ORGANISATIONS}/{}", made.name)).into_response()),
        Err(chandlery_accounts::Error::Conflict(taken)) => {
            let faults = Faults { name: Some(taken), ..Faults::default() };
            let page = shown(&finance, &caller, &paging, &given, &faults).await?;
            Ok((StatusCode::CONFLICT, page).into_response())
        }
        Err(error) => Err(error.into()),
    }
}

/// Accepts or declines an invitation.
pub(super) async fn answer(
    State(finance): State<Finance>,
    caller: Customer,
    Path(organisation): Path<Namespace>,
    Form(given): Form<Answer>,
) -> Result<Response, Error> {
    let yes = given.yes()?;
    organisations::answer(&finance.db, &caller.actor, &organisation, &caller.name, yes).await?;
    let next = if yes { format!("{ORGANISATIONS}/{organisation}") } else { ORGANISATIONS.to_owned() };
    Ok(Redirect::to(&next).into_response())
}
