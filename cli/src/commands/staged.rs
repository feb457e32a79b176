//! `chandlery releases`: what waits for another member's approval.

use chandlery_package::wire::{NewReleaseApproval, Page, ReleaseRecord, StagedRelease};
use chandlery_package::{Digest, PluginId, Release};
use clap::Subcommand;
use reqwest::Method;
use serde_json::json;

use crate::api::Context;
use crate::failure::{Failure, Result};
use crate::{show, words};

/// Releases that wait for approval, where it takes two members to publish.
#[derive(Subcommand)]
pub enum Releases {
    /// Show what waits for approval
    Waiting {
        /// The plugin, such as acme:ocr-server
        plugin: PluginId,
    },
    /// Publish what another member has asked for
    Approve {
        /// The release, such as acme:ocr-server@1.2.0
        release: Release,
        /// Only if this is the digest of what waits: the one that was looked at
        #[arg(long, value_name = "DIGEST")]
        artifact: Option<Digest>,
    },
    /// Refuse what waits, or take your own back
    Refuse {
        /// The release, such as acme:ocr-server@1.2.0
        release: Release,
    },
}

fn path(plugin: &PluginId) -> String {
    let PluginId { namespace, name } = plugin;
    format!("/api/v1/plugins/{namespace}/{name}/staged-releases")
}

impl Releases {
    pub async fn run(self, context: &Context) -> Result {
        match self {
            Self::Waiting { plugin } => list(context, &plugin).await,
            Self::Approve { release, artifact } => approve(context, &release, artifact).await,
            Self::Refuse { release } => {
                let path = format!("{}/{}", path(&release.plugin), release.version);
                context.tell_registry(Method::DELETE, &path, ()).await?;
                match context.settings.json {
                    true => show::json(json!({ "refused": release })),
                    false => show::done(format!("{release} is not published")),
                }
                Ok(())
            }
        }
    }
}

async fn approve(context: &Context, release: &Release, artifact: Option<Digest>) -> Result {
    let path = path(&release.plugin);
    let artifact = match artifact {
        Some(artifact) => artifact,
        None => {
            let page: Page<StagedRelease> = context.registry_list(&path).await?;
            let found = page.items.into_iter().find(|staged| staged.release == *release);
            let missing =
                || Failure::new(&words::NOTHING_WAITS, format!("no release {release} waits for approval"));
            found.ok_or_else(missing)?.artifact
        }
    };
    let path = format!("{path}/{}/approval", release.version);
    let record: ReleaseRecord =
        context.registry(Method::POST, &path, NewReleaseApproval { artifact }).await?;
    if context.settings.json {
        show::json(record);
        return Ok(());
    }
    show::done(format!("{} is published", record.release));
    show::check("artifact", &record.artifact.to_string());
    show::check("logged", &format!("entry {}, {}", record.log_index, record.published_at));
    Ok(())
}

async fn list(context: &Context, plugin: &PluginId) -> Result {
    let page: Page<StagedRelease> = context.registry_list(&path(plugin)).await?;
    if context.settings.json {
        show::json(page);
        return Ok(());
    }
    let row = |staged: StagedRelease| {
        let by = match &staged.identity {
            None => staged.asked_by.to_string(),
            Some(identity) => format!("{identity}, by the right of '{}'", staged.asked_by),
        };
        let until = staged.lapses_at.strftime("%Y-%m-%d %H:%M UTC").to_string();
        vec![staged.release.to_string(), staged.artifact.to_string(), by, until]
    };
    show::table(&["release", "artifact", "asked by", "until"], page.items.into_iter().map(row));
    Ok(())
}
