//! `/api/v1/figures`, for operators.

use axum::Router;
use axum::extract::State;
use axum::routing::get;
use serde::Serialize;

use super::{DEFINITIONS, Month, Rows};
use crate::{Error, Finance};
use chandlery_accounts::Account;
use chandlery_edge::{Json, Path};

/// The routes of this room.
pub fn routes() -> Router<Finance> {
    Router::new().route("/api/v1/figures", get(figures)).route("/api/v1/figures/{month}", get(rows))
}

#[derive(Serialize)]
struct Definition {
    figure: &'static str,
    meaning: &'static str,
}

#[derive(Serialize)]
struct Figures {
    months: Vec<Month>,
    definitions: Vec<Definition>,
}

async fn figures(State(finance): State<Finance>, caller: Account) -> Result<Json<Figures>, Error> {
    caller.must_operate("see the figures")?;
    let mut db = finance.db.snapshot().await?;
    let months = super::months(&mut db, finance.clock.now()).await?;
    let definitions = DEFINITIONS.map(|(figure, meaning)| Definition { figure, meaning }).into();
    Ok(Json(Figures { months, definitions }))
}

async fn rows(
    State(finance): State<Finance>,
    caller: Account,
    Path(month): Path<String>,
) -> Result<Json<Rows>, Error> {
    caller.must_operate("see the figures")?;
    let mut db = finance.db.snapshot().await?;
    Ok(Json(super::rows(&mut db, &month).await?))
}
