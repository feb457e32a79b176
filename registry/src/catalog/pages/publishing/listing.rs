//! How the shop shows a plugin, where its publishers change that; and who they are.

use axum::extract::FromRequestParts;
use axum::http::StatusCode;
use axum::http::request::Parts;
use axum::response::{IntoResponse as _, Redirect, Response};
use chandlery_accounts::{Actor, Caller, Role};
use chandlery_package::size::bytes;
use chandlery_package::wire::{Listing, Screenshot};
use chandlery_package::{Namespace, PluginId, PluginName};
use chandlery_pages::{Field, Link, crumbs, fault, file, select};
use maud::{Markup, html};
use serde::Deserialize;

use super::answers::{logged_in, named, namespace_path, plugin_path, refusal, shown, told};
use super::written::{CATEGORY, DOCUMENTATION, Faults, HOMEPAGE, ISSUES, SOURCE, SUPPORT, Written};
use crate::catalog::error::Error;
use crate::catalog::listing::{Bounds, ICON, SCREENSHOT, SCREENSHOTS_MAX, find};
use crate::catalog::pages::presented::{CATEGORIES, image_path};
use crate::catalog::pages::telling;
use crate::catalog::state::Catalog;
use crate::shell::PUBLISH;

/// The fields of the forms with a file. The caption stands before the file, so that it is known where that is too large.
pub(super) const ICON_FILE: &str = "icon";
pub(super) const SCREENSHOT_FILE: &str = "screenshot";
pub(super) const CAPTION: &str = "caption";
/// What a browser offers to choose.
const ACCEPTED: &str = "image/png,image/jpeg,image/webp";

/// What was sent and refused.
#[derive(Default)]
pub(super) struct Refused {
    /// What stood in the form of texts; none: another one was sent.
    pub(super) written: Option<Written>,
    /// What stood in the caption of a new screenshot.
    pub(super) caption: String,
    /// What is wrong, and with which field; with none: with all of it.
    pub(super) faults: Faults,
}

impl Refused {
    fn with(&self, field: &str) -> Option<&str> {
        self.faults.iter().find(|(of, _)| *of == field).map(|(_, fault)| fault.as_str())
    }
}

/// The path of the page.
pub(super) fn listing_path(plugin: &PluginId) -> String {
    format!("{}/listing", plugin_path(plugin))
}

/// Whoever changes how the plugin of the path is shown. Everybody else is refused, and whoever is not logged in is sent to the log-in.
pub(super) struct Editor {
    pub(super) catalog: Catalog,
    pub(super) plugin: PluginId,
    caller: Caller,
}

impl FromRequestParts<Catalog> for Editor {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, catalog: &Catalog) -> Result<Self, Response> {
        let PluginPath { namespace, name } = named(parts, catalog).await?;
        let plugin = PluginId { namespace, name };
        let caller = logged_in(parts, catalog, &listing_path(&plugin)).await?;
        caller.must_be(&catalog.db, Role::Publisher, &plugin.namespace, "push to").await.map_err(refusal)?;
        Ok(Self { catalog: catalog.clone(), plugin, caller })
    }
}

#[derive(Deserialize)]
struct PluginPath {
    namespace: Namespace,
    name: PluginName,
}

impl Editor {
    /// What the trail keeps of them.
    pub(super) fn actor(&self) -> &Actor {
        &self.caller.actor
    }

    /// The page again, after what was asked for on it was done, or was not. `refused` is what was sent.
    pub(super) async fn answer(
        &self,
        done: Result<(), Error>,
        mut refused: Refused,
    ) -> Result<Response, Error> {
        let Err(error) = done else { return Ok(Redirect::to(&listing_path(&self.plugin)).into_response()) };
        let (status, fault) = told(error)?;
        refused.faults.push(("", fault));
        Ok((status, self.content(&refused).await?).into_response())
    }

    /// The page again, with what is wrong beside each field.
    pub(super) async fn again(&self, refused: &Refused) -> Result<Response, Error> {
        Ok((StatusCode::BAD_REQUEST, self.content(refused).await?).into_response())
    }

    async fn content(&self, refused: &Refused) -> Result<Markup, Error> {
        let plugin = &self.plugin;
        let listing = find(&self.catalog.db, plugin).await?;
        let (of_namespace, of_plugin) = (namespace_path(&plugin.namespace), plugin_path(plugin));
        let above = [
            Link { path: PUBLISH, name: "Publish" },
            Link { path: &of_namespace, name: plugin.namespace.as_str() },
            Link { path: &of_plugin, name: plugin.name.as_str() },
        ];
        let content = html! {
            (crumbs(&above, "Listing"))
            h1 { "Listing of " (plugin) }
            p {
                "Changes here are visible at once and are not part of any release: no signature covers them. "
                a href=(telling::plugin_path(plugin)) { "View as a visitor" }
            }
            (fault(refused.with("")))
            (texts(plugin, &listing, refused))
            (icon(plugin, &listing, refused))
            (screenshots(plugin, &listing, refused))
        };
        Ok(shown(&format!("Listing of {plugin}"), &self.caller, &content))
    }
}

/// The page `/publish/plugins/{namespace}/{name}/listing`.
pub(super) async fn page(by: Editor) -> Result<Markup, Error> {
    by.content(&Refused::default()).await
}

fn texts(plugin: &PluginId, listing: &Listing, refused: &Refused) -> Markup {
    let written = refused.written.clone().unwrap_or_else(|| listing.into());
    let categories: Vec<(&str, &str)> = [("", "None")].into_iter().chain(CATEGORIES).collect();
    let link = |name, label, value, hint| {
        Field::new(name, label).kind("url").value(value).hint(hint).fault(refused.with(name))
    };
    html! {
        h2 { "Category, links and support" }
        form.card method="post" action=(listing_path(plugin)) {
            (select(CATEGORY, "Category", &written.category, &categories))
            (fault(refused.with(CATEGORY)))
            (link(HOMEPAGE, "Homepage", &written.homepage, "Links begin with https://. Leave a field empty to show no link."))
            (link(DOCUMENTATION, "Documentation", &written.documentation, "How to use it."))
            (link(SOURCE, "Source", &written.source, "Where the source code is."))
            (link(ISSUES, "Issues", &written.issues, "Where known problems are tracked."))
            (Field::new(SUPPORT, "Support").value(&written.support).fault(refused.with(SUPPORT))
                .hint("An e-mail address or a link where users ask for help. It is public."))
            div { button { "Save" } }
        }
    }
}

fn icon(plugin: &PluginId, listing: &Listing, refused: &Refused) -> Markup {
    let path = format!("{}/icon", listing_path(plugin));
    html! {
        h2 { "Icon" }
        @if let Some(icon) = &listing.icon {
            form.row method="post" action=(format!("{path}/removal")) {
                img.icon src=(image_path(plugin, icon.digest)) alt="Current icon" width="48" height="48";
                button.quiet { "Remove icon" }
            }
        }
        form.card method="post" action=(path) enctype="multipart/form-data" {
            (file(ICON_FILE, "Image", ACCEPTED, &may_be(ICON), refused.with(ICON_FILE)))
            div { button { "Set icon" } }
        }
    }
}

fn screenshots(plugin: &PluginId, listing: &Listing, refused: &Refused) -> Markup {
    let path = format!("{}/screenshots", listing_path(plugin));
    html! {
        h2 { "Screenshots" }
        @if !listing.screenshots.is_empty() {
            @let last = listing.screenshots.len() - 1;
            ul.pictures {
                @for (place, shown) in listing.screenshots.iter().enumerate() {
                    li { (screenshot(plugin, &path, shown, (place > 0, place < last))) }
                }
            }
        }
        @if listing.screenshots.len() >= SCREENSHOTS_MAX {
            p.note { "This is the maximum number of screenshots. Remove one before you add another." }
            (fault(refused.with(SCREENSHOT_FILE)))
        } @else {
            form.card method="post" action=(path) enctype="multipart/form-data" {
                (Field::new(CAPTION, "Caption").value(&refused.caption).fault(refused.with(CAPTION)).required()
                    .hint("One line that says what the screenshot shows. Screen readers read it aloud."))
                (file(SCREENSHOT_FILE, "Image", ACCEPTED, &may_be(SCREENSHOT), refused.with(SCREENSHOT_FILE)))
                div { button { "Add screenshot" } }
            }
        }
    }
}

/// A screenshot with what changes it; `moves`: whether it has one before it, and one after it.
fn screenshot(plugin: &PluginId, path: &str, shown: &Screenshot, moves: (bool, bool)) -> Markup {
    let (image, caption) = (&shown.image, shown.caption.as_str());
    html! {
        figure {
            img src=(image_path(plugin, image.digest)) alt=(caption) width=(image.width) height=(image.height) loading="lazy";
            form.row method="post" action=(format!("{path}/{}", image.digest)) {
                input name=(CAPTION) value=(caption) aria-label=(format!("Caption: {caption}")) required;
                button.quiet name="act" value="caption" { "Save caption" }
                @if moves.0 { button.quiet name="act" value="up" aria-label=(format!("Move up: {caption}")) { "Move up" } }
                @if moves.1 { button.quiet name="act" value="down" aria-label=(format!("Move down: {caption}")) { "Move down" } }
                button.quiet name="act" value="remove" { "Remove" }
            }
        }
    }
}

/// What an image may be, and what of it is seen.
fn may_be(bounds: Bounds) -> String {
    let Bounds { bytes_max, side_max, .. } = bounds;
    format!(
        "A PNG, JPEG or WebP of at most {} and {side_max} pixels on each side. The file is published as it is, with its metadata, such as \
         where a photograph was taken.",
        bytes(bytes_max as u64)
    )
}
