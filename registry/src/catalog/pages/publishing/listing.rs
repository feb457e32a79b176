//! How the shop shows a plugin, where its publishers change that.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Redirect, Response};
use chandlery_accounts::{Caller, Role};
use chandlery_edge::Path;
use chandlery_package::size::bytes;
use chandlery_package::wire::{Listing, Screenshot};
use chandlery_package::{Namespace, PluginId, PluginName};
use chandlery_pages::{Field, Link, crumbs, fault, file, select};
use maud::{Markup, html};

use super::answers::{namespace_path, plugin_path, shown, told};
use super::written::{CATEGORY, DOCUMENTATION, Faults, HOMEPAGE, ISSUES, SOURCE, SUPPORT, Written};
use crate::catalog::error::Error;
use crate::catalog::listing::{Bounds, ICON, SCREENSHOT, SCREENSHOTS_MAX, find};
use crate::catalog::pages::presented::{CATEGORIES, image_path};
use crate::catalog::pages::telling;
use crate::catalog::state::Catalog;
use crate::shell::{LogIn, PUBLISH};

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

/// Refuses whoever may not change how a plugin is shown.
pub(super) async fn must_publish(catalog: &Catalog, caller: &Caller, plugin: &PluginId) -> Result<(), Error> {
    Ok(caller.must_be(&catalog.db, Role::Publisher, &plugin.namespace, "push to").await?)
}

/// The page `/publish/namespaces/{namespace}/{name}/listing`.
pub(super) async fn page(
    State(catalog): State<Catalog>,
    caller: Option<Caller>,
    log_in: LogIn,
    Path((namespace, name)): Path<(Namespace, PluginName)>,
) -> Result<Response, Error> {
    let plugin = PluginId { namespace, name };
    let Some(caller) = caller else { return Ok(log_in.then(&listing_path(&plugin))) };
    must_publish(&catalog, &caller, &plugin).await?;
    Ok(content(&catalog, &caller, &plugin, &Refused::default()).await?.into_response())
}

/// The page again, after what was asked for on it was done, or was not. `refused` is what was sent.
pub(super) async fn answer(
    catalog: &Catalog,
    caller: &Caller,
    plugin: &PluginId,
    done: Result<(), Error>,
    mut refused: Refused,
) -> Result<Response, Error> {
    let Err(error) = done else { return Ok(Redirect::to(&listing_path(plugin)).into_response()) };
    let (status, fault) = told(error)?;
    refused.faults.push(("", fault));
    Ok((status, content(catalog, caller, plugin, &refused).await?).into_response())
}

/// The page again, with what is wrong beside each field.
pub(super) async fn again(
    catalog: &Catalog,
    caller: &Caller,
    plugin: &PluginId,
    refused: &Refused,
) -> Result<Response, Error> {
    Ok((StatusCode::BAD_REQUEST, content(catalog, caller, plugin, refused).await?).into_response())
}

async fn content(
    catalog: &Catalog,
    caller: &Caller,
    plugin: &PluginId,
    refused: &Refused,
) -> Result<Markup, Error> {
    let listing = find(&catalog.db, plugin).await?;
    let (of_namespace, of_plugin) = (namespace_path(&plugin.namespace), plugin_path(plugin));
    let above = [
        Link { path: PUBLISH, name: "Publish" },
        Link { path: &of_namespace, name: plugin.namespace.as_str() },
        Link { path: &of_plugin, name: plugin.name.as_str() },
    ];
    let content = html! {
        (crumbs(&above, "Listing"))
        h1 { "How the shop shows " (plugin) }
        p {
            "What you say here is seen at once, and is no part of any release: no signature covers it. "
            a href=(telling::plugin_path(plugin)) { "As visitors see it" }
        }
        (fault(refused.with("")))
        (texts(plugin, &listing, refused))
        (icon(plugin, &listing, refused))
        (screenshots(plugin, &listing, refused))
    };
    Ok(shown(&format!("Listing of {plugin}"), caller, &content))
}

fn texts(plugin: &PluginId, listing: &Listing, refused: &Refused) -> Markup {
    let written = refused.written.clone().unwrap_or_else(|| listing.into());
    let categories: Vec<(&str, &str)> = [("", "None")].into_iter().chain(CATEGORIES).collect();
    let link = |name, label, value, hint| {
        Field::new(name, label).kind("url").value(value).hint(hint).fault(refused.with(name))
    };
    html! {
        h2 { "What it is for, and where there is more" }
        form.card method="post" action=(listing_path(plugin)) {
            (select(CATEGORY, "Category", &written.category, &categories))
            (fault(refused.with(CATEGORY)))
            (link(HOMEPAGE, "Homepage", &written.homepage, "Each link begins with https://, or is left empty."))
            (link(DOCUMENTATION, "Documentation", &written.documentation, "How it is used."))
            (link(SOURCE, "Source", &written.source, "What it is made of."))
            (link(ISSUES, "Issues", &written.issues, "What is known to be wrong with it."))
            (Field::new(SUPPORT, "Support").value(&written.support).fault(refused.with(SUPPORT))
                .hint("An e-mail address or a link, where its users ask for help. Everybody reads it."))
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
                img.icon src=(image_path(plugin, icon.digest)) alt="The icon as it is shown" width="48" height="48";
                button.quiet { "Remove the icon" }
            }
        }
        form.card method="post" action=(path) enctype="multipart/form-data" {
            (file(ICON_FILE, "Image", ACCEPTED, &may_be(ICON), refused.with(ICON_FILE)))
            div { button { "Set the icon" } }
        }
    }
}

fn screenshots(plugin: &PluginId, listing: &Listing, refused: &Refused) -> Markup {
    let path = format!("{}/screenshots", listing_path(plugin));
    html! {
        h2 { "Screenshots" }
        @if !listing.screenshots.is_empty() {
            ul.pictures { @for shown in &listing.screenshots { li { (screenshot(plugin, &path, shown)) } } }
        }
        @if listing.screenshots.len() >= SCREENSHOTS_MAX {
            p.note { "These are as many as there may be: remove one before you add another." }
            (fault(refused.with(SCREENSHOT_FILE)))
        } @else {
            form.card method="post" action=(path) enctype="multipart/form-data" {
                (Field::new(CAPTION, "What it shows").value(&refused.caption).fault(refused.with(CAPTION)).required()
                    .hint("In one line, also for those who do not see it."))
                (file(SCREENSHOT_FILE, "Image", ACCEPTED, &may_be(SCREENSHOT), refused.with(SCREENSHOT_FILE)))
                div { button { "Add the screenshot" } }
            }
        }
    }
}

fn screenshot(plugin: &PluginId, path: &str, shown: &Screenshot) -> Markup {
    let (image, caption) = (&shown.image, shown.caption.as_str());
    html! {
        figure {
            img src=(image_path(plugin, image.digest)) alt=(caption) width=(image.width) height=(image.height) loading="lazy";
            form.row method="post" action=(format!("{path}/{}", image.digest)) {
                input name=(CAPTION) value=(caption) aria-label=(format!("What it shows: {caption}")) required;
                button.quiet name="act" value="caption" { "Save the caption" }
                button.quiet name="act" value="remove" { "Remove it" }
            }
        }
    }
}

/// What an image may be, and what of it is seen.
fn may_be(bounds: Bounds) -> String {
    let Bounds { bytes_max, side_max, .. } = bounds;
    format!(
        "A PNG, JPEG or WebP of at most {} and {side_max} pixels on each side. It is shown with all that its file tells, such as where a \
         photograph was taken.",
        bytes(bytes_max as u64)
    )
}
