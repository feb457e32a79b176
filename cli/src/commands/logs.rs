//! `chandlery logs`.

use chandlery_package::wire::Page;
use chandlery_package::wire::host::LogTail;
use clap::Args;

use crate::api::Context;
use crate::failure::Result;
use crate::show;

/// Show what replicas wrote.
#[derive(Args)]
pub struct Logs {
    /// The deployment's name
    name: String,
    /// How many lines of each replica
    #[arg(long, short = 'n', default_value_t = 100)]
    lines: usize,
}

impl Logs {
    pub async fn run(self, context: &Context) -> Result {
        let path = format!("/api/v1/deployments/{}/logs?lines={}", self.name, self.lines);
        let page: Page<LogTail> = context.host_list(&path).await?;
        if context.settings.json {
            show::json(page);
            return Ok(());
        }
        if page.items.iter().all(|tail| tail.lines.is_empty()) {
            show::note(format!(
                "its replicas have written nothing: `chandlery status {}` shows how they fare",
                self.name
            ));
        }
        for tail in page.items {
            for line in tail.lines {
                show::logged(&tail.replica, &line);
            }
        }
        Ok(())
    }
}
