//! `chandlery check`: what publishing would refuse, before publishing.

use std::path::PathBuf;

use chandlery_host::installs::{meters_in_words, permissions_in_words};
use chandlery_package::wire::ReleaseRecord;
use chandlery_package::{Digest, Kind};
use clap::Args;
use serde_json::json;

use super::ready::{Ready, ready};
use crate::api::Context;
use crate::author::cases::{Case, Verdict};
use crate::author::project::{Built, Project};
use crate::author::trial::Trial;
use crate::failure::{Failure, Result};
use crate::show;
use crate::words;

/// Check a plugin before it is published.
#[derive(Args)]
pub struct Check {
    /// The plugin's folder, with its chandlery.toml
    #[arg(default_value = ".")]
    folder: PathBuf,
    /// Leave out what only the registry can tell
    #[arg(long)]
    offline: bool,
}

impl Check {
    /// Does it; what the account lacks is told at once and before anything is built, and then the first thing that is wrong ends it.
    pub async fn run(self, context: &Context) -> Result {
        let passed = |name: &str, found: String| {
            if !context.settings.json {
                show::check(name, &found);
            }
        };
        let project = Project::open(&self.folder)?;
        let release = project.manifest.release();
        let cases = match project.manifest.kind {
            Kind::Template => Case::all_of_some(&self.folder)?,
            _ => Vec::new(),
        };
        if !self.offline {
            let namespace = &release.plugin.namespace;
            let Ready { member, key } = ready(context, namespace, namespace.as_str()).await?;
            if let Some(member) = member {
                passed("namespace", format!("'{}' may publish in '{namespace}'", member.account));
            }
            passed("key", format!("{} may sign releases of '{namespace}'", key.key.id()));
        }
        if let (Some(doubt), false) = (project.doubt(), context.settings.json) {
            show::warning(doubt);
        }
        let built = project.build(None)?;
        let (kib, digest) = (built.bytes.len() >> 10, built.component.digest);
        passed("component", format!("{release}, {kib} KiB, {digest}"));
        let manifest = &built.component.manifest;
        passed("permissions", permissions_in_words(manifest.kind, &manifest.permissions));
        if let Some(words) = meters_in_words(&manifest.meters) {
            passed("meters", words);
        }
        if manifest.kind == Kind::Template {
            answers_as_expected(&built, &cases)?;
            passed(
                "cases",
                format!("{} give the plans that are kept, and the same in two engines", cases.len()),
            );
        }
        if !self.offline {
            passed("version", is_free(context, &built).await?.into());
        }
        match context.settings.json {
            true => show::json(json!({ "release": release, "component": built.component.digest })),
            false => show::done(format!("{release} can be published")),
        }
        Ok(())
    }
}

/// Every case gives the answer that is kept, twice as a host runs it, and once compiled otherwise.
fn answers_as_expected(built: &Built, cases: &[Case]) -> Result {
    let cache = tempfile::tempdir()?;
    let trials = [Trial::as_on_a_host(built, cache.path())?, Trial::new(built)?];
    let mut others = Vec::new();
    for case in cases {
        let first = case.ask(&trials[0])?;
        for trial in &trials {
            let again = case.ask(trial)?;
            if again != first {
                let digest = |outcome| Digest::of(json!(outcome).to_string());
                let detail =
                    format!("the case '{}' gave {}, and then {}", case.name, digest(&first), digest(&again));
                return Err(Failure::new(&words::OTHER_PLAN, detail)
                    .remedy("a template must depend on nothing but its request"));
            }
        }
        if !matches!(case.judge(&first)?, Verdict::Same) {
            others.push(case.name.as_str());
        }
    }
    match others.is_empty() {
        true => Ok(()),
        false => {
            let detail = format!("{} of {} cases: {}", others.len(), cases.len(), others.join(", "));
            Err(Failure::new(&words::CASES_FAILED, detail)
                .remedy("`chandlery test` shows what differs; `chandlery test --accept` keeps what is right"))
        }
    }
}

/// A version is published once, though the same content may be sent again.
async fn is_free(context: &Context, built: &Built) -> Result<&'static str> {
    let release = built.component.manifest.release();
    let plugin = &release.plugin;
    let path = format!("/api/v1/plugins/{}/{}/releases/{}", plugin.namespace, plugin.name, release.version);
    match context.ask_as_anyone::<ReleaseRecord>(&path).await {
        Ok(record) if record.component == built.component.digest => {
            Ok("it is published, with this very content")
        }
        Ok(_) => Err(Failure::new(
            &words::VERSION_IS_PUBLISHED,
            format!("{release} is published, with other content"),
        )
        .remedy("raise the version in chandlery.toml: a published one never changes")),
        Err(failure) if failure.is("no-release") || failure.is("not-found") => Ok("it is not published yet"),
        Err(failure) => Err(failure),
    }
}
