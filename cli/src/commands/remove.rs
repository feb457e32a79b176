//! `chandlery remove`.

use std::time::{Duration, Instant};

use chandlery_package::wire::Page;
use chandlery_package::wire::host::Deployment;
use clap::Args;
use reqwest::Method;

use crate::api::Context;
use crate::failure::{Failure, Result};
use crate::show;
use crate::words;

const LOOK_EVERY: Duration = Duration::from_millis(200);

/// Remove a deployment.
#[derive(Args)]
pub struct Remove {
    /// The deployment's name
    name: String,
    /// How long to wait until it is gone
    #[arg(long, value_name = "SECONDS", default_value_t = 120)]
    timeout: u64,
}

impl Remove {
    pub async fn run(self, context: &Context) -> Result {
        context.tell_host(Method::DELETE, &format!("/api/v1/deployments/{}", self.name), ()).await?;
        let spinner = show::spinner(format!("removing {}", self.name));
        let started = Instant::now();
        while self.is_there(context).await? {
            if started.elapsed() > Duration::from_secs(self.timeout) {
                let detail = format!("'{}' is still being removed after {} s", self.name, self.timeout);
                return Err(
                    Failure::new(&words::NOT_REMOVED, detail).remedy("`chandlery status` shows what is left")
                );
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
        spinner.finish_and_clear();
        match context.settings.json {
            true => show::json(serde_json::json!({ "removed": self.name })),
            false => show::done(format!("{} is gone: its processes, files and logs", self.name)),
        }
        Ok(())
    }

    async fn is_there(&self, context: &Context) -> Result<bool> {
        let page: Page<Deployment> = context.host_list("/api/v1/deployments").await?;
        Ok(page.items.iter().any(|deployment| deployment.name == self.name))
    }
}
