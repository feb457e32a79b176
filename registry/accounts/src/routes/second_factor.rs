//! `/api/v1/account/second-factor`, and the recovery codes beside it.

use axum::extract::State;
use axum::http::StatusCode;
use chandlery_edge::{Client, Json};
use chandlery_package::wire::{
    FactorCode, RecoveryCodes, SecondFactor, SecondFactorRemoval, SecondFactorSecret, SecondFactorSetUp,
};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::{Account, Accounts, Caller, Error, factors, second_factor};

/// The routes of this chapter.
pub(super) fn routes() -> OpenApiRouter<Accounts> {
    OpenApiRouter::new()
        .routes(routes!(show, set_up, confirm))
        .routes(routes!(remove))
        .routes(routes!(renew_codes))
}

/// Shows whether a log-in of the account that asks needs a code.
#[utoipa::path(
    get,
    path = "/api/v1/account/second-factor",
    responses((status = 200, description = "Done.", body = SecondFactor))
)]
async fn show(State(accounts): State<Accounts>, caller: Account) -> Result<Json<SecondFactor>, Error> {
    Ok(Json(second_factor::state(&accounts.db, &caller.name).await?))
}

/// Makes a secret for the authenticator of the account that asks.
///
/// It counts once a first code of it is shown.
#[utoipa::path(
    post,
    path = "/api/v1/account/second-factor",
    request_body = SecondFactorSetUp,
    responses((status = 201, description = "Done.", body = SecondFactorSecret))
)]
async fn set_up(
    State(accounts): State<Accounts>,
    client: Client,
    caller: Caller,
    Json(given): Json<SecondFactorSetUp>,
) -> Result<(StatusCode, Json<SecondFactorSecret>), Error> {
    let made = factors::set_up_factor(&accounts, client, &caller, &given.password).await?;
    Ok((StatusCode::CREATED, Json(made)))
}

/// Lets the secret count, by a first code of it, and gives recovery codes.
///
/// Whoever is logged in elsewhere is logged out.
#[utoipa::path(
    put,
    path = "/api/v1/account/second-factor",
    request_body = FactorCode,
    responses((status = 200, description = "Done.", body = RecoveryCodes))
)]
async fn confirm(
    State(accounts): State<Accounts>,
    client: Client,
    caller: Caller,
    Json(given): Json<FactorCode>,
) -> Result<Json<RecoveryCodes>, Error> {
    Ok(Json(factors::confirm_factor(&accounts, client, &caller, &given.code).await?))
}

/// Removes the second factor of the account that asks, by its password and a code.
#[utoipa::path(
    post,
    path = "/api/v1/account/second-factor/removal",
    request_body = SecondFactorRemoval,
    responses((status = 204, description = "Done."))
)]
async fn remove(
    State(accounts): State<Accounts>,
    client: Client,
    caller: Caller,
    Json(shown): Json<SecondFactorRemoval>,
) -> Result<StatusCode, Error> {
    factors::remove_factor(&accounts, client, &caller, &shown).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Makes new recovery codes, by a code; those before count no more.
#[utoipa::path(
    post,
    path = "/api/v1/account/recovery-codes",
    request_body = FactorCode,
    responses((status = 201, description = "Done.", body = RecoveryCodes))
)]
async fn renew_codes(
    State(accounts): State<Accounts>,
    client: Client,
    caller: Caller,
    Json(given): Json<FactorCode>,
) -> Result<(StatusCode, Json<RecoveryCodes>), Error> {
    let codes = factors::renew_recovery_codes(&accounts, client, &caller, &given.code).await?;
    Ok((StatusCode::CREATED, Json(codes)))
}
