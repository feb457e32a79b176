//! `chandlery deploy` and `chandlery upgrade`.

use chandlery_package::wire::host::{Deployment, Entitlement, NewDeployment};
use clap::Args;
use reqwest::Method;

use super::plan::{What, parse_parameter};
use super::rollout::Waiting;
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

/// Bring a deployment to the release that is installed.
#[derive(Args)]
pub struct Upgrade {
    /// The deployment's name
    name: String,
    /// A parameter that changes; the others stay as they are
    #[arg(long = "set", short = 's', value_name = "NAME=VALUE", value_parser = parse_parameter)]
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
        let path = format!("/api/v1/deployments/{}", self.name);
        let deployment: Deployment = context.host(Method::GET, &path, ()).await?;
        let new = NewDeployment {
            plugin: deployment.release.plugin.to_string(),
            name: Some(deployment.name),
            parameters: self.set.into_iter().collect::<serde_json::Map<_, _>>().into(),
            keep: true,
            timeout_seconds: self.waiting.timeout,
            ..NewDeployment::default()
        };
        let deployment: Deployment = context.host(Method::POST, "/api/v1/deployments", new).await?;
        self.waiting.follow(context, deployment).await
    }
}
