//! `/api/v1/usage`, `/api/v1/orders`, `/api/v1/subscription`, `/api/v1/invoices`, and payments in.

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderName, StatusCode, header};
use axum::routing::{delete, get, post, put};
use chandlery_package::wire::{
    Agreement, BillingProfile, CreditNote, HostSeen, Invoice, NewCoupon, NewOrder, NewPayment, NewPrice,
    NewRefund, NewSubscription, NewTrial, Notice, Order, Page, SignedLicence, Subscription, TaxRule,
    TierOffer, UsageEvent, UsageReceipt, UsageTotal,
};
use chandlery_package::{Billed, Namespace, PluginId, PluginName, Tier};

use super::payments::{BankLine, Intent, Subject};
use super::{Report, payments, printed};
use crate::accounts::Caller;
use crate::extract::{Json, Path, Query};
use crate::{Error, Registry};

const EVENTS_PER_BATCH_MAX: usize = 1000;

/// The routes of this room.
pub fn routes() -> Router<Registry> {
    Router::new()
        .route("/api/v1/usage", get(totals).post(receive))
        .route("/api/v1/orders", get(orders).post(order))
        .route("/api/v1/orders/{reference}", delete(end_order))
        .route("/api/v1/orders/{reference}/payment", post(record_payment))
        .route("/api/v1/orders/{reference}/payment-intent", post(begin_order_payment))
        .route("/api/v1/plugins/{namespace}/{name}/price", put(set_price))
        .route("/api/v1/plugins/{namespace}/{name}/coupons", post(make_coupon))
        .route("/api/v1/billing-profile", put(set_profile))
        .route("/api/v1/tax-rules", post(add_rule))
        .route("/api/v1/tiers", get(tiers))
        .route("/api/v1/subscription", get(subscription).put(change))
        .route("/api/v1/subscription/trial", post(try_out))
        .route("/api/v1/accounts/{account}/subscription", put(agree))
        .route("/api/v1/invoices", get(invoices))
        .route("/api/v1/invoices/{number}", get(invoice))
        .route("/api/v1/invoices/{number}/page", get(invoice_page))
        .route("/api/v1/invoices/{number}/csv", get(invoice_csv))
        .route("/api/v1/invoices/{number}/payment", post(record_invoice_payment))
        .route("/api/v1/invoices/{number}/payment-intent", post(begin_invoice_payment))
        .route("/api/v1/invoices/{number}/refunds", post(refund))
        .route("/api/v1/credit-notes", get(credit_notes))
        .route("/api/v1/bank-statements", post(reconcile))
        .route("/api/v1/stripe/webhook", post(stripe_event))
        .route("/api/v1/licence", get(licence))
        .route("/api/v1/hosts", get(hosts))
        .route("/api/v1/hosts/{host}", delete(forget_host))
        .route("/api/v1/notices", get(notices))
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
    Ok((StatusCode::CREATED, Json(super::order(&registry, &caller.name, &new, registry.clock.now()).await?)))
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
    Ok(Json(super::record_payment(&registry, &reference, &payment, registry.clock.now()).await?))
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
    Ok(Json(super::subscription(&registry, &caller.name, registry.clock.now()).await?))
}

async fn change(
    State(registry): State<Registry>,
    caller: Caller,
    Json(new): Json<NewSubscription>,
) -> Result<Json<Subscription>, Error> {
    Ok(Json(super::change(&registry, &caller.name, &new, registry.clock.now()).await?))
}

async fn try_out(
    State(registry): State<Registry>,
    caller: Caller,
    Json(new): Json<NewTrial>,
) -> Result<Json<Subscription>, Error> {
    Ok(Json(super::try_out(&registry, &caller.name, &new, registry.clock.now()).await?))
}

async fn agree(
    State(registry): State<Registry>,
    caller: Caller,
    Path(account): Path<Namespace>,
    Json(agreement): Json<Agreement>,
) -> Result<Json<Subscription>, Error> {
    caller.must_operate("record agreements")?;
    Ok(Json(super::agree(&registry, &account, &agreement, registry.clock.now()).await?))
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
    Ok(Json(super::record_invoice_payment(&registry, number, &payment, registry.clock.now()).await?))
}

async fn licence(
    State(registry): State<Registry>,
    caller: Caller,
    Query(report): Query<Report>,
) -> Result<Json<SignedLicence>, Error> {
    let licence = super::licence(&registry, &caller.name, &report, registry.clock.now()).await?;
    Ok(Json(SignedLicence { licence }))
}

async fn hosts(State(registry): State<Registry>, caller: Caller) -> Result<Json<Page<HostSeen>>, Error> {
    let mut db = registry.db.read().acquire().await?;
    Ok(Json(Page { items: super::hosts(&mut db, &caller.name).await?, next: None }))
}

async fn forget_host(
    State(registry): State<Registry>,
    caller: Caller,
    Path(host): Path<String>,
) -> Result<StatusCode, Error> {
    super::forget_host(&registry, &caller.name, &host).await?;
    Ok(StatusCode::NO_CONTENT)
}

async fn notices(State(registry): State<Registry>, caller: Caller) -> Result<Json<Page<Notice>>, Error> {
    let mut db = registry.db.read().acquire().await?;
    Ok(Json(Page { items: super::notices(&mut db, &caller.name).await?, next: None }))
}

async fn end_order(
    State(registry): State<Registry>,
    caller: Caller,
    Path(reference): Path<String>,
) -> Result<Json<Order>, Error> {
    Ok(Json(super::end_order(&registry, &caller.name, &reference, registry.clock.now()).await?))
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
    super::set_price(&registry, &plugin, &new, registry.clock.now()).await?;
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
    super::make_coupon(&registry, &plugin, &new).await?;
    Ok(StatusCode::CREATED)
}

async fn set_profile(
    State(registry): State<Registry>,
    caller: Caller,
    Json(profile): Json<BillingProfile>,
) -> Result<Json<BillingProfile>, Error> {
    super::set_profile(&registry, &caller.name, &profile).await?;
    Ok(Json(profile))
}

async fn add_rule(
    State(registry): State<Registry>,
    caller: Caller,
    Json(rule): Json<TaxRule>,
) -> Result<(StatusCode, Json<TaxRule>), Error> {
    caller.must_operate("set taxes")?;
    super::add_rule(&registry, &rule).await?;
    Ok((StatusCode::CREATED, Json(rule)))
}

/// An invoice of the caller's own, or any for an operator.
async fn own_invoice(registry: &Registry, caller: &Caller, number: i64) -> Result<Invoice, Error> {
    let mut db = registry.db.read().acquire().await?;
    let invoice = super::find_invoice(&mut db, number).await?;
    match caller.operator || invoice.account == caller.name {
        true => Ok(invoice),
        false => Err(Error::NotFound(format!("invoice {number}"))),
    }
}

async fn invoice(
    State(registry): State<Registry>,
    caller: Caller,
    Path(number): Path<i64>,
) -> Result<Json<Invoice>, Error> {
    Ok(Json(own_invoice(&registry, &caller, number).await?))
}

async fn invoice_page(
    State(registry): State<Registry>,
    caller: Caller,
    Path(number): Path<i64>,
) -> Result<maud::Markup, Error> {
    Ok(printed::page(&own_invoice(&registry, &caller, number).await?))
}

async fn invoice_csv(
    State(registry): State<Registry>,
    caller: Caller,
    Path(number): Path<i64>,
) -> Result<([(HeaderName, &'static str); 1], String), Error> {
    let text = printed::csv(&own_invoice(&registry, &caller, number).await?);
    Ok(([(header::CONTENT_TYPE, "text/csv; charset=utf-8; header=present")], text))
}

async fn refund(
    State(registry): State<Registry>,
    caller: Caller,
    Path(number): Path<i64>,
    Json(new): Json<NewRefund>,
) -> Result<(StatusCode, Json<CreditNote>), Error> {
    caller.must_operate("give refunds")?;
    Ok((StatusCode::CREATED, Json(super::refund(&registry, number, &new, registry.clock.now()).await?)))
}

async fn credit_notes(
    State(registry): State<Registry>,
    caller: Caller,
) -> Result<Json<Page<CreditNote>>, Error> {
    Ok(Json(Page { items: super::credit_notes(&registry, &caller.name).await?, next: None }))
}

async fn begin_order_payment(
    State(registry): State<Registry>,
    caller: Caller,
    Path(reference): Path<String>,
) -> Result<(StatusCode, Json<Intent>), Error> {
    let subject = Subject::Order(reference);
    Ok((StatusCode::CREATED, Json(payments::begin_payment(&registry, &caller.name, &subject).await?)))
}

async fn begin_invoice_payment(
    State(registry): State<Registry>,
    caller: Caller,
    Path(number): Path<i64>,
) -> Result<(StatusCode, Json<Intent>), Error> {
    let subject = Subject::Invoice(number);
    Ok((StatusCode::CREATED, Json(payments::begin_payment(&registry, &caller.name, &subject).await?)))
}

/// camt.053 or CSV, as the bank gives it.
async fn reconcile(
    State(registry): State<Registry>,
    caller: Caller,
    statement: String,
) -> Result<Json<Page<BankLine>>, Error> {
    caller.must_operate("reconcile the bank's statement")?;
    let items = payments::reconcile(&registry, &statement, registry.clock.now()).await?;
    Ok(Json(Page { items, next: None }))
}

/// Whoever holds the secret is who it says.
async fn stripe_event(
    State(registry): State<Registry>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<StatusCode, Error> {
    let signature = headers.get("stripe-signature").and_then(|value| value.to_str().ok()).unwrap_or("");
    payments::receive_event(&registry, signature, &body, registry.clock.now()).await?;
    Ok(StatusCode::NO_CONTENT)
}
