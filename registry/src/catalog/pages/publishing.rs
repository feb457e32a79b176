//! Publishing on pages: a component is uploaded, looked at and signed, by a key of the browser or by the command; and what publishers do
//! with their namespaces, by the functions and the rights of the API.

mod acting;
mod answers;
mod approval;
mod draft;
mod keys;
mod listing;
mod membership;
mod namespace;
mod owning;
mod plugin;
mod releases;
mod showing;
mod signing;
mod start;
mod team;
mod told;
mod trust;
mod written;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::http::{HeaderName, header};
use axum::routing::{get, post};
use chandlery_edge::FIELDS_BYTES_MAX;
use chandlery_package::component::COMPONENT_BYTES_MAX;

use crate::catalog::listing::SCREENSHOT;
use crate::catalog::state::Catalog;

/// The routes of this chapter.
pub(super) fn routes() -> Router<Catalog> {
    let upload = DefaultBodyLimit::max(COMPONENT_BYTES_MAX + FIELDS_BYTES_MAX);
    let image = DefaultBodyLimit::max(SCREENSHOT.bytes_max + FIELDS_BYTES_MAX);
    Router::new()
        .route("/publish", get(start::page).post(start::upload).layer(upload))
        .route("/publish/namespaces", post(start::take))
        .route("/publish/{draft}", get(draft::page).post(draft::sign))
        .route("/publish/{draft}/discard", post(draft::discard))
        .route("/publish.js", get(script))
        .route("/publish/namespaces/{namespace}", get(namespace::page))
        .route("/publish/namespaces/{namespace}/two-people", post(owning::two_people))
        .route("/publish/namespaces/{namespace}/keys", post(owning::add_key))
        .route("/publish/namespaces/{namespace}/keys/{key}/revocation", post(owning::revoke_key))
        .route("/publish/namespaces/{namespace}/key-requests", post(owning::request_key))
        .route("/publish/namespaces/{namespace}/key-requests/{key}", post(owning::decide_key))
        .route("/publish/teams/{namespace}/invitation", post(membership::answer))
        .route("/publish/teams/{namespace}/members", post(membership::choose))
        .route("/publish/teams/{namespace}/members/{account}/removal", post(membership::remove))
        .route("/publish/plugins/{namespace}/{name}", get(plugin::page))
        .route("/publish/plugins/{namespace}/{name}/listing", get(listing::page).post(showing::say))
        .route("/publish/plugins/{namespace}/{name}/listing/icon", post(showing::set_icon).layer(image))
        .route("/publish/plugins/{namespace}/{name}/listing/icon/removal", post(showing::remove_icon))
        .route(
            "/publish/plugins/{namespace}/{name}/listing/screenshots",
            post(showing::add_screenshot).layer(image),
        )
        .route(
            "/publish/plugins/{namespace}/{name}/listing/screenshots/{digest}",
            post(showing::change_screenshot),
        )
        .route("/publish/plugins/{namespace}/{name}/releases/{version}", post(acting::advise))
        .route("/publish/plugins/{namespace}/{name}/releases/{version}/withdrawal", post(acting::withdraw))
        .route("/publish/plugins/{namespace}/{name}/staged-releases/{version}", post(acting::decide))
        .route("/publish/plugins/{namespace}/{name}/trusted-publishers", post(acting::trust))
        .route("/publish/plugins/{namespace}/{name}/trusted-publishers/{id}/removal", post(acting::distrust))
}

/// The script that signs, which pages name and nothing else runs.
async fn script() -> ([(HeaderName, &'static str); 1], &'static str) {
    ([(header::CONTENT_TYPE, "text/javascript; charset=utf-8")], include_str!("publish.js"))
}
