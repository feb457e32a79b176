//! Feeds of releases and of advisories, as Atom (RFC 4287).

use axum::extract::State;
use axum::http::{HeaderName, header};
use chandlery_accounts::Principal;
use chandlery_edge::Path;
use chandlery_package::wire::{Paging, ReleaseRecord};
use chandlery_package::{Namespace, PluginId, PluginName};
use jiff::Timestamp;
use maud::{Markup, PreEscaped, html};

use super::telling::{Base, plugin_path, release_path};
use crate::catalog::error::Error;
use crate::catalog::releases::{LatestAdvisory, latest, latest_advisories, releases};
use crate::catalog::state::Catalog;
use crate::catalog::visibility::must_see;
use crate::shell::{ADVISORIES_FEED, FEED};

/// How many entries a feed has.
const SHOWN: u32 = 50;
const ATOM: &str = "application/atom+xml; charset=utf-8";
/// How a document of XML begins.
pub(super) const DECLARATION: PreEscaped<&str> = PreEscaped("<?xml version=\"1.0\" encoding=\"utf-8\"?>\n");

type Feed = ([(HeaderName, &'static str); 1], String);

/// `/feeds/releases.xml`: the latest releases that everybody may see.
pub(super) async fn all(State(catalog): State<Catalog>, base: Base) -> Result<Feed, Error> {
    let shown = latest(&catalog.db, SHOWN).await?;
    Ok(answer(&feed(&base, FEED, "New releases", "/", &shown.iter().map(of_release).collect::<Vec<_>>())))
}

/// `/plugins/{namespace}/{name}/releases.xml`, for whoever may see the plugin.
pub(super) async fn of_plugin(
    State(catalog): State<Catalog>,
    principal: Principal,
    base: Base,
    Path((namespace, name)): Path<(Namespace, PluginName)>,
) -> Result<Feed, Error> {
    let plugin = PluginId { namespace, name };
    must_see(&catalog.db, &principal, &plugin).await?;
    let found = releases(&catalog.db, &plugin, &Paging::first(SHOWN)).await?;
    let path = plugin_path(&plugin);
    let title = format!("Releases of {plugin}");
    let entries: Vec<Entry> = found.items.iter().map(of_release).collect();
    Ok(answer(&feed(&base, &format!("{path}/releases.xml"), &title, &path, &entries)))
}

/// `/feeds/advisories.xml`: the latest advisories about plugins that everybody may see.
pub(super) async fn all_advisories(State(catalog): State<Catalog>, base: Base) -> Result<Feed, Error> {
    let shown = latest_advisories(&catalog.db, None, SHOWN).await?;
    let entries: Vec<Entry> = shown.iter().map(of_advisory).collect();
    Ok(answer(&feed(&base, ADVISORIES_FEED, "Advisories", "/", &entries)))
}

/// `/plugins/{namespace}/{name}/advisories.xml`, for whoever may see the plugin.
pub(super) async fn advisories_of_plugin(
    State(catalog): State<Catalog>,
    principal: Principal,
    base: Base,
    Path((namespace, name)): Path<(Namespace, PluginName)>,
) -> Result<Feed, Error> {
    let plugin = PluginId { namespace, name };
    must_see(&catalog.db, &principal, &plugin).await?;
    let shown = latest_advisories(&catalog.db, Some(&plugin), SHOWN).await?;
    let path = plugin_path(&plugin);
    let entries: Vec<Entry> = shown.iter().map(of_advisory).collect();
    let title = format!("Advisories about {plugin}");
    Ok(answer(&feed(&base, &format!("{path}/advisories.xml"), &title, &path, &entries)))
}

/// What a feed tells of.
struct Entry {
    /// The path that it is known by.
    id: String,
    /// The path of the page that shows it.
    page: String,
    title: String,
    updated: Timestamp,
    author: Namespace,
    summary: String,
}

fn of_release(record: &ReleaseRecord) -> Entry {
    let page = release_path(&record.release);
    Entry {
        id: page.clone(),
        page,
        title: format!("{} {}", record.title, record.release.version),
        updated: record.published_at,
        author: record.release.plugin.namespace.clone(),
        summary: record.description.clone(),
    }
}

fn of_advisory(latest: &LatestAdvisory) -> Entry {
    let (advisory, plugin) = (&latest.body.0, &latest.plugin.0);
    let severity = advisory.database_specific.severity;
    let state = if latest.withdrawn_at.is_some() { "withdrawn" } else { severity.as_str() };
    Entry {
        id: format!("/api/v1/advisories/{}", advisory.id),
        page: plugin_path(plugin),
        title: format!("{plugin}: {} ({state})", advisory.summary),
        updated: latest.modified_at.0,
        author: plugin.namespace.clone(),
        summary: advisory.details.clone(),
    }
}

fn answer(feed: &Markup) -> Feed {
    ([(header::CONTENT_TYPE, ATOM)], feed.0.clone())
}

fn feed(base: &Base, own: &str, title: &str, of: &str, entries: &[Entry]) -> Markup {
    let updated = entries.iter().map(|entry| entry.updated).max().unwrap_or(Timestamp::UNIX_EPOCH);
    let at = |path: &str| format!("{}{path}", base.0);
    html! {
        (DECLARATION)
        feed xmlns="http://www.w3.org/2005/Atom" {
            title { (title) }
            id { (at(own)) }
            link rel="self" href=(at(own)) {}
            link rel="alternate" type="text/html" href=(at(of)) {}
            updated { (updated) }
            @for entry in entries {
                entry {
                    title { (plain(&entry.title)) }
                    id { (at(&entry.id)) }
                    link rel="alternate" type="text/html" href=(at(&entry.page)) {}
                    updated { (entry.updated) }
                    author { name { (entry.author) } }
                    summary { (plain(&entry.summary)) }
                }
            }
        }
    }
}

/// A text without the characters that XML 1.0 cannot say.
fn plain(text: &str) -> String {
    let is_said = |c: &char| matches!(*c, '\t' | '\n' | '\r' | ' '..='\u{d7ff}' | '\u{e000}'..='\u{fffd}' | '\u{10000}'..);
    text.chars().filter(is_said).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_feed_is_xml_whatever_stands_in_it() {
        let base = Base("http://x:7600".into());
        let empty = feed(&base, FEED, "<&\">", "/", &[]).into_string();
        assert!(empty.starts_with("<?xml version=\"1.0\" encoding=\"utf-8\"?>\n<feed xmlns="), "{empty}");
        assert!(empty.contains("<title>&lt;&amp;&quot;&gt;</title>"), "{empty}");
        assert!(
            empty.contains("<link rel=\"self\" href=\"http://x:7600/feeds/releases.xml\"></link>"),
            "{empty}"
        );
        assert!(empty.contains("<updated>1970-01-01T00:00:00Z</updated>"), "{empty}");
        assert_eq!(plain("a\u{0}b\u{b}c\u{fffe}d\u{ffff}e\u{1f600}\n"), "abcde\u{1f600}\n");
    }
}
