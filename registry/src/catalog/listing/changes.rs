//! What publishers change of a listing, each with its entry of the trail.

use chandlery_accounts::Actor;
use chandlery_accounts::audit::record;
use chandlery_package::wire::{Act, Caption, ListingImage, NewListing};
use chandlery_package::{Digest, PluginId};
use chandlery_store::{ContentDigest, Db, Write};
use serde_json::{Value, json};

use super::image::Image;
use super::kept::{Depicted, Part, SCREENSHOTS_MAX, images, no_image, said};
use crate::catalog::changes::changed;
use crate::catalog::error::Error;
use crate::catalog::state::Catalog;
use crate::oci;

/// Says this of a plugin, in the place of what was said before.
pub(in crate::catalog) async fn set(
    db: &Db,
    actor: &Actor,
    plugin: &PluginId,
    new: &NewListing,
) -> Result<(), Error> {
    let mut write = db.write().await?;
    must_be_there(&mut write, plugin).await?;
    let before = said(&mut write, plugin).await?;
    if before == *new {
        return Ok(());
    }
    let NewListing { category, links, support } = new;
    sqlx::query(
        "insert into listings (plugin, category, homepage, documentation, source, issues, support)
         values ($1, $2, $3, $4, $5, $6, $7)
         on conflict (plugin) do update set category = excluded.category, homepage = excluded.homepage,
             documentation = excluded.documentation, source = excluded.source, issues = excluded.issues,
             support = excluded.support",
    )
    .bind(plugin.to_string())
    .bind(category.map(|category| category.to_string()))
    .bind(links.homepage.as_ref().map(ToString::to_string))
    .bind(links.documentation.as_ref().map(ToString::to_string))
    .bind(links.source.as_ref().map(ToString::to_string))
    .bind(links.issues.as_ref().map(ToString::to_string))
    .bind(support.as_ref().map(ToString::to_string))
    .execute(&mut *write)
    .await?;
    tell(write, actor, plugin, json!(before), json!(new)).await
}

/// Puts an icon beside a plugin's title, in the place of the one before.
pub(in crate::catalog) async fn set_icon(
    catalog: &Catalog,
    actor: &Actor,
    plugin: &PluginId,
    image: &Image,
) -> Result<(), Error> {
    let mut write = stored(catalog, plugin, image).await?;
    let before = icon(&images(&mut write, plugin).await?);
    if before == Some(image.about.digest) {
        return Ok(());
    }
    if let Some(before) = before {
        forget(&mut write, plugin, Part::Icon, before).await?;
    }
    keep(catalog, &mut write, plugin, (Part::Icon, &image.about, None), 0).await?;
    tell(write, actor, plugin, json!({ "icon": before }), json!({ "icon": image.about.digest })).await
}

/// Removes the icon of a plugin, if it has one.
pub(in crate::catalog) async fn remove_icon(db: &Db, actor: &Actor, plugin: &PluginId) -> Result<(), Error> {
    let mut write = db.write().await?;
    must_be_there(&mut write, plugin).await?;
    let Some(before) = icon(&images(&mut write, plugin).await?) else { return Ok(()) };
    forget(&mut write, plugin, Part::Icon, before).await?;
    tell(write, actor, plugin, json!({ "icon": before }), json!({ "icon": null })).await
}

/// Adds a screenshot after those that are there; of one that is there, what it shows is said anew.
pub(in crate::catalog) async fn add_screenshot(
    catalog: &Catalog,
    actor: &Actor,
    plugin: &PluginId,
    image: &Image,
    caption: &Caption,
) -> Result<(), Error> {
    let mut write = stored(catalog, plugin, image).await?;
    let known = images(&mut write, plugin).await?;
    if screenshot(&known, image.about.digest).is_some() {
        return say(write, actor, plugin, image.about.digest, caption).await;
    }
    let count = known.iter().filter(|(part, ..)| *part == Part::Screenshot).count();
    if count >= SCREENSHOTS_MAX {
        return Err(Error::conflict(format!(
            "'{plugin}' has {SCREENSHOTS_MAX} screenshots, which is as many as there may be: remove one first"
        )));
    }
    let place = last_place(&mut write, plugin).await? + 1;
    keep(catalog, &mut write, plugin, (Part::Screenshot, &image.about, Some(caption)), place).await?;
    let after = json!({ "screenshot": image.about.digest, "caption": caption });
    tell(write, actor, plugin, Value::Null, after).await
}

/// Says what a screenshot shows.
pub(in crate::catalog) async fn set_caption(
    db: &Db,
    actor: &Actor,
    plugin: &PluginId,
    digest: Digest,
    caption: &Caption,
) -> Result<(), Error> {
    say(db.write().await?, actor, plugin, digest, caption).await
}

async fn say(
    mut write: Write,
    actor: &Actor,
    plugin: &PluginId,
    digest: Digest,
    caption: &Caption,
) -> Result<(), Error> {
    let known = images(&mut write, plugin).await?;
    let before = screenshot(&known, digest).ok_or_else(|| no_image(plugin, digest))?;
    if before == Some(caption) {
        return Ok(());
    }
    sqlx::query("update listing_images set caption = $1 where plugin = $2 and part = $3 and digest = $4")
        .bind(caption.as_str())
        .bind(plugin.to_string())
        .bind(Part::Screenshot.as_str())
        .bind(digest.to_string())
        .execute(&mut *write)
        .await?;
    let of = |caption: Option<&Caption>| json!({ "screenshot": digest, "caption": caption });
    let (before, after) = (of(before), of(Some(caption)));
    tell(write, actor, plugin, before, after).await
}

/// Removes a screenshot of a plugin.
pub(in crate::catalog) async fn remove_screenshot(
    db: &Db,
    actor: &Actor,
    plugin: &PluginId,
    digest: Digest,
) -> Result<(), Error> {
    let mut write = db.write().await?;
    let known = images(&mut write, plugin).await?;
    let caption = screenshot(&known, digest).ok_or_else(|| no_image(plugin, digest))?;
    let before = json!({ "screenshot": digest, "caption": caption });
    forget(&mut write, plugin, Part::Screenshot, digest).await?;
    tell(write, actor, plugin, before, Value::Null).await
}

/// A transaction in which the bytes of an image are known to be stored: nothing collects them before it ends.
async fn stored(catalog: &Catalog, plugin: &PluginId, image: &Image) -> Result<Write, Error> {
    let (storage, content) = (&catalog.oci.storage, ContentDigest::from(image.about.digest));
    let mut write = catalog.db.write().await?;
    must_be_there(&mut write, plugin).await?;
    while !storage.holds(&content).await? {
        drop(write);
        storage.put(&content, image.bytes.clone()).await?;
        write = catalog.db.write().await?;
    }
    Ok(write)
}

async fn must_be_there(write: &mut Write, plugin: &PluginId) -> Result<(), Error> {
    let found: Option<(String,)> = sqlx::query_as("select id from plugins where id = $1")
        .bind(plugin.to_string())
        .fetch_optional(&mut **write)
        .await?;
    found
        .map(drop)
        .ok_or_else(|| Error::not_found(format!("plugin '{plugin}': publish a release of it first")))
}

fn icon(images: &[Depicted]) -> Option<Digest> {
    images.iter().find(|(part, ..)| *part == Part::Icon).map(|(_, image, _)| image.digest)
}

/// What a screenshot shows; none: there is no such screenshot.
fn screenshot(images: &[Depicted], digest: Digest) -> Option<Option<&Caption>> {
    let found = images.iter().find(|(part, image, _)| *part == Part::Screenshot && image.digest == digest);
    found.map(|(.., caption)| caption.as_ref())
}

async fn last_place(write: &mut Write, plugin: &PluginId) -> Result<i64, Error> {
    let (place,): (i64,) =
        sqlx::query_as("select coalesce(max(place), 0) from listing_images where plugin = $1")
            .bind(plugin.to_string())
            .fetch_one(&mut **write)
            .await?;
    Ok(place)
}

/// Makes an image a part of a listing, within the quota of its namespace.
async fn keep(
    catalog: &Catalog,
    write: &mut Write,
    plugin: &PluginId,
    (part, image, caption): (Part, &ListingImage, Option<&Caption>),
    place: i64,
) -> Result<(), Error> {
    let (namespace, bytes, max) =
        (&plugin.namespace, image.bytes as i64, catalog.oci.limits.namespace_bytes_max);
    sqlx::query(
        "insert into listing_images (plugin, part, digest, media_type, bytes, width, height, place, caption)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
    )
    .bind(plugin.to_string())
    .bind(part.as_str())
    .bind(image.digest.to_string())
    .bind(image.media_type.as_str())
    .bind(bytes)
    .bind(i64::from(image.width))
    .bind(i64::from(image.height))
    .bind(place)
    .bind(caption.map(Caption::as_str))
    .execute(&mut **write)
    .await?;
    match chandlery_accounts::add_bytes(write, namespace, bytes).await? {
        kept if kept > max => Err(oci::Error::full(namespace, max).into()),
        _ => Ok(()),
    }
}

/// Makes an image no part of a listing any more. What nothing else has stored is garbage from then on.
async fn forget(write: &mut Write, plugin: &PluginId, part: Part, digest: Digest) -> Result<(), Error> {
    let (bytes,): (i64,) = sqlx::query_as(
        "delete from listing_images where plugin = $1 and part = $2 and digest = $3 returning bytes",
    )
    .bind(plugin.to_string())
    .bind(part.as_str())
    .bind(digest.to_string())
    .fetch_one(&mut **write)
    .await?;
    chandlery_accounts::add_bytes(write, &plugin.namespace, -bytes).await?;
    Ok(())
}

/// Ends a change: the trail has it, and searches see it.
pub(super) async fn tell(
    mut write: Write,
    actor: &Actor,
    plugin: &PluginId,
    before: Value,
    after: Value,
) -> Result<(), Error> {
    record(&mut write, actor, Act::ListingChanged, &plugin.to_string(), before, after).await?;
    changed(&mut write, plugin).await?;
    Ok(write.commit().await?)
}
