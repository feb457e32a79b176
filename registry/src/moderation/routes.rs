//! The routes of moderation.

mod advisories;
mod quarantines;
mod reports;

use utoipa_axum::router::OpenApiRouter;

use crate::catalog::Catalog;

/// The routes of this room.
pub fn routes<S>(catalog: Catalog) -> OpenApiRouter<S> {
    OpenApiRouter::new()
        .merge(advisories::routes())
        .merge(quarantines::routes())
        .merge(reports::routes())
        .with_state(catalog)
}
