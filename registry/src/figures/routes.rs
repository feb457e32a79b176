//! `/api/v1/figures`, for operators.

use axum::Router;
use axum::extract::State;
use axum::routing::get;
use serde::Serialize;

use super::{DEFINITIONS, Month, Rows};
use crate::accounts::Caller;
use crate::extract::{Json, Path};
use crate::{Error, Registry};

/// The routes of this room.
pub fn routes() -> Router<Registry> {
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

async fn figures(State(registry): State<Registry>, caller: Caller) -> Result<Json<Figures>, Error> {
    caller.must_operate("see the figures")?;
    let mut db = registry.db.snapshot().await?;
    let months = super::months(&mut db, registry.clock.now()).await?;
    let definitions = DEFINITIONS.map(|(figure, meaning)| Definition { figure, meaning }).into();
    Ok(Json(Figures { months, definitions }))
}

async fn rows(
    State(registry): State<Registry>,
    caller: Caller,
    Path(month): Path<String>,
) -> Result<Json<Rows>, Error> {
    caller.must_operate("see the figures")?;
    let mut db = registry.db.snapshot().await?;
    Ok(Json(super::rows(&mut db, &month).await?))
}
