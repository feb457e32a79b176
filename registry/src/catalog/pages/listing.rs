//! How plugins are shown in lists.

use chandlery_package::wire::ReleaseRecord;
use chandlery_pages::{Tone, badge, day, number, titled, with_commas};
use maud::{Markup, html};

use super::presented::image_path;
use super::telling::plugin_path;

/// Plugins beside each other; nothing where there are none.
pub(super) fn plugins(records: &[ReleaseRecord]) -> Markup {
    html! { @if !records.is_empty() { ul.plugins { @for record in records { (plugin(record)) } } } }
}

fn plugin(record: &ReleaseRecord) -> Markup {
    let plugin = &record.release.plugin;
    let icon = record.icon.map(|digest| image_path(plugin, digest));
    html! {
        li.card {
            (titled(icon.as_deref(), &html! { h3 { a href=(plugin_path(plugin)) { (record.title) } } }))
            p.note { code { (plugin) } " " (record.release.version) " · " (day(record.published_at)) }
            p { (record.description) }
            p.badges {
                (badge(Tone::Plain, record.kind.as_str()))
                @if let Some(category) = record.category { (badge(Tone::Plain, category.as_str())) }
                @if record.certified { (badge(Tone::Good, "certified")) }
                (badge(Tone::Plain, &price(record)))
                @if record.deprecated.is_some() { (badge(Tone::Warning, "deprecated")) }
                @if record.running > 0 { (badge(Tone::Plain, &format!("deployed by {}", accounts(record.running)))) }
                @if record.downloads > 0 { (badge(Tone::Plain, &pulls(record.downloads))) }
            }
        }
    }
}

/// What a plugin costs, in words.
pub(super) fn price(record: &ReleaseRecord) -> String {
    record.price.as_ref().map_or_else(|| "free".to_owned(), |offer| with_commas(&offer.to_string()))
}

/// So many accounts, in words.
pub(super) fn accounts(count: u64) -> String {
    match count {
        0 => "no account".into(),
        1 => "1 account".into(),
        count => format!("{} accounts", number(count)),
    }
}

/// How often something was pulled, in words.
fn pulls(count: u64) -> String {
    match count {
        1 => "1 pull".into(),
        count => format!("{} pulls", number(count)),
    }
}
