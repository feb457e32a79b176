//! `chandlery history`.

use chandlery_host::deployments::Revision;
use chandlery_package::wire::Page;
use clap::Args;
use reqwest::Method;

use crate::api::Context;
use crate::failure::Result;
use crate::show;

/// Show a deployment's revisions.
#[derive(Args)]
pub struct History {
    /// The deployment
    name: String,
}

impl History {
    /// Does it.
    pub async fn run(self, context: &Context) -> Result {
        let path = format!("/api/v1/deployments/{}/revisions", self.name);
        let page: Page<Revision> = context.host(Method::GET, &path, ()).await?;
        if context.settings.json {
            show::json(page.items);
            return Ok(());
        }
        let row = |revision: &Revision| {
            let at = revision.created_at.get(..19).unwrap_or(&revision.created_at).replace('T', " ");
            let plan = revision.plan_digest.get(..19).unwrap_or_default();
            vec![
                revision.revision.to_string(),
                show::word(revision.state),
                revision.release.clone(),
                revision.cause.clone(),
                at,
                plan.into(),
                revision.detail.clone(),
            ]
        };
        let headings = [">revision", "rollout", "release", "cause", "at (UTC)", "plan", "detail"];
        show::table(&headings, page.items.iter().map(row));
        Ok(())
    }
}
