//! The secrets of a host, whose values nobody reads.

use axum::extract::State;
use chandlery_package::SecretName;
use chandlery_package::wire::host::{NewSecret, SecretInfo};
use chandlery_package::wire::{Page, Paging};
use serde_json::{Value, json};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::error::Error;
use crate::extract::{Json, Path, Query};
use crate::host::Host;

/// The routes of this chapter.
pub(super) fn routes() -> OpenApiRouter<Host> {
    OpenApiRouter::new().routes(routes!(secrets)).routes(routes!(set_secret, remove_secret))
}

/// Lists the secrets by name, without their values.
#[utoipa::path(
    get,
    path = "/api/v1/secrets",
    params(Paging<SecretName>),
    responses((status = 200, description = "Done.", body = Page<SecretInfo>))
)]
async fn secrets(
    State(host): State<Host>,
    Query(paging): Query<Paging<SecretName>>,
) -> Result<Json<Page<SecretInfo>>, Error> {
    Ok(Json(host.secrets.list(&paging).await?))
}

/// Sets a secret's value.
#[utoipa::path(
    put,
    path = "/api/v1/secrets/{name}",
    params(("name" = inline(SecretName), Path)),
    request_body = NewSecret,
    responses((status = 200, description = "Done.", body = Value))
)]
async fn set_secret(
    State(host): State<Host>,
    Path(name): Path<SecretName>,
    Json(new): Json<NewSecret>,
) -> Result<Json<Value>, Error> {
    host.secrets.set(&name, &new.value).await?;
    Ok(Json(json!({})))
}

/// Removes a secret.
#[utoipa::path(
    delete,
    path = "/api/v1/secrets/{name}",
    params(("name" = inline(SecretName), Path)),
    responses((status = 200, description = "Done.", body = Value))
)]
async fn remove_secret(State(host): State<Host>, Path(name): Path<SecretName>) -> Result<Json<Value>, Error> {
    host.secrets.remove(&name).await?;
    Ok(Json(json!({})))
}
