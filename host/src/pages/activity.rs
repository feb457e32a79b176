//! What users have done on the host, by user, act and what it is about.

use axum::extract::{Query, State};
use chandlery_package::wire::host::HostAct;
use chandlery_package::wire::{Page, Paging};
use chandlery_pages::{Column, Field, Tone, badge, checkbox, empty, minute, next_page, table};
use maud::{Markup, html};
use serde::Deserialize;

use super::address::{address, chosen};
use super::door::SignedIn;
use super::layout;
use crate::error::Error;
use crate::host::Host;
use crate::users::SoughtActs;

const PATH: &str = "/activity";
/// From which status on something was not done.
const REFUSED_FROM: u16 = 400;

#[derive(Deserialize)]
pub(super) struct Asked {
    #[serde(default, deserialize_with = "chosen")]
    user: Option<String>,
    #[serde(default, deserialize_with = "chosen")]
    act: Option<String>,
    #[serde(default, deserialize_with = "chosen")]
    about: Option<String>,
    #[serde(default, deserialize_with = "chosen")]
    refused: Option<bool>,
}

/// The page `/activity`.
pub(super) async fn page(
    State(host): State<Host>,
    SignedIn(by): SignedIn,
    Query(Asked { user, act, about, refused }): Query<Asked>,
    Query(paging): Query<Paging<i64>>,
) -> Result<Markup, Error> {
    let sought = SoughtActs { user, act, about, refused: refused.unwrap_or_default() };
    let Page { items, next } = host.users.search_acts(&sought, &paging).await?;
    let content = html! {
        h1 { "Activity" }
        p { "What users and programs have asked this host to do, each written down before it was done. Nothing is taken out." }
        (filters(&sought))
        @if items.is_empty() {
            (empty("There is no such entry.", &html! { a href=(PATH) { "Show all activity" } "." }))
        } @else {
            (acts_table(&items))
        }
        (next_page(next.map(|next| link(&sought, &next)).as_deref()))
    };
    Ok(layout::page("Activity", Some(&by), content))
}

/// The list of what is looked for, after a place.
fn link(sought: &SoughtActs, after: &str) -> String {
    let SoughtActs { user, act, about, refused } = sought;
    let values = [
        ("user", user.as_deref()),
        ("act", act.as_deref()),
        ("about", about.as_deref()),
        ("refused", refused.then_some("true")),
        ("after", Some(after)),
    ];
    address(PATH, &values)
}

fn filters(SoughtActs { user, act, about, refused }: &SoughtActs) -> Markup {
    let field = |name, label, value: &Option<String>| {
        html! { (Field::new(name, label).value(value.as_deref().unwrap_or_default())) }
    };
    html! {
        form.card.filters method="get" action=(PATH) {
            (field("user", "User", user))
            (field("act", "Act, such as deploy", act))
            (field("about", "About, by its name", about))
            (checkbox("refused", "Only what was not done", *refused))
            button { "Show" }
        }
    }
}

/// A table of acts.
pub(super) fn acts_table(acts: &[HostAct]) -> Markup {
    let columns = [
        Column::Text("When"),
        Column::Text("User"),
        Column::Text("Act"),
        Column::Text("About"),
        Column::Text("Answer"),
        Column::Text("Token or session"),
    ];
    let rows: Vec<Vec<Markup>> = acts.iter().map(row).collect();
    table("Activity", &columns, &rows)
}

fn row(act: &HostAct) -> Vec<Markup> {
    vec![
        minute(act.at),
        html! { (act.user) },
        html! { (act.act) },
        html! { (act.about) },
        match act.status {
            Some(status) if status < REFUSED_FROM => badge(Tone::Good, "done"),
            Some(status) => badge(Tone::Bad, &format!("refused, {status}")),
            None => badge(Tone::Warning, "not known"),
        },
        html! {
            @match &act.token {
                Some(token) => { code { (token) } }
                None => { "host.token" }
            }
        },
    ]
}
