//! `chandlery uninstall`.

use chandlery_package::wire::host::Locked;
use clap::Args;
use reqwest::Method;

use crate::api::Context;
use crate::failure::Result;
use crate::show;

/// Uninstall a plugin.
#[derive(Args)]
pub struct Uninstall {
    /// The installed plugin: `namespace:name`, or only the name
    plugin: String,
}

impl Uninstall {
    pub async fn run(self, context: &Context) -> Result {
        let locked: Locked =
            context.host(Method::DELETE, &format!("/api/v1/plugins/{}", self.plugin), ()).await?;
        match context.settings.json {
            true => show::json(locked),
            false => show::done(format!("{} is uninstalled, with its settings and data", locked.release)),
        }
        Ok(())
    }
}
