//! What comes in by a rail or is sent by one: payments that customers begin, refunds, webhooks, runs and bank files.

use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderName, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use chandlery_accounts::{Account, Caller};
use chandlery_edge::{Json, Path};
use chandlery_package::Money;
use chandlery_package::wire::{
    ApprovalRequest, BankAccount, CreditNote, EndedSubscription, NewRefund, Page, PaymentIntent, Payout,
};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::run_file::run_file;
use super::{Subject, bank, own_accounts};
use crate::approvals::{self, Approved, Ask, Wanted};
use crate::billing::{self, refunds};
use crate::{Error, Finance};

/// The routes of this room.
pub fn routes() -> OpenApiRouter<Finance> {
    OpenApiRouter::new()
        .routes(routes!(begin_invoice_payment))
        .routes(routes!(refund))
        .routes(routes!(end_subscription))
        .routes(routes!(begin_order_payment))
        .routes(routes!(bank_account, set_bank_account))
        .routes(routes!(bank_accounts))
        .routes(routes!(stripe_event))
        .routes(routes!(send_run))
        .routes(routes!(returned))
        .routes(routes!(bank_file))
        .merge(bank::routes())
        .merge(super::send_backs::routes::routes())
        .merge(super::processor_routes::routes())
}

/// Begins to pay an invoice at the processor of payments.
#[utoipa::path(
    post,
    path = "/api/v1/invoices/{number}/payment-intent",
    params(("number" = i64, Path)),
    responses((status = 201, description = "Done.", body = PaymentIntent))
)]
async fn begin_invoice_payment(
    State(finance): State<Finance>,
    caller: Account,
    Path(number): Path<i64>,
) -> Result<(StatusCode, Json<PaymentIntent>), Error> {
    let subject = Subject::Invoice(number);
    Ok((StatusCode::CREATED, Json(super::begin_payment(&finance, &caller.name, &subject).await?)))
}

/// Begins to pay an order at the processor of payments.
#[utoipa::path(
    post,
    path = "/api/v1/orders/{reference}/payment-intent",
    params(("reference" = String, Path)),
    responses((status = 201, description = "Done.", body = PaymentIntent))
)]
async fn begin_order_payment(
    State(finance): State<Finance>,
    caller: Account,
    Path(reference): Path<String>,
) -> Result<(StatusCode, Json<PaymentIntent>), Error> {
    let subject = Subject::Order(reference);
    Ok((StatusCode::CREATED, Json(super::begin_payment(&finance, &caller.name, &subject).await?)))
}

/// Ends the subscription now, and gives back what is left of it.
#[utoipa::path(
    post,
    path = "/api/v1/subscription/end",
    responses((status = 200, description = "Done.", body = EndedSubscription))
)]
async fn end_subscription(
    State(finance): State<Finance>,
    caller: Caller,
) -> Result<Json<EndedSubscription>, Error> {
    let ended = super::end_subscription(&finance, &caller.actor, &caller.name, finance.clock.now());
    Ok(Json(ended.await?))
}

/// Gives a refund on an invoice; for operators.
#[utoipa::path(
    post,
    path = "/api/v1/invoices/{number}/refunds",
    params(("number" = i64, Path)),
    request_body = NewRefund,
    responses(
        (status = 201, description = "Done.", body = CreditNote),
        (status = 202, description = "Others must approve it.", body = ApprovalRequest)
    )
)]
async fn refund(
    State(finance): State<Finance>,
    caller: Caller,
    Path(number): Path<i64>,
    Json(new): Json<NewRefund>,
) -> Result<Response, Error> {
    caller.must_operate("give refunds")?;
    let seen = given_before(&finance, number, &new).await?;
    let refund = super::refund_as_seen(&finance, &caller.actor, number, &new, seen, finance.clock.now());
    let given = match seen {
        Some(before) => {
            let wanted = Wanted::Refund { invoice: number, refund: new.clone() };
            let asked = Ask { by: &caller.name, wanted: &wanted, amount: Some(new.amount.plus(before)?) };
            approvals::ask_or_do(&finance, &caller.actor, &asked, refund).await?
        }
        None => Approved::Done(refund.await?),
    };
    Ok(given.answer(|note| (StatusCode::CREATED, Json(note)).into_response()))
}

/// What was given back of an invoice before a refund, with which the rules compare it: many small ones, as money or as credit, are one.
/// None: it was given back by its key, and is given back once; or it is in another currency than the invoice.
async fn given_before(finance: &Finance, number: i64, new: &NewRefund) -> Result<Option<Money>, Error> {
    let mut db = finance.db.read().acquire().await?;
    if refunds::is_known(&mut db, &new.key).await? {
        return Ok(None);
    }
    let invoice = billing::find_invoice(&mut db, number).await?;
    let before = refunds::given(&mut db, &invoice).await?;
    Ok(Some(before).filter(|before| before.currency() == new.amount.currency()))
}

/// Shows the first bank account; for operators.
#[utoipa::path(
    get,
    path = "/api/v1/bank-account",
    responses((status = 200, description = "Done.", body = BankAccount))
)]
async fn bank_account(State(finance): State<Finance>, caller: Account) -> Result<Json<BankAccount>, Error> {
    caller.must_operate("see the bank account")?;
    let all = own_accounts::all(&mut *finance.db.read().acquire().await?).await?;
    let none =
        || Error::Conflict("no bank account is set to pay from: `chandlery payouts from` sets it".into());
    let main = all.into_iter().find(|account| account.name == own_accounts::MAIN);
    Ok(Json(main.ok_or_else(none)?))
}

/// Lists the marketplace's own bank accounts; for operators.
#[utoipa::path(
    get,
    path = "/api/v1/bank-accounts",
    responses((status = 200, description = "Done.", body = Page<BankAccount>))
)]
async fn bank_accounts(
    State(finance): State<Finance>,
    caller: Account,
) -> Result<Json<Page<BankAccount>>, Error> {
    caller.must_operate("see the bank accounts")?;
    let all = own_accounts::all(&mut *finance.db.read().acquire().await?).await?;
    // There are few of them.
    Ok(Json(Page::whole(all)))
}

/// Sets a bank account, whose statements are brought and that bank files pay from; for operators.
#[utoipa::path(
    put,
    path = "/api/v1/bank-account",
    request_body = BankAccount,
    responses(
        (status = 200, description = "Done.", body = BankAccount),
        (status = 202, description = "Others must approve it.", body = ApprovalRequest)
    )
)]
async fn set_bank_account(
    State(finance): State<Finance>,
    caller: Caller,
    Json(account): Json<BankAccount>,
) -> Result<Response, Error> {
    caller.must_operate("set the bank account")?;
    let mut db = finance.db.read().acquire().await?;
    let changes = own_accounts::would_change(&mut db, &account).await?;
    drop(db);
    let wanted = Wanted::HouseBank { account: account.clone() };
    let asked = Ask { by: &caller.name, wanted: &wanted, amount: None };
    if changes && let Some(request) = approvals::ask(&finance, &caller.actor, &asked).await? {
        return Ok((StatusCode::ACCEPTED, Json(request)).into_response());
    }
    let mut write = finance.db.write().await?;
    own_accounts::set(&mut write, &caller.actor, &account).await?;
    write.commit().await?;
    Ok(Json(account).into_response())
}

/// Sends the approved payouts of a run by their rails; for operators.
#[utoipa::path(
    post,
    path = "/api/v1/payout-runs/{run}/send",
    params(("run" = i64, Path)),
    responses((status = 200, description = "Done.", body = Page<Payout>))
)]
async fn send_run(
    State(finance): State<Finance>,
    caller: Caller,
    Path(run): Path<i64>,
) -> Result<Json<Page<Payout>>, Error> {
    caller.must_operate("send payouts")?;
    let (processor, now) = (finance.processor.as_deref(), finance.clock.now());
    let items = super::send(&finance.db, &caller.actor, processor, Some(run), now).await?;
    // What this request has sent: it is not read again.
    Ok(Json(Page::whole(items)))
}

/// Records that a payout came back, or could not be sent; for operators.
#[utoipa::path(
    post,
    path = "/api/v1/payouts/{id}/return",
    params(("id" = i64, Path)),
    responses((status = 200, description = "Done.", body = Payout))
)]
async fn returned(
    State(finance): State<Finance>,
    caller: Caller,
    Path(id): Path<i64>,
) -> Result<Json<Payout>, Error> {
    caller.must_operate("return payouts")?;
    Ok(Json(super::return_payout(&finance, &caller.actor, id, finance.clock.now()).await?))
}

/// Makes the bank file of a run's transfers; for operators.
#[utoipa::path(
    get,
    path = "/api/v1/payout-runs/{run}/pain.001",
    params(("run" = i64, Path)),
    responses((status = 200, description = "The bank file (ISO 20022).", content_type = "application/xml", body = String))
)]
async fn bank_file(
    State(finance): State<Finance>,
    caller: Account,
    Path(run): Path<i64>,
) -> Result<([(HeaderName, String); 2], String), Error> {
    caller.must_operate("make bank files")?;
    let mut db = finance.db.snapshot().await?;
    let file = run_file(&mut db, run).await?;
    let headers = [
        (header::CONTENT_TYPE, "application/xml; charset=utf-8".into()),
        (header::CONTENT_DISPOSITION, format!("attachment; filename=\"run-{run}.xml\"")),
    ];
    Ok((headers, file))
}

/// Receives an event of the processor of payments, which signs it.
///
/// Whoever holds the secret is who it says. An event is kept when it arrives, whatever its kind; the books follow it once what it is
/// about is there.
#[utoipa::path(
    post,
    path = "/api/v1/stripe/webhook",
    request_body(content = String, content_type = "application/json"),
    responses((status = 204, description = "Done.")),
    security(())
)]
async fn stripe_event(
    State(finance): State<Finance>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<StatusCode, Error> {
    let signature = headers.get("stripe-signature").and_then(|value| value.to_str().ok()).unwrap_or("");
    super::receive_event(
        &finance.db,
        finance.processor()?,
        finance.hold_days,
        signature,
        &body,
        finance.clock.now(),
    )
    .await?;
    Ok(StatusCode::NO_CONTENT)
}
