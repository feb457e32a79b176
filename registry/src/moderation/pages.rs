//! The operator's pages of moderation: reports, quarantine and withdrawal, accounts, and names; and the page on which anybody with an
//! account reports a plugin. Each does what its command does.

mod accounts;
mod names;
mod parts;
mod quarantines;
mod report;
mod reporting;
mod reports;

use axum::Router;
use axum::middleware::map_response;
use axum::routing::{get, post};

use crate::catalog::Catalog;
use crate::shell::kept_by_its_visitor;

/// The routes of these pages.
pub fn pages<S>(catalog: Catalog) -> Router<S> {
    Router::new()
        .route("/operator/moderation", get(reports::page))
        .route("/operator/moderation/reports/{id}", get(report::page).post(report::resolve))
        .route("/operator/moderation/quarantines", get(quarantines::page).post(quarantines::put))
        .route("/operator/moderation/withdrawals", post(quarantines::withdraw))
        .route("/operator/moderation/accounts", get(accounts::page).post(accounts::put))
        .route("/operator/moderation/names", get(names::page).post(names::transfer))
        .route("/plugins/{namespace}/{name}/report", get(reporting::page).post(reporting::take))
        .layer(map_response(kept_by_its_visitor))
        .with_state(catalog)
}
