//! How users come to be signed in: invitations, sessions, programs that sign in through a page, and the first admin's token.

use axum::Extension;
use axum::extract::State;
use axum::http::HeaderMap;
use chandlery_package::UserName;
use chandlery_package::wire::host::{
    HostDeviceCode, HostDeviceLogIn, HostSession, HostTokenRotation, RotatedHostToken, SetUp, SignedIn,
};
use chandlery_package::wire::{Page, Paging};
use serde_json::{Value, json};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::error::Error;
use crate::extract::{Json, Path, Query};
use crate::host::Host;
use crate::users::Actor;

/// The routes of this chapter.
pub(super) fn routes() -> OpenApiRouter<Host> {
    OpenApiRouter::new()
        .routes(routes!(invite))
        .routes(routes!(sessions))
        .routes(routes!(end_session))
        .routes(routes!(sign_out))
        .routes(routes!(begin_device))
        .routes(routes!(finish_device))
        .routes(routes!(rotate))
}

/// Invites a user to set a password, within 24 hours and once. The password that there was is no more, and all sessions of the user end.
#[utoipa::path(
    post,
    path = "/api/v1/users/{name}/set-up",
    params(("name" = inline(UserName), Path)),
    responses((status = 200, description = "Done.", body = SetUp))
)]
async fn invite(State(host): State<Host>, Path(name): Path<UserName>) -> Result<Json<SetUp>, Error> {
    Ok(Json(host.users.invite(&name).await?))
}

/// Lists who is signed in, on the pages or with a program.
#[utoipa::path(
    get,
    path = "/api/v1/sessions",
    params(Paging<String>),
    responses((status = 200, description = "Done.", body = Page<HostSession>))
)]
async fn sessions(
    State(host): State<Host>,
    Query(paging): Query<Paging<String>>,
) -> Result<Json<Page<HostSession>>, Error> {
    Ok(Json(host.users.sessions(&paging).await?))
}

/// Ends a session at once.
#[utoipa::path(
    delete,
    path = "/api/v1/sessions/{id}",
    params(("id" = String, Path)),
    responses((status = 200, description = "Done.", body = Value))
)]
async fn end_session(State(host): State<Host>, Path(id): Path<String>) -> Result<Json<Value>, Error> {
    host.users.end_session(&id).await?;
    Ok(Json(json!({})))
}

/// Ends the session by which a program asks.
#[utoipa::path(
    delete,
    path = "/api/v1/session",
    responses((status = 200, description = "Done.", body = Value))
)]
async fn sign_out(State(host): State<Host>, Extension(by): Extension<Actor>) -> Result<Json<Value>, Error> {
    host.users.sign_out(&by).await?;
    Ok(Json(json!({})))
}

/// Lets a program wait for ten minutes until somebody confirms its code on the page `/device` (RFC 8628). It takes no token.
#[utoipa::path(
    post,
    path = "/api/v1/device-log-ins",
    responses((status = 200, description = "Done.", body = HostDeviceLogIn)),
    security(())
)]
async fn begin_device(State(host): State<Host>, headers: HeaderMap) -> Result<Json<HostDeviceLogIn>, Error> {
    Ok(Json(host.users.begin_device(&host.site.url(&headers)).await?))
}

/// Opens the session of a program that was confirmed, once; refused with `authorization-pending` until then. It takes no token.
#[utoipa::path(
    post,
    path = "/api/v1/device-log-ins/token",
    request_body = HostDeviceCode,
    responses((status = 200, description = "Done.", body = SignedIn)),
    security(())
)]
async fn finish_device(
    State(host): State<Host>,
    Json(shown): Json<HostDeviceCode>,
) -> Result<Json<SignedIn>, Error> {
    Ok(Json(host.users.finish_device(&shown.device_code).await?))
}

/// Makes another token of the first admin, in the file `host.token` too, for whoever shows the one that there is. The one before, and every
/// session of the first admin, end at once.
#[utoipa::path(
    post,
    path = "/api/v1/host-token",
    request_body = HostTokenRotation,
    responses((status = 200, description = "Done.", body = RotatedHostToken))
)]
async fn rotate(
    State(host): State<Host>,
    Json(shown): Json<HostTokenRotation>,
) -> Result<Json<RotatedHostToken>, Error> {
    Ok(Json(RotatedHostToken { token: host.users.rotate_first(&shown.current).await? }))
}
