//! `/api/v1/spend`: what an account spends, its budget, and the teams that its deployments are counted to.

use axum::extract::State;
use axum::http::StatusCode;
use chandlery_accounts::{Account, Caller};
use chandlery_edge::{Json, Query};
use chandlery_package::Currency;
use chandlery_package::wire::{NewBudget, NewCostTeam, Spending};
use serde::Deserialize;
use utoipa::IntoParams;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::kept;
use super::spending::spending;
use crate::{Error, Finance};

/// The routes of this room.
pub fn routes() -> OpenApiRouter<Finance> {
    OpenApiRouter::new().routes(routes!(show)).routes(routes!(set, remove)).routes(routes!(count_to_team))
}

/// In which currency spending is asked for.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct In {
    /// The budget's, or the first in which anything is spent, unless given.
    currency: Option<Currency>,
}

/// Shows what the account has spent in the present month, on what, and how much of its budget that is.
#[utoipa::path(
    get,
    path = "/api/v1/spend",
    params(In),
    responses((status = 200, description = "Done.", body = Spending))
)]
async fn show(
    State(finance): State<Finance>,
    caller: Account,
    Query(asked): Query<In>,
) -> Result<Json<Spending>, Error> {
    let mut db = finance.db.snapshot().await?;
    Ok(Json(spending(&mut db, &caller.name, asked.currency, finance.clock.now()).await?))
}

/// Sets the budget of each month, and shows what is spent of it. The account is told at 50, 80 and 100 %.
#[utoipa::path(
    put,
    path = "/api/v1/spend/budget",
    request_body = NewBudget,
    responses((status = 200, description = "Done.", body = Spending))
)]
async fn set(
    State(finance): State<Finance>,
    caller: Caller,
    Json(new): Json<NewBudget>,
) -> Result<Json<Spending>, Error> {
    let now = finance.clock.now();
    kept::set(&finance.db, &caller.actor, &caller.name, &new, now).await?;
    let mut db = finance.db.snapshot().await?;
    Ok(Json(spending(&mut db, &caller.name, None, now).await?))
}

/// Lets the account have no budget any more.
#[utoipa::path(
    delete,
    path = "/api/v1/spend/budget",
    responses((status = 204, description = "Done."))
)]
async fn remove(State(finance): State<Finance>, caller: Caller) -> Result<StatusCode, Error> {
    kept::remove(&finance.db, &caller.actor, &caller.name).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Counts a deployment to a team, or to none any more: what it costs is shown as that team's.
#[utoipa::path(
    put,
    path = "/api/v1/spend/teams",
    request_body = NewCostTeam,
    responses((status = 204, description = "Done."))
)]
async fn count_to_team(
    State(finance): State<Finance>,
    caller: Caller,
    Json(new): Json<NewCostTeam>,
) -> Result<StatusCode, Error> {
    kept::count_to_team(&finance.db, &caller.actor, &caller.name, &new).await?;
    Ok(StatusCode::NO_CONTENT)
}
