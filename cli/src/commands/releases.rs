//! `chandlery show`, and what becomes of releases: `yank`, `deprecate`, `withdraw`, `certify`.

use chandlery_host::installs::{meters_in_words, permissions_in_words};
use chandlery_package::wire::{Deprecation, NewWithdrawal, Page, ReleaseRecord};
use chandlery_package::{Manifest, PluginId, Release};
use clap::Args;
use reqwest::Method;
use serde_json::json;

use crate::api::Context;
use crate::failure::{Failure, Result};
use crate::show;

fn path(release: &Release) -> String {
    let PluginId { namespace, name } = &release.plugin;
    format!("/api/v1/plugins/{namespace}/{name}/releases/{}", release.version)
}

/// Show a plugin, or one release of it.
#[derive(Args)]
pub struct Show {
    /// `acme:ocr-server`, or `acme:ocr-server@1.0.0`
    name: String,
}

impl Show {
    pub async fn run(self, context: &Context) -> Result {
        let release = match self.name.parse::<Release>() {
            Ok(release) => release,
            Err(_) => {
                let plugin: PluginId = self.name.parse().map_err(|error| Failure::of(format!("{error}")))?;
                newest(context, &plugin).await?
            }
        };
        let record: ReleaseRecord = context.ask_as_anyone(&path(&release)).await?;
        match context.settings.json {
            true => show::json(record),
            false => print(&record),
        }
        Ok(())
    }
}

/// What the registry says of a plugin's releases, the newest first.
pub async fn releases_of(context: &Context, plugin: &PluginId) -> Result<Page<ReleaseRecord>> {
    let PluginId { namespace, name } = plugin;
    context.public_list(&format!("/api/v1/plugins/{namespace}/{name}/releases")).await
}

/// The first of releases, the newest first, that somebody new is to choose.
pub fn advisable(releases: &[ReleaseRecord]) -> Option<&ReleaseRecord> {
    let may_be_run = |record: &ReleaseRecord| record.withdrawn.is_none() && record.quarantined.is_none();
    let is_chosen = |record: &&ReleaseRecord| {
        !record.yanked && may_be_run(record) && record.release.version.pre.is_empty()
    };
    releases.iter().find(is_chosen)
}

async fn newest(context: &Context, plugin: &PluginId) -> Result<Release> {
    let page = releases_of(context, plugin).await?;
    let newest = advisable(&page.items).or(page.items.first());
    let newest = newest.map(|record| record.release.clone());
    newest.ok_or_else(|| Failure::of(format!("{plugin} has no releases")))
}

fn print(record: &ReleaseRecord) {
    let ReleaseRecord { release, title, description, .. } = record;
    show::headline(release, title);
    show::text(description);
    if let Some(reason) = &record.withdrawn {
        show::warning(format!("withdrawn: {reason}"));
    }
    if let Some(reason) = &record.quarantined {
        show::warning(format!("quarantined while it is looked into: {reason}"));
    }
    if record.yanked {
        show::warning("yanked: not chosen for new installs");
    }
    if let Some(Deprecation { note, successor }) = &record.deprecated {
        let instead = successor.as_ref().map(|plugin| format!("; use {plugin}")).unwrap_or_default();
        show::warning(format!("deprecated: {note}{instead}"));
    }
    for advised in &record.advisories {
        show::warning(advised.to_string());
    }
    show::text("");
    let price = record.price.as_ref().map_or_else(|| "free".into(), ToString::to_string);
    let certified = if record.certified { "by the marketplace" } else { "no" };
    show::check("price", &price);
    show::check("certified", certified);
    show::check("downloads", &record.downloads.to_string());
    show::check("published", &record.published_at.strftime("%Y-%m-%d %H:%M UTC").to_string());
    show::check("signed by", &format!("{}, log entry {}", record.key.id(), record.log_index));
    if let Some(identity) = &record.identity {
        show::check("published by", &identity.to_string());
    }
    show::check("component", &format!("{} ({} KiB)", record.component, record.component_bytes >> 10));
    let Some(manifest) = &record.manifest else { return };
    print_manifest(manifest);
}

fn print_manifest(manifest: &Manifest) {
    show::check("kind", &manifest.kind.to_string());
    show::check("permissions", &permissions_in_words(manifest.kind, &manifest.permissions));
    if let Some(words) = meters_in_words(&manifest.meters) {
        show::check("meters", &words);
    }
    if !manifest.gpus.is_empty() {
        show::check("runs on", &manifest.gpus.join(", "));
    }
    let rows = manifest.parameters.iter().map(|(name, schema)| {
        let text = |key: &str| match &schema[key] {
            serde_json::Value::Null => String::new(),
            serde_json::Value::String(text) => text.clone(),
            other => other.to_string(),
        };
        let required = if manifest.required.contains(name) { "required" } else { "" };
        vec![name.clone(), text("type"), text("default"), required.into(), text("description")]
    });
    show::table(&["parameter", "type", "default", "", "description"], rows);
    for (heading, text) in [("Readme", &manifest.readme), ("Changelog", &manifest.changelog)] {
        if let Some(text) = text {
            show::text("");
            show::headline(heading, "");
            show::text(text);
        }
    }
}

/// Yank a release: nobody new chooses it, and who has it keeps it.
#[derive(Args)]
pub struct Yank {
    /// The release, such as acme:ocr-server@1.0.0
    release: Release,
    /// Let it be chosen again
    #[arg(long)]
    undo: bool,
}

impl Yank {
    pub async fn run(self, context: &Context) -> Result {
        let method = if self.undo { Method::DELETE } else { Method::PUT };
        context.tell_registry(method, &format!("{}/yank", path(&self.release)), json!({})).await?;
        let what = if self.undo { "may be chosen again" } else { "is not chosen for new installs any more" };
        said(context, &self.release, what);
        Ok(())
    }
}

/// Advise to use something else.
#[derive(Args)]
pub struct Deprecate {
    /// The release, such as acme:ocr-server@1.0.0
    release: Release,
    /// Why, and what to do
    #[arg(required_unless_present = "undo")]
    note: Option<String>,
    /// What to use instead
    #[arg(long, value_name = "PLUGIN")]
    successor: Option<PluginId>,
    /// Advise so no longer
    #[arg(long)]
    undo: bool,
}

impl Deprecate {
    pub async fn run(self, context: &Context) -> Result {
        let method = if self.undo { Method::DELETE } else { Method::PUT };
        let advice = Deprecation { note: self.note.unwrap_or_default(), successor: self.successor };
        context.tell_registry(method, &format!("{}/deprecation", path(&self.release)), advice).await?;
        let what = if self.undo { "is not deprecated any more" } else { "is deprecated" };
        said(context, &self.release, what);
        Ok(())
    }
}

/// Withdraw a release for ever: hosts refuse it and warn where it runs.
#[derive(Args)]
pub struct Withdraw {
    /// The release, such as acme:ocr-server@1.0.0
    release: Release,
    /// Why, for everybody who runs it
    reason: String,
}

impl Withdraw {
    pub async fn run(self, context: &Context) -> Result {
        let withdrawal = NewWithdrawal { reason: self.reason };
        context
            .tell_registry(Method::PUT, &format!("{}/withdrawal", path(&self.release)), withdrawal)
            .await?;
        said(context, &self.release, "is withdrawn; hosts will refuse it within a minute");
        Ok(())
    }
}

/// Certify a plugin (for operators).
#[derive(Args)]
pub struct Certify {
    /// The plugin, such as acme:ocr-server
    plugin: PluginId,
    /// Certify it no longer
    #[arg(long)]
    undo: bool,
}

impl Certify {
    pub async fn run(self, context: &Context) -> Result {
        let PluginId { namespace, name } = &self.plugin;
        let method = if self.undo { Method::DELETE } else { Method::PUT };
        let path = format!("/api/v1/plugins/{namespace}/{name}/certification");
        context.tell_registry(method, &path, json!({})).await?;
        let what = if self.undo { "is not certified any more" } else { "is certified" };
        match context.settings.json {
            true => show::json(json!({ "plugin": self.plugin, "certified": !self.undo })),
            false => show::done(format!("{} {what}", self.plugin)),
        }
        Ok(())
    }
}

fn said(context: &Context, release: &Release, what: &str) {
    match context.settings.json {
        true => show::json(json!({ "release": release })),
        false => show::done(format!("{release} {what}")),
    }
}
