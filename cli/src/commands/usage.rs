//! `chandlery usage`.

use chandlery_package::wire::host::Metered;
use clap::Args;
use reqwest::Method;

use crate::api::Context;
use crate::failure::Result;
use crate::show;

/// Show what deployments have used.
#[derive(Args)]
pub struct Usage {}

impl Usage {
    pub async fn run(self, context: &Context) -> Result {
        let metered: Metered = context.host(Method::GET, "/api/v1/usage", ()).await?;
        if context.settings.json {
            show::json(metered);
            return Ok(());
        }
        show::check("replicas ran", &show::duration(metered.replica_millis));
        let Metered { sent, waiting, refused, .. } = metered;
        show::check(
            "usage events",
            &format!("{sent} acknowledged by the registry, {waiting} waiting, {refused} refused"),
        );
        Ok(())
    }
}
