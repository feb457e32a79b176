//! Feeds of releases, as Atom (RFC 4287).

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
use crate::catalog::releases::{latest, releases};
use crate::catalog::state::Catalog;
use crate::catalog::visibility::must_see;
use crate::shell::FEED;

/// How many releases a feed has.
const SHOWN: u32 = 50;
const ATOM: &str = "application/atom+xml; charset=utf-8";
/// How a document of XML begins.
pub(super) const DECLARATION: PreEscaped<&str> = PreEscaped("<?xml version=\"1.0\" encoding=\"utf-8\"?>\n");

type Feed = ([(HeaderName, &'static str); 1], String);

/// `/feeds/releases.xml`: the latest releases that everybody may see.
pub(super) async fn all(State(catalog): State<Catalog>, base: Base) -> Result<Feed, Error> {
    let shown = latest(&catalog.db, SHOWN).await?;
    Ok(answer(&feed(&base, FEED, "New releases", "/", &shown)))
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
    Ok(answer(&feed(&base, &format!("{path}/releases.xml"), &title, &path, &found.items)))
}

fn answer(feed: &Markup) -> Feed {
    ([(header::CONTENT_TYPE, ATOM)], feed.0.clone())
}

fn feed(base: &Base, own: &str, title: &str, of: &str, records: &[ReleaseRecord]) -> Markup {
    let updated = records.iter().map(|record| record.published_at).max().unwrap_or(Timestamp::UNIX_EPOCH);
    let at = |path: &str| format!("{}{path}", base.0);
    html! {
        (DECLARATION)
        feed xmlns="http://www.w3.org/2005/Atom" {
            title { (title) }
            id { (at(own)) }
            link rel="self" href=(at(own)) {}
            link rel="alternate" type="text/html" href=(at(of)) {}
            updated { (updated) }
            @for record in records {
                @let page = at(&release_path(&record.release));
                entry {
                    title { (plain(&format!("{} {}", record.title, record.release.version))) }
                    id { (page) }
                    link rel="alternate" type="text/html" href=(page) {}
                    updated { (record.published_at) }
                    author { name { (record.release.plugin.namespace) } }
                    summary { (plain(&record.description)) }
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
