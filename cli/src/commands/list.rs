//! `chandlery list`.

use chandlery_package::wire::Page;
use chandlery_package::wire::host::Locked;
use clap::Args;

use crate::api::Context;
use crate::failure::Result;
use crate::show;

/// Show what is installed.
#[derive(Args)]
pub struct List {}

impl List {
    pub async fn run(self, context: &Context) -> Result {
        let page: Page<Locked> = context.host_list("/api/v1/plugins").await?;
        let row = |locked: &Locked| {
            vec![
                locked.release.plugin.to_string(),
                locked.release.version.to_string(),
                locked.kind.to_string(),
                locked.registry.clone(),
                locked.installed_at.strftime("%Y-%m-%d").to_string(),
            ]
        };
        match page.items.is_empty() {
            _ if context.settings.json => show::json(&page),
            true => show::note(
                "nothing is installed; `chandlery search` finds plugins, and `chandlery install PLUGIN` installs one",
            ),
            false => {
                show::table(&["plugin", "version", "kind", "from", "installed"], page.items.iter().map(row))
            }
        }
        Ok(())
    }
}
