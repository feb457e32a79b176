//! Invoices and their taxes, payments in, and what is given back.

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderName, StatusCode, header};
use axum::routing::{get, post, put};
use chandlery_package::wire::{BillingProfile, CreditNote, Invoice, NewPayment, NewRefund, Page, TaxRule};

use crate::accounts::Caller;
use crate::billing::payments::{self, BankLine, Intent, Subject};
use crate::billing::printed;
use crate::extract::{Json, Path};
use crate::{Error, Registry, billing};

pub(super) fn routes() -> Router<Registry> {
    Router::new()
        .route("/api/v1/billing-profile", put(set_profile))
        .route("/api/v1/tax-rules", post(add_rule))
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
}

async fn invoices(State(registry): State<Registry>, caller: Caller) -> Result<Json<Page<Invoice>>, Error> {
    Ok(Json(Page { items: billing::invoices(&registry, &caller.name).await?, next: None }))
}

/// An invoice of the caller's own, or any for an operator.
async fn own_invoice(registry: &Registry, caller: &Caller, number: i64) -> Result<Invoice, Error> {
    let mut db = registry.db.read().acquire().await?;
    let invoice = billing::find_invoice(&mut db, number).await?;
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

async fn record_invoice_payment(
    State(registry): State<Registry>,
    caller: Caller,
    Path(number): Path<i64>,
    Json(payment): Json<NewPayment>,
) -> Result<Json<Invoice>, Error> {
    caller.must_operate("record payments")?;
    Ok(Json(billing::record_invoice_payment(&registry, number, &payment, registry.clock.now()).await?))
}

async fn begin_invoice_payment(
    State(registry): State<Registry>,
    caller: Caller,
    Path(number): Path<i64>,
) -> Result<(StatusCode, Json<Intent>), Error> {
    let subject = Subject::Invoice(number);
    Ok((StatusCode::CREATED, Json(payments::begin_payment(&registry, &caller.name, &subject).await?)))
}

async fn refund(
    State(registry): State<Registry>,
    caller: Caller,
    Path(number): Path<i64>,
    Json(new): Json<NewRefund>,
) -> Result<(StatusCode, Json<CreditNote>), Error> {
    caller.must_operate("give refunds")?;
    Ok((StatusCode::CREATED, Json(billing::refund(&registry, number, &new, registry.clock.now()).await?)))
}

async fn credit_notes(
    State(registry): State<Registry>,
    caller: Caller,
) -> Result<Json<Page<CreditNote>>, Error> {
    Ok(Json(Page { items: billing::credit_notes(&registry, &caller.name).await?, next: None }))
}

async fn set_profile(
    State(registry): State<Registry>,
    caller: Caller,
    Json(profile): Json<BillingProfile>,
) -> Result<Json<BillingProfile>, Error> {
    billing::set_profile(&registry, &caller.name, &profile).await?;
    Ok(Json(profile))
}

async fn add_rule(
    State(registry): State<Registry>,
    caller: Caller,
    Json(rule): Json<TaxRule>,
) -> Result<(StatusCode, Json<TaxRule>), Error> {
    caller.must_operate("set taxes")?;
    billing::add_rule(&registry, &rule).await?;
    Ok((StatusCode::CREATED, Json(rule)))
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
