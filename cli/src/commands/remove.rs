//! `chandlery remove`.

use std::time::{Duration, Instant};

use chandlery_package::wire::Page;
use chandlery_package::wire::host::Deployment;
use clap::Args;
use reqwest::Method;

use super::rollout::unless_interrupted;
use crate::api::Context;
use crate::failure::{Failure, Result};
use crate::show;
use crate::words;

/// How long a removal is waited for, unless somebody says otherwise.
pub const GONE_SECONDS: u64 = 120;
const LOOK_EVERY: Duration = Duration::from_millis(200);

/// Remove a deployment.
#[derive(Args)]
pub struct Remove {
    /// The deployment's name
    name: String,
    /// How long to wait until it is gone
    #[arg(long, value_name = "SECONDS", default_value_t = GONE_SECONDS)]
    timeout: u64,
}

impl Remove {
    pub async fn run(self, context: &Context) -> Result {
        context.tell_host(Method::DELETE, &format!("/api/v1/deployments/{}", self.name), ()).await?;
        until_gone(context, &self.name, self.timeout).await?;
        match context.settings.json {
            true => show::json(serde_json::json!({ "removed": self.name })),
            false => show::done(format!("{} is gone: its processes, files and logs", self.name)),
        }
        Ok(())
    }
}

/// Waits until a deployment that is being removed is gone, for so many seconds at most. Whoever waits no longer is told what goes on.
pub async fn until_gone(context: &Context, name: &str, timeout: u64) -> Result {
    let interrupted = || {
        let detail = format!("this command waits no longer; the host goes on removing {name}");
        Failure::new(&words::INTERRUPTED, detail).remedy("`chandlery status` shows what is left")
    };
    unless_interrupted(gone(context, name, timeout), interrupted).await
}

async fn gone(context: &Context, name: &str, timeout: u64) -> Result {
    let spinner = show::spinner(format!("removing {name}"));
    let started = Instant::now();
    while is_there(context, name).await? {
        if started.elapsed() > Duration::from_secs(timeout) {
            let detail = format!("'{name}' is still being removed after {timeout} s");
            return Err(
                Failure::new(&words::NOT_REMOVED, detail).remedy("`chandlery status` shows what is left")
            );
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
    spinner.finish_and_clear();
    Ok(())
}

async fn is_there(context: &Context, name: &str) -> Result<bool> {
    let page: Page<Deployment> = context.host_list("/api/v1/deployments").await?;
    Ok(page.items.iter().any(|deployment| deployment.name == name))
}
