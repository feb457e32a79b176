//! `/api/v1/figures`, for operators.

use axum::extract::State;
use serde::Serialize;

use super::{DEFINITIONS, Month, Rows};
use crate::{Error, Finance};
use chandlery_accounts::Account;
use chandlery_edge::{Json, Path};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// The routes of this room.
pub fn routes() -> OpenApiRouter<Finance> {
    OpenApiRouter::new().routes(routes!(figures)).routes(routes!(rows))
}

#[derive(Serialize, utoipa::ToSchema)]
struct Definition {
    figure: &'static str,
    meaning: &'static str,
}

#[derive(Serialize, utoipa::ToSchema)]
struct Figures {
    months: Vec<Month>,
    definitions: Vec<Definition>,
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
    let definitions = DEFINITIONS.map(|(figure, meaning)| Definition { figure, meaning }).into();
    Ok(Json(Figures { months, definitions }))
}

/// Shows the rows that a month's figures are made of; for operators.
#[utoipa::path(
    get,
    path = "/api/v1/figures/{month}",
    params(("month" = String, Path)),
    responses((status = 200, description = "Done.", body = Rows))
)]
async fn rows(
    State(finance): State<Finance>,
    caller: Account,
    Path(month): Path<String>,
) -> Result<Json<Rows>, Error> {
    caller.must_operate("see the figures")?;
    let mut db = finance.db.snapshot().await?;
    Ok(Json(super::rows(&mut db, &month).await?))
}
