//! `/api/v1/ledger/months` and `/api/v1/ledger/check` for operators, and `/api/v1/clock`.

use axum::extract::State;
use chandlery_accounts::Account;
use chandlery_edge::{Json, Path};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::closing::{self, Closed};
use super::invariants;
use crate::ledger::{self, Check, ClosedMonth};
use crate::{Error, Finance, billing};

/// The routes of this room.
pub fn routes() -> OpenApiRouter<Finance> {
    OpenApiRouter::new()
        .routes(routes!(check))
        .routes(routes!(months))
        .routes(routes!(close))
        .routes(routes!(clock, set_clock))
}

/// Checks the invariants of the books; for operators.
#[utoipa::path(
    get,
    path = "/api/v1/ledger/check",
    responses((status = 200, description = "Done.", body = Check))
)]
async fn check(State(finance): State<Finance>, caller: Account) -> Result<Json<Check>, Error> {
    caller.must_operate("check the books")?;
    let mut db = finance.db.snapshot().await?;
    Ok(Json(invariants::check(&mut db).await?))
}

#[derive(Serialize, utoipa::ToSchema)]
struct Months {
    /// Over and open, the earliest first.
    due: Vec<String>,
    /// The latest first.
    closed: Vec<ClosedMonth>,
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
    params(("month" = String, Path)),
    responses((status = 200, description = "Done.", body = Closed))
)]
async fn close(
    State(finance): State<Finance>,
    caller: Account,
    Path(month): Path<String>,
) -> Result<Json<Closed>, Error> {
    caller.must_operate("close months")?;
    Ok(Json(closing::close(&finance.db, finance.hold_days, &month, &caller.name, finance.clock.now()).await?))
}

#[derive(Serialize, Deserialize, utoipa::ToSchema)]
struct Time {
    now: Timestamp,
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
///
/// Moves a virtual clock on, and does what is due by then.
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
    super::do_what_is_due(&finance).await?;
    if let Err(error) = billing::send_notices(&finance, finance.clock.now()).await {
        tracing::error!(%error, "customers could not be told by e-mail: it is tried again");
    }
    Ok(Json(to))
}
