//! `chandlery check`: what publishing would refuse, before publishing.

use std::path::PathBuf;

use chandlery_host::installs::{meters_in_words, permissions_in_words};
use chandlery_package::wire::{KeyRecord, Member, Organisation, OrganisationRole, Page, ReleaseRecord, Role};
use chandlery_package::{Digest, Kind, Namespace, PublicKey};
use clap::Args;
use serde_json::json;

use crate::api::Context;
use crate::author::cases::Case;
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
    /// Does it; the first thing that publishing would refuse ends it.
    pub async fn run(self, context: &Context) -> Result {
        let passed = |name: &str, found: String| {
            if !context.settings.json {
                show::check(name, &found);
            }
        };
        let built = Project::open(&self.folder)?.build(None)?;
        let release = built.component.manifest.release();
        passed(
            "component",
            format!("{release}, {} KiB, {}", built.bytes.len() >> 10, built.component.digest),
        );
        let manifest = &built.component.manifest;
        passed("permissions", permissions_in_words(manifest.kind, &manifest.permissions));
        if let Some(words) = meters_in_words(&manifest.meters) {
            passed("meters", words);
        }
        if manifest.kind == Kind::Template {
            let cases = Case::all(&self.folder)?;
            is_deterministic(&built, &cases)?;
            passed("deterministic", format!("{} cases give the same plans in two engines", cases.len()));
        }
        if !self.offline {
            passed("version", is_free(context, &built).await?.into());
            let member = may_publish(context, &built).await?;
            passed(
                "namespace",
                format!("'{}' may publish in '{}'", member.account, release.plugin.namespace),
            );
            let key = is_signed_by_its_namespace(context, &built).await?;
            passed("key", format!("{} may sign releases of '{}'", key.key.id(), release.plugin.namespace));
        }
        match context.settings.json {
            true => show::json(json!({ "release": release, "component": built.component.digest })),
            false => show::done(format!("{release} can be published")),
        }
        Ok(())
    }
}

/// Every case gives the same answer twice as a host runs it, and once compiled otherwise.
fn is_deterministic(built: &Built, cases: &[Case]) -> Result {
    let cache = tempfile::tempdir()?;
    let trials = [Trial::as_on_a_host(built, cache.path())?, Trial::new(built)?];
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
    }
    Ok(())
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

async fn may_publish(context: &Context, built: &Built) -> Result<Member> {
    let (account, _) = context.account()?;
    let names = publishing_names(context, &account).await?;
    let namespace = &built.component.manifest.name.namespace;
    let path = format!("/api/v1/namespaces/{namespace}/members");
    let members: Page<Member> = context.registry_list(&path).await?;
    let may = |member: &Member| {
        names.contains(&member.account) && !member.invited && member.role >= Role::Publisher
    };
    members.items.into_iter().find(may).ok_or_else(|| {
        Failure::new(&words::MAY_NOT_PUBLISH, format!("'{account}' may not publish in '{namespace}'"))
            .remedy(format!("ask an owner: `chandlery namespace invite {namespace} {account}`"))
    })
}

/// By whose right the account publishes: its own, and that of organisations for which it may; of one alone that it is to act for.
async fn publishing_names(context: &Context, account: &Namespace) -> Result<Vec<Namespace>> {
    if let Some(organisation) = &context.settings.acts_for {
        return Ok(vec![organisation.clone()]);
    }
    let belongs: Page<Organisation> = context.registry_list("/api/v1/organisations").await?;
    let publishes = |role: OrganisationRole| {
        matches!(role, OrganisationRole::Publisher | OrganisationRole::Admin | OrganisationRole::Owner)
    };
    let through = belongs.items.into_iter().filter(|found| publishes(found.role)).map(|found| found.name);
    Ok(through.chain([account.clone()]).collect())
}

async fn is_signed_by_its_namespace(context: &Context, built: &Built) -> Result<KeyRecord> {
    let namespace = &built.component.manifest.name.namespace;
    let key = context.home.key(namespace.as_str())?.public();
    key_of(context, namespace, key).await
}

/// What the registry knows of a key that may sign releases of a namespace.
pub async fn key_of(context: &Context, namespace: &Namespace, key: PublicKey) -> Result<KeyRecord> {
    let path = format!("/api/v1/namespaces/{namespace}/keys");
    let keys: Page<KeyRecord> = context.public_list(&path).await?;
    let found = keys.items.into_iter().find(|record| record.key == key && record.revoked_from.is_none());
    found.ok_or_else(|| {
        let detail = format!("{} may not sign releases of '{namespace}'", key.id());
        Failure::new(&words::NOT_A_KEY_OF_THE_NAMESPACE, detail)
            .remedy(format!(
                "as an owner of '{namespace}', add it with `chandlery keys add {namespace}`; otherwise ask the owners with `chandlery keys \
                 request {namespace}`"
            ))
    })
}
