//! `/api/v1/account/sessions`: where an account is logged in.

use axum::extract::State;
use axum::http::StatusCode;
use chandlery_edge::{Json, Path, Query};
use chandlery_package::wire::{Page, Paging, Session, SessionsEnded};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::tokens::Place;
use crate::{Accounts, Caller, Error, sessions};

/// The routes of this chapter.
pub(super) fn routes() -> OpenApiRouter<Accounts> {
    OpenApiRouter::new().routes(routes!(list, end_others)).routes(routes!(end))
}

/// Lists the log-ins of the account that asks, the oldest first.
#[utoipa::path(
    get,
    path = "/api/v1/account/sessions",
    params(Paging<Place>),
    responses((status = 200, description = "Done.", body = Page<Session>))
)]
async fn list(
    State(accounts): State<Accounts>,
    caller: Caller,
    Query(paging): Query<Paging<Place>>,
) -> Result<Json<Page<Session>>, Error> {
    Ok(Json(sessions::list_sessions(&accounts, &caller, &paging).await?))
}

/// Ends every log-in of the account that asks, but the one that asks.
#[utoipa::path(
    delete,
    path = "/api/v1/account/sessions",
    responses((status = 200, description = "Done.", body = SessionsEnded))
)]
async fn end_others(State(accounts): State<Accounts>, caller: Caller) -> Result<Json<SessionsEnded>, Error> {
    Ok(Json(SessionsEnded { ended: sessions::end_others(&accounts, &caller).await? }))
}

/// Ends one log-in of the account that asks.
#[utoipa::path(
    delete,
    path = "/api/v1/account/sessions/{id}",
    params(("id" = String, Path)),
    responses((status = 204, description = "Done."))
)]
async fn end(
    State(accounts): State<Accounts>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<StatusCode, Error> {
    sessions::end_session(&accounts, &caller, &id).await?;
    Ok(StatusCode::NO_CONTENT)
}
