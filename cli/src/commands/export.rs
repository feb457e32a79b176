//! `chandlery export`.

use chandlery_package::OwnerName;
use chandlery_package::wire::Page;
use chandlery_package::wire::host::Deployment;
use clap::Args;

use crate::api::Context;
use crate::desired::export::Exported;
use crate::failure::Result;
use crate::show;

/// Write a file of what runs.
#[derive(Args)]
pub struct Export {
    /// The deployments; without any, those of the owner and those that are in nobody's files
    #[arg(value_name = "DEPLOYMENT")]
    names: Vec<String>,
    /// Whose file it will be
    #[arg(long, value_name = "NAME")]
    owner: OwnerName,
}

impl Export {
    pub async fn run(self, context: &Context) -> Result {
        let page: Page<Deployment> = context.host_list("/api/v1/deployments").await?;
        let exported = Exported::of(self.owner, &self.names, page.items)?;
        match context.settings.json {
            true => show::json(exported),
            false => show::document(&exported.text()?),
        }
        Ok(())
    }
}
