//! The records of models that a host keeps.

use axum::extract::State;
use chandlery_package::model::ModelName;
use chandlery_package::wire::host::{ModelInfo, ModelRecord, NewModel};
use chandlery_package::wire::{Page, Paging};
use serde_json::{Value, json};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::error::Error;
use crate::extract::{Json, Path, Query};
use crate::host::Host;

/// The routes of this chapter.
pub(super) fn routes() -> OpenApiRouter<Host> {
    OpenApiRouter::new().routes(routes!(models)).routes(routes!(model, set_model, remove_model))
}

/// Lists the records by name, without what they say.
#[utoipa::path(
    get,
    path = "/api/v1/models",
    params(Paging<ModelName>),
    responses((status = 200, description = "Done.", body = Page<ModelInfo>))
)]
async fn models(
    State(host): State<Host>,
    Query(paging): Query<Paging<ModelName>>,
) -> Result<Json<Page<ModelInfo>>, Error> {
    Ok(Json(host.models.list(&paging).await?))
}

/// Shows a record. A slash in the name is written `%2F`.
#[utoipa::path(
    get,
    path = "/api/v1/models/{name}",
    params(("name" = inline(ModelName), Path)),
    responses((status = 200, description = "Done.", body = ModelRecord))
)]
async fn model(State(host): State<Host>, Path(name): Path<ModelName>) -> Result<Json<ModelRecord>, Error> {
    Ok(Json(host.models.get(&name).await?))
}

/// Keeps a record. What is planned from now on is sized by it; what is deployed stays as it is.
#[utoipa::path(
    put,
    path = "/api/v1/models/{name}",
    params(("name" = inline(ModelName), Path)),
    request_body = NewModel,
    responses((status = 200, description = "Done.", body = ModelInfo))
)]
async fn set_model(
    State(host): State<Host>,
    Path(name): Path<ModelName>,
    Json(new): Json<NewModel>,
) -> Result<Json<ModelInfo>, Error> {
    Ok(Json(host.models.set(&name, &new.config).await?))
}

/// Forgets a record. What is deployed stays as it is.
#[utoipa::path(
    delete,
    path = "/api/v1/models/{name}",
    params(("name" = inline(ModelName), Path)),
    responses((status = 200, description = "Done.", body = Value))
)]
async fn remove_model(State(host): State<Host>, Path(name): Path<ModelName>) -> Result<Json<Value>, Error> {
    host.models.remove(&name).await?;
    Ok(Json(json!({})))
}
