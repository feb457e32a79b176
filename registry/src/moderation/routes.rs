//! The routes of moderation.

mod advisories;
mod quarantines;
mod reports;
mod transfer;

use utoipa_axum::router::OpenApiRouter;

use crate::catalog::Catalog;

/// The routes of this room.
pub fn routes<S>(catalog: Catalog) -> OpenApiRouter<S> {
    OpenApiRouter::new()
        .merge(advisories::routes())
        .merge(quarantines::routes())
        .merge(reports::routes())
        .merge(transfer::routes())
        .with_state(catalog)
}
