//! `chandlery search`.

use chandlery_package::wire::{Page, ReleaseRecord};
use clap::Args;

use crate::api::Context;
use crate::failure::Result;
use crate::show;

/// Find plugins.
#[derive(Args)]
pub struct Search {
    /// Words that all occur in a plugin's name, title or description; none: every plugin
    words: Vec<String>,
}

impl Search {
    /// Does it.
    pub async fn run(self, context: &Context) -> Result {
        let words = self.words.join(" ");
        let query: String = words.bytes().map(|byte| format!("%{byte:02x}")).collect();
        let page: Page<ReleaseRecord> = context.ask(&format!("/api/v1/plugins?q={query}")).await?;
        if context.settings.json {
            show::json(page);
            return Ok(());
        }
        if page.items.is_empty() {
            show::note(format!("no plugin has all of '{words}'"));
            return Ok(());
        }
        let price =
            |record: &ReleaseRecord| record.price.map_or("free".into(), |price| format!("{price} once"));
        let row = |record: &ReleaseRecord| {
            vec![record.release.to_string(), record.title.clone(), price(record), record.description.clone()]
        };
        show::table(&["release", "title", "price", "description"], page.items.iter().map(row));
        Ok(())
    }
}
