//! What customers ask for over HTTP, by what it is about; here, notices.

mod hosts;
mod invoices;
mod orders;
mod proofs;
mod subscriptions;
mod usage;

use axum::extract::State;
use chandlery_package::wire::{Notice, Page, Paging};

use crate::{Error, Finance, billing};
use chandlery_accounts::Account;
use chandlery_edge::{Json, Query};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// The routes of this room.
pub fn routes() -> OpenApiRouter<Finance> {
    OpenApiRouter::new()
        .merge(subscriptions::routes())
        .merge(orders::routes())
        .merge(invoices::routes())
        .merge(usage::routes())
        .merge(hosts::routes())
        .merge(proofs::routes())
        .routes(routes!(notices))
}

/// Lists what the account was told.
#[utoipa::path(
    get,
    path = "/api/v1/notices",
    params(Paging<billing::notices::Key>),
    responses((status = 200, description = "Done.", body = Page<Notice>))
)]
async fn notices(
    State(finance): State<Finance>,
    caller: Account,
    Query(paging): Query<Paging<billing::notices::Key>>,
) -> Result<Json<Page<Notice>>, Error> {
    Ok(Json(billing::notices(&finance.db, &caller.name, &paging).await?))
}
