//! Invoices, credit notes and the documents of both, where customers are and how they are taxed, and transfers that an operator
//! records.

use axum::extract::State;
use axum::http::{HeaderName, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use chandlery_package::wire::{
    ApprovalRequest, BillingProfile, BillingStanding, CreditNote, Document, Invoice, NewPayment, Page,
    Paging, TaxRule,
};

use crate::approvals::{self, Ask, Wanted};
use crate::billing::{issued, printed, profiles, refunds};
use crate::{Error, Finance, billing, documents, table};
use chandlery_accounts::{Account, Caller};
use chandlery_edge::{Json, Path, Query};
use chandlery_store::Db;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub(crate) fn routes() -> OpenApiRouter<Finance> {
    OpenApiRouter::new()
        .routes(routes!(profile, set_profile))
        .routes(routes!(add_rule))
        .routes(routes!(invoices))
        .routes(routes!(invoice))
        .routes(routes!(invoice_page))
        .routes(routes!(invoice_csv))
        .routes(routes!(invoice_xml))
        .routes(routes!(record_invoice_payment))
        .routes(routes!(credit_notes))
        .routes(routes!(credit_note_page))
        .routes(routes!(credit_note_xml))
}

/// Lists the account's invoices.
#[utoipa::path(
    get,
    path = "/api/v1/invoices",
    params(Paging<i64>),
    responses((status = 200, description = "Done.", body = Page<Invoice>))
)]
async fn invoices(
    State(finance): State<Finance>,
    caller: Account,
    Query(paging): Query<Paging<i64>>,
) -> Result<Json<Page<Invoice>>, Error> {
    Ok(Json(billing::invoices(&finance.db, &caller.name, &paging).await?))
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

/// Shows an invoice.
#[utoipa::path(
    get,
    path = "/api/v1/invoices/{number}",
    params(("number" = i64, Path)),
    responses((status = 200, description = "Done.", body = Invoice))
)]
async fn invoice(
    State(finance): State<Finance>,
    caller: Account,
    Path(number): Path<i64>,
) -> Result<Json<Invoice>, Error> {
    Ok(Json(own_invoice(&finance.db, &caller, number).await?))
}

/// Shows an invoice as a page to print.
#[utoipa::path(
    get,
    path = "/api/v1/invoices/{number}/page",
    params(("number" = i64, Path)),
    responses((status = 200, description = "The page.", content_type = "text/html", body = String))
)]
async fn invoice_page(
    State(finance): State<Finance>,
    caller: Account,
    Path(number): Path<i64>,
) -> Result<maud::Markup, Error> {
    let invoice = own_invoice(&finance.db, &caller, number).await?;
    let document = document_of(&finance.db, &invoice).await?;
    Ok(documents::page(&document, &printed::standing(&invoice)))
}

async fn document_of(db: &Db, invoice: &Invoice) -> Result<Document, Error> {
    issued::of_invoice(&mut *db.read().acquire().await?, invoice).await
}

/// Exports an invoice as EN 16931 has it.
#[utoipa::path(
    get,
    path = "/api/v1/invoices/{number}/xml",
    params(("number" = i64, Path)),
    responses((status = 200, description = "A Cross Industry Invoice.", content_type = "application/xml", body = String))
)]
async fn invoice_xml(
    State(finance): State<Finance>,
    caller: Account,
    Path(number): Path<i64>,
) -> Result<([(HeaderName, &'static str); 1], String), Error> {
    let invoice = own_invoice(&finance.db, &caller, number).await?;
    documents::xml(&document_of(&finance.db, &invoice).await?).map(as_xml)
}

/// What XML is served as.
fn as_xml(text: String) -> ([(HeaderName, &'static str); 1], String) {
    ([(header::CONTENT_TYPE, documents::XML)], text)
}

/// Exports an invoice as a table.
#[utoipa::path(
    get,
    path = "/api/v1/invoices/{number}/csv",
    params(("number" = i64, Path)),
    responses((status = 200, description = "The table.", content_type = "text/csv", body = String))
)]
async fn invoice_csv(
    State(finance): State<Finance>,
    caller: Account,
    Path(number): Path<i64>,
) -> Result<([(HeaderName, &'static str); 1], String), Error> {
    let text = printed::csv(&own_invoice(&finance.db, &caller, number).await?)?;
    Ok(([(header::CONTENT_TYPE, table::CONTENT_TYPE)], text))
}

/// Records a transfer that pays an invoice; for operators.
#[utoipa::path(
    post,
    path = "/api/v1/invoices/{number}/payment",
    params(("number" = i64, Path)),
    request_body = NewPayment,
    responses(
        (status = 200, description = "Done.", body = Invoice),
        (status = 202, description = "Others must approve it.", body = ApprovalRequest)
    )
)]
async fn record_invoice_payment(
    State(finance): State<Finance>,
    caller: Caller,
    Path(number): Path<i64>,
    Json(payment): Json<NewPayment>,
) -> Result<Response, Error> {
    caller.must_operate("record payments")?;
    let wanted = Wanted::InvoicePayment { invoice: number, payment: payment.clone() };
    let asked = Ask { by: &caller.name, wanted: &wanted, amount: Some(payment.amount) };
    let (db, actor, hold_days, now) = (&finance.db, &caller.actor, finance.hold_days, finance.clock.now());
    let paid = billing::record_invoice_payment(db, actor, hold_days, number, &payment, now);
    Ok(approvals::answer(approvals::ask_or_do(&finance, actor, &asked, paid).await?))
}

/// Lists the account's credit notes.
#[utoipa::path(
    get,
    path = "/api/v1/credit-notes",
    params(Paging<i64>),
    responses((status = 200, description = "Done.", body = Page<CreditNote>))
)]
async fn credit_notes(
    State(finance): State<Finance>,
    caller: Account,
    Query(paging): Query<Paging<i64>>,
) -> Result<Json<Page<CreditNote>>, Error> {
    Ok(Json(billing::credit_notes(&finance.db, &caller.name, &paging).await?))
}

/// The document of a credit note of the caller's own, or of any for an operator.
async fn own_credit_note(db: &Db, caller: &Account, number: i64) -> Result<Document, Error> {
    let mut read = db.read().acquire().await?;
    let note = refunds::numbered(&mut read, number).await?;
    let invoice = billing::find_invoice(&mut read, note.invoice).await?;
    match caller.operator || invoice.account == caller.name {
        true => issued::of_credit_note(&mut read, &invoice, &note).await,
        false => Err(Error::NotFound(format!("credit note {number}"))),
    }
}

/// Shows a credit note as a page to print.
#[utoipa::path(
    get,
    path = "/api/v1/credit-notes/{number}/page",
    params(("number" = i64, Path)),
    responses((status = 200, description = "The page.", content_type = "text/html", body = String))
)]
async fn credit_note_page(
    State(finance): State<Finance>,
    caller: Account,
    Path(number): Path<i64>,
) -> Result<maud::Markup, Error> {
    Ok(documents::page(&own_credit_note(&finance.db, &caller, number).await?, &[]))
}

/// Exports a credit note as EN 16931 has it.
#[utoipa::path(
    get,
    path = "/api/v1/credit-notes/{number}/xml",
    params(("number" = i64, Path)),
    responses((status = 200, description = "A Cross Industry Invoice.", content_type = "application/xml", body = String))
)]
async fn credit_note_xml(
    State(finance): State<Finance>,
    caller: Account,
    Path(number): Path<i64>,
) -> Result<([(HeaderName, &'static str); 1], String), Error> {
    documents::xml(&own_credit_note(&finance.db, &caller, number).await?).map(as_xml)
}

/// Shows where the account is, what VIES says of its tax number, and how it would be taxed.
#[utoipa::path(
    get,
    path = "/api/v1/billing-profile",
    responses((status = 200, description = "Done.", body = BillingStanding))
)]
async fn profile(State(finance): State<Finance>, caller: Account) -> Result<Json<BillingStanding>, Error> {
    let mut db = finance.db.read().acquire().await?;
    Ok(Json(profiles::standing(&mut db, &caller.name, finance.clock.now()).await?))
}

/// Says where the account is billed. Its tax number is asked for at once.
#[utoipa::path(
    put,
    path = "/api/v1/billing-profile",
    request_body = BillingProfile,
    responses((status = 200, description = "Done.", body = BillingProfile))
)]
async fn set_profile(
    State(finance): State<Finance>,
    caller: Caller,
    Json(profile): Json<BillingProfile>,
) -> Result<Json<BillingProfile>, Error> {
    let kept = billing::set_profile(&finance.db, &caller.actor, &caller.name, &profile).await?;
    profiles::prove(&finance.db, finance.vies.as_deref(), &kept, finance.clock.now()).await?;
    Ok(Json(kept))
}

/// Adds a tax rule from a day on; for operators.
#[utoipa::path(
    post,
    path = "/api/v1/tax-rules",
    request_body = TaxRule,
    responses(
        (status = 201, description = "Done.", body = TaxRule),
        (status = 202, description = "Others must approve it.", body = ApprovalRequest)
    )
)]
async fn add_rule(
    State(finance): State<Finance>,
    caller: Caller,
    Json(rule): Json<TaxRule>,
) -> Result<Response, Error> {
    caller.must_operate("set taxes")?;
    let wanted = Wanted::TaxRule { rule: rule.clone() };
    let asked = Ask { by: &caller.name, wanted: &wanted, amount: None };
    if let Some(request) = approvals::ask(&finance, &caller.actor, &asked).await? {
        return Ok((StatusCode::ACCEPTED, Json(request)).into_response());
    }
    billing::add_rule(&finance.db, &caller.actor, &rule).await?;
    Ok((StatusCode::CREATED, Json(rule)).into_response())
}
