//! Orders of plugins, and what they cost.

use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::{delete, get, post, put};
use chandlery_package::wire::{NewCoupon, NewOrder, NewPayment, NewPrice, Order, Page};
use chandlery_package::{Namespace, PluginId, PluginName};

use crate::{Error, Finance, billing};
use chandlery_accounts::Account;
use chandlery_edge::{Json, Path};

pub(crate) fn routes() -> Router<Finance> {
    Router::new()
        .route("/api/v1/orders", get(orders).post(order))
        .route("/api/v1/orders/{reference}", delete(end_order))
        .route("/api/v1/orders/{reference}/payment", post(record_payment))
        .route("/api/v1/plugins/{namespace}/{name}/price", put(set_price))
        .route("/api/v1/plugins/{namespace}/{name}/coupons", post(make_coupon))
}

async fn order(
    State(finance): State<Finance>,
    caller: Account,
    Json(new): Json<NewOrder>,
) -> Result<(StatusCode, Json<Order>), Error> {
    Ok((
        StatusCode::CREATED,
        Json(billing::order(&finance.db, &caller.name, &new, finance.clock.now()).await?),
    ))
}

async fn orders(State(finance): State<Finance>, caller: Account) -> Result<Json<Page<Order>>, Error> {
    Ok(Json(Page { items: billing::orders(&finance.db, &caller.name).await?, next: None }))
}

async fn end_order(
    State(finance): State<Finance>,
    caller: Account,
    Path(reference): Path<String>,
) -> Result<Json<Order>, Error> {
    Ok(Json(billing::end_order(&finance.db, &caller.name, &reference, finance.clock.now()).await?))
}

async fn record_payment(
    State(finance): State<Finance>,
    caller: Account,
    Path(reference): Path<String>,
    Json(payment): Json<NewPayment>,
) -> Result<Json<Order>, Error> {
    caller.must_operate("record payments")?;
    Ok(Json(
        billing::record_payment(&finance.db, finance.hold_days, &reference, &payment, finance.clock.now())
            .await?,
    ))
}

type OfPlugin = (Namespace, PluginName);

fn plugin((namespace, name): OfPlugin) -> PluginId {
    PluginId { namespace, name }
}

async fn set_price(
    State(finance): State<Finance>,
    caller: Account,
    Path(path): Path<OfPlugin>,
    Json(new): Json<NewPrice>,
) -> Result<StatusCode, Error> {
    let plugin = plugin(path);
    caller.must_own(&finance.db, &plugin.namespace, "set prices in").await?;
    billing::set_price(&finance, &plugin, &new, finance.clock.now()).await?;
    Ok(StatusCode::NO_CONTENT)
}

async fn make_coupon(
    State(finance): State<Finance>,
    caller: Account,
    Path(path): Path<OfPlugin>,
    Json(new): Json<NewCoupon>,
) -> Result<StatusCode, Error> {
    let plugin = plugin(path);
    caller.must_own(&finance.db, &plugin.namespace, "make coupons in").await?;
    billing::make_coupon(&finance.db, &plugin, &new).await?;
    Ok(StatusCode::CREATED)
}
