//! Where things are deployed.

use axum::extract::State;
use chandlery_package::TargetName;
use chandlery_package::plan::Facts;
use chandlery_package::wire::Page;
use chandlery_package::wire::host::{NewTarget, Target};
use serde_json::{Value, json};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::error::Error;
use crate::extract::{Json, Path};
use crate::host::Host;

/// The routes of this chapter.
pub(super) fn routes() -> OpenApiRouter<Host> {
    OpenApiRouter::new()
        .routes(routes!(targets))
        .routes(routes!(put_target, remove_target))
        .routes(routes!(inventory))
}

/// Lists the targets.
#[utoipa::path(
    get,
    path = "/api/v1/targets",
    responses((status = 200, description = "Done.", body = Page<Target>))
)]
async fn targets(State(host): State<Host>) -> Result<Json<Page<Target>>, Error> {
    // Each was added by hand, and has an engine in memory.
    Ok(Json(Page::whole(host.targets.list().await?)))
}

/// Adds a target, or changes it; answers with what it has.
#[utoipa::path(
    put,
    path = "/api/v1/targets/{name}",
    params(("name" = inline(TargetName), Path)),
    request_body = NewTarget,
    responses((status = 200, description = "Done.", body = Facts))
)]
async fn put_target(
    State(host): State<Host>,
    Path(name): Path<TargetName>,
    Json(new): Json<NewTarget>,
) -> Result<Json<Facts>, Error> {
    Ok(Json(host.targets.put(&name, &new).await?))
}

/// Removes a target that nothing is deployed to.
#[utoipa::path(
    delete,
    path = "/api/v1/targets/{name}",
    params(("name" = String, Path)),
    responses((status = 200, description = "Done.", body = Value))
)]
async fn remove_target(State(host): State<Host>, Path(name): Path<String>) -> Result<Json<Value>, Error> {
    host.targets.remove(&name).await?;
    Ok(Json(json!({})))
}

/// Shows what a target has at the moment.
#[utoipa::path(
    get,
    path = "/api/v1/targets/{name}/inventory",
    params(("name" = String, Path)),
    responses((status = 200, description = "Done.", body = Facts))
)]
async fn inventory(State(host): State<Host>, Path(name): Path<String>) -> Result<Json<Facts>, Error> {
    Ok(Json(host.targets.engine(&name).await?.inventory().await?))
}
