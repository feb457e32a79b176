//! What search engines are told: which pages there are, and which are not for them.

use axum::extract::State;
use axum::http::{HeaderName, header};
use maud::html;

use super::feeds::DECLARATION;
use super::telling::{Base, plugin_path};
use crate::catalog::error::Error;
use crate::catalog::state::Catalog;
use crate::docs;

/// How many pages a site map may name, less those that are always there.
const PLUGINS_MAX: usize = 49_000;
/// The pages that are always there.
const PAGES: [&str; 4] = ["/", "/search", "/pricing", "/consultants"];

/// What a path serves that is no page: its type, and its text.
type File = ([(HeaderName, &'static str); 1], String);

/// `/sitemap.xml`: the pages that everybody may see.
pub(super) async fn sitemap(State(catalog): State<Catalog>, base: Base) -> Result<File, Error> {
    let plugins = catalog.search.newest(&catalog.db, PLUGINS_MAX).await?;
    let map = html! {
        (DECLARATION)
        urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9" {
            @for path in PAGES { url { loc { (base.0) (path) } } }
            @for path in docs::addresses() { url { loc { (base.0) (path) } } }
            @for (plugin, released) in &plugins {
                url {
                    loc { (base.0) (plugin_path(plugin)) }
                    lastmod { (released.strftime("%Y-%m-%d").to_string()) }
                }
            }
        }
    };
    Ok(([(header::CONTENT_TYPE, "application/xml; charset=utf-8")], map.into_string()))
}

/// `/robots.txt`: accounts, the API and what is pushed are not for search engines.
pub(super) async fn robots(base: Base) -> File {
    let text = format!(
        "User-agent: *\nDisallow: /account\nDisallow: /dashboard\nDisallow: /figures\nDisallow: /welcome\nDisallow: /login\n\
         Disallow: /api/\nDisallow: /v2/\nDisallow: /log/\n\nSitemap: {}/sitemap.xml\n",
        base.0
    );
    ([(header::CONTENT_TYPE, "text/plain; charset=utf-8")], text)
}
