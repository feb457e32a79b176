//! What customers ask for over HTTP, by what it is about; here, usage and notices.

mod invoices;
mod orders;
mod subscriptions;

use axum::Router;
use axum::extract::State;
use axum::routing::get;
use chandlery_package::wire::{Notice, Page, UsageEvent, UsageReceipt, UsageTotal};

use crate::{Error, Finance, billing};
use chandlery_accounts::Account;
use chandlery_edge::Json;

const EVENTS_PER_BATCH_MAX: usize = 1000;

/// The routes of this room.
pub fn routes() -> Router<Finance> {
    Router::new()
        .merge(subscriptions::routes())
        .merge(orders::routes())
        .merge(invoices::routes())
        .route("/api/v1/usage", get(totals).post(receive))
        .route("/api/v1/notices", get(notices))
}

async fn receive(
    State(finance): State<Finance>,
    caller: Account,
    Json(events): Json<Vec<UsageEvent>>,
) -> Result<Json<UsageReceipt>, Error> {
    if events.len() > EVENTS_PER_BATCH_MAX {
        return Err(Error::Invalid(format!("a batch has at most {EVENTS_PER_BATCH_MAX} events")));
    }
    Ok(Json(billing::receive(&finance, &caller.name, &events).await?))
}

async fn totals(State(finance): State<Finance>, caller: Account) -> Result<Json<Page<UsageTotal>>, Error> {
    Ok(Json(Page { items: billing::totals(&finance.db, &caller.name).await?, next: None }))
}

async fn notices(State(finance): State<Finance>, caller: Account) -> Result<Json<Page<Notice>>, Error> {
    let mut db = finance.db.read().acquire().await?;
    Ok(Json(Page { items: billing::notices(&mut db, &caller.name).await?, next: None }))
}
