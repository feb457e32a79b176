//! What publishers do with how the shop shows a plugin.

use axum::extract::{Form, State};
use axum::response::Response;
use bytes::Bytes;
use chandlery_accounts::Caller;
use chandlery_edge::{Path, Upload};
use chandlery_package::wire::Caption;
use chandlery_package::{Digest, Namespace, PluginId, PluginName};
use serde::Deserialize;

use super::answers::unknown;
use super::listing::{
    CAPTION, ICON_FILE, Refused, SCREENSHOT_FILE, again, answer, listing_path, must_publish,
};
use super::written::{Faults, Written};
use crate::catalog::error::Error;
use crate::catalog::listing::{self, Bounds, ICON, Image, SCREENSHOT};
use crate::catalog::state::Catalog;
use crate::shell::LogIn;

type OfPlugin = (Namespace, PluginName);

/// What the form of a screenshot sends that is there.
#[derive(Deserialize)]
pub(super) struct Changed {
    #[serde(default)]
    act: String,
    #[serde(default)]
    caption: String,
}

/// Says what a plugin is for, and where there is more of it.
pub(super) async fn say(
    State(catalog): State<Catalog>,
    caller: Option<Caller>,
    log_in: LogIn,
    Path((namespace, name)): Path<OfPlugin>,
    Form(written): Form<Written>,
) -> Result<Response, Error> {
    let plugin = PluginId { namespace, name };
    let Some(caller) = caller else { return Ok(log_in.then(&listing_path(&plugin))) };
    must_publish(&catalog, &caller, &plugin).await?;
    let (read, written) = (written.read(), Some(written));
    match read {
        Ok(new) => {
            let done = listing::set(&catalog.db, &caller.actor, &plugin, &new).await;
            answer(&catalog, &caller, &plugin, done, Refused { written, ..Refused::default() }).await
        }
        Err(faults) => {
            again(&catalog, &caller, &plugin, &Refused { written, faults, ..Refused::default() }).await
        }
    }
}

/// Sets the icon.
pub(super) async fn set_icon(
    State(catalog): State<Catalog>,
    caller: Option<Caller>,
    log_in: LogIn,
    Path((namespace, name)): Path<OfPlugin>,
    form: Result<Upload, chandlery_edge::Error>,
) -> Result<Response, Error> {
    let plugin = PluginId { namespace, name };
    let Some(caller) = caller else { return Ok(log_in.then(&listing_path(&plugin))) };
    must_publish(&catalog, &caller, &plugin).await?;
    match uploaded(form, ICON_FILE, ICON).await.and_then(|sent| sent.image) {
        Ok(image) => {
            let done = listing::set_icon(&catalog, &caller.actor, &plugin, &image).await;
            answer(&catalog, &caller, &plugin, done, Refused::default()).await
        }
        Err(error) => {
            let faults = vec![(ICON_FILE, error.to_string())];
            again(&catalog, &caller, &plugin, &Refused { faults, ..Refused::default() }).await
        }
    }
}

/// Removes the icon.
pub(super) async fn remove_icon(
    State(catalog): State<Catalog>,
    caller: Option<Caller>,
    log_in: LogIn,
    Path((namespace, name)): Path<OfPlugin>,
) -> Result<Response, Error> {
    let plugin = PluginId { namespace, name };
    let Some(caller) = caller else { return Ok(log_in.then(&listing_path(&plugin))) };
    must_publish(&catalog, &caller, &plugin).await?;
    let done = listing::remove_icon(&catalog.db, &caller.actor, &plugin).await;
    answer(&catalog, &caller, &plugin, done, Refused::default()).await
}

/// Adds a screenshot.
pub(super) async fn add_screenshot(
    State(catalog): State<Catalog>,
    caller: Option<Caller>,
    log_in: LogIn,
    Path((namespace, name)): Path<OfPlugin>,
    form: Result<Upload, chandlery_edge::Error>,
) -> Result<Response, Error> {
    let plugin = PluginId { namespace, name };
    let Some(caller) = caller else { return Ok(log_in.then(&listing_path(&plugin))) };
    must_publish(&catalog, &caller, &plugin).await?;
    let sent = match uploaded(form, SCREENSHOT_FILE, SCREENSHOT).await {
        Ok(sent) => sent,
        Err(error) => {
            let faults = vec![(SCREENSHOT_FILE, error.to_string())];
            return again(&catalog, &caller, &plugin, &Refused { faults, ..Refused::default() }).await;
        }
    };
    let written = sent.caption.clone();
    match read(sent) {
        Ok((image, caption)) => {
            let done = listing::add_screenshot(&catalog, &caller.actor, &plugin, &image, &caption).await;
            let refused = Refused { caption: written, ..Refused::default() };
            answer(&catalog, &caller, &plugin, done, refused).await
        }
        Err(faults) => {
            let refused = Refused { caption: written, faults, ..Refused::default() };
            again(&catalog, &caller, &plugin, &refused).await
        }
    }
}

/// Says anew what a screenshot shows, or removes it.
pub(super) async fn change_screenshot(
    State(catalog): State<Catalog>,
    caller: Option<Caller>,
    log_in: LogIn,
    Path((namespace, name, digest)): Path<(Namespace, PluginName, Digest)>,
    Form(changed): Form<Changed>,
) -> Result<Response, Error> {
    let plugin = PluginId { namespace, name };
    let Some(caller) = caller else { return Ok(log_in.then(&listing_path(&plugin))) };
    must_publish(&catalog, &caller, &plugin).await?;
    let (db, actor) = (&catalog.db, &caller.actor);
    let done = async {
        match changed.act.as_str() {
            "caption" => {
                let caption = changed.caption.parse::<Caption>();
                let caption = caption.map_err(|error| Error::invalid(error.to_string()))?;
                listing::set_caption(db, actor, &plugin, digest, &caption).await
            }
            "remove" => listing::remove_screenshot(db, actor, &plugin, digest).await,
            other => Err(unknown(other)),
        }
    };
    answer(&catalog, &caller, &plugin, done.await, Refused::default()).await
}

/// What a form with a file sends.
struct Uploaded {
    caption: String,
    image: Result<Image, Error>,
}

/// Reads a form whose last field is a file of this name.
async fn uploaded(
    form: Result<Upload, chandlery_edge::Error>,
    name: &str,
    bounds: Bounds,
) -> Result<Uploaded, Error> {
    let mut form = form?;
    let mut caption = String::new();
    while let Some(part) = form.next().await? {
        match part.name() {
            Some(CAPTION) => caption = part.text().await?,
            Some(file) if file == name => {
                let image = match part.file(bounds.bytes_max as u64).whole().await {
                    Ok(bytes) => Image::read(bounds, bytes.into()),
                    Err(chandlery_edge::Error::TooLarge { .. }) => Err(bounds.too_large()),
                    Err(error) => Err(error.into()),
                };
                return Ok(Uploaded { caption, image });
            }
            _ => {}
        }
    }
    Ok(Uploaded { caption, image: Image::read(bounds, Bytes::new()) })
}

/// A screenshot and what it shows, or all that is wrong with both.
fn read(sent: Uploaded) -> Result<(Image, Caption), Faults> {
    let caption = sent.caption.parse::<Caption>().map_err(|error| (CAPTION, error.to_string()));
    match (sent.image.map_err(|error| (SCREENSHOT_FILE, error.to_string())), caption) {
        (Ok(image), Ok(caption)) => Ok((image, caption)),
        (image, caption) => Err(caption.err().into_iter().chain(image.err()).collect()),
    }
}
