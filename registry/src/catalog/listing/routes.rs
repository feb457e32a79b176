//! `/api/v1/plugins/{namespace}/{name}/listing`.

use axum::body::{Body, to_bytes};
use axum::extract::State;
use axum::http::StatusCode;
use chandlery_accounts::{Actor, Grant, Principal, Scope};
use chandlery_edge::{Json, Path, Query};
use chandlery_package::wire::{Caption, Listing, ListingError, NewCaption, NewListing, NewScreenshotOrder};
use chandlery_package::{Digest, Namespace, PluginId, PluginName};
use serde::Deserialize;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::image::{Bounds, ICON, Image, SCREENSHOT};
use super::{changes, kept, order};
use crate::catalog::error::Error;
use crate::catalog::state::Catalog;
use crate::catalog::visibility::must_see;

/// The routes of this chapter.
pub(in crate::catalog) fn routes() -> OpenApiRouter<Catalog> {
    OpenApiRouter::new()
        .routes(routes!(show, set))
        .routes(routes!(set_icon, remove_icon))
        .routes(routes!(add_screenshot, remove_screenshot))
        .routes(routes!(set_caption))
        .routes(routes!(arrange))
}

type OfPlugin = (Namespace, PluginName);
type OfImage = (Namespace, PluginName, Digest);

fn plugin((namespace, name): OfPlugin) -> PluginId {
    PluginId { namespace, name }
}

/// What a screenshot shows.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
struct Shows {
    /// In one line of 1 to 200 bytes.
    #[serde(default)]
    #[param(required, min_length = 1, max_length = 200)]
    caption: String,
}

/// Shows how the shop shows a plugin: what its publisher says at any time, which no signature covers.
#[utoipa::path(
    get,
    path = "/api/v1/plugins/{namespace}/{name}/listing",
    params(("namespace" = Namespace, Path), ("name" = inline(PluginName), Path)),
    responses((status = 200, description = "Done.", body = Listing)),
    security((), ("token" = []))
)]
async fn show(
    State(catalog): State<Catalog>,
    principal: Principal,
    Path(path): Path<OfPlugin>,
) -> Result<Json<Listing>, Error> {
    let plugin = plugin(path);
    must_see(&catalog.db, &principal, &plugin).await?;
    Ok(Json(kept::find(&catalog.db, &plugin).await?))
}

/// Says what a plugin is for, where there is more of it, and where to ask for help, in the place of what was said before.
#[utoipa::path(
    put,
    path = "/api/v1/plugins/{namespace}/{name}/listing",
    params(("namespace" = Namespace, Path), ("name" = inline(PluginName), Path)),
    request_body = NewListing,
    responses((status = 200, description = "Done.", body = Listing)),
    security((), ("token" = []))
)]
async fn set(
    State(catalog): State<Catalog>,
    principal: Principal,
    Path(path): Path<OfPlugin>,
    Json(new): Json<NewListing>,
) -> Result<Json<Listing>, Error> {
    let plugin = plugin(path);
    principal.must_publish(&catalog.db, &plugin).await?;
    changes::set(&catalog.db, &principal.actor()?, &plugin, &new).await?;
    Ok(Json(kept::find(&catalog.db, &plugin).await?))
}

/// Sets the icon of a plugin: a PNG, JPEG or WebP of at most 256 KiB, and 1024 pixels on each side.
#[utoipa::path(
    put,
    path = "/api/v1/plugins/{namespace}/{name}/listing/icon",
    params(("namespace" = Namespace, Path), ("name" = inline(PluginName), Path)),
    request_body(content = String, content_type = "application/octet-stream"),
    responses((status = 200, description = "Done.", body = Listing)),
    security((), ("token" = []))
)]
async fn set_icon(
    State(catalog): State<Catalog>,
    principal: Principal,
    Path(path): Path<OfPlugin>,
    body: Body,
) -> Result<Json<Listing>, Error> {
    let plugin = plugin(path);
    principal.must_publish(&catalog.db, &plugin).await?;
    let image = read(ICON, body).await?;
    changes::set_icon(&catalog, &principal.actor()?, &plugin, &image).await?;
    Ok(Json(kept::find(&catalog.db, &plugin).await?))
}

/// Removes the icon of a plugin; for its publishers and for operators.
#[utoipa::path(
    delete,
    path = "/api/v1/plugins/{namespace}/{name}/listing/icon",
    params(("namespace" = Namespace, Path), ("name" = inline(PluginName), Path)),
    responses((status = 204, description = "Done.")),
    security((), ("token" = []))
)]
async fn remove_icon(
    State(catalog): State<Catalog>,
    principal: Principal,
    Path(path): Path<OfPlugin>,
) -> Result<StatusCode, Error> {
    let plugin = plugin(path);
    let actor = may_remove(&catalog, &principal, &plugin).await?;
    changes::remove_icon(&catalog.db, &actor, &plugin).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Adds a screenshot after those that are there, up to six: a PNG, JPEG or WebP of at most 2 MiB, and 4096 pixels on each side.
///
/// The digest is that of its bytes. Of one that is there, what it shows is said anew.
#[utoipa::path(
    put,
    path = "/api/v1/plugins/{namespace}/{name}/listing/screenshots/{digest}",
    params(("namespace" = Namespace, Path), ("name" = inline(PluginName), Path), ("digest" = Digest, Path), Shows),
    request_body(content = String, content_type = "application/octet-stream"),
    responses((status = 200, description = "Done.", body = Listing)),
    security((), ("token" = []))
)]
async fn add_screenshot(
    State(catalog): State<Catalog>,
    principal: Principal,
    Path((namespace, name, digest)): Path<OfImage>,
    Query(shows): Query<Shows>,
    body: Body,
) -> Result<Json<Listing>, Error> {
    let plugin = plugin((namespace, name));
    principal.must_publish(&catalog.db, &plugin).await?;
    let caption: Caption = shows.caption.parse().map_err(|error| refused(&error))?;
    let image = read(SCREENSHOT, body).await?;
    if image.about.digest != digest {
        return Err(Error::invalid(format!(
            "the image that was sent is {}, and not {digest}",
            image.about.digest
        )));
    }
    changes::add_screenshot(&catalog, &principal.actor()?, &plugin, &image, &caption).await?;
    Ok(Json(kept::find(&catalog.db, &plugin).await?))
}

/// Removes a screenshot; for publishers of the plugin and for operators.
#[utoipa::path(
    delete,
    path = "/api/v1/plugins/{namespace}/{name}/listing/screenshots/{digest}",
    params(("namespace" = Namespace, Path), ("name" = inline(PluginName), Path), ("digest" = Digest, Path)),
    responses((status = 204, description = "Done.")),
    security((), ("token" = []))
)]
async fn remove_screenshot(
    State(catalog): State<Catalog>,
    principal: Principal,
    Path((namespace, name, digest)): Path<OfImage>,
) -> Result<StatusCode, Error> {
    let plugin = plugin((namespace, name));
    let actor = may_remove(&catalog, &principal, &plugin).await?;
    changes::remove_screenshot(&catalog.db, &actor, &plugin, digest).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Says what a screenshot shows.
#[utoipa::path(
    put,
    path = "/api/v1/plugins/{namespace}/{name}/listing/screenshots/{digest}/caption",
    params(("namespace" = Namespace, Path), ("name" = inline(PluginName), Path), ("digest" = Digest, Path)),
    request_body = NewCaption,
    responses((status = 200, description = "Done.", body = Listing)),
    security((), ("token" = []))
)]
async fn set_caption(
    State(catalog): State<Catalog>,
    principal: Principal,
    Path((namespace, name, digest)): Path<OfImage>,
    Json(new): Json<NewCaption>,
) -> Result<Json<Listing>, Error> {
    let plugin = plugin((namespace, name));
    principal.must_publish(&catalog.db, &plugin).await?;
    changes::set_caption(&catalog.db, &principal.actor()?, &plugin, digest, &new.caption).await?;
    Ok(Json(kept::find(&catalog.db, &plugin).await?))
}

/// Shows the screenshots in another order, which names each of them once.
#[utoipa::path(
    put,
    path = "/api/v1/plugins/{namespace}/{name}/listing/screenshots",
    params(("namespace" = Namespace, Path), ("name" = inline(PluginName), Path)),
    request_body = NewScreenshotOrder,
    responses((status = 200, description = "Done.", body = Listing)),
    security((), ("token" = []))
)]
async fn arrange(
    State(catalog): State<Catalog>,
    principal: Principal,
    Path(path): Path<OfPlugin>,
    Json(new): Json<NewScreenshotOrder>,
) -> Result<Json<Listing>, Error> {
    let plugin = plugin(path);
    principal.must_publish(&catalog.db, &plugin).await?;
    order::arrange(&catalog.db, &principal.actor()?, &plugin, &new.order).await?;
    Ok(Json(kept::find(&catalog.db, &plugin).await?))
}

fn refused(error: &ListingError) -> Error {
    Error::invalid(error.to_string())
}

/// The image that a request is. Whoever may not send one sends no byte of it.
async fn read(bounds: Bounds, body: Body) -> Result<Image, Error> {
    let too_large = || {
        let (what, bytes_max) = (bounds.what.to_owned(), bounds.bytes_max as u64);
        chandlery_edge::Error::TooLarge { what, bytes_max }
    };
    Image::read(bounds, to_bytes(body, bounds.bytes_max).await.map_err(|_| too_large())?)
}

/// Refuses whoever may not take an image away: it is for publishers and, where one does harm, for operators.
async fn may_remove(catalog: &Catalog, principal: &Principal, plugin: &PluginId) -> Result<Actor, Error> {
    let operates = principal.grant == Grant::Token(Scope::Full)
        && principal.account.as_ref().is_some_and(|account| account.must_operate("remove images").is_ok());
    if !operates {
        principal.must_publish(&catalog.db, plugin).await?;
    }
    Ok(principal.actor()?)
}
