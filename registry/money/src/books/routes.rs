//! `/api/v1/ledger/months` and `/api/v1/ledger/check` for operators, and `/api/v1/clock`.

use axum::extract::State;
use chandlery_accounts::{Account, Caller};
use chandlery_edge::{Json, Path, Query};
use chandlery_package::Month;
use chandlery_package::wire::{BooksCheck, MonthClose, Months, Page, Paging, SetAside, Time};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::{closing, invariants};
use crate::billing::rating::aside;
use crate::{Error, Finance, billing, ledger, partner_notices, rails};

/// The routes of this room.
pub fn routes() -> OpenApiRouter<Finance> {
    OpenApiRouter::new()
        .routes(routes!(check))
        .routes(routes!(months))
        .routes(routes!(close))
        .routes(routes!(set_aside))
        .routes(routes!(clock, set_clock))
}

/// Checks the invariants of the books; for operators.
#[utoipa::path(
    get,
    path = "/api/v1/ledger/check",
    responses((status = 200, description = "Done.", body = BooksCheck))
)]
async fn check(State(finance): State<Finance>, caller: Account) -> Result<Json<BooksCheck>, Error> {
    caller.must_operate("check the books")?;
    let mut db = finance.db.snapshot().await?;
    Ok(Json(invariants::check(&mut db).await?))
}

/// Lists the months that are due to be closed, and those that are; for operators.
#[utoipa::path(
    get,
    path = "/api/v1/ledger/months",
    responses((status = 200, description = "Done.", body = Months))
)]
async fn months(State(finance): State<Finance>, caller: Account) -> Result<Json<Months>, Error> {
    caller.must_operate("see the months")?;
    let due = closing::due(&finance.db, finance.clock.now()).await?;
    let mut db = finance.db.read().acquire().await?;
    Ok(Json(Months { due, closed: ledger::closed_months(&mut db).await? }))
}

/// Closes a month that is over; for operators.
#[utoipa::path(
    post,
    path = "/api/v1/ledger/months/{month}/close",
    params(("month" = Month, Path)),
    responses((status = 200, description = "Done.", body = MonthClose))
)]
async fn close(
    State(finance): State<Finance>,
    caller: Caller,
    Path(month): Path<Month>,
) -> Result<Json<MonthClose>, Error> {
    caller.must_operate("close months")?;
    let (db, hold_days, now) = (&finance.db, finance.hold_days, finance.clock.now());
    Ok(Json(closing::close(db, &caller.actor, hold_days, month, &caller.name, now).await?))
}

/// Lists what the closes of months could not charge, and take up again; for operators.
#[utoipa::path(
    get,
    path = "/api/v1/ledger/set-aside",
    params(Paging<aside::Place>),
    responses((status = 200, description = "Done.", body = Page<SetAside>))
)]
async fn set_aside(
    State(finance): State<Finance>,
    caller: Account,
    Query(paging): Query<Paging<aside::Place>>,
) -> Result<Json<Page<SetAside>>, Error> {
    caller.must_operate("see what is set aside")?;
    let mut db = finance.db.read().acquire().await?;
    Ok(Json(aside::list(&mut db, &paging).await?))
}

/// Tells what time it is for the money.
#[utoipa::path(
    get,
    path = "/api/v1/clock",
    responses((status = 200, description = "Done.", body = Time)),
    security(())
)]
async fn clock(State(finance): State<Finance>) -> Json<Time> {
    Json(Time { now: finance.clock.now() })
}

/// Moves a virtual clock on, and does what is due by then; for operators.
#[utoipa::path(
    put,
    path = "/api/v1/clock",
    request_body = Time,
    responses((status = 200, description = "Done.", body = Time))
)]
async fn set_clock(
    State(finance): State<Finance>,
    caller: Account,
    Json(to): Json<Time>,
) -> Result<Json<Time>, Error> {
    caller.must_operate("set the clock")?;
    finance.clock.set(&finance.db, to.now).await?;
    let now = finance.clock.now();
    super::do_what_is_due(&finance.db, now).await?;
    if let Err(error) = rails::catch_up_with_processor(&finance, now).await {
        tracing::error!(%error, "the processor of payments could not be told: it is tried again");
    }
    partner_notices::mail(&finance, now).await?;
    if let Err(error) = billing::send_notices(&finance.db, finance.mail.as_deref(), now).await {
        tracing::error!(%error, "customers could not be told by e-mail: it is tried again");
    }
    Ok(Json(to))
}
