//! `chandlery deploy`.

use std::time::{Duration, Instant};

use chandlery_host::deployments::{Deployment, Health};
use chandlery_host::engines::Replica;
use clap::Args;
use reqwest::Method;

use super::plan::{What, failed};
use crate::api::Context;
use crate::failure::Result;
use crate::show;

const LOOK_EVERY: Duration = Duration::from_millis(300);

/// Deploy a plan.
#[derive(Args)]
pub struct Deploy {
    #[command(flatten)]
    what: What,
    /// Do not wait until it is ready
    #[arg(long)]
    no_wait: bool,
    /// How long to wait
    #[arg(long, value_name = "SECONDS", default_value_t = 900)]
    timeout: u64,
}

impl Deploy {
    /// Does it.
    pub async fn run(self, context: &Context) -> Result {
        let started = Instant::now();
        let deployment: Deployment =
            context.host(Method::POST, "/api/v1/deployments", self.what.request()).await?;
        let name = deployment.name.clone();
        let deployment = match self.no_wait {
            true => deployment,
            false => wait(context, &name, Duration::from_secs(self.timeout)).await?,
        };
        if context.settings.json {
            show::json(deployment);
            return Ok(());
        }
        show::done(format!(
            "{name} is {} after {:.1} s: revision {}, {}",
            show::word(deployment.health),
            started.elapsed().as_secs_f64(),
            deployment.revision,
            deployment.release
        ));
        for replica in &deployment.replicas {
            for (port, address) in &replica.addresses {
                show::check(&format!("{}-{} {port}", replica.workload, replica.index), address);
            }
        }
        deployment.notes.iter().for_each(show::note);
        Ok(())
    }
}

async fn wait(context: &Context, name: &str, patience: Duration) -> Result<Deployment> {
    let spinner = show::spinner(format!("deploying {name}"));
    let started = Instant::now();
    loop {
        let deployment: Deployment =
            context.host(Method::GET, &format!("/api/v1/deployments/{name}"), ()).await?;
        let said = deployment.replicas.iter().map(say).collect::<Vec<_>>().join("; ");
        match deployment.health {
            Health::Ready | Health::Succeeded => {
                spinner.finish_and_clear();
                return Ok(deployment);
            }
            Health::Failed => return Err(failed(name, &said)),
            _ if started.elapsed() > patience => {
                return Err(failed(name, &format!("not ready after {} s: {said}", patience.as_secs())));
            }
            _ => spinner.set_message(format!("deploying {name}: {said}")),
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

fn say(replica: &Replica) -> String {
    format!("{}-{} {} {}", replica.workload, replica.index, show::word(replica.state), replica.detail)
}
