//! The releases of a plugin on the page of its publishers, with what yanks, deprecates and withdraws them; and those that another member
//! approves.

use chandlery_package::wire::{Paging, ReleaseRecord, StagedRelease};
use chandlery_package::{PluginId, Release};
use chandlery_pages::{Column, day, empty, minute, next_page, table};
use maud::{Markup, html};
use semver::Version;

use super::answers::plugin_path;
use crate::catalog::error::Error;
use crate::catalog::pages::notices;
use crate::catalog::pages::telling::release_path;
use crate::catalog::releases::releases;
use crate::catalog::staging;
use crate::catalog::state::Catalog;
use crate::shell::PUBLISH;

/// How many are shown that wait for approval.
const STAGED_SHOWN: u32 = 50;

/// What waits for approval, if anything does.
pub(super) async fn staged(catalog: &Catalog, plugin: &PluginId, publishes: bool) -> Result<Markup, Error> {
    let waiting = staging::list(&catalog.db, plugin, &Paging::first(STAGED_SHOWN)).await?.items;
    let columns = ["Version", "Artifact", "Requested by", "Until", "Actions"].map(Column::Text);
    let rows: Vec<Vec<Markup>> = waiting.iter().map(|one| staged_row(one, publishes)).collect();
    Ok(html! {
        @if !rows.is_empty() {
            h2 { "Waiting for approval" }
            p { "Another member reviews each of these and approves it. Nobody approves their own." }
            (table("Waiting for approval", &columns, &rows))
        }
    })
}

fn staged_row(one: &StagedRelease, publishes: bool) -> Vec<Markup> {
    let Release { plugin, version } = &one.release;
    let path = format!("{}/staged-releases/{version}", plugin_path(plugin));
    vec![
        html! { (version) },
        html! { code { (one.artifact) } },
        html! { (one.asked_by) },
        minute(one.lapses_at),
        html! {
            @if publishes {
                form.row method="post" action=(path) {
                    input type="hidden" name="artifact" value=(one.artifact);
                    button.quiet name="act" value="approve" { "Approve" } " "
                    button.quiet name="act" value="refuse" { "Refuse" }
                }
            }
        },
    ]
}

/// The releases, with what this member may do with each: change what is advised of it, and withdraw it.
pub(super) async fn section(
    catalog: &Catalog,
    plugin: &PluginId,
    paging: &Paging<Version>,
    (publishes, withdraws): (bool, bool),
) -> Result<Markup, Error> {
    let page = releases(&catalog.db, plugin, paging).await?;
    let path = plugin_path(plugin);
    let next = page.next.as_deref().map(|after| format!("{path}?after={after}"));
    let columns = ["Version", "Published", "State", "Actions"].map(Column::Text);
    let rows: Vec<Vec<Markup>> =
        page.items.iter().map(|record| row(&path, record, publishes, withdraws)).collect();
    Ok(html! {
        h2 { "Releases" }
        @if rows.is_empty() {
            (empty("No release is published yet.", &html! { a href=(PUBLISH) { "Upload a component" } }))
        } @else {
            (table("Releases", &columns, &rows))
            (next_page(next.as_deref()))
        }
    })
}

fn row(path: &str, record: &ReleaseRecord, publishes: bool, withdraws: bool) -> Vec<Markup> {
    let version = &record.release.version;
    let path = format!("{path}/releases/{version}");
    let acts = html! {
        @if publishes { (advising(&path, record)) }
        @if withdraws && record.withdrawn.is_none() { (withdrawing(&path, version)) }
    };
    vec![
        html! { a href=(release_path(&record.release)) { (version) } },
        day(record.published_at),
        notices::badges(record),
        acts,
    ]
}

fn advising(path: &str, record: &ReleaseRecord) -> Markup {
    let version = &record.release.version;
    html! {
        form.row method="post" action=(path) {
            @if record.yanked { button.quiet name="act" value="unyank" { "Unyank" } }
            @else { button.quiet name="act" value="yank" { "Yank" } }
            @if record.deprecated.is_some() { " " button.quiet name="act" value="undeprecate" { "Undeprecate" } }
        }
        details {
            summary { "Deprecate" }
            form method="post" action=(path) {
                input name="note" aria-label=(format!("Why not to use {version}, and what to do")) placeholder="Why, and what to do" required;
                input name="successor" aria-label=(format!("What to use instead of {version}")) placeholder="NAMESPACE:plugin, if there is one";
                button.quiet name="act" value="deprecate" { "Deprecate " (version) }
            }
        }
    }
}

fn withdrawing(path: &str, version: &Version) -> Markup {
    html! {
        details {
            summary { "Withdraw" }
            form method="post" action=(format!("{path}/withdrawal")) {
                p.note { "Hosts refuse a withdrawn release, and warn whoever runs it. This cannot be undone." }
                input name="reason" aria-label=(format!("Why {version} is withdrawn")) placeholder="Why" required;
                button.quiet { "Withdraw " (version) " permanently" }
            }
        }
    }
}
