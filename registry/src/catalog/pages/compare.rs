//! Two releases of a plugin beside each other: what an update from one to the other would change.

use std::collections::BTreeSet;

use axum::extract::State;
use chandlery_accounts::Principal;
use chandlery_edge::{Path, Query as Asked};
use chandlery_package::wire::{Paging, ReleaseRecord};
use chandlery_package::{Manifest, Namespace, PluginId, PluginName, Release};
use chandlery_pages::{Column, Head, Link, bytes, crumbs, day, select, table};
use maud::{Markup, html};
use semver::Version;
use serde::Deserialize;

use super::telling::{Base, plugin_path, release_path};
use super::{markdown, notices};
use crate::catalog::error::Error;
use crate::catalog::releases::{find_release, releases};
use crate::catalog::state::Catalog;
use crate::catalog::visibility::must_see;
use crate::shell;

/// How many releases there are to choose from: the highest versions.
const SHOWN: u32 = 100;

/// Which releases are compared; empty: the highest version, with the one before it.
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
    let usual = |index: usize| listed.get(index).or(listed.last()).map(|record| &record.release.version);
    let from = found(&catalog, &plugin, &asked.from, usual(1)).await?;
    let to = found(&catalog, &plugin, &asked.to, usual(0)).await?;
    let changelog = match to.manifest.as_ref().and_then(|manifest| manifest.changelog.clone()) {
        Some(text) => Some(markdown::prose(text).await?),
        None => None,
    };
    let path = plugin_path(&plugin);
    let content = html! {
        (crumbs(&[Link { path: &path, name: plugin.name.as_str() }], "Compare"))
        (notices::banners(&to))
        h1 { (to.title) " " (from.release.version) " to " (to.release.version) }
        (form(&format!("{path}/compare"), &listed, &from, &to))
        (about(&from, &to))
        (permissions(&from, &to))
        (parameters(&from, &to))
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
            .map_err(|error| Error::invalid(format!("'{text}' is no version: {error}")))?,
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

fn permissions(from: &ReleaseRecord, to: &ReleaseRecord) -> Markup {
    let asked = |record: &ReleaseRecord| -> BTreeSet<String> {
        let all = record.manifest.iter().flat_map(|manifest| &manifest.permissions);
        all.map(|permission| permission.in_words(record.kind)).collect()
    };
    let (before, after) = (asked(from), asked(to));
    let (more, less): (Vec<_>, Vec<_>) =
        (after.difference(&before).collect(), before.difference(&after).collect());
    html! {
        h2 { "What it may do" }
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

fn parameters(from: &ReleaseRecord, to: &ReleaseRecord) -> Markup {
    let changed = changed(from.manifest.as_ref(), to.manifest.as_ref());
    let columns = [Column::Text("Parameter"), Column::Text("From"), Column::Text("To")];
    let shown = |said: &Option<String>| {
        html! { @match said { Some(said) => { code { (said) } } None => { "–" } } }
    };
    let rows: Vec<Vec<Markup>> = changed
        .iter()
        .map(|(name, before, after)| vec![html! { code { (name) } }, shown(before), shown(after)])
        .collect();
    html! {
        h2 { "Parameters" }
        @if rows.is_empty() { p { "The same." } } @else { (table("Parameters that differ", &columns, &rows)) }
    }
}

/// The parameters that are not the same, each as it was and as it is.
fn changed(from: Option<&Manifest>, to: Option<&Manifest>) -> Vec<(String, Option<String>, Option<String>)> {
    let said = |manifest: Option<&Manifest>, name: &str| {
        let manifest = manifest?;
        let schema = manifest.parameters.get(name)?;
        let required = manifest.required.iter().any(|required| required == name);
        Some(format!("{schema}{}", if required { ", required" } else { "" }))
    };
    let names: BTreeSet<&String> =
        [from, to].into_iter().flatten().flat_map(|manifest| manifest.parameters.keys()).collect();
    let each = names.into_iter().map(|name| (name.clone(), said(from, name), said(to, name)));
    each.filter(|(_, before, after)| before != after).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn manifest(rest: &str) -> Manifest {
        let head = "name = \"acme:x\"\nversion = \"1.0.0\"\nkind = \"template\"\ncontract = \"0.1.0\"\ntitle = \"X\"\n\
                    description = \"X.\"\nlicense = \"MIT\"\n";
        Manifest::from_toml(&format!("{head}{rest}")).unwrap()
    }

    #[test]
    fn what_differs_is_told_as_it_was_and_as_it_is() {
        let before = manifest(
            "[parameters]\nsame = { type = \"string\" }\ngone = { type = \"string\" }\nwanted = { type = \"string\" }\n",
        );
        let after = manifest(
            "required = [\"wanted\"]\n[parameters]\nsame = { type = \"string\" }\nnew = { type = \"integer\" }\n\
             wanted = { type = \"string\" }\n",
        );
        let text = |said: &str| Some(said.to_owned());
        let string = r#"{"type":"string"}"#;
        let expected = vec![
            ("gone".to_owned(), text(string), None),
            ("new".to_owned(), None, text(r#"{"type":"integer"}"#)),
            ("wanted".to_owned(), text(string), text(&format!("{string}, required"))),
        ];
        assert_eq!(changed(Some(&before), Some(&after)), expected);
        assert_eq!(changed(Some(&after), Some(&after)), Vec::new());
        assert_eq!(changed(None, Some(&before)).len(), 3);
    }
}
