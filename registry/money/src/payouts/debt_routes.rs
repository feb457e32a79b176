//! Partners that leave, and what partners owe: `/api/v1/partners/{partner}/…` for them, `/api/v1/debt-write-offs` for operators.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use chandlery_package::Namespace;
use chandlery_package::wire::{
    ApprovalRequest, DebtOffset, DebtWriteOff, Leaving, NewDebtWriteOff, Page, Paging, PayoutRun,
};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::{approving, leaving, proposals, write_offs};
use crate::approvals::answer;
use crate::{Error, Finance, sharing};
use chandlery_accounts::organisations::Power;
use chandlery_accounts::{Account, Caller};
use chandlery_edge::{Json, Path, Query};
use chandlery_store::Db;

/// The routes of this chapter.
pub(super) fn routes() -> OpenApiRouter<Finance> {
    OpenApiRouter::new()
        .routes(routes!(show_leaving, leave, stay))
        .routes(routes!(propose_final))
        .routes(routes!(offsets, agree_offset))
        .routes(routes!(write_offs_of_all, propose_write_off))
        .routes(routes!(approve_write_off))
        .routes(routes!(cancel_write_off))
}

/// Shows whether a partner leaves, and what is held until it is paid the rest.
#[utoipa::path(
    get,
    path = "/api/v1/partners/{partner}/leaving",
    params(("partner" = Namespace, Path)),
    responses((status = 200, description = "Done.", body = Leaving))
)]
async fn show_leaving(
    State(finance): State<Finance>,
    caller: Account,
    Path(partner): Path<Namespace>,
) -> Result<Json<Leaving>, Error> {
    caller.must_see(&finance.db, &partner).await?;
    let mut db = finance.db.snapshot().await?;
    Ok(Json(leaving::find(&mut db, &partner).await?))
}

/// Refuses whoever neither owns the partner, or an organisation that does, nor operates the registry.
async fn must_decide(db: &Db, caller: &Account, partner: &Namespace) -> Result<(), Error> {
    match caller.operator {
        true => Ok(()),
        false => Ok(caller.must_speak_for(db, partner, Power::Own, "decide whether to leave with").await?),
    }
}

/// Lets a partner leave: it is paid all that is left, however little, once nothing is held.
#[utoipa::path(
    put,
    path = "/api/v1/partners/{partner}/leaving",
    params(("partner" = Namespace, Path)),
    responses((status = 200, description = "Done.", body = Leaving))
)]
async fn leave(
    State(finance): State<Finance>,
    caller: Caller,
    Path(partner): Path<Namespace>,
) -> Result<Json<Leaving>, Error> {
    must_decide(&finance.db, &caller, &partner).await?;
    let now = finance.clock.now();
    Ok(Json(leaving::set(&finance.db, &caller.actor, &partner, &caller.name, true, now).await?))
}

/// Lets a partner stay after all.
#[utoipa::path(
    delete,
    path = "/api/v1/partners/{partner}/leaving",
    params(("partner" = Namespace, Path)),
    responses((status = 200, description = "Done.", body = Leaving))
)]
async fn stay(
    State(finance): State<Finance>,
    caller: Caller,
    Path(partner): Path<Namespace>,
) -> Result<Json<Leaving>, Error> {
    must_decide(&finance.db, &caller, &partner).await?;
    let now = finance.clock.now();
    Ok(Json(leaving::set(&finance.db, &caller.actor, &partner, &caller.name, false, now).await?))
}

/// Proposes to pay a partner that leaves all of which nothing is held any more; for operators.
#[utoipa::path(
    post,
    path = "/api/v1/partners/{partner}/final-payouts",
    params(("partner" = Namespace, Path)),
    responses((status = 201, description = "Done.", body = PayoutRun))
)]
async fn propose_final(
    State(finance): State<Finance>,
    caller: Caller,
    Path(partner): Path<Namespace>,
) -> Result<(StatusCode, Json<PayoutRun>), Error> {
    caller.must_operate("propose payouts")?;
    let now = finance.clock.now();
    let run = proposals::propose_final(&finance.db, &caller.actor, &caller.name, &partner, now).await?;
    Ok((StatusCode::CREATED, Json(run)))
}

/// Lists between which currencies a partner has agreed that what it owes is settled.
#[utoipa::path(
    get,
    path = "/api/v1/partners/{partner}/debt-offsets",
    params(("partner" = Namespace, Path)),
    responses((status = 200, description = "Done.", body = Page<DebtOffset>))
)]
async fn offsets(
    State(finance): State<Finance>,
    caller: Account,
    Path(partner): Path<Namespace>,
) -> Result<Json<Page<DebtOffset>>, Error> {
    caller.must_see(&finance.db, &partner).await?;
    let mut db = finance.db.read().acquire().await?;
    // There are only so many currencies.
    Ok(Json(Page::whole(sharing::offsets(&mut db, &partner).await?)))
}

/// Agrees that what a partner owes in one currency is taken from what is available to it in another, or not any more.
#[utoipa::path(
    put,
    path = "/api/v1/partners/{partner}/debt-offsets",
    params(("partner" = Namespace, Path)),
    request_body = DebtOffset,
    responses((status = 200, description = "Done.", body = DebtOffset))
)]
async fn agree_offset(
    State(finance): State<Finance>,
    caller: Caller,
    Path(partner): Path<Namespace>,
    Json(offset): Json<DebtOffset>,
) -> Result<Json<DebtOffset>, Error> {
    caller.must_speak_for(&finance.db, &partner, Power::Pay, "agree for").await?;
    let now = finance.clock.now();
    sharing::agree_offset(&finance.db, &caller.actor, &partner, &caller.name, &offset, now).await?;
    Ok(Json(offset))
}

/// Lists the proposals to give up what partners owe, the latest first; for operators.
#[utoipa::path(
    get,
    path = "/api/v1/debt-write-offs",
    params(Paging<i64>),
    responses((status = 200, description = "Done.", body = Page<DebtWriteOff>))
)]
async fn write_offs_of_all(
    State(finance): State<Finance>,
    caller: Account,
    Query(paging): Query<Paging<i64>>,
) -> Result<Json<Page<DebtWriteOff>>, Error> {
    caller.must_operate("see what is given up")?;
    Ok(Json(write_offs::list(&finance.db, &paging).await?))
}

/// Proposes to give up what a partner owes; for operators.
#[utoipa::path(
    post,
    path = "/api/v1/debt-write-offs",
    request_body = NewDebtWriteOff,
    responses((status = 201, description = "Done.", body = DebtWriteOff))
)]
async fn propose_write_off(
    State(finance): State<Finance>,
    caller: Caller,
    Json(new): Json<NewDebtWriteOff>,
) -> Result<(StatusCode, Json<DebtWriteOff>), Error> {
    caller.must_operate("give up what partners owe")?;
    let now = finance.clock.now();
    let proposed = write_offs::propose(&finance.db, &caller.actor, &caller.name, &new, now).await?;
    Ok((StatusCode::CREATED, Json(proposed)))
}

/// Approves to give up what a partner owes; for operators who did not propose it.
#[utoipa::path(
    post,
    path = "/api/v1/debt-write-offs/{id}/approve",
    params(("id" = i64, Path)),
    responses(
        (status = 200, description = "Done.", body = DebtWriteOff),
        (status = 202, description = "More must approve it.", body = ApprovalRequest)
    )
)]
async fn approve_write_off(
    State(finance): State<Finance>,
    caller: Caller,
    Path(id): Path<i64>,
) -> Result<Response, Error> {
    caller.must_operate("give up what partners owe")?;
    Ok(answer(approving::write_off(&finance, &caller, id, finance.clock.now()).await?))
}

/// Takes back a proposal that nobody has approved; for operators.
#[utoipa::path(
    post,
    path = "/api/v1/debt-write-offs/{id}/cancel",
    params(("id" = i64, Path)),
    responses((status = 200, description = "Done.", body = DebtWriteOff))
)]
async fn cancel_write_off(
    State(finance): State<Finance>,
    caller: Caller,
    Path(id): Path<i64>,
) -> Result<Json<DebtWriteOff>, Error> {
    caller.must_operate("give up what partners owe")?;
    Ok(Json(write_offs::cancel(&finance.db, &caller.actor, &caller.name, id).await?))
}
