//! Orders of plugins, and what they cost.

use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::{delete, get, post, put};
use chandlery_package::wire::{NewCoupon, NewOrder, NewPayment, NewPrice, Order, Page};
use chandlery_package::{Namespace, PluginId, PluginName};

use crate::accounts::Caller;
use crate::billing::payments::{self, Intent, Subject};
use crate::extract::{Json, Path};
use crate::{Error, Registry, billing};

pub(super) fn routes() -> Router<Registry> {
    Router::new()
        .route("/api/v1/orders", get(orders).post(order))
        .route("/api/v1/orders/{reference}", delete(end_order))
        .route("/api/v1/orders/{reference}/payment", post(record_payment))
        .route("/api/v1/orders/{reference}/payment-intent", post(begin_order_payment))
        .route("/api/v1/plugins/{namespace}/{name}/price", put(set_price))
        .route("/api/v1/plugins/{namespace}/{name}/coupons", post(make_coupon))
}

async fn order(
    State(registry): State<Registry>,
    caller: Caller,
    Json(new): Json<NewOrder>,
) -> Result<(StatusCode, Json<Order>), Error> {
    Ok((
        StatusCode::CREATED,
        Json(billing::order(&registry, &caller.name, &new, registry.clock.now()).await?),
    ))
}

async fn orders(State(registry): State<Registry>, caller: Caller) -> Result<Json<Page<Order>>, Error> {
    Ok(Json(Page { items: billing::orders(&registry, &caller.name).await?, next: None }))
}

async fn end_order(
    State(registry): State<Registry>,
    caller: Caller,
    Path(reference): Path<String>,
) -> Result<Json<Order>, Error> {
    Ok(Json(billing::end_order(&registry, &caller.name, &reference, registry.clock.now()).await?))
}

async fn record_payment(
    State(registry): State<Registry>,
    caller: Caller,
    Path(reference): Path<String>,
    Json(payment): Json<NewPayment>,
) -> Result<Json<Order>, Error> {
    caller.must_operate("record payments")?;
    Ok(Json(billing::record_payment(&registry, &reference, &payment, registry.clock.now()).await?))
}

async fn begin_order_payment(
    State(registry): State<Registry>,
    caller: Caller,
    Path(reference): Path<String>,
) -> Result<(StatusCode, Json<Intent>), Error> {
    let subject = Subject::Order(reference);
    Ok((StatusCode::CREATED, Json(payments::begin_payment(&registry, &caller.name, &subject).await?)))
}

type OfPlugin = (Namespace, PluginName);

fn plugin((namespace, name): OfPlugin) -> PluginId {
    PluginId { namespace, name }
}

async fn set_price(
    State(registry): State<Registry>,
    caller: Caller,
    Path(path): Path<OfPlugin>,
    Json(new): Json<NewPrice>,
) -> Result<StatusCode, Error> {
    let plugin = plugin(path);
    caller.must_own(&registry, &plugin.namespace, "set prices in").await?;
    billing::set_price(&registry, &plugin, &new, registry.clock.now()).await?;
    Ok(StatusCode::NO_CONTENT)
}

async fn make_coupon(
    State(registry): State<Registry>,
    caller: Caller,
    Path(path): Path<OfPlugin>,
    Json(new): Json<NewCoupon>,
) -> Result<StatusCode, Error> {
    let plugin = plugin(path);
    caller.must_own(&registry, &plugin.namespace, "make coupons in").await?;
    billing::make_coupon(&registry, &plugin, &new).await?;
    Ok(StatusCode::CREATED)
}
