//! Changes to what is deployed: `chandlery rollback`, `restart`, `scale`, `pause`, `resume` and `repair`.

use chandlery_package::wire::Page;
use chandlery_package::wire::host::{Deployment, Drift, NewScale, Rollback as To};
use clap::Args;
use reqwest::Method;

use super::rollout::Waiting;
use super::status::print_drift;
use crate::api::Context;
use crate::failure::{Failure, Result};
use crate::show;
use crate::words;

/// Run an earlier revision again.
#[derive(Args)]
pub struct Rollback {
    /// The deployment's name
    name: String,
    /// The revision; the last one before that was ready, where none is named
    #[arg(long, value_name = "REVISION")]
    to: Option<i64>,
    #[command(flatten)]
    waiting: Waiting,
}

impl Rollback {
    pub async fn run(self, context: &Context) -> Result {
        let path = format!("/api/v1/deployments/{}/rollback", self.name);
        let deployment: Deployment = context.host(Method::POST, &path, To { revision: self.to }).await?;
        self.waiting.follow(context, deployment).await
    }
}

/// Name a deployment, and wait for it.
#[derive(Args)]
pub struct Named {
    /// The deployment's name
    name: String,
    #[command(flatten)]
    waiting: Waiting,
}

impl Named {
    /// Starts every replica anew, one after the other.
    pub async fn restart(self, context: &Context) -> Result {
        let path = format!("/api/v1/deployments/{}/restart", self.name);
        let deployment: Deployment = context.host(Method::POST, &path, ()).await?;
        self.waiting.follow(context, deployment).await
    }

    /// Ends all replicas, or lets them run again.
    pub async fn pause(self, context: &Context, paused: bool) -> Result {
        let path = format!("/api/v1/deployments/{}/paused", self.name);
        let deployment: Deployment = context.host(Method::PUT, &path, paused).await?;
        self.waiting.follow(context, deployment).await
    }
}

/// Set how many replicas run.
#[derive(Args)]
pub struct Scale {
    /// The deployment's name
    name: String,
    /// How many: `2`, or `server=2` where it has several workloads
    #[arg(value_name = "[WORKLOAD=]REPLICAS")]
    to: String,
    #[command(flatten)]
    waiting: Waiting,
}

impl Scale {
    pub async fn run(self, context: &Context) -> Result {
        let path = format!("/api/v1/deployments/{}", self.name);
        let (workload, replicas) = match self.to.split_once('=') {
            Some((workload, replicas)) => (workload.to_owned(), replicas),
            None => {
                let deployment: Deployment = context.host(Method::GET, &path, ()).await?;
                (the_one_workload(&deployment)?, self.to.as_str())
            }
        };
        let replicas = replicas.parse().map_err(|_| {
            Failure::new(&words::NOT_A_NUMBER, format!("'{replicas}' is no number of replicas"))
        })?;
        let deployment: Deployment =
            context.host(Method::PUT, &format!("{path}/scale"), NewScale { workload, replicas }).await?;
        self.waiting.follow(context, deployment).await
    }
}

fn the_one_workload(deployment: &Deployment) -> Result<String> {
    match deployment.workloads.as_slice() {
        [one] => Ok(one.clone()),
        several => Err(Failure::new(
            &words::WHICH_WORKLOAD,
            format!("'{}' has the workloads {}", deployment.name, several.join(", ")),
        )
        .remedy(format!("`chandlery scale {} WORKLOAD=REPLICAS`", deployment.name))),
    }
}

/// Make what was changed from outside as it should be.
#[derive(Args)]
pub struct Repair {
    /// The deployment's name
    name: String,
}

impl Repair {
    pub async fn run(self, context: &Context) -> Result {
        let path = format!("/api/v1/deployments/{}/repair", self.name);
        let page: Page<Drift> = context.host(Method::POST, &path, ()).await?;
        match context.settings.json {
            true => show::json(page),
            false if page.items.is_empty() => show::done(format!("nothing of {} has drifted", self.name)),
            false => {
                print_drift(&page.items);
                show::done(format!("{} is made again as it should be", self.name));
            }
        }
        Ok(())
    }
}
