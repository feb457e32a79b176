//! What is kept of listings.

use chandlery_package::column::Text;
use chandlery_package::wire::{
    Caption, Category, ImageType, Listing, ListingImage, ListingLinks, NewListing, Screenshot, Support,
    WebLink,
};
use chandlery_package::{Digest, PluginId, words};
use chandlery_store::Db;
use sqlx::AnyConnection;

use crate::catalog::error::Error;

/// How many screenshots a plugin has at most.
pub(in crate::catalog) const SCREENSHOTS_MAX: usize = 6;

words! {
    /// What an image of a listing is for.
    pub(super) enum Part: "part of a listing" {
        /// It stands beside the plugin's title.
        Icon = "icon",
        /// It shows what the plugin looks like.
        Screenshot = "screenshot",
    }
}

#[derive(sqlx::FromRow)]
struct Said {
    category: Option<Text<Category>>,
    homepage: Option<Text<WebLink>>,
    documentation: Option<Text<WebLink>>,
    source: Option<Text<WebLink>>,
    issues: Option<Text<WebLink>>,
    support: Option<Text<Support>>,
}

#[derive(sqlx::FromRow)]
struct Shown {
    part: Text<Part>,
    digest: Text<Digest>,
    media_type: Text<ImageType>,
    bytes: i64,
    width: i64,
    height: i64,
    caption: Option<Text<Caption>>,
}

/// How the shop shows a plugin.
pub(in crate::catalog) async fn find(db: &Db, plugin: &PluginId) -> Result<Listing, Error> {
    let mut read = db.read().acquire().await?;
    let NewListing { category, links, support } = said(&mut read, plugin).await?;
    let mut listing = Listing { category, links, support, ..Listing::default() };
    for (part, image, caption) in images(&mut read, plugin).await? {
        match (part, caption) {
            (Part::Icon, _) => listing.icon = Some(image),
            (Part::Screenshot, Some(caption)) => listing.screenshots.push(Screenshot { image, caption }),
            (Part::Screenshot, None) => {
                return Err(Error::damaged(format!("a screenshot of '{plugin}' has no caption")));
            }
        }
    }
    Ok(listing)
}

/// What the publisher of a plugin says of it.
pub(super) async fn said(db: &mut AnyConnection, plugin: &PluginId) -> Result<NewListing, Error> {
    let row: Option<Said> = sqlx::query_as(
        "select category, homepage, documentation, source, issues, support from listings where plugin = $1",
    )
    .bind(plugin.to_string())
    .fetch_optional(db)
    .await?;
    let Some(row) = row else { return Ok(NewListing::default()) };
    let link = |column: Option<Text<WebLink>>| column.map(|Text(link)| link);
    Ok(NewListing {
        category: row.category.map(|Text(category)| category),
        links: ListingLinks {
            homepage: link(row.homepage),
            documentation: link(row.documentation),
            source: link(row.source),
            issues: link(row.issues),
        },
        support: row.support.map(|Text(support)| support),
    })
}

/// An image of a listing, what it is for, and what it shows.
pub(super) type Depicted = (Part, ListingImage, Option<Caption>);

/// The images of a plugin, in the order in which they are shown.
pub(super) async fn images(db: &mut AnyConnection, plugin: &PluginId) -> Result<Vec<Depicted>, Error> {
    let rows: Vec<Shown> = sqlx::query_as(
        "select part, digest, media_type, bytes, width, height, caption from listing_images where plugin = $1
         order by part, place, digest",
    )
    .bind(plugin.to_string())
    .fetch_all(db)
    .await?;
    rows.into_iter().map(depicted).collect()
}

fn depicted(row: Shown) -> Result<Depicted, Error> {
    let side = |pixels: i64| {
        u32::try_from(pixels).map_err(|_| Error::damaged(format!("an image has {pixels} pixels on a side")))
    };
    let image = ListingImage {
        digest: row.digest.0,
        media_type: row.media_type.0,
        bytes: row.bytes.unsigned_abs(),
        width: side(row.width)?,
        height: side(row.height)?,
    };
    Ok((row.part.0, image, row.caption.map(|Text(caption)| caption)))
}

/// What an image is that a plugin's listing has.
pub(in crate::catalog) async fn image_type(
    db: &Db,
    plugin: &PluginId,
    digest: Digest,
) -> Result<ImageType, Error> {
    let row: Option<(Text<ImageType>,)> =
        sqlx::query_as("select media_type from listing_images where plugin = $1 and digest = $2 limit 1")
            .bind(plugin.to_string())
            .bind(digest.to_string())
            .fetch_optional(db.read())
            .await?;
    row.map(|(Text(media_type),)| media_type).ok_or_else(|| no_image(plugin, digest))
}

/// That a plugin's listing has no such image.
pub(super) fn no_image(plugin: &PluginId, digest: Digest) -> Error {
    Error::not_found(format!("image {digest} in the listing of '{plugin}'"))
}
