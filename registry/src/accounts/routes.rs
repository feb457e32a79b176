//! `/api/v1/accounts`, `/api/v1/tokens`, `/api/v1/operators`.

use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::{post, put};
use chandlery_package::Namespace;
use chandlery_package::wire::{Login, NewAccount, Token};

use super::Caller;
use crate::extract::{Json, Path};
use crate::{Error, Registry};

/// The routes of this room.
pub fn routes() -> Router<Registry> {
    Router::new()
        .route("/api/v1/accounts", post(register))
        .route("/api/v1/tokens", post(log_in))
        .route("/api/v1/operators/{name}", put(promote))
}

async fn register(
    State(registry): State<Registry>,
    Json(new): Json<NewAccount>,
) -> Result<(StatusCode, Json<Token>), Error> {
    super::register(&registry.db, &new.name, &new.password).await?;
    let token = super::issue_token(&registry.db, &new.name, None).await?;
    Ok((StatusCode::CREATED, Json(Token { account: new.name, token })))
}

async fn log_in(
    State(registry): State<Registry>,
    Json(login): Json<Login>,
) -> Result<(StatusCode, Json<Token>), Error> {
    let caller = super::check_password(&registry.db, login.name.as_str(), &login.password)
        .await?
        .ok_or(Error::Unauthenticated)?;
    let token = super::issue_token(&registry.db, &caller.name, None).await?;
    Ok((StatusCode::CREATED, Json(Token { account: caller.name, token })))
}

async fn promote(
    State(registry): State<Registry>,
    caller: Caller,
    Path(name): Path<Namespace>,
) -> Result<StatusCode, Error> {
    caller.must_operate("make operators")?;
    super::promote(&registry.db, &name).await?;
    Ok(StatusCode::NO_CONTENT)
}
