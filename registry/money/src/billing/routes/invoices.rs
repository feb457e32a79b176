//! Invoices and their taxes, credit notes, and transfers that an operator records.

use axum::Router;
use axum::extract::State;
use axum::http::{HeaderName, StatusCode, header};
use axum::routing::{get, post, put};
use chandlery_package::wire::{BillingProfile, CreditNote, Invoice, NewPayment, Page, TaxRule};

use crate::billing::printed;
use crate::{Error, Finance, billing};
use chandlery_accounts::Account;
use chandlery_edge::{Json, Path};
use chandlery_store::Db;

pub(crate) fn routes() -> Router<Finance> {
    Router::new()
        .route("/api/v1/billing-profile", put(set_profile))
        .route("/api/v1/tax-rules", post(add_rule))
        .route("/api/v1/invoices", get(invoices))
        .route("/api/v1/invoices/{number}", get(invoice))
        .route("/api/v1/invoices/{number}/page", get(invoice_page))
        .route("/api/v1/invoices/{number}/csv", get(invoice_csv))
        .route("/api/v1/invoices/{number}/payment", post(record_invoice_payment))
        .route("/api/v1/credit-notes", get(credit_notes))
}

async fn invoices(State(finance): State<Finance>, caller: Account) -> Result<Json<Page<Invoice>>, Error> {
    Ok(Json(Page { items: billing::invoices(&finance.db, &caller.name).await?, next: None }))
}

/// An invoice of the caller's own, or any for an operator.
async fn own_invoice(db: &Db, caller: &Account, number: i64) -> Result<Invoice, Error> {
    let mut db = db.read().acquire().await?;
    let invoice = billing::find_invoice(&mut db, number).await?;
    match caller.operator || invoice.account == caller.name {
        true => Ok(invoice),
        false => Err(Error::NotFound(format!("invoice {number}"))),
    }
}

async fn invoice(
    State(finance): State<Finance>,
    caller: Account,
    Path(number): Path<i64>,
) -> Result<Json<Invoice>, Error> {
    Ok(Json(own_invoice(&finance.db, &caller, number).await?))
}

async fn invoice_page(
    State(finance): State<Finance>,
    caller: Account,
    Path(number): Path<i64>,
) -> Result<maud::Markup, Error> {
    Ok(printed::page(&own_invoice(&finance.db, &caller, number).await?))
}

async fn invoice_csv(
    State(finance): State<Finance>,
    caller: Account,
    Path(number): Path<i64>,
) -> Result<([(HeaderName, &'static str); 1], String), Error> {
    let text = printed::csv(&own_invoice(&finance.db, &caller, number).await?);
    Ok(([(header::CONTENT_TYPE, "text/csv; charset=utf-8; header=present")], text))
}

async fn record_invoice_payment(
    State(finance): State<Finance>,
    caller: Account,
    Path(number): Path<i64>,
    Json(payment): Json<NewPayment>,
) -> Result<Json<Invoice>, Error> {
    caller.must_operate("record payments")?;
    Ok(Json(
        billing::record_invoice_payment(
            &finance.db,
            finance.hold_days,
            number,
            &payment,
            finance.clock.now(),
        )
        .await?,
    ))
}

async fn credit_notes(
    State(finance): State<Finance>,
    caller: Account,
) -> Result<Json<Page<CreditNote>>, Error> {
    Ok(Json(Page { items: billing::credit_notes(&finance.db, &caller.name).await?, next: None }))
}

async fn set_profile(
    State(finance): State<Finance>,
    caller: Account,
    Json(profile): Json<BillingProfile>,
) -> Result<Json<BillingProfile>, Error> {
    billing::set_profile(&finance.db, &caller.name, &profile).await?;
    Ok(Json(profile))
}

async fn add_rule(
    State(finance): State<Finance>,
    caller: Account,
    Json(rule): Json<TaxRule>,
) -> Result<(StatusCode, Json<TaxRule>), Error> {
    caller.must_operate("set taxes")?;
    billing::add_rule(&finance.db, &rule).await?;
    Ok((StatusCode::CREATED, Json(rule)))
}
