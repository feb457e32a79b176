//! What comes in by a rail or is sent by one: payments that customers begin, refunds, statements, webhooks, runs and bank files.

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderName, StatusCode, header};
use axum::routing::{get, post};
use chandlery_accounts::Account;
use chandlery_edge::{Json, Path};
use chandlery_package::wire::{CreditNote, NewRefund, Page, Payout};
use chandlery_store::{Db, Facts};

use super::{BankLine, Intent, Subject};
use crate::payouts::{self, BankAccount, run};
use crate::{Error, Finance};

/// The account that bank files pay from.
const BANK_ACCOUNT: &str = "bank-account";

/// The routes of this room.
pub fn routes() -> Router<Finance> {
    Router::new()
        .route("/api/v1/invoices/{number}/payment-intent", post(begin_invoice_payment))
        .route("/api/v1/invoices/{number}/refunds", post(refund))
        .route("/api/v1/orders/{reference}/payment-intent", post(begin_order_payment))
        .route("/api/v1/bank-account", get(bank_account).put(set_bank_account))
        .route("/api/v1/bank-statements", post(reconcile))
        .route("/api/v1/stripe/webhook", post(stripe_event))
        .route("/api/v1/payout-runs/{run}/send", post(send_run))
        .route("/api/v1/payout-runs/{run}/pain.001", get(bank_file))
}

async fn begin_invoice_payment(
    State(finance): State<Finance>,
    caller: Account,
    Path(number): Path<i64>,
) -> Result<(StatusCode, Json<Intent>), Error> {
    let subject = Subject::Invoice(number);
    Ok((StatusCode::CREATED, Json(super::begin_payment(&finance, &caller.name, &subject).await?)))
}

async fn begin_order_payment(
    State(finance): State<Finance>,
    caller: Account,
    Path(reference): Path<String>,
) -> Result<(StatusCode, Json<Intent>), Error> {
    let subject = Subject::Order(reference);
    Ok((StatusCode::CREATED, Json(super::begin_payment(&finance, &caller.name, &subject).await?)))
}

async fn refund(
    State(finance): State<Finance>,
    caller: Account,
    Path(number): Path<i64>,
    Json(new): Json<NewRefund>,
) -> Result<(StatusCode, Json<CreditNote>), Error> {
    caller.must_operate("give refunds")?;
    Ok((StatusCode::CREATED, Json(super::refund(&finance, number, &new, finance.clock.now()).await?)))
}

async fn own_account(db: &Db) -> Result<BankAccount, Error> {
    let none =
        || Error::Conflict("no bank account is set to pay from: `chandlery payouts from` sets it".into());
    let text = Facts(db).get(BANK_ACCOUNT).await?.ok_or_else(none)?;
    serde_json::from_str(&text).map_err(|_| Error::Damaged("the bank account cannot be read".into()))
}

async fn bank_account(State(finance): State<Finance>, caller: Account) -> Result<Json<BankAccount>, Error> {
    caller.must_operate("see the bank account")?;
    Ok(Json(own_account(&finance.db).await?))
}

async fn set_bank_account(
    State(finance): State<Finance>,
    caller: Account,
    Json(account): Json<BankAccount>,
) -> Result<Json<BankAccount>, Error> {
    caller.must_operate("set the bank account")?;
    payouts::check_account(&account.holder, &account.iban, Some(&account.bic))?;
    Facts(&finance.db).set(BANK_ACCOUNT, &serde_json::json!(account).to_string()).await?;
    Ok(Json(account))
}

async fn send_run(
    State(finance): State<Finance>,
    caller: Account,
    Path(run): Path<i64>,
) -> Result<Json<Page<Payout>>, Error> {
    caller.must_operate("send payouts")?;
    let items = super::send(&finance, Some(run), finance.clock.now()).await?;
    Ok(Json(Page { items, next: None }))
}

async fn bank_file(
    State(finance): State<Finance>,
    caller: Account,
    Path(run): Path<i64>,
) -> Result<([(HeaderName, String); 2], String), Error> {
    caller.must_operate("make bank files")?;
    let from = own_account(&finance.db).await?;
    let mut db = finance.db.snapshot().await?;
    let payouts = run::of_run(&mut db, run).await?;
    let proposed: Option<(String,)> = sqlx::query_as("select proposed_at from payout_runs where id = $1")
        .bind(run)
        .fetch_optional(&mut *db)
        .await?;
    let (at,) = proposed.ok_or_else(|| Error::NotFound(format!("payout run {run}")))?;
    let at = at.parse().map_err(|_| Error::Damaged("a run's date cannot be read".into()))?;
    let file = super::bank_file(run, &from, &payouts, at)?;
    let headers = [
        (header::CONTENT_TYPE, "application/xml; charset=utf-8".into()),
        (header::CONTENT_DISPOSITION, format!("attachment; filename=\"run-{run}.xml\"")),
    ];
    Ok((headers, file))
}

/// camt.053 or CSV, as the bank gives it.
async fn reconcile(
    State(finance): State<Finance>,
    caller: Account,
    statement: String,
) -> Result<Json<Page<BankLine>>, Error> {
    caller.must_operate("reconcile the bank's statement")?;
    let items = super::reconcile(&finance.db, finance.hold_days, &statement, finance.clock.now()).await?;
    Ok(Json(Page { items, next: None }))
}

/// Whoever holds the secret is who it says.
async fn stripe_event(
    State(finance): State<Finance>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<StatusCode, Error> {
    let signature = headers.get("stripe-signature").and_then(|value| value.to_str().ok()).unwrap_or("");
    super::receive_event(&finance, signature, &body, finance.clock.now()).await?;
    Ok(StatusCode::NO_CONTENT)
}
