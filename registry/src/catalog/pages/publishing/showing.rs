//! What publishers do with how the shop shows a plugin.

use axum::response::Response;
use bytes::Bytes;
use chandlery_edge::{Form, Path, Upload};
use chandlery_package::Digest;
use chandlery_package::wire::Caption;
use serde::Deserialize;

use super::answers::unknown;
use super::listing::{CAPTION, Editor, ICON_FILE, Refused, SCREENSHOT_FILE};
use super::written::{Faults, Written};
use crate::catalog::error::Error;
use crate::catalog::listing::{self, Bounds, ICON, Image, SCREENSHOT, Towards};

/// A screenshot of the plugin.
#[derive(Deserialize)]
pub(super) struct OfScreenshot {
    digest: Digest,
}

/// What the form of a screenshot sends that is there.
#[derive(Deserialize)]
pub(super) struct Changed {
    #[serde(default)]
    act: String,
    #[serde(default)]
    caption: String,
}

/// Says what a plugin is for, and where there is more of it.
pub(super) async fn say(by: Editor, Form(written): Form<Written>) -> Result<Response, Error> {
    let (read, written) = (written.read(), Some(written));
    match read {
        Ok(new) => {
            let done = listing::set(&by.catalog.db, by.actor(), &by.plugin, &new).await;
            by.answer(done, Refused { written, ..Refused::default() }).await
        }
        Err(faults) => by.again(&Refused { written, faults, ..Refused::default() }).await,
    }
}

/// Sets the icon.
pub(super) async fn set_icon(
    by: Editor,
    form: Result<Upload, chandlery_edge::Error>,
) -> Result<Response, Error> {
    match uploaded(form, ICON_FILE, ICON).await.and_then(|sent| sent.image) {
        Ok(image) => {
            let done = listing::set_icon(&by.catalog, by.actor(), &by.plugin, &image).await;
            by.answer(done, Refused::default()).await
        }
        Err(error) => {
            let faults = vec![(ICON_FILE, error.to_string())];
            by.again(&Refused { faults, ..Refused::default() }).await
        }
    }
}

/// Removes the icon.
pub(super) async fn remove_icon(by: Editor) -> Result<Response, Error> {
    let done = listing::remove_icon(&by.catalog.db, by.actor(), &by.plugin).await;
    by.answer(done, Refused::default()).await
}

/// Adds a screenshot.
pub(super) async fn add_screenshot(
    by: Editor,
    form: Result<Upload, chandlery_edge::Error>,
) -> Result<Response, Error> {
    let sent = match uploaded(form, SCREENSHOT_FILE, SCREENSHOT).await {
        Ok(sent) => sent,
        Err(error) => {
            let faults = vec![(SCREENSHOT_FILE, error.to_string())];
            return by.again(&Refused { faults, ..Refused::default() }).await;
        }
    };
    let written = sent.caption.clone();
    match read(sent) {
        Ok((image, caption)) => {
            let done = listing::add_screenshot(&by.catalog, by.actor(), &by.plugin, &image, &caption).await;
            by.answer(done, Refused { caption: written, ..Refused::default() }).await
        }
        Err(faults) => by.again(&Refused { caption: written, faults, ..Refused::default() }).await,
    }
}

/// Says anew what a screenshot shows, moves it before or after its neighbour, or removes it.
pub(super) async fn change_screenshot(
    by: Editor,
    Path(OfScreenshot { digest }): Path<OfScreenshot>,
    Form(changed): Form<Changed>,
) -> Result<Response, Error> {
    let done = change(&by, digest, &changed).await;
    by.answer(done, Refused::default()).await
}

async fn change(by: &Editor, digest: Digest, changed: &Changed) -> Result<(), Error> {
    let (db, actor, plugin) = (&by.catalog.db, by.actor(), &by.plugin);
    match changed.act.as_str() {
        "caption" => {
            let caption = changed.caption.parse::<Caption>();
            let caption = caption.map_err(|error| Error::invalid(error.to_string()))?;
            listing::set_caption(db, actor, plugin, digest, &caption).await
        }
        "up" => listing::move_screenshot(db, actor, plugin, digest, Towards::First).await,
        "down" => listing::move_screenshot(db, actor, plugin, digest, Towards::Last).await,
        "remove" => listing::remove_screenshot(db, actor, plugin, digest).await,
        other => Err(unknown(other)),
    }
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
