//! One release of a plugin, with what the log says of it.

use axum::extract::{RawQuery, State};
use axum::response::{IntoResponse as _, Response};
use chandlery_accounts::Principal;
use chandlery_edge::{Client, Path};
use chandlery_package::{Namespace, PluginId, PluginName, Release};
use chandlery_pages::{Head, command};
use maud::html;
use semver::Version;

use super::plan::{self, Choice};
use super::telling::{Base, plugin_path, release_path, software};
use super::{compare, markdown, notices, plugin, proof};
use crate::catalog::error::Error;
use crate::catalog::releases::{find_release, logged, release_before};
use crate::catalog::state::Catalog;
use crate::catalog::visibility::must_see;
use crate::shell;

/// The page `/plugins/{namespace}/{name}/releases/{version}`.
pub(super) async fn page(
    State(catalog): State<Catalog>,
    principal: Principal,
    base: Base,
    visitor: Client,
    Path((namespace, name, version)): Path<(Namespace, PluginName, Version)>,
    RawQuery(query): RawQuery,
) -> Result<Response, Error> {
    let release = Release { plugin: PluginId { namespace, name }, version };
    must_see(&catalog.db, &principal, &release.plugin).await?;
    let found = find_release(&catalog.db, &release).await?;
    let record = found.ok_or_else(|| Error::not_found(format!("release {release}")))?;
    let choice = Choice::read(query.as_deref())?;
    let tried = plan::tried(&catalog, visitor, &record, &choice).await?;
    if let Some(tried) = tried.as_ref().filter(|_| choice.is_fragment()) {
        return Ok(tried.plan().into_response());
    }
    let path = release_path(&release);
    let entry = logged(&catalog.db, record.log_index).await?;
    let before = release_before(&catalog.db, &release).await?;
    let changelog = match record.manifest.as_ref().and_then(|manifest| manifest.changelog.clone()) {
        Some(text) => Some(markdown::prose(text).await?),
        None => None,
    };
    let content = html! {
        (plugin::top(&record, record.downloads, Some(&release.version)))
        (notices::install(&record, &format_args!("{}@={}", release.plugin, release.version)))
        @if let Some(tried) = &tried { (tried.section(&path)) }
        (plugin::permissions(record.kind, record.manifest.as_ref()))
        (compare::since(before.as_ref(), &record))
        @if let Some(changelog) = &changelog { h2 { "Changelog" } (changelog) }
        (proof::proof(&base, &record))
        p { a href=(format!("{}/report?version={}", plugin_path(&release.plugin), release.version)) { "Report this release" } }
        @if let Some(entry) = &entry { h2 { "What the log says" } (command(entry)) }
    };
    let title = format!("{} {}", record.title, release.version);
    let head = Head {
        data: Some(software(&base, &record)),
        private: choice.is_made(),
        ..base.head(&path, &title, &record.description)
    };
    Ok(shell::scripted(shell::page(&head, principal.account.as_ref().into(), "", &content)))
}
