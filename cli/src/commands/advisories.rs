//! `chandlery advisories`: what is wrong with some versions of a plugin.

use chandlery_package::wire::Page;
use chandlery_package::{Advisory, AdvisoryId, PluginId};
use clap::{Args, Subcommand};
use reqwest::Method;
use serde_json::json;

use crate::api::Context;
use crate::failure::{Failure, Result};
use crate::show;

/// What is wrong with some versions of a plugin.
#[derive(Args)]
pub struct Advisories {
    #[command(subcommand)]
    act: Option<Act>,
}

#[derive(Subcommand)]
enum Act {
    /// Show the advisories about all plugins that you may see, or about one
    List {
        /// The plugin, such as acme:ocr-server
        plugin: Option<PluginId>,
    },
    /// Publish an advisory, or say something else in it (for the plugin's publishers and operators)
    Add {
        /// The plugin, such as acme:ocr-server
        plugin: PluginId,
        /// A file in the Open Source Vulnerability format
        file: std::path::PathBuf,
    },
    /// Withdraw an advisory that does not hold
    Withdraw {
        /// The plugin, such as acme:ocr-server
        plugin: PluginId,
        /// What it is called, such as ACME-2026-1
        id: AdvisoryId,
    },
}

impl Advisories {
    pub async fn run(self, context: &Context) -> Result {
        match self.act {
            None => list(context, None).await,
            Some(Act::List { plugin }) => list(context, plugin.as_ref()).await,
            Some(Act::Add { plugin, file }) => {
                let refused = |error: String| Failure::of(format!("{}: {error}", file.display()));
                let bytes = std::fs::read(&file).map_err(|error| refused(error.to_string()))?;
                let advisory = Advisory::parse(&bytes).map_err(|error| refused(error.to_string()))?;
                advisory.check(&plugin).map_err(|error| refused(error.to_string()))?;
                let path = path(&plugin, Some(&advisory.id));
                let published: Advisory = context.registry(Method::PUT, &path, advisory).await?;
                match context.settings.json {
                    true => show::json(published),
                    false => show::done(format!(
                        "{} is published; hosts that run what it is about hear of it within a minute",
                        published.id
                    )),
                }
                Ok(())
            }
            Some(Act::Withdraw { plugin, id }) => {
                context.tell_registry(Method::DELETE, &path(&plugin, Some(&id)), json!({})).await?;
                match context.settings.json {
                    true => show::json(json!({ "id": id })),
                    false => show::done(format!("{id} is withdrawn")),
                }
                Ok(())
            }
        }
    }
}

fn path(PluginId { namespace, name }: &PluginId, id: Option<&AdvisoryId>) -> String {
    let all = format!("/api/v1/plugins/{namespace}/{name}/advisories");
    match id {
        Some(id) => format!("{all}/{id}"),
        None => all,
    }
}

async fn list(context: &Context, plugin: Option<&PluginId>) -> Result {
    let asked = plugin.map_or_else(|| "/api/v1/advisories".to_owned(), |plugin| path(plugin, None));
    let page: Page<Advisory> = context.public_list(&asked).await?;
    if context.settings.json {
        show::json(page.items);
        return Ok(());
    }
    let row = |advisory: &Advisory| {
        let about = advisory.affected.first().map(|affected| affected.package.name.to_string());
        let published = advisory.published.map(|at| at.strftime("%Y-%m-%d").to_string());
        let state = if advisory.withdrawn.is_some() { "withdrawn" } else { "stands" };
        vec![
            advisory.id.to_string(),
            about.unwrap_or_default(),
            advisory.database_specific.severity.to_string(),
            published.unwrap_or_default(),
            state.to_owned(),
            advisory.summary.clone(),
        ]
    };
    let headings = ["advisory", "plugin", "severity", "published", "state", "summary"];
    show::table(&headings, page.items.iter().map(row));
    Ok(())
}
