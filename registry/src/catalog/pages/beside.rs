//! Two plugins beside each other, each by the release that stands for it.

use std::collections::BTreeSet;

use axum::extract::State;
use chandlery_accounts::Principal;
use chandlery_edge::Query as Asked;
use chandlery_package::wire::ReleaseRecord;
use chandlery_package::{Manifest, PluginId, meter};
use chandlery_pages::{Column, Field, Head, Link, bytes, crumbs, day, lines, number, table};
use maud::{Markup, html};
use serde::Deserialize;

use super::listing::{accounts, price};
use super::notices;
use super::telling::{Base, plugin_path, publisher_path, release_path};
use crate::catalog::error::Error;
use crate::catalog::newest::newest;
use crate::catalog::releases::{find_release, pulls};
use crate::catalog::state::Catalog;
use crate::catalog::visibility::must_see;
use crate::shell::{self, SEARCH};

const TITLE: &str = "Compare two plugins";
const ABOUT: &str = "Two plugins beside each other: what they may do, what they cost, and what they need.";

/// Which plugins are compared; empty: none yet.
#[derive(Debug, Default, Deserialize)]
pub(super) struct Two {
    #[serde(default)]
    one: String,
    #[serde(default)]
    other: String,
}

/// A plugin, by the release that stands for it.
struct Found {
    record: ReleaseRecord,
    pulls: u64,
}

/// The page `/compare`.
pub(super) async fn page(
    State(catalog): State<Catalog>,
    principal: Principal,
    base: Base,
    Asked(asked): Asked<Two>,
) -> Result<Markup, Error> {
    let one = found(&catalog, &principal, &asked.one).await?;
    let other = found(&catalog, &principal, &asked.other).await?;
    let content = html! {
        (crumbs(&[Link { path: SEARCH, name: "Plugins" }], "Compare"))
        h1 { (TITLE) }
        (form(&asked))
        @if let (Some(one), Some(other)) = (&one, &other) { (compared(one, other)) }
    };
    let head = Head { private: one.is_some() || other.is_some(), ..base.head("/compare", TITLE, ABOUT) };
    Ok(shell::page(&head, principal.account.as_ref().into(), "", &content))
}

/// The plugin that was asked for, if any was.
async fn found(catalog: &Catalog, principal: &Principal, asked: &str) -> Result<Option<Found>, Error> {
    let asked = asked.trim();
    if asked.is_empty() {
        return Ok(None);
    }
    let plugin = asked.parse::<PluginId>().map_err(|error| Error::invalid(error.to_string()))?;
    must_see(&catalog.db, principal, &plugin).await?;
    let release = newest(&catalog.db, &plugin).await?.release;
    let record = find_release(&catalog.db, &release).await?;
    let record = record.ok_or_else(|| Error::not_found(format!("release {release}")))?;
    let pulls = pulls(&catalog.db, &plugin).await?;
    Ok(Some(Found { record, pulls }))
}

fn form(asked: &Two) -> Markup {
    html! {
        form.card.filters method="get" action="/compare" {
            (Field::new("one", "One").value(&asked.one).hint("Such as acme:ocr-server.").required())
            (Field::new("other", "Another").value(&asked.other).required())
            button { "Compare" }
        }
    }
}

fn compared(one: &Found, other: &Found) -> Markup {
    let [first, second] = [one, other].map(|found| found.record.release.plugin.to_string());
    let columns = [Column::Text("What"), Column::Text(&first), Column::Text(&second)];
    let both = |of: fn(&Found) -> Markup| [of(one), of(other)];
    let said = |of: fn(&Manifest) -> Vec<String>| {
        [one, other].map(|found| {
            let said = found.record.manifest.as_ref().map(of).filter(|said| !said.is_empty());
            html! { @match &said { Some(said) => { (lines(said)) } None => { "–" } } }
        })
    };
    let rows: Vec<Vec<Markup>> = [
        ("Title", both(|of| html! { a href=(plugin_path(&of.record.release.plugin)) { (of.record.title) } })),
        ("What it does", both(|of| html! { (of.record.description) })),
        ("Publisher", both(publisher)),
        ("Kind", both(|of| html! { (of.record.kind) })),
        (
            "Version",
            both(|of| html! { a href=(release_path(&of.record.release)) { (of.record.release.version) } }),
        ),
        ("Published", both(|of| day(of.record.published_at))),
        ("State", both(state)),
        ("Price", both(|of| html! { (price(&of.record)) })),
        ("Pulls", both(|of| html! { (number(of.pulls)) })),
        ("Deployed within a day", both(|of| html! { "by " (accounts(of.record.running)) })),
        ("Size", both(|of| html! { (bytes(of.record.component_bytes)) })),
        ("Licence", said(|manifest| vec![manifest.license.clone()])),
        ("GPUs", said(|manifest| manifest.gpus.clone())),
        ("May", said(permissions)),
        ("Parameters", said(|manifest| manifest.parameters.keys().cloned().collect())),
        (
            "Meters",
            said(|manifest| {
                meter::units(&manifest.meters).into_iter().map(|unit| unit.to_string()).collect()
            }),
        ),
    ]
    .into_iter()
    .map(|(what, [one, other])| vec![html! { (what) }, one, other])
    .collect();
    html! { h2 { "In short" } (table("The two plugins", &columns, &rows)) }
}

fn publisher(of: &Found) -> Markup {
    let namespace = &of.record.release.plugin.namespace;
    html! { a href=(publisher_path(namespace)) { (namespace) } }
}

fn state(of: &Found) -> Markup {
    let record = &of.record;
    html! {
        @if record.certified { "certified " }
        (notices::badges(record))
        @if !record.advisories.is_empty() { (number(record.advisories.len() as u64)) " advisories" }
    }
}

fn permissions(manifest: &Manifest) -> Vec<String> {
    let words: BTreeSet<String> =
        manifest.permissions.iter().map(|permission| permission.in_words(manifest.kind)).collect();
    match words.is_empty() {
        true => vec!["nothing beyond answering".into()],
        false => words.into_iter().collect(),
    }
}
