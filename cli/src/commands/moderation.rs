//! What operators do where a plugin may be the danger: `quarantine`.

use chandlery_package::wire::{NewQuarantine, Page, Quarantine as Quarantined};
use chandlery_package::{PluginId, Subject};
use clap::Args;
use reqwest::Method;
use serde_json::json;

use crate::api::Context;
use crate::failure::Result;
use crate::show;

/// Quarantine a plugin or a release while it is looked into (for operators).
#[derive(Args)]
pub struct Quarantine {
    /// acme:ocr-server with all of its releases, or one such as acme:ocr-server@1.0.0; without it, what is quarantined is listed
    #[arg(requires = "reason")]
    subject: Option<Subject>,
    /// Why, or what was found, for everybody who runs it
    reason: Option<String>,
    /// Lift the quarantine
    #[arg(long, requires = "subject")]
    lift: bool,
}

impl Quarantine {
    pub async fn run(self, context: &Context) -> Result {
        let (Some(subject), Some(reason)) = (self.subject, self.reason) else { return list(context).await };
        let new = NewQuarantine { quarantined: !self.lift, reason };
        context.tell_registry(Method::PUT, &format!("{}/quarantine", path(&subject)), new).await?;
        let what = match self.lift {
            true => "is not quarantined any more; hosts hear of it within a minute",
            false => "is quarantined; hosts will deploy nothing more of it within a minute",
        };
        match context.settings.json {
            true => show::json(json!({ "subject": subject, "quarantined": !self.lift })),
            false => show::done(format!("{subject} {what}")),
        }
        Ok(())
    }
}

/// Where the registry has a plugin or a release.
fn path(subject: &Subject) -> String {
    let PluginId { namespace, name } = subject.plugin();
    let plugin = format!("/api/v1/plugins/{namespace}/{name}");
    match subject {
        Subject::Plugin(_) => plugin,
        Subject::Release(release) => format!("{plugin}/releases/{}", release.version),
    }
}

async fn list(context: &Context) -> Result {
    let page: Page<Quarantined> = context.registry_list("/api/v1/quarantines").await?;
    if context.settings.json {
        show::json(page.items);
        return Ok(());
    }
    let row = |held: &Quarantined| {
        let since = held.since.strftime("%Y-%m-%d %H:%M").to_string();
        vec![held.subject.to_string(), since, held.reason.clone()]
    };
    show::table(&["quarantined", "since (UTC)", "reason"], page.items.iter().map(row));
    Ok(())
}
