//! `/api/v1/ledger`, for operators.

use axum::Router;
use axum::extract::State;
use axum::http::{HeaderName, header};
use axum::routing::get;

use super::Check;
use crate::accounts::Caller;
use crate::extract::Json;
use crate::{Error, Registry};

/// The routes of this room.
pub fn routes() -> Router<Registry> {
    Router::new().route("/api/v1/ledger/journal", get(journal)).route("/api/v1/ledger/check", get(check))
}

async fn journal(
    State(registry): State<Registry>,
    caller: Caller,
) -> Result<([(HeaderName, &'static str); 1], String), Error> {
    caller.must_operate("read the books")?;
    let mut db = registry.db.read().acquire().await?;
    let text = super::journal(&mut db).await?;
    Ok(([(header::CONTENT_TYPE, "text/plain; charset=utf-8")], text))
}

async fn check(State(registry): State<Registry>, caller: Caller) -> Result<Json<Check>, Error> {
    caller.must_operate("check the books")?;
    let mut db = registry.db.read().begin().await?;
    Ok(Json(super::check(&mut db).await?))
}
