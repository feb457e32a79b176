//! The badge of a plugin, for pages of others: what it is called, and which release stands for it.

use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse as _, Response};
use chandlery_accounts::{Principal, is_public};
use chandlery_edge::Path;
use chandlery_package::browser::{CONTENT_POLICY, RESOURCE_POLICY};
use chandlery_package::wire::ReleaseRecord;
use chandlery_package::{Namespace, PluginId, PluginName};
use chandlery_pages::command;
use maud::{Markup, html};

use super::notices;
use super::telling::{Base, plugin_path};
use crate::catalog::error::Error;
use crate::catalog::newest::newest;
use crate::catalog::state::Catalog;
use crate::catalog::visibility::must_see;

const SVG: &str = "image/svg+xml; charset=utf-8";
/// A new release is shown within five minutes.
const OF_ALL: &str = "public, max-age=300";
const OF_ITS_VISITOR: &str = "private, no-cache";
/// How high a badge is, and how wide its characters and margins are, in pixels.
const HEIGHT: usize = 20;
const CHARACTER: usize = 7;
const MARGIN: usize = 6;

/// `/plugins/{namespace}/{name}/badge.svg`. Other sites show the badge of a public plugin.
pub(super) async fn badge(
    State(catalog): State<Catalog>,
    principal: Principal,
    Path((namespace, name)): Path<(Namespace, PluginName)>,
) -> Result<Response, Error> {
    let plugin = PluginId { namespace, name };
    must_see(&catalog.db, &principal, &plugin).await?;
    let newest = newest(&catalog.db, &plugin).await?;
    let (kept, sites) = match is_public(&catalog.db, &plugin.namespace).await? {
        true => (OF_ALL, "cross-origin"),
        false => (OF_ITS_VISITOR, "same-origin"),
    };
    let headers = [
        (header::CONTENT_TYPE, SVG),
        (header::CONTENT_SECURITY_POLICY, CONTENT_POLICY),
        (header::CACHE_CONTROL, kept),
        (RESOURCE_POLICY, sites),
    ];
    Ok((headers, drawn(&newest).into_string()).into_response())
}

/// What the badge says of a release, and the colour behind it.
fn said(record: &ReleaseRecord) -> (String, &'static str) {
    match notices::may_be_installed(record) {
        true => (record.release.version.to_string(), "#0b5f7a"),
        false => ("not to be installed".into(), "#a61b1b"),
    }
}

/// How wide a text is with its margins, in pixels: as its letters are drawn to be, whatever the font.
fn width(text: &str) -> usize {
    text.chars().count() * CHARACTER + 2 * MARGIN
}

fn drawn(record: &ReleaseRecord) -> Markup {
    let name = record.release.plugin.to_string();
    let (said, colour) = said(record);
    let (left, right) = (width(&name), width(&said));
    let text = |from: usize, text: &str| {
        html! {
            text x=(from + MARGIN) y="14" fill="#fff" font-family="ui-monospace,monospace" font-size="11"
                textLength=(width(text) - 2 * MARGIN) { (text) }
        }
    };
    html! {
        svg xmlns="http://www.w3.org/2000/svg" width=(left + right) height=(HEIGHT) role="img"
            aria-label=(format!("{name} {said}")) {
            rect width=(left) height=(HEIGHT) fill="#2f3a40" {}
            rect x=(left) width=(right) height=(HEIGHT) fill=(colour) {}
            (text(0, &name))
            (text(left, &said))
        }
    }
}

/// The badge on the plugin's own page, with the Markdown that shows it elsewhere.
pub(super) fn section(base: &Base, record: &ReleaseRecord) -> Markup {
    let plugin = &record.release.plugin;
    let (path, (said, _)) = (plugin_path(plugin), said(record));
    let image = format!("{path}/badge.svg");
    let name = plugin.to_string();
    html! {
        h2 { "Badge" }
        p { img src=(image) alt=(format!("{name} {said}")) width=(width(&name) + width(&said)) height=(HEIGHT); }
        (command(&format!("[![{name}]({}{image})]({}{path})", base.0, base.0)))
    }
}
