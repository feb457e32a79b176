//! `/api/v1/device-log-ins`: programs that somebody signs in on a page.

use axum::extract::State;
use axum::http::StatusCode;
use chandlery_edge::{Client, Json};
use chandlery_package::wire::{DeviceLogIn, DeviceLogInAsked, NewDeviceLogIn, Token};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::{Accounts, Address, Error, devices};

/// The routes of this chapter.
pub(super) fn routes() -> OpenApiRouter<Accounts> {
    OpenApiRouter::new().routes(routes!(begin)).routes(routes!(ask))
}

/// Lets a program wait until somebody signs it in on a page (RFC 8628).
#[utoipa::path(
    post,
    path = "/api/v1/device-log-ins",
    request_body = NewDeviceLogIn,
    responses((status = 201, description = "Done.", body = DeviceLogIn)),
    security(())
)]
async fn begin(
    State(accounts): State<Accounts>,
    client: Client,
    address: Address,
    Json(new): Json<NewDeviceLogIn>,
) -> Result<(StatusCode, Json<DeviceLogIn>), Error> {
    Ok((StatusCode::CREATED, Json(devices::begin_device(&accounts, client, address, &new).await?)))
}

/// Issues the token of a program that somebody has signed in, once.
///
/// Until then the problem is `authorization-pending`, and the program asks again after the interval that it was told.
#[utoipa::path(
    post,
    path = "/api/v1/device-log-ins/token",
    request_body = DeviceLogInAsked,
    responses((status = 201, description = "Done.", body = Token)),
    security(())
)]
async fn ask(
    State(accounts): State<Accounts>,
    client: Client,
    address: Address,
    Json(asked): Json<DeviceLogInAsked>,
) -> Result<(StatusCode, Json<Token>), Error> {
    Ok((StatusCode::CREATED, Json(devices::token_of_device(&accounts, client, address, &asked).await?)))
}
