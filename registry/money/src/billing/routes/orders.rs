//! Orders of plugins, and what they cost.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use chandlery_package::wire::{
    ApprovalRequest, Coupon, NewCoupon, NewOrder, NewPayment, NewPrice, Order, Page, Paging, PriceVersion,
    Quote,
};
use chandlery_package::{Namespace, PluginId, PluginName};

use crate::approvals::{self, Ask, Wanted};
use crate::billing::orders::Key;
use crate::{Error, Finance, billing};
use chandlery_accounts::{Account, Caller};
use chandlery_edge::{Json, Path, Query};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub(crate) fn routes() -> OpenApiRouter<Finance> {
    OpenApiRouter::new()
        .routes(routes!(orders, order))
        .routes(routes!(end_order))
        .routes(routes!(record_payment))
        .routes(routes!(quote))
        .routes(routes!(set_price))
        .routes(routes!(prices))
        .routes(routes!(coupons, make_coupon))
}

/// Orders a plugin at the price that is offered.
#[utoipa::path(
    post,
    path = "/api/v1/orders",
    request_body = NewOrder,
    responses((status = 201, description = "Done.", body = Order))
)]
async fn order(
    State(finance): State<Finance>,
    caller: Caller,
    Json(new): Json<NewOrder>,
) -> Result<(StatusCode, Json<Order>), Error> {
    let now = finance.clock.now();
    let order = billing::order(&finance.db, &caller.actor, &caller.name, &new, now).await?;
    Ok((StatusCode::CREATED, Json(order)))
}

/// Lists the account's orders.
#[utoipa::path(
    get,
    path = "/api/v1/orders",
    params(Paging<Key>),
    responses((status = 200, description = "Done.", body = Page<Order>))
)]
async fn orders(
    State(finance): State<Finance>,
    caller: Account,
    Query(paging): Query<Paging<Key>>,
) -> Result<Json<Page<Order>>, Error> {
    Ok(Json(billing::orders(&finance.db, &caller.name, &paging).await?))
}

/// Ends an order that is invoiced by the month.
#[utoipa::path(
    delete,
    path = "/api/v1/orders/{reference}",
    params(("reference" = String, Path)),
    responses((status = 200, description = "Done.", body = Order))
)]
async fn end_order(
    State(finance): State<Finance>,
    caller: Account,
    Path(reference): Path<String>,
) -> Result<Json<Order>, Error> {
    Ok(Json(billing::end_order(&finance.db, &caller.name, &reference, finance.clock.now()).await?))
}

/// Records a transfer that pays an order; for operators.
#[utoipa::path(
    post,
    path = "/api/v1/orders/{reference}/payment",
    params(("reference" = String, Path)),
    request_body = NewPayment,
    responses(
        (status = 200, description = "Done.", body = Order),
        (status = 202, description = "Others must approve it.", body = ApprovalRequest)
    )
)]
async fn record_payment(
    State(finance): State<Finance>,
    caller: Caller,
    Path(reference): Path<String>,
    Json(payment): Json<NewPayment>,
) -> Result<Response, Error> {
    caller.must_operate("record payments")?;
    let wanted = Wanted::OrderPayment { order: reference.clone(), payment: payment.clone() };
    let asked = Ask { by: &caller.name, wanted: &wanted, amount: Some(payment.amount) };
    let (db, actor, hold_days, now) = (&finance.db, &caller.actor, finance.hold_days, finance.clock.now());
    let paid = billing::record_payment(db, actor, hold_days, &reference, &payment, now);
    Ok(approvals::answer(approvals::ask_or_do(&finance, actor, &asked, paid).await?))
}

type OfPlugin = (Namespace, PluginName);

fn plugin((namespace, name): OfPlugin) -> PluginId {
    PluginId { namespace, name }
}

/// Sets what a plugin costs from now on.
#[utoipa::path(
    put,
    path = "/api/v1/plugins/{namespace}/{name}/price",
    params(("namespace" = Namespace, Path), ("name" = inline(PluginName), Path)),
    request_body = NewPrice,
    responses((status = 204, description = "Done."))
)]
async fn set_price(
    State(finance): State<Finance>,
    caller: Caller,
    Path(path): Path<OfPlugin>,
    Json(new): Json<NewPrice>,
) -> Result<StatusCode, Error> {
    let plugin = plugin(path);
    caller.must_own(&finance.db, &plugin.namespace, "set prices in").await?;
    billing::set_price(&finance.db, &caller.actor, finance.on_offer, &plugin, &new, finance.clock.now())
        .await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Lists what a plugin costs and has cost, the latest first; for its owners.
#[utoipa::path(
    get,
    path = "/api/v1/plugins/{namespace}/{name}/prices",
    params(("namespace" = Namespace, Path), ("name" = inline(PluginName), Path), Paging<i64>),
    responses((status = 200, description = "Done.", body = Page<PriceVersion>))
)]
async fn prices(
    State(finance): State<Finance>,
    caller: Account,
    Path(path): Path<OfPlugin>,
    Query(paging): Query<Paging<i64>>,
) -> Result<Json<Page<PriceVersion>>, Error> {
    let plugin = plugin(path);
    caller.must_own(&finance.db, &plugin.namespace, "see all prices in").await?;
    Ok(Json(billing::prices(&finance.db, &plugin, &paging).await?))
}

/// Lists the coupons for orders of a plugin, by their codes; for its owners.
#[utoipa::path(
    get,
    path = "/api/v1/plugins/{namespace}/{name}/coupons",
    params(("namespace" = Namespace, Path), ("name" = inline(PluginName), Path), Paging<String>),
    responses((status = 200, description = "Done.", body = Page<Coupon>))
)]
async fn coupons(
    State(finance): State<Finance>,
    caller: Account,
    Path(path): Path<OfPlugin>,
    Query(paging): Query<Paging<String>>,
) -> Result<Json<Page<Coupon>>, Error> {
    let plugin = plugin(path);
    caller.must_own(&finance.db, &plugin.namespace, "see coupons in").await?;
    Ok(Json(billing::coupons(&finance.db, &plugin, &paging).await?))
}

/// Shows what a plugin costs the account, and whether the account may have it.
#[utoipa::path(
    get,
    path = "/api/v1/plugins/{namespace}/{name}/quote",
    params(("namespace" = Namespace, Path), ("name" = inline(PluginName), Path)),
    responses((status = 200, description = "Done.", body = Quote))
)]
async fn quote(
    State(finance): State<Finance>,
    caller: Account,
    Path(path): Path<OfPlugin>,
) -> Result<Json<Quote>, Error> {
    Ok(Json(billing::quote(&finance.db, &caller, &plugin(path), finance.clock.now()).await?))
}

/// Makes a coupon for orders of a plugin.
#[utoipa::path(
    post,
    path = "/api/v1/plugins/{namespace}/{name}/coupons",
    params(("namespace" = Namespace, Path), ("name" = inline(PluginName), Path)),
    request_body = NewCoupon,
    responses((status = 201, description = "Done."))
)]
async fn make_coupon(
    State(finance): State<Finance>,
    caller: Caller,
    Path(path): Path<OfPlugin>,
    Json(new): Json<NewCoupon>,
) -> Result<StatusCode, Error> {
    let plugin = plugin(path);
    caller.must_own(&finance.db, &plugin.namespace, "make coupons in").await?;
    billing::make_coupon(&finance.db, &caller.actor, &plugin, &new).await?;
    Ok(StatusCode::CREATED)
}
