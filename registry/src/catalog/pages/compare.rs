//! Two releases of a plugin beside each other: what an update from one to the other would change.

use axum::extract::State;
use chandlery_accounts::Principal;
use chandlery_edge::{Path, Query as Asked};
use chandlery_package::wire::{Paging, ReleaseRecord, SetChanges};
use chandlery_package::{Manifest, Namespace, PluginId, PluginName, Release};
use chandlery_pages::{Column, Head, Link, bytes, crumbs, day, select, table};
use maud::{Markup, html};
use semver::Version;
use serde::Deserialize;

use super::telling::{Base, plugin_path, publisher_path, release_path};
use super::{markdown, notices};
use crate::catalog::differences::{changed_parameters, changed_permissions};
use crate::catalog::error::Error;
use crate::catalog::releases::{find_release, releases, version_before};
use crate::catalog::state::Catalog;
use crate::catalog::visibility::must_see;
use crate::shell::{self, SEARCH};

/// How many releases there are to choose from: the highest versions.
const SHOWN: u32 = 100;

/// Which releases are compared; empty: the highest version, and the one before what it is compared with.
#[derive(Debug, Default, Deserialize)]
pub(super) struct Versions {
    #[serde(default)]
    from: String,
    #[serde(default)]
    to: String,
}

/// The page `/plugins/{namespace}/{name}/compare`.
pub(super) async fn page(
    State(catalog): State<Catalog>,
    principal: Principal,
    base: Base,
    Path((namespace, name)): Path<(Namespace, PluginName)>,
    Asked(asked): Asked<Versions>,
) -> Result<Markup, Error> {
    let plugin = PluginId { namespace, name };
    must_see(&catalog.db, &principal, &plugin).await?;
    let listed = releases(&catalog.db, &plugin, &Paging::first(SHOWN)).await?.items;
    let highest = listed.first().map(|record| &record.release.version);
    let to = found(&catalog, &plugin, &asked.to, highest).await?;
    let before = version_before(&catalog.db, &to.release).await?;
    let usual = before.as_ref().unwrap_or(&to.release.version);
    let from = found(&catalog, &plugin, &asked.from, Some(usual)).await?;
    let changelog = match to.manifest.as_ref().and_then(|manifest| manifest.changelog.clone()) {
        Some(text) => Some(markdown::prose(text).await?),
        None => None,
    };
    let (of_publisher, path) = (publisher_path(&plugin.namespace), plugin_path(&plugin));
    let above = [
        Link { path: SEARCH, name: "Plugins" },
        Link { path: &of_publisher, name: plugin.namespace.as_str() },
        Link { path: &path, name: plugin.name.as_str() },
    ];
    let content = html! {
        (crumbs(&above, "Compare"))
        (notices::banners(&to))
        h1 { (to.title) " " (from.release.version) " to " (to.release.version) }
        (form(&format!("{path}/compare"), &listed, &from, &to))
        (about(&from, &to))
        h2 { "What it may do" }
        (permissions_that_differ(from.manifest.as_ref(), to.manifest.as_ref()))
        h2 { "Parameters" }
        (parameters_that_differ(from.manifest.as_ref(), to.manifest.as_ref()))
        @if let Some(changelog) = &changelog { h2 { "Changelog of " (to.release.version) } (changelog) }
    };
    let title = format!("{}: {} to {}", to.title, from.release.version, to.release.version);
    let head = Head { private: true, ..base.head(&format!("{path}/compare"), &title, &to.description) };
    Ok(shell::page(&head, principal.account.as_ref().into(), "", &content))
}

/// The release of a version that was asked for, or of the usual one.
async fn found(
    catalog: &Catalog,
    plugin: &PluginId,
    asked: &str,
    usual: Option<&Version>,
) -> Result<ReleaseRecord, Error> {
    let version = match (asked.trim(), usual) {
        ("", None) => return Err(Error::not_found(format!("plugin '{plugin}'"))),
        ("", Some(usual)) => usual.clone(),
        (text, _) => text
            .parse::<Version>()
            .map_err(|error| Error::invalid(format!("'{text}' is not a version: {error}")))?,
    };
    let release = Release { plugin: plugin.clone(), version };
    let record = find_release(&catalog.db, &release).await?;
    record.ok_or_else(|| Error::not_found(format!("release {release}")))
}

fn form(path: &str, listed: &[ReleaseRecord], from: &ReleaseRecord, to: &ReleaseRecord) -> Markup {
    let mut versions: Vec<String> = listed.iter().map(|record| record.release.version.to_string()).collect();
    let (from, to) = (from.release.version.to_string(), to.release.version.to_string());
    for version in [&from, &to] {
        if !versions.contains(version) {
            versions.push(version.clone());
        }
    }
    let options: Vec<(&str, &str)> =
        versions.iter().map(|version| (version.as_str(), version.as_str())).collect();
    html! {
        form.card.filters method="get" action=(path) {
            (select("from", "From", &from, &options))
            (select("to", "To", &to, &options))
            button { "Compare" }
        }
    }
}

fn about(from: &ReleaseRecord, to: &ReleaseRecord) -> Markup {
    let columns = [Column::Text("What"), Column::Text("From"), Column::Text("To")];
    let said = |of: fn(&Manifest) -> String| {
        [from, to].map(|record| {
            let said = record.manifest.as_ref().map(of).filter(|text| !text.is_empty());
            html! { (said.as_deref().unwrap_or("–")) }
        })
    };
    let version = |record: &ReleaseRecord| html! { a href=(release_path(&record.release)) { (record.release.version) } };
    let rows: Vec<Vec<Markup>> = [
        ("Version", [from, to].map(version)),
        ("Published", [from, to].map(|record| day(record.published_at))),
        ("Size", [from, to].map(|record| html! { (bytes(record.component_bytes)) })),
        ("Contract", said(|manifest| manifest.contract.to_string())),
        ("Licence", said(|manifest| manifest.license.clone())),
        ("GPUs", said(|manifest| manifest.gpus.join(", "))),
    ]
    .into_iter()
    .map(|(what, [from, to])| vec![html! { (what) }, from, to])
    .collect();
    html! { h2 { "In short" } (table("The two releases", &columns, &rows)) }
}

/// What a release may do more or less than the one before it; nothing where it is the first.
pub(super) fn since(before: Option<&ReleaseRecord>, record: &ReleaseRecord) -> Markup {
    html! {
        @if let Some(before) = before {
            h3 { "Since " a href=(release_path(&before.release)) { (before.release.version) } }
            (permissions_that_differ(before.manifest.as_ref(), record.manifest.as_ref()))
        }
    }
}

/// What one release may do more or less than another.
pub(super) fn permissions_that_differ(from: Option<&Manifest>, to: Option<&Manifest>) -> Markup {
    let SetChanges { added: more, removed: less } = changed_permissions(from, to);
    html! {
        @if more.is_empty() && less.is_empty() { p { "The same." } }
        @if !more.is_empty() {
            p { "It asks for more: whoever updates is asked again. It may then" }
            ul { @for words in more { li { (words) } } }
        }
        @if !less.is_empty() {
            p { "It no longer asks to" }
            ul { @for words in less { li { (words) } } }
        }
    }
}

/// The parameters of one release that another has not, or has otherwise.
pub(super) fn parameters_that_differ(from: Option<&Manifest>, to: Option<&Manifest>) -> Markup {
    let changed = changed_parameters(from, to);
    let columns = [Column::Text("Parameter"), Column::Text("From"), Column::Text("To")];
    let shown = |said: &Option<String>| {
        html! { @match said { Some(said) => { code { (said) } } None => { "–" } } }
    };
    let rows: Vec<Vec<Markup>> = changed
        .iter()
        .map(|change| vec![html! { code { (change.name) } }, shown(&change.before), shown(&change.after)])
        .collect();
    html! {
        @if rows.is_empty() { p { "The same." } } @else { (table("Parameters that differ", &columns, &rows)) }
    }
}
