//! `/api/v1/usage`, `/api/v1/orders`, `/api/v1/subscription` and `/api/v1/invoices`.

use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::{get, post, put};
use chandlery_package::wire::{
    Agreement, Invoice, NewOrder, NewPayment, NewSubscription, NewTrial, Order, Page, SignedLicence,
    Subscription, TierOffer, UsageEvent, UsageReceipt, UsageTotal,
};
use chandlery_package::{Billed, Namespace, Tier};
use jiff::Timestamp;

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
        .route("/api/v1/tiers", get(tiers))
        .route("/api/v1/subscription", get(subscription).put(change))
        .route("/api/v1/subscription/trial", post(try_out))
        .route("/api/v1/accounts/{account}/subscription", put(agree))
        .route("/api/v1/invoices", get(invoices))
        .route("/api/v1/invoices/{number}/payment", post(record_invoice_payment))
        .route("/api/v1/licence", get(licence))
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

/// The price list.
async fn tiers() -> Json<Page<TierOffer>> {
    let offer = |tier: Tier| TierOffer {
        tier,
        deployments: tier.deployments(),
        monthly: tier.price(Billed::Monthly),
        yearly: tier.price(Billed::Yearly),
    };
    Json(Page { items: Tier::ALL.map(offer).into(), next: None })
}

async fn subscription(State(registry): State<Registry>, caller: Caller) -> Result<Json<Subscription>, Error> {
    Ok(Json(super::subscription(&registry, &caller.name, Timestamp::now()).await?))
}

async fn change(
    State(registry): State<Registry>,
    caller: Caller,
    Json(new): Json<NewSubscription>,
) -> Result<Json<Subscription>, Error> {
    Ok(Json(super::change(&registry, &caller.name, &new, Timestamp::now()).await?))
}

async fn try_out(
    State(registry): State<Registry>,
    caller: Caller,
    Json(new): Json<NewTrial>,
) -> Result<Json<Subscription>, Error> {
    Ok(Json(super::try_out(&registry, &caller.name, &new, Timestamp::now()).await?))
}

async fn agree(
    State(registry): State<Registry>,
    caller: Caller,
    Path(account): Path<Namespace>,
    Json(agreement): Json<Agreement>,
) -> Result<Json<Subscription>, Error> {
    caller.must_operate("record agreements")?;
    Ok(Json(super::agree(&registry, &account, &agreement, Timestamp::now()).await?))
}

async fn invoices(State(registry): State<Registry>, caller: Caller) -> Result<Json<Page<Invoice>>, Error> {
    Ok(Json(Page { items: super::invoices(&registry, &caller.name).await?, next: None }))
}

async fn record_invoice_payment(
    State(registry): State<Registry>,
    caller: Caller,
    Path(number): Path<i64>,
    Json(payment): Json<NewPayment>,
) -> Result<Json<Invoice>, Error> {
    caller.must_operate("record payments")?;
    Ok(Json(super::record_invoice_payment(&registry, number, &payment, Timestamp::now()).await?))
}

async fn licence(State(registry): State<Registry>, caller: Caller) -> Result<Json<SignedLicence>, Error> {
    let licence = super::licence(&registry, &caller.name, Timestamp::now()).await?;
    Ok(Json(SignedLicence { licence }))
}
