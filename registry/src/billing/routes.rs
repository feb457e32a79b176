//! `/api/v1/usage` and `/api/v1/orders`.

use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::{get, post};
use chandlery_package::wire::{NewOrder, NewPayment, Order, Page, UsageEvent, UsageReceipt, UsageTotal};

use crate::accounts::Caller;
use crate::extract::{Json, Path};
use crate::{Error, Registry};

const EVENTS_PER_BATCH_MAX: usize = 1000;

/// The routes of this room.
pub fn routes() -> Router<Registry> {
    Router::new()
        .route("/api/v1/usage", get(totals).post(receive))
        .route("/api/v1/orders", get(orders).post(order))
        .route("/api/v1/orders/{reference}/payment", post(record_payment))
}

async fn receive(
    State(registry): State<Registry>,
    caller: Caller,
    Json(events): Json<Vec<UsageEvent>>,
) -> Result<Json<UsageReceipt>, Error> {
    if events.len() > EVENTS_PER_BATCH_MAX {
        return Err(Error::Invalid(format!("a batch has at most {EVENTS_PER_BATCH_MAX} events")));
    }
    Ok(Json(super::receive(&registry, &caller.name, &events).await?))
}

async fn totals(State(registry): State<Registry>, caller: Caller) -> Result<Json<Page<UsageTotal>>, Error> {
    Ok(Json(Page { items: super::totals(&registry, &caller.name).await?, next: None }))
}

async fn order(
    State(registry): State<Registry>,
    caller: Caller,
    Json(new): Json<NewOrder>,
) -> Result<(StatusCode, Json<Order>), Error> {
    Ok((StatusCode::CREATED, Json(super::order(&registry, &caller.name, &new.plugin).await?)))
}

async fn orders(State(registry): State<Registry>, caller: Caller) -> Result<Json<Page<Order>>, Error> {
    Ok(Json(Page { items: super::orders(&registry, &caller.name).await?, next: None }))
}

async fn record_payment(
    State(registry): State<Registry>,
    caller: Caller,
    Path(reference): Path<String>,
    Json(payment): Json<NewPayment>,
) -> Result<Json<Order>, Error> {
    caller.must_operate("record payments")?;
    Ok(Json(super::record_payment(&registry, &reference, &payment).await?))
}
