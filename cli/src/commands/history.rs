//! `chandlery history`.

use chandlery_package::wire::Page;
use chandlery_package::wire::host::Revision;
use clap::Args;

use crate::api::Context;
use crate::failure::Result;
use crate::show;

/// Show a deployment's revisions.
#[derive(Args)]
pub struct History {
    /// The deployment's name
    name: String,
}

impl History {
    /// Asks the host for them and shows them, the last first.
    pub async fn run(self, context: &Context) -> Result {
        let path = format!("/api/v1/deployments/{}/revisions", self.name);
        let page: Page<Revision> = context.host_list(&path).await?;
        if context.settings.json {
            show::json(page.items);
            return Ok(());
        }
        let row = |revision: &Revision| {
            let at = revision.created_at.strftime("%Y-%m-%d %H:%M:%S").to_string();
            let plan = revision.plan_digest.to_string();
            vec![
                revision.revision.to_string(),
                revision.state.to_string(),
                revision.release.to_string(),
                revision.cause.to_string(),
                at,
                revision.made_by.clone().unwrap_or_default(),
                plan.get(..19).unwrap_or_default().into(),
                revision.detail.clone(),
            ]
        };
        let headings = [">revision", "rollout", "release", "cause", "at (UTC)", "by", "plan", "detail"];
        show::table(&headings, page.items.iter().map(row));
        Ok(())
    }
}
