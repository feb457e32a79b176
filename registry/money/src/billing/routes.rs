//! What customers ask for over HTTP, by what it is about; here, usage and notices.

mod invoices;
mod orders;
mod subscriptions;

use axum::extract::State;
use chandlery_package::wire::{Notice, Page, Paging, UsageEvent, UsageReceipt, UsageTotal};

use crate::{Error, Finance, billing};
use chandlery_accounts::Account;
use chandlery_edge::{Json, Query};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

const EVENTS_PER_BATCH_MAX: usize = 1000;

/// The routes of this room.
pub fn routes() -> OpenApiRouter<Finance> {
    OpenApiRouter::new()
        .merge(subscriptions::routes())
        .merge(orders::routes())
        .merge(invoices::routes())
        .routes(routes!(totals, receive))
        .routes(routes!(notices))
}

/// Stores a batch of usage events, each once; at most 1000.
#[utoipa::path(
    post,
    path = "/api/v1/usage",
    request_body = Vec<UsageEvent>,
    responses((status = 200, description = "Done.", body = UsageReceipt))
)]
async fn receive(
    State(finance): State<Finance>,
    caller: Account,
    Json(events): Json<Vec<UsageEvent>>,
) -> Result<Json<UsageReceipt>, Error> {
    if events.len() > EVENTS_PER_BATCH_MAX {
        return Err(Error::Invalid(format!("a batch has at most {EVENTS_PER_BATCH_MAX} events")));
    }
    Ok(Json(billing::receive(&finance.db, &caller.name, &events, finance.clock.now()).await?))
}

/// Lists the use of the account's deployments so far.
#[utoipa::path(
    get,
    path = "/api/v1/usage",
    params(Paging<billing::usage::Key>),
    responses((status = 200, description = "Done.", body = Page<UsageTotal>))
)]
async fn totals(
    State(finance): State<Finance>,
    caller: Account,
    Query(paging): Query<Paging<billing::usage::Key>>,
) -> Result<Json<Page<UsageTotal>>, Error> {
    Ok(Json(billing::totals(&finance.db, &caller.name, &paging).await?))
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
