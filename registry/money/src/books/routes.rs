//! `/api/v1/ledger/months` and `/api/v1/ledger/check` for operators, and `/api/v1/clock`.

use axum::Router;
use axum::extract::State;
use axum::routing::{get, post};
use chandlery_accounts::Account;
use chandlery_edge::{Json, Path};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::closing::{self, Closed};
use super::invariants;
use crate::ledger::{self, Check, ClosedMonth};
use crate::{Error, Finance, billing};

/// The routes of this room.
pub fn routes() -> Router<Finance> {
    Router::new()
        .route("/api/v1/ledger/check", get(check))
        .route("/api/v1/ledger/months", get(months))
        .route("/api/v1/ledger/months/{month}/close", post(close))
        .route("/api/v1/clock", get(clock).put(set_clock))
}

async fn check(State(finance): State<Finance>, caller: Account) -> Result<Json<Check>, Error> {
    caller.must_operate("check the books")?;
    let mut db = finance.db.snapshot().await?;
    Ok(Json(invariants::check(&mut db).await?))
}

#[derive(Serialize)]
struct Months {
    /// Over and open, the earliest first.
    due: Vec<String>,
    /// The latest first.
    closed: Vec<ClosedMonth>,
}

async fn months(State(finance): State<Finance>, caller: Account) -> Result<Json<Months>, Error> {
    caller.must_operate("see the months")?;
    let due = closing::due(&finance.db, finance.clock.now()).await?;
    let mut db = finance.db.read().acquire().await?;
    Ok(Json(Months { due, closed: ledger::closed_months(&mut db).await? }))
}

async fn close(
    State(finance): State<Finance>,
    caller: Account,
    Path(month): Path<String>,
) -> Result<Json<Closed>, Error> {
    caller.must_operate("close months")?;
    Ok(Json(closing::close(&finance.db, finance.hold_days, &month, &caller.name, finance.clock.now()).await?))
}

#[derive(Serialize, Deserialize)]
struct Time {
    now: Timestamp,
}

async fn clock(State(finance): State<Finance>) -> Json<Time> {
    Json(Time { now: finance.clock.now() })
}

/// Moves a virtual clock on, and does what is due by then.
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
