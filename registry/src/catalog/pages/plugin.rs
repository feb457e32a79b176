//! A plugin: what it does, what it may do, what it costs, why it is to be believed, and its releases.

use axum::extract::{RawQuery, State};
use axum::response::{IntoResponse as _, Response};
use chandlery_accounts::Principal;
use chandlery_edge::{Client, Path, Query as Asked};
use chandlery_package::wire::{Listing, Page, Paging, ReleaseRecord};
use chandlery_package::{Advisory, Kind, Manifest, Namespace, PluginId, PluginName};
use chandlery_pages::{
    Column, Head, Link, Tone, badge, crumbs, day, facts, next_page, number, table, titled,
};
use maud::{Markup, html};
use semver::Version;

use super::plan::{self, Choice};
use super::presented::{image_path, link};
use super::telling::{Base, plugin_path, publisher_path, release_path, software};
use super::{compare, embedded, listing, markdown, notices, presented, proof};
use crate::catalog::error::Error;
use crate::catalog::listing::find as find_listing;
use crate::catalog::releases::{advisories, find_release, pulls, release_before, releases};
use crate::catalog::search::{must_see_or_mean, rank};
use crate::catalog::state::Catalog;
use crate::shell::{self, SEARCH};

/// How many releases are listed at a time.
const SHOWN: u32 = 100;

/// The page `/plugins/{namespace}/{name}`.
pub(super) async fn page(
    State(catalog): State<Catalog>,
    principal: Principal,
    base: Base,
    visitor: Client,
    Path((namespace, name)): Path<(Namespace, PluginName)>,
    Asked(paging): Asked<Paging<Version>>,
    RawQuery(query): RawQuery,
) -> Result<Response, Error> {
    let plugin = PluginId { namespace, name };
    must_see_or_mean(&catalog, &principal, &plugin).await?;
    let first = releases(&catalog.db, &plugin, &Paging::first(SHOWN)).await?;
    let newest = first.items.iter().max_by(|one, other| rank(one).cmp(&rank(other)));
    let not_found = || Error::not_found(format!("plugin '{plugin}'"));
    let newest = newest.map(|record| record.release.clone()).ok_or_else(not_found)?;
    let record = find_release(&catalog.db, &newest).await?.ok_or_else(not_found)?;
    let choice = Choice::read(query.as_deref())?;
    let tried = plan::tried(&catalog, visitor, &record, &choice).await?;
    if let Some(tried) = tried.as_ref().filter(|_| choice.is_fragment()) {
        return Ok(tried.plan().into_response());
    }
    let about = advisories(&catalog.db, &plugin).await?;
    let before = release_before(&catalog.db, &record.release).await?;
    let readme = record.manifest.as_ref().and_then(|manifest| manifest.readme.clone());
    let readme = match readme {
        Some(text) => Some(markdown::prose(text).await?),
        None => None,
    };
    let pulled = pulls(&catalog.db, &plugin).await?;
    // Of what may do harm, nothing leads anywhere that its publisher chooses.
    let said = match notices::may_be_installed(&record) {
        true => find_listing(&catalog.db, &plugin).await?,
        false => Listing::default(),
    };
    let listed = match paging.after() {
        Some(_) => releases(&catalog.db, &plugin, &paging).await?,
        None => first,
    };
    let path = plugin_path(&plugin);
    let content = html! {
        (top(&record, pulled, None))
        @if record.price.is_some() && notices::may_be_installed(&record) {
            form method="get" action=(format!("/checkout{path}")) { button { "Order" } }
        }
        (notices::install(&record, &plugin))
        (presented::section(&plugin, &said))
        @if let Some(tried) = &tried { (tried.section(&path)) }
        (permissions(record.kind, record.manifest.as_ref()))
        (compare::since(before.as_ref(), &record))
        @if let Some(readme) = &readme { h2 { "Readme" } (readme) }
        (proof::proof(&base, &record))
        (notices::advisories(&about))
        (list(&plugin, &listed, &about))
        (embedded::section(&base, &record))
        p { a href=(format!("{path}/report")) { "Report this plugin" } }
    };
    let head = Head {
        feed: Some(format!("{path}/releases.xml")),
        image: presented::picture(&base, &plugin, &said),
        data: Some(presented::described(software(&base, &record), &base, &plugin, &said)),
        // One page for search engines, not one for each choice.
        private: choice.is_made(),
        ..base.head(&path, &record.title, &record.description)
    };
    Ok(shell::scripted(shell::page(&head, principal.account.as_ref().into(), "", &content)))
}

/// What stands above the rest on the page of a plugin, or on that of one release.
pub(super) fn top(record: &ReleaseRecord, pulled: u64, release: Option<&Version>) -> Markup {
    let plugin = &record.release.plugin;
    let (of_publisher, of_plugin) = (publisher_path(&plugin.namespace), plugin_path(plugin));
    let id = plugin.to_string();
    let mut above = vec![
        Link { path: SEARCH, name: "Plugins" },
        Link { path: &of_publisher, name: plugin.namespace.as_str() },
    ];
    if release.is_some() {
        above.push(Link { path: &of_plugin, name: plugin.name.as_str() });
    }
    let icon = record.icon.filter(|_| notices::may_be_installed(record));
    let icon = icon.map(|digest| image_path(plugin, digest));
    let here = release.map_or_else(|| plugin.name.to_string(), ToString::to_string);
    html! {
        (crumbs(&above, &here))
        (notices::banners(record))
        (titled(icon.as_deref(), &html! { h1 { (record.title) @if let Some(version) = release { " " (version) } } }))
        p.badges {
            code { (id) }
            (badge(Tone::Plain, record.kind.as_str()))
            @if record.certified { (badge(Tone::Good, "certified")) }
        }
        p.lead { (record.description) }
        div.card { (facts(&about(record, pulled))) }
    }
}

fn about(record: &ReleaseRecord, pulled: u64) -> Vec<(&'static str, Markup)> {
    let release = &record.release;
    let namespace = &release.plugin.namespace;
    let mut facts = vec![
        ("Publisher", html! { a href=(publisher_path(namespace)) { (namespace) } }),
        (
            "Version",
            html! { a href=(release_path(release)) { (release.version) } ", " (day(record.published_at)) },
        ),
        (
            "Price",
            html! { (listing::price(record)) @if record.price.is_some() { ", on these " a href="/terms" { "terms" } } },
        ),
        ("Pulls", html! { (number(pulled)) }),
        ("Deployed", html! { "by " (listing::accounts(record.running)) " within a day, as metered" }),
        ("Size", html! { (chandlery_pages::bytes(record.component_bytes)) }),
    ];
    if let Some(manifest) = &record.manifest {
        facts.push(("Licence", html! { (manifest.license) }));
        if !manifest.gpus.is_empty() {
            facts.push(("GPUs", html! { (manifest.gpus.join(", ")) }));
        }
        if !manifest.authors.is_empty() {
            facts.push(("Authors", html! { (manifest.authors.join(", ")) }));
        }
        if let Some(source) = &manifest.source {
            facts.push(("Source", link(source)));
        }
    }
    facts
}

/// What a release may do beyond answering, in words.
pub(super) fn permissions(kind: Kind, manifest: Option<&Manifest>) -> Markup {
    let asked: Vec<String> = manifest
        .into_iter()
        .flat_map(|manifest| &manifest.permissions)
        .map(|permission| permission.in_words(kind))
        .collect();
    html! {
        h2 { "What it may do" }
        @if asked.is_empty() {
            p { "It asks for nothing: it cannot read files, reach the network or keep anything." }
        } @else {
            p { "Each is granted by whoever installs it, or refused. It may" }
            ul { @for words in &asked { li { (words) } } }
        }
        @if kind == Kind::Template {
            p.note { "What you deploy of it runs programs on your target. The plan shows them before, and policies may refuse them." }
        }
    }
}

fn list(plugin: &PluginId, page: &Page<ReleaseRecord>, about: &[Advisory]) -> Markup {
    let path = plugin_path(plugin);
    let columns =
        [Column::Text("Version"), Column::Text("Published"), Column::Text("State"), Column::Number("Pulls")];
    let rows: Vec<Vec<Markup>> = page.items.iter().map(|record| row(record, about)).collect();
    let next = page.next.as_deref().map(|after| format!("{path}?after={after}"));
    html! {
        h2 { "Releases" }
        (table("Releases", &columns, &rows))
        (next_page(next.as_deref()))
        p {
            a href=(format!("{path}/releases.xml")) { "Feed of its releases" }
            " · " a href=(format!("{path}/advisories.xml")) { "Feed of its advisories" }
            @if page.items.len() > 1 { " · " a href=(format!("{path}/compare")) { "Compare releases" } }
            " · " a href=(format!("/compare?one={plugin}")) { "Compare with another plugin" }
        }
    }
}

fn row(record: &ReleaseRecord, about: &[Advisory]) -> Vec<Markup> {
    let version = &record.release.version;
    let advised = about.iter().any(|advisory| advisory.affects(version));
    vec![
        html! { a href=(release_path(&record.release)) { (version) } },
        day(record.published_at),
        html! { (notices::badges(record)) @if advised { (badge(Tone::Warning, "advisory")) } },
        html! { (number(record.downloads)) },
    ]
}
