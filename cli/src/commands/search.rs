//! `chandlery search`.

use chandlery_package::wire::{Category, Page, ReleaseRecord};
use clap::Args;

use crate::api::Context;
use crate::arguments::one_of;
use crate::failure::Result;
use crate::show;

/// Find plugins by words, category, price, GPUs and certification.
#[derive(Args)]
pub struct Search {
    /// Words of a plugin's name, title, description or keywords; none: every plugin
    words: Vec<String>,
    /// Only plugins that are for this, as their publishers say
    #[arg(long, value_parser = one_of::<Category>())]
    category: Option<Category>,
    /// Only plugins that can use this kind of GPU, such as h100
    #[arg(long, value_name = "KIND")]
    gpu: Option<String>,
    /// Only plugins that cost no more than this once, such as '10.00 USD'
    #[arg(long, value_name = "AMOUNT")]
    price_max: Option<String>,
    /// Only plugins that the marketplace has certified
    #[arg(long)]
    certified: bool,
}

impl Search {
    pub async fn run(self, context: &Context) -> Result {
        let words = self.words.join(" ");
        let escape = |text: &str| text.bytes().map(|byte| format!("%{byte:02x}")).collect::<String>();
        let mut path = format!("/api/v1/plugins?q={}&certified={}", escape(&words), self.certified);
        let category = self.category.map(|category| category.to_string());
        for (name, value) in [("category", &category), ("gpu", &self.gpu), ("price_max", &self.price_max)] {
            if let Some(value) = value {
                path.push_str(&format!("&{name}={}", escape(value)));
            }
        }
        let page: Page<ReleaseRecord> = context.public_list(&path).await?;
        if context.settings.json {
            show::json(page);
            return Ok(());
        }
        if page.items.is_empty() {
            show::note(format!("no plugin is found by '{words}'"));
            return Ok(());
        }
        let price =
            |record: &ReleaseRecord| record.price.as_ref().map_or_else(|| "free".into(), ToString::to_string);
        let row = |record: &ReleaseRecord| {
            vec![record.release.to_string(), record.title.clone(), price(record), record.description.clone()]
        };
        show::table(&["release", "title", "price", "description"], page.items.iter().map(row));
        Ok(())
    }
}
