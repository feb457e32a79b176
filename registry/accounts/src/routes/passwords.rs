//! `/api/v1/account/password` and `/api/v1/password-resets`: another password.

use axum::extract::State;
use axum::http::StatusCode;
use chandlery_edge::{Client, Json, Path};
use chandlery_package::Namespace;
use chandlery_package::wire::{PasswordChange, PasswordChanged, PasswordReset, ResetPassword};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::{Accounts, Address, Caller, Error, new_password};

/// The routes of this chapter.
pub(super) fn routes() -> OpenApiRouter<Accounts> {
    OpenApiRouter::new().routes(routes!(change)).routes(routes!(issue_reset)).routes(routes!(finish_reset))
}

/// Changes the password of the account that asks.
///
/// Whoever logged in with the password before is logged out, but for whoever asks.
#[utoipa::path(
    post,
    path = "/api/v1/account/password",
    request_body = PasswordChange,
    responses((status = 200, description = "Done.", body = PasswordChanged))
)]
async fn change(
    State(accounts): State<Accounts>,
    client: Client,
    caller: Caller,
    Json(new): Json<PasswordChange>,
) -> Result<Json<PasswordChanged>, Error> {
    Ok(Json(new_password::change(&accounts, client, &caller, &new).await?))
}

/// Issues a token by which the owner of an account sets its password within an hour; for operators.
///
/// Of an operator, only whoever holds the registry's machine issues one.
#[utoipa::path(
    post,
    path = "/api/v1/accounts/{name}/password-reset",
    params(("name" = Namespace, Path)),
    responses((status = 201, description = "Done.", body = PasswordReset))
)]
async fn issue_reset(
    State(accounts): State<Accounts>,
    caller: Caller,
    Path(name): Path<Namespace>,
) -> Result<(StatusCode, Json<PasswordReset>), Error> {
    caller.must_operate("reset passwords")?;
    let reset = new_password::issue_reset(&accounts.db, &caller.actor, &name).await?;
    Ok((StatusCode::CREATED, Json(reset)))
}

/// Sets a password by the token of a reset, once.
#[utoipa::path(
    post,
    path = "/api/v1/password-resets",
    request_body = ResetPassword,
    responses((status = 200, description = "Done.", body = PasswordChanged)),
    security(())
)]
async fn finish_reset(
    State(accounts): State<Accounts>,
    client: Client,
    address: Address,
    Json(new): Json<ResetPassword>,
) -> Result<Json<PasswordChanged>, Error> {
    Ok(Json(new_password::finish_reset(&accounts, client, address, &new).await?))
}
