//! `/api/v1/figures`, for operators.

use axum::extract::State;
use chandlery_package::Month;
use chandlery_package::wire::{Definition, FigureRows, Figures};

use super::DEFINITIONS;
use crate::{Error, Finance};
use chandlery_accounts::Account;
use chandlery_edge::{Json, Path};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// The routes of this room.
pub fn routes() -> OpenApiRouter<Finance> {
    OpenApiRouter::new().routes(routes!(figures)).routes(routes!(rows))
}

/// Shows the figures of the business by month, with their definitions; for operators.
#[utoipa::path(
    get,
    path = "/api/v1/figures",
    responses((status = 200, description = "Done.", body = Figures))
)]
async fn figures(State(finance): State<Finance>, caller: Account) -> Result<Json<Figures>, Error> {
    caller.must_operate("see the figures")?;
    let mut db = finance.db.snapshot().await?;
    let months = super::months(&mut db, finance.clock.now()).await?;
    let definitions = DEFINITIONS
        .map(|(figure, meaning)| Definition { figure: figure.into(), meaning: meaning.into() })
        .into();
    Ok(Json(Figures { months, definitions }))
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
    Ok(Json(super::rows(&mut db, month).await?))
}
