//! `chandlery log`: audit a registry.

use std::path::PathBuf;

use chandlery_host::installs::{self, Audit, RegistryClient, RegistryPin, audit};
use chandlery_package::Digest;
use chandlery_package::log::{AuditHead, LoggedUsage};
use clap::Subcommand;

use super::host::Trust;
use crate::api::Context;
use crate::failure::{Failure, Result};
use crate::home::write_private;
use crate::show;
use crate::words;

/// The registry's transparency log.
#[derive(Subcommand)]
pub enum Log {
    /// Read a registry's log from its first entry, and check everything that it tells of
    Audit {
        #[command(flatten)]
        trust: Trust,
    },
}

impl Log {
    pub async fn run(self, context: &Context) -> Result {
        let Self::Audit { trust } = self;
        let url = &context.settings.registry;
        let token = context.token().ok();
        let client = RegistryClient::new(url, token)?;
        let path = pin_path(context);
        let seen = read_pin(&path)?;
        let json = context.settings.json;
        let progress = move |step| show::Steps::new(json).show(step);
        let found =
            audit(&client, &super::work::worker()?, seen.as_ref(), &trust.to_host(), &progress).await?;
        if found.faults.is_empty() {
            // What a log that is not believed says of its size is not worth remembering.
            write_private(&path, &serde_json::json!(found.pin).to_string())?;
        }
        report(json, &found, url)
    }
}

fn pin_path(context: &Context) -> PathBuf {
    context.home.path(&format!("audits/{}.json", Digest::of(&context.settings.registry).hex()))
}

/// What the registry's log says of its audit trail, which must continue what an audit saw of it.
pub(super) async fn audit_heads(context: &Context, trust: &Trust) -> Result<Vec<AuditHead>> {
    let token = context.token().ok();
    let client = RegistryClient::new(&context.settings.registry, token)?;
    let seen = read_pin(&pin_path(context))?;
    Ok(installs::audit_heads(&client, seen.as_ref(), &trust.to_host()).await?)
}

/// What the registry's log says of its customers' use, which must continue what an audit saw of it.
pub(super) async fn usage_roots(context: &Context, trust: &Trust) -> Result<Vec<LoggedUsage>> {
    let token = context.token().ok();
    let client = RegistryClient::new(&context.settings.registry, token)?;
    let seen = read_pin(&pin_path(context))?;
    Ok(installs::usage_roots(&client, seen.as_ref(), &trust.to_host()).await?)
}

fn read_pin(path: &PathBuf) -> Result<Option<RegistryPin>> {
    match std::fs::read_to_string(path) {
        Ok(text) => serde_json::from_str(&text)
            .map(Some)
            .map_err(|error| Failure::of(format!("{}: {error}", path.display()))),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error.into()),
    }
}

fn report(json: bool, found: &Audit, url: &str) -> Result {
    let Audit { entries, releases, faults, .. } = found;
    match json {
        true => show::json(found),
        false => faults.iter().for_each(show::warning),
    }
    if faults.is_empty() {
        if !json {
            show::done(format!("{url} is as its log says: {entries} entries, {releases} releases"));
        }
        return Ok(());
    }
    let detail = format!("{} faults, of which the first is: {}", faults.len(), faults[0]);
    Err(Failure::new(&words::AUDIT_FAILED, detail).remedy(
        "do not install from it; tell its operator and others who use it, with the output of `--json`",
    ))
}
