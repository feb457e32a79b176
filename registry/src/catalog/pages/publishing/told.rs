//! What a draft says of itself, as its page in the shop would say it, and in what it differs from the release before.

use chandlery_package::wire::Paging;
use chandlery_package::{Component, Manifest, PluginId};
use chandlery_pages::{Column, Tone, banner, bytes, facts, table};
use chandlery_store::Db;
use maud::{Markup, html};
use semver::Version;
use serde_json::Value;

use crate::catalog::drafts::Draft;
use crate::catalog::error::Error;
use crate::catalog::pages::{compare, markdown, plugin};
use crate::catalog::releases::{release_before, releases};
use crate::catalog::search::rank;
use crate::catalog::state::Catalog;

/// How many of the highest releases the one that is chosen is looked for in.
const LOOKED_AT: u32 = 100;

/// All that a draft says.
pub(super) async fn says(catalog: &Catalog, draft: &Draft, component: &Component) -> Result<Markup, Error> {
    let manifest = &component.manifest;
    let release = manifest.release();
    let before = release_before(&catalog.db, &release).await?;
    let higher = chosen(&catalog.db, &release.plugin).await?.filter(|chosen| *chosen > release.version);
    let readme = match manifest.readme.clone() {
        Some(text) => markdown::prose(text).await?,
        None => {
            html! { p.none { "There is no readme: " code { "chandlery build" } " takes it from README.md." } }
        }
    };
    let changelog = match manifest.changelog.clone() {
        Some(text) => Some(markdown::prose(text).await?),
        None => None,
    };
    Ok(html! {
        h2 { "What it says" }
        @if let Some(higher) = &higher {
            (banner(Tone::Warning, &html! {
                "There is a higher version, " strong { (higher) } ": whoever names no version gets that one."
            }))
        }
        div.card { (facts(&about(draft, component))) }
        (plugin::permissions(manifest.kind, Some(manifest)))
        (parameters(manifest))
        @if let Some(before) = &before {
            h2 { "What changes since " (before.release.version) }
            h3 { "What it may do" }
            (compare::permissions_that_differ(before.manifest.as_ref(), Some(manifest)))
            h3 { "Parameters" }
            (compare::parameters_that_differ(before.manifest.as_ref(), Some(manifest)))
        }
        h2 { "Readme" }
        (readme)
        @if let Some(changelog) = &changelog { h2 { "Changelog" } (changelog) }
    })
}

/// The version that whoever asks for none gets: the highest that may be chosen and is no pre-release.
async fn chosen(db: &Db, plugin: &PluginId) -> Result<Option<Version>, Error> {
    let listed = releases(db, plugin, &Paging::first(LOOKED_AT)).await?.items;
    let best = listed.into_iter().find(|record| matches!(rank(record), (true, true, true, _)));
    Ok(best.map(|record| record.release.version))
}

fn about(draft: &Draft, component: &Component) -> Vec<(&'static str, Markup)> {
    let manifest = &component.manifest;
    let mut facts = vec![
        ("Plugin", html! { code { (manifest.name) } }),
        ("Version", html! { (manifest.version) }),
        ("Title", html! { (manifest.title) }),
        ("Description", html! { (manifest.description) }),
        ("Kind", html! { (manifest.kind.as_str()) }),
        ("Contract", html! { (manifest.contract) }),
        ("Licence", html! { (manifest.license) }),
        ("Size", html! { (bytes(draft.bytes)) }),
        ("Component", html! { code { (draft.digest) } }),
    ];
    let lists = [("Authors", &manifest.authors), ("GPUs", &manifest.gpus), ("Keywords", &manifest.keywords)];
    facts.extend(
        lists
            .into_iter()
            .filter(|(_, list)| !list.is_empty())
            .map(|(what, list)| (what, html! { (list.join(", ")) })),
    );
    if let Some(source) = &manifest.source {
        facts.push(("Source", html! { (source) }));
    }
    facts
}

fn parameters(manifest: &Manifest) -> Markup {
    let rows: Vec<Vec<Markup>> = manifest
        .parameters
        .iter()
        .map(|(name, schema)| {
            let must = manifest.required.contains(name);
            let mut schema = schema.clone();
            let about = schema.as_object_mut().and_then(|schema| schema.remove("description"));
            vec![
                html! { code { (name) } },
                html! { @if must { "required" } @else { "optional" } },
                html! {
                    @if let Some(about) = about.as_ref().and_then(Value::as_str) { div { (about) } }
                    code { (schema) }
                },
            ]
        })
        .collect();
    html! {
        h2 { "Parameters" }
        @if rows.is_empty() { p { "It takes no parameters." } } @else {
            (table("Parameters", &["Parameter", "Required?", "What it is"].map(Column::Text), &rows))
        }
    }
}
