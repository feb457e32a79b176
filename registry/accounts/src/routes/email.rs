//! `/api/v1/account`, and its e-mail address.

use axum::extract::State;
use axum::http::StatusCode;
use chandlery_edge::{Client, Json};
use chandlery_package::wire::{
    AccountProfile, EmailChange, EmailToken, EmailVerified, PendingEmail, ResetRequest,
};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::{Account, Accounts, Address, Caller, Error, email, new_password};

/// The routes of this chapter.
pub(super) fn routes() -> OpenApiRouter<Accounts> {
    OpenApiRouter::new()
        .routes(routes!(profile))
        .routes(routes!(change))
        .routes(routes!(verify))
        .routes(routes!(request_reset))
}

/// Shows the account that asks.
#[utoipa::path(
    get,
    path = "/api/v1/account",
    responses((status = 200, description = "Done.", body = AccountProfile))
)]
async fn profile(State(accounts): State<Accounts>, caller: Account) -> Result<Json<AccountProfile>, Error> {
    Ok(Json(email::profile(&accounts.db, &caller.name).await?))
}

/// Sends a token to another e-mail address of the account that asks, by which it is verified within 24 hours.
#[utoipa::path(
    put,
    path = "/api/v1/account/email",
    request_body = EmailChange,
    responses((status = 200, description = "Done.", body = PendingEmail))
)]
async fn change(
    State(accounts): State<Accounts>,
    client: Client,
    caller: Caller,
    Json(change): Json<EmailChange>,
) -> Result<Json<PendingEmail>, Error> {
    Ok(Json(email::change_email(&accounts, client, &caller, &change).await?))
}

/// Verifies an e-mail address by the token that was sent there, once.
#[utoipa::path(
    post,
    path = "/api/v1/email-verifications",
    request_body = EmailToken,
    responses((status = 200, description = "Done.", body = EmailVerified)),
    security(())
)]
async fn verify(
    State(accounts): State<Accounts>,
    client: Client,
    address: Address,
    Json(given): Json<EmailToken>,
) -> Result<Json<EmailVerified>, Error> {
    Ok(Json(email::verify_email(&accounts, client, address, &given.token).await?))
}

/// Sends a token by which a password is set to the verified address of an account that is no operator's.
///
/// The answer is the same where there is no such account or address.
#[utoipa::path(
    post,
    path = "/api/v1/password-reset-requests",
    request_body = ResetRequest,
    responses((status = 204, description = "Done.")),
    security(())
)]
async fn request_reset(
    State(accounts): State<Accounts>,
    client: Client,
    address: Address,
    Json(asked): Json<ResetRequest>,
) -> Result<StatusCode, Error> {
    new_password::request_reset(&accounts, client, address, &asked.name).await?;
    Ok(StatusCode::NO_CONTENT)
}
