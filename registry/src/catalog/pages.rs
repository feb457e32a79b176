//! The shop: pages of what is published, for whoever comes by, and what feeds and search engines read of it.

mod beside;
mod compare;
mod embedded;
mod feeds;
mod home;
mod images;
mod listing;
mod log_entry;
mod markdown;
mod notices;
mod plan;
mod plugin;
mod presented;
mod proof;
mod publisher;
mod publishing;
mod release;
mod review;
mod reviews;
mod robots;
mod search;
mod telling;
mod terms;

use axum::Router;
use axum::middleware::map_response;
use axum::routing::get;

use super::state::Catalog;
use crate::shell::kept_by_its_visitor;

/// The routes of the shop.
pub fn pages<S>(catalog: Catalog) -> Router<S> {
    Router::new()
        .route("/", get(home::page))
        .route("/search", get(search::page))
        .route("/compare", get(beside::page))
        .route("/plugins/{namespace}/{name}", get(plugin::page))
        .route("/plugins/{namespace}/{name}/compare", get(compare::page))
        .route("/plugins/{namespace}/{name}/releases.xml", get(feeds::of_plugin))
        .route("/plugins/{namespace}/{name}/advisories.xml", get(feeds::advisories_of_plugin))
        .route("/plugins/{namespace}/{name}/badge.svg", get(embedded::badge))
        .route("/plugins/{namespace}/{name}/releases/{version}", get(release::page))
        .route("/images/{namespace}/{name}/{digest}", get(images::get))
        .route("/plan.js", get(plan::script))
        .route("/proof/{script}", get(proof::script))
        .route("/publishers/{namespace}", get(publisher::page))
        .route("/terms", get(terms::page))
        .route("/operator/reviews", get(reviews::page))
        .route("/operator/reviews/{namespace}/{name}/{version}", get(review::page).post(review::decide))
        .route("/feeds/releases.xml", get(feeds::all))
        .route("/feeds/advisories.xml", get(feeds::all_advisories))
        .route("/sitemap.xml", get(robots::sitemap))
        .route("/robots.txt", get(robots::robots))
        .merge(publishing::routes())
        .layer(map_response(kept_by_its_visitor))
        .with_state(catalog)
}
