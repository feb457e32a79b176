//! `/api/v1/figures`, for operators.

use axum::extract::State;
use axum::http::{HeaderName, header};
use chandlery_package::Month;
use chandlery_package::wire::{Cohorts, FigureRows, FigureTarget, Figures};

use super::{cohorts, targets};
use crate::{Error, Finance, table};
use chandlery_accounts::{Account, Caller};
use chandlery_edge::{Json, Path};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// The routes of this room.
pub fn routes() -> OpenApiRouter<Finance> {
    OpenApiRouter::new()
        .routes(routes!(figures))
        .routes(routes!(rows))
        .routes(routes!(set_target))
        .routes(routes!(by_cohort))
        .routes(routes!(cohorts_csv))
}

/// Shows the figures of the business by month, with their definitions and their targets; for operators.
#[utoipa::path(
    get,
    path = "/api/v1/figures",
    responses((status = 200, description = "Done.", body = Figures))
)]
async fn figures(State(finance): State<Finance>, caller: Account) -> Result<Json<Figures>, Error> {
    caller.must_operate("see the figures")?;
    let mut db = finance.db.snapshot().await?;
    Ok(Json(super::figures(&mut db, finance.clock.now()).await?))
}

/// Shows the rows that a month's figures are made of; for operators.
#[utoipa::path(
    get,
    path = "/api/v1/figures/{month}",
    params(("month" = Month, Path)),
    responses((status = 200, description = "Done.", body = FigureRows))
)]
async fn rows(
    State(finance): State<Finance>,
    caller: Account,
    Path(month): Path<Month>,
) -> Result<Json<FigureRows>, Error> {
    caller.must_operate("see the figures")?;
    let mut db = finance.db.snapshot().await?;
    Ok(Json(super::rows(&mut db, month, finance.clock.now()).await?))
}

/// Sets what a figure of a month is meant to be, or takes that back; for operators.
#[utoipa::path(
    put,
    path = "/api/v1/figures/targets",
    request_body = FigureTarget,
    responses((status = 200, description = "Done.", body = FigureTarget))
)]
async fn set_target(
    State(finance): State<Finance>,
    caller: Caller,
    Json(new): Json<FigureTarget>,
) -> Result<Json<FigureTarget>, Error> {
    caller.must_operate("set targets")?;
    targets::set(&finance.db, &caller.actor, &new).await?;
    Ok(Json(new))
}

/// Shows customers by the month of their first payment, and what became of them; for operators.
#[utoipa::path(
    get,
    path = "/api/v1/figures/cohorts",
    responses((status = 200, description = "Done.", body = Cohorts))
)]
async fn by_cohort(State(finance): State<Finance>, caller: Account) -> Result<Json<Cohorts>, Error> {
    caller.must_operate("see the figures")?;
    let mut db = finance.db.snapshot().await?;
    Ok(Json(super::cohorts(&mut db, finance.clock.now()).await?))
}

/// Exports the same as a table; for operators.
#[utoipa::path(
    get,
    path = "/api/v1/figures/cohorts.csv",
    responses((status = 200, description = "The table.", content_type = "text/csv", body = String))
)]
async fn cohorts_csv(
    State(finance): State<Finance>,
    caller: Account,
) -> Result<([(HeaderName, &'static str); 1], String), Error> {
    caller.must_operate("see the figures")?;
    let mut db = finance.db.snapshot().await?;
    let text = cohorts::csv(&super::cohorts(&mut db, finance.clock.now()).await?)?;
    Ok(([(header::CONTENT_TYPE, table::CONTENT_TYPE)], text))
}
