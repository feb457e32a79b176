//! `chandlery deploy` and `chandlery upgrade`.

use std::time::Instant;

use chandlery_package::wire::Page;
use chandlery_package::wire::host::{Deployment, Entitlement, Health, Locked, NewDeployment};
use clap::Args;
use reqwest::Method;

use super::plan::{What, parse_parameter};
use super::rollout::{self, Waiting};
use super::subscription::upgrade;
use crate::api::Context;
use crate::failure::Result;
use crate::show;

/// Deploy a plan.
#[derive(Args)]
pub struct Deploy {
    #[command(flatten)]
    what: What,
    #[command(flatten)]
    waiting: Waiting,
}

/// Bring deployments to the releases that are installed.
#[derive(Args)]
pub struct Upgrade {
    /// The deployment's name
    #[arg(required_unless_present = "all", conflicts_with = "all")]
    name: Option<String>,
    /// Bring all deployments there that are of another release
    #[arg(long)]
    all: bool,
    /// A parameter that changes; the others stay as they are
    #[arg(long = "set", short = 's', value_name = "NAME=VALUE", value_parser = parse_parameter, conflicts_with = "all")]
    set: Vec<(String, serde_json::Value)>,
    #[command(flatten)]
    waiting: Waiting,
}

impl Deploy {
    pub async fn run(self, context: &Context) -> Result {
        let new = NewDeployment { timeout_seconds: self.waiting.timeout, ..self.what.request() };
        let deployment: Deployment = context.host(Method::POST, "/api/v1/deployments", new).await?;
        self.waiting.follow(context, deployment).await?;
        if context.settings.json {
            return Ok(());
        }
        let has: Entitlement = context.host(Method::GET, "/api/v1/entitlement", ()).await?;
        if let (Some(limit), Some(upgrade)) = (has.limit, upgrade(&has)) {
            show::warning(format!("{} of {limit} deployments that {} allows are used", has.used, has.tier));
            show::note(upgrade);
        }
        Ok(())
    }
}

impl Upgrade {
    pub async fn run(self, context: &Context) -> Result {
        if let Some(name) = &self.name {
            let path = format!("/api/v1/deployments/{name}");
            let deployment: Deployment = context.host(Method::GET, &path, ()).await?;
            let upgraded = self.begin(context, deployment).await?;
            return self.waiting.follow(context, upgraded).await;
        }
        let outdated = outdated(context).await?;
        let mut upgraded = Vec::new();
        for deployment in outdated {
            let started = Instant::now();
            let begun = self.begin(context, deployment).await?;
            let arrived = self.waiting.arrive(context, begun).await?;
            if !context.settings.json {
                rollout::tell(&arrived, started);
            }
            upgraded.push(arrived);
        }
        match upgraded.is_empty() {
            _ if context.settings.json => show::json(upgraded),
            true => show::done("all deployments are of the releases that are installed"),
            false => {}
        }
        Ok(())
    }

    async fn begin(&self, context: &Context, deployment: Deployment) -> Result<Deployment> {
        let new = NewDeployment {
            plugin: deployment.release.plugin.to_string(),
            name: Some(deployment.name),
            parameters: self.set.iter().cloned().collect::<serde_json::Map<_, _>>().into(),
            keep: true,
            timeout_seconds: self.waiting.timeout,
            ..NewDeployment::default()
        };
        context.host(Method::POST, "/api/v1/deployments", new).await
    }
}

/// The deployments of other releases than those that are installed. To upgrade one that is paused would let it run.
async fn outdated(context: &Context) -> Result<Vec<Deployment>> {
    let installed: Page<Locked> = context.host_list("/api/v1/plugins").await?;
    let deployments: Page<Deployment> = context.host_list("/api/v1/deployments").await?;
    let is_outdated = |deployment: &Deployment| {
        let stays = matches!(deployment.health, Health::Paused | Health::Removing);
        !stays && !installed.items.iter().any(|locked| locked.release == deployment.release)
    };
    Ok(deployments.items.into_iter().filter(is_outdated).collect())
}
