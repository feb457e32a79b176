//! `/api/v1/suspensions`, and the suspension of an account.

use axum::extract::State;
use axum::http::StatusCode;
use chandlery_edge::{Json, Path, Query};
use chandlery_package::Namespace;
use chandlery_package::wire::{NewSuspension, Page, Paging, Suspension};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::{Accounts, Caller, Error, suspensions};

/// The routes of this chapter.
pub(super) fn routes() -> OpenApiRouter<Accounts> {
    OpenApiRouter::new().routes(routes!(list)).routes(routes!(put))
}

/// Lists the accounts that are suspended; for operators.
#[utoipa::path(
    get,
    path = "/api/v1/suspensions",
    params(Paging<Namespace>),
    responses((status = 200, description = "Done.", body = Page<Suspension>))
)]
async fn list(
    State(accounts): State<Accounts>,
    caller: Caller,
    Query(paging): Query<Paging<Namespace>>,
) -> Result<Json<Page<Suspension>>, Error> {
    caller.must_operate("see who is suspended")?;
    Ok(Json(suspensions::list(&accounts.db, &paging).await?))
}

/// Suspends an account, or reinstates it with all that it had; for operators.
#[utoipa::path(
    put,
    path = "/api/v1/accounts/{name}/suspension",
    params(("name" = Namespace, Path)),
    request_body = NewSuspension,
    responses((status = 204, description = "Done."))
)]
async fn put(
    State(accounts): State<Accounts>,
    caller: Caller,
    Path(name): Path<Namespace>,
    Json(new): Json<NewSuspension>,
) -> Result<StatusCode, Error> {
    caller.must_operate("suspend accounts")?;
    suspensions::put(&accounts.db, &caller.actor, &name, &new).await?;
    Ok(StatusCode::NO_CONTENT)
}
