//! `/api/v1/namespaces/{namespace}/key-requests`: keys that members ask the owners of a namespace to add.

use axum::extract::State;
use axum::http::StatusCode;
use chandlery_accounts::{Caller, Role};
use chandlery_edge::{Json, Path, Query};
use chandlery_package::wire::{KeyRecord, KeyRequest, NewKey, Page, Paging};
use chandlery_package::{KeyId, Namespace};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::error::Error;
use super::key_requests;
use super::state::Catalog;

/// The routes of this chapter.
pub(super) fn routes() -> OpenApiRouter<Catalog> {
    OpenApiRouter::new().routes(routes!(list, ask)).routes(routes!(refuse)).routes(routes!(approve))
}

/// Lists the keys that members ask to be added.
#[utoipa::path(
    get,
    path = "/api/v1/namespaces/{namespace}/key-requests",
    params(("namespace" = Namespace, Path), Paging<Namespace>),
    responses((status = 200, description = "Done.", body = Page<KeyRequest>))
)]
async fn list(
    State(catalog): State<Catalog>,
    caller: Caller,
    Path(namespace): Path<Namespace>,
    Query(paging): Query<Paging<Namespace>>,
) -> Result<Json<Page<KeyRequest>>, Error> {
    caller.must_be(&catalog.db, Role::Publisher, &namespace, "see which keys are asked for in").await?;
    Ok(Json(key_requests::list(&catalog.db, &namespace, &paging).await?))
}

/// Asks the owners to add a key, in the place of the one that the same member asked for before. It lapses after 7 days.
#[utoipa::path(
    post,
    path = "/api/v1/namespaces/{namespace}/key-requests",
    params(("namespace" = Namespace, Path)),
    request_body = NewKey,
    responses((status = 201, description = "Done.", body = KeyRequest))
)]
async fn ask(
    State(catalog): State<Catalog>,
    caller: Caller,
    Path(namespace): Path<Namespace>,
    Json(new): Json<NewKey>,
) -> Result<(StatusCode, Json<KeyRequest>), Error> {
    caller.must_be(&catalog.db, Role::Publisher, &namespace, "ask for a key in").await?;
    let by = (&caller.actor, &caller.name);
    let request = key_requests::ask(&catalog.db, by, &namespace, &new).await?;
    Ok((StatusCode::CREATED, Json(request)))
}

/// Refuses what a member asks for, or takes it back.
#[utoipa::path(
    delete,
    path = "/api/v1/namespaces/{namespace}/key-requests/{key}",
    params(("namespace" = Namespace, Path), ("key" = String, Path)),
    responses((status = 204, description = "Done."))
)]
async fn refuse(
    State(catalog): State<Catalog>,
    caller: Caller,
    Path((namespace, key)): Path<(Namespace, String)>,
) -> Result<StatusCode, Error> {
    caller.must_be(&catalog.db, Role::Publisher, &namespace, "refuse keys in").await?;
    let by = (&caller.actor, &caller.name);
    key_requests::refuse(&catalog.db, by, &namespace, &key.parse::<KeyId>()?).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Adds the key that a member asks for to the namespace, and to the log.
#[utoipa::path(
    post,
    path = "/api/v1/namespaces/{namespace}/key-requests/{key}/approval",
    params(("namespace" = Namespace, Path), ("key" = String, Path)),
    responses((status = 201, description = "Done.", body = KeyRecord))
)]
async fn approve(
    State(catalog): State<Catalog>,
    caller: Caller,
    Path((namespace, key)): Path<(Namespace, String)>,
) -> Result<(StatusCode, Json<KeyRecord>), Error> {
    caller.must_own(&catalog.db, &namespace, "add keys to").await?;
    let key: KeyId = key.parse()?;
    let added = key_requests::approve(&catalog.db, &caller.actor, &namespace, &key).await?;
    Ok((StatusCode::CREATED, Json(added)))
}
