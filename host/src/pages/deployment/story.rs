//! What became of a deployment: its revisions, what users have done, and what integrations were told.

use chandlery_package::wire::host::{HostAct, Revision};
use chandlery_package::wire::{Page, Paging};
use chandlery_pages::{Column, minute, next_page, table};
use chandlery_sandbox::Event;
use maud::{Markup, html};

use super::super::activity;
use super::super::address::address;
use super::super::values;
use crate::error::Error;
use crate::events;
use crate::host::Host;
use crate::users::SoughtActs;

/// How many acts and events are shown.
const SHOWN: u32 = 10;

/// All of it, with the revisions from a place on.
pub(super) async fn of(host: &Host, name: &str, paging: &Paging<i64>) -> Result<Markup, Error> {
    let revisions = host.deployments.history(name, paging).await?;
    let about = SoughtActs { about: Some(name.into()), ..SoughtActs::default() };
    let acts = host.users.acts(&about, &Paging::first(SHOWN)).await?;
    let told = events::of_deployment(host.db.pool(), name, i64::from(SHOWN)).await?;
    Ok(html! {
        (history(name, revisions))
        (done(name, &acts.items))
        (events_told(&told))
    })
}

fn history(name: &str, Page { items, next }: Page<Revision>) -> Markup {
    let columns = [
        Column::Text("Revision"),
        Column::Text("Rollout"),
        Column::Text("Release"),
        Column::Text("Cause"),
        Column::Text("By"),
        Column::Text("When"),
        Column::Text("Why"),
    ];
    let rows: Vec<Vec<Markup>> = items.iter().map(revision_row).collect();
    let next = next.map(|next| address(&values::deployment_path(name), &[("after", Some(next.as_str()))]));
    html! {
        h2 id="revisions" { "Revisions" }
        (table("Revisions", &columns, &rows))
        (next_page(next.as_deref()))
    }
}

fn revision_row(revision: &Revision) -> Vec<Markup> {
    vec![
        html! { (revision.revision) },
        values::rollout(revision.state),
        html! { (revision.release) },
        html! { (revision.cause) },
        html! { (revision.made_by.as_deref().unwrap_or("–")) },
        minute(revision.created_at),
        html! { (revision.detail) },
    ]
}

fn done(name: &str, acts: &[HostAct]) -> Markup {
    let all = address("/activity", &[("about", Some(name))]);
    html! {
        h2 { "Activity" }
        @if acts.is_empty() { p.none { "Nobody has done anything with it." } }
        @else {
            (activity::acts_table(acts))
            p.more { a href=(all) { "All activity about it" } }
        }
    }
}

fn events_told(events: &[Event]) -> Markup {
    let columns = [
        Column::Text("When"),
        Column::Text("Event"),
        Column::Number("Revision"),
        Column::Text("What happened"),
    ];
    let row = |event: &Event| {
        vec![minute(event.at), html! { (event.kind) }, html! { (event.revision) }, html! { (event.detail) }]
    };
    let rows: Vec<Vec<Markup>> = events.iter().map(row).collect();
    html! {
        h2 { "Events" }
        @if rows.is_empty() { p.none { "No integration was told of any: events are kept for those that are installed." } }
        @else { (table("Events", &columns, &rows)) }
    }
}
