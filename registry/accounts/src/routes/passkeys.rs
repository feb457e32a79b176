//! `/api/v1/account/passkeys`, and signing in by one, which begins a session of the pages.

use axum::extract::State;
use axum::http::StatusCode;
use axum_extra::extract::CookieJar;
use chandlery_edge::{Client, Json, Path};
use chandlery_package::wire::{
    NewPasskey, Page, PasskeyChallenge, PasskeyChange, PasskeyLogIn, PasskeyLoggedIn, PasskeyName,
    PasskeyRecord,
};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::{Account, Accounts, Address, Caller, Error, passkeys};

/// The routes of this chapter.
pub(super) fn routes() -> OpenApiRouter<Accounts> {
    OpenApiRouter::new()
        .routes(routes!(list, add))
        .routes(routes!(begin))
        .routes(routes!(rename, remove))
        .routes(routes!(ask))
        .routes(routes!(log_in))
}

/// Lists the passkeys of the account that asks, the oldest first.
#[utoipa::path(
    get,
    path = "/api/v1/account/passkeys",
    responses((status = 200, description = "Done.", body = Page<PasskeyRecord>))
)]
async fn list(State(accounts): State<Accounts>, caller: Account) -> Result<Json<Page<PasskeyRecord>>, Error> {
    Ok(Json(Page::whole(passkeys::list(&accounts.db, &caller.name).await?)))
}

/// Asks for a passkey to be added, by the account's password or soon after a log-in.
#[utoipa::path(
    post,
    path = "/api/v1/account/passkeys/challenge",
    request_body = PasskeyChange,
    responses((status = 201, description = "Done.", body = PasskeyChallenge))
)]
async fn begin(
    State(accounts): State<Accounts>,
    client: Client,
    caller: Caller,
    Json(shown): Json<PasskeyChange>,
) -> Result<(StatusCode, Json<PasskeyChallenge>), Error> {
    let asked = passkeys::begin(&accounts, client, &caller, &shown).await?;
    Ok((StatusCode::CREATED, Json(asked)))
}

/// Adds the passkey that was asked for.
#[utoipa::path(
    post,
    path = "/api/v1/account/passkeys",
    request_body = NewPasskey,
    responses((status = 201, description = "Done.", body = PasskeyRecord))
)]
async fn add(
    State(accounts): State<Accounts>,
    caller: Caller,
    Json(new): Json<NewPasskey>,
) -> Result<(StatusCode, Json<PasskeyRecord>), Error> {
    Ok((StatusCode::CREATED, Json(passkeys::add(&accounts, &caller, &new).await?)))
}

/// Gives a passkey of the account that asks another name.
#[utoipa::path(
    patch,
    path = "/api/v1/account/passkeys/{id}",
    params(("id" = String, Path)),
    request_body = PasskeyName,
    responses((status = 204, description = "Done."))
)]
async fn rename(
    State(accounts): State<Accounts>,
    caller: Caller,
    Path(id): Path<String>,
    Json(given): Json<PasskeyName>,
) -> Result<StatusCode, Error> {
    passkeys::rename(&accounts, &caller, &id, &given.name).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Removes a passkey of the account that asks, by its password or soon after a log-in.
#[utoipa::path(
    delete,
    path = "/api/v1/account/passkeys/{id}",
    params(("id" = String, Path)),
    request_body = PasskeyChange,
    responses((status = 204, description = "Done."))
)]
async fn remove(
    State(accounts): State<Accounts>,
    client: Client,
    caller: Caller,
    Path(id): Path<String>,
    Json(shown): Json<PasskeyChange>,
) -> Result<StatusCode, Error> {
    passkeys::remove(&accounts, client, &caller, &id, &shown).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Asks for a passkey of whomever.
#[utoipa::path(
    post,
    path = "/api/v1/passkey-log-ins/challenge",
    responses((status = 201, description = "Done.", body = PasskeyChallenge)),
    security(())
)]
async fn ask(
    State(accounts): State<Accounts>,
    client: Client,
) -> Result<(StatusCode, Json<PasskeyChallenge>), Error> {
    Ok((StatusCode::CREATED, Json(passkeys::ask(&accounts, client).await?)))
}

/// Signs in by a passkey, and begins a session of the pages.
///
/// Its token is in a cookie alone, which no script reads.
#[utoipa::path(
    post,
    path = "/api/v1/passkey-log-ins",
    request_body = PasskeyLogIn,
    responses((status = 201, description = "Done.", body = PasskeyLoggedIn)),
    security(())
)]
async fn log_in(
    State(accounts): State<Accounts>,
    client: Client,
    address: Address,
    Json(given): Json<PasskeyLogIn>,
) -> Result<(StatusCode, CookieJar, Json<PasskeyLoggedIn>), Error> {
    let (account, token) = passkeys::answer(&accounts, client, address, &given).await?;
    Ok((StatusCode::CREATED, accounts.cookie.begin(token), Json(PasskeyLoggedIn { account })))
}
