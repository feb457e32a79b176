//! What is deployed, what would be, and what it may come to.

use axum::Extension;
use axum::extract::State;
use chandlery_package::problem::Problem;
use chandlery_package::wire::host::{
    Deployment, Drift, Entitlement, LogTail, LogsOf, Metered, NewDeployment, NewScale, Planned, Removal,
    Replayed, Revision, Rollback,
};
use chandlery_package::wire::{Page, Paging};
use serde::Deserialize;
use serde_json::{Value, json};
use utoipa::IntoParams;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::error::Error;
use crate::extract::{Json, Path, Query};
use crate::host::Host;
use crate::metering;
use crate::users::{About, Actor};

/// The routes of this chapter.
#[allow(deprecated)]
pub(super) fn routes() -> OpenApiRouter<Host> {
    OpenApiRouter::new()
        .routes(routes!(plan))
        .routes(routes!(deployments, deploy))
        .routes(routes!(deployment, remove))
        .routes(routes!(revisions))
        .routes(routes!(rollback))
        .routes(routes!(restart))
        .routes(routes!(scale))
        .routes(routes!(pause))
        .routes(routes!(repair))
        .routes(routes!(heal))
        .routes(routes!(logs))
        .routes(routes!(replay))
        .routes(routes!(entitlement))
        .routes(routes!(usage))
}

/// Plans a deployment without deploying it.
#[utoipa::path(
    post,
    path = "/api/v1/plans",
    request_body = NewDeployment,
    responses((status = 200, description = "Done.", body = Planned))
)]
async fn plan(State(host): State<Host>, Json(new): Json<NewDeployment>) -> Result<Json<Planned>, Error> {
    Ok(Json(host.deployments.plan(&new).await?))
}

/// Deploys a plugin, or changes what is deployed.
#[utoipa::path(
    post,
    path = "/api/v1/deployments",
    request_body = NewDeployment,
    responses(
        (status = 200, description = "Done.", body = Deployment),
        (status = 402, description = "The licence allows no more.", body = Problem, content_type = "application/problem+json")
    )
)]
async fn deploy(
    State(host): State<Host>,
    Extension(by): Extension<Actor>,
    Json(new): Json<NewDeployment>,
) -> Result<(Extension<About>, Json<Deployment>), Error> {
    let deployed = host.deployments.deploy(&by, &new).await?;
    Ok((Extension(About(deployed.name.clone())), Json(deployed)))
}

/// Lists the deployments and how they fare.
#[utoipa::path(
    get,
    path = "/api/v1/deployments",
    params(Paging<String>),
    responses((status = 200, description = "Done.", body = Page<Deployment>))
)]
async fn deployments(
    State(host): State<Host>,
    Query(paging): Query<Paging<String>>,
) -> Result<Json<Page<Deployment>>, Error> {
    Ok(Json(host.deployments.page(&paging).await?))
}

/// Shows a deployment.
#[utoipa::path(
    get,
    path = "/api/v1/deployments/{name}",
    params(("name" = String, Path)),
    responses((status = 200, description = "Done.", body = Deployment))
)]
async fn deployment(State(host): State<Host>, Path(name): Path<String>) -> Result<Json<Deployment>, Error> {
    Ok(Json(host.deployments.get(&name).await?))
}

/// Removes a deployment.
#[utoipa::path(
    delete,
    path = "/api/v1/deployments/{name}",
    params(("name" = String, Path), Removal),
    responses((status = 200, description = "Done.", body = Value))
)]
async fn remove(
    State(host): State<Host>,
    Extension(by): Extension<Actor>,
    Path(name): Path<String>,
    Query(removal): Query<Removal>,
) -> Result<Json<Value>, Error> {
    host.deployments.remove(&by, &name, &removal).await?;
    Ok(Json(json!({})))
}

/// Lists the revisions of a deployment, the last first.
#[utoipa::path(
    get,
    path = "/api/v1/deployments/{name}/revisions",
    params(("name" = String, Path), Paging<i64>),
    responses((status = 200, description = "Done.", body = Page<Revision>))
)]
async fn revisions(
    State(host): State<Host>,
    Path(name): Path<String>,
    Query(paging): Query<Paging<i64>>,
) -> Result<Json<Page<Revision>>, Error> {
    Ok(Json(host.deployments.history(&name, &paging).await?))
}

/// Lets an earlier revision run again.
#[utoipa::path(
    post,
    path = "/api/v1/deployments/{name}/rollback",
    params(("name" = String, Path)),
    request_body = Rollback,
    responses((status = 200, description = "Done.", body = Deployment))
)]
async fn rollback(
    State(host): State<Host>,
    Extension(by): Extension<Actor>,
    Path(name): Path<String>,
    Json(to): Json<Rollback>,
) -> Result<Json<Deployment>, Error> {
    Ok(Json(host.deployments.rollback(&by, &name, to.revision).await?))
}

/// Restarts a deployment's replicas, as a new revision.
#[utoipa::path(
    post,
    path = "/api/v1/deployments/{name}/restart",
    params(("name" = String, Path)),
    responses((status = 200, description = "Done.", body = Deployment))
)]
async fn restart(
    State(host): State<Host>,
    Extension(by): Extension<Actor>,
    Path(name): Path<String>,
) -> Result<Json<Deployment>, Error> {
    Ok(Json(host.deployments.restart(&by, &name).await?))
}

/// Sets how many replicas of a workload run.
#[utoipa::path(
    put,
    path = "/api/v1/deployments/{name}/scale",
    params(("name" = String, Path)),
    request_body = NewScale,
    responses((status = 200, description = "Done.", body = Deployment))
)]
async fn scale(
    State(host): State<Host>,
    Extension(by): Extension<Actor>,
    Path(name): Path<String>,
    Json(to): Json<NewScale>,
) -> Result<Json<Deployment>, Error> {
    Ok(Json(host.deployments.scale(&by, &name, &to.workload, to.replicas).await?))
}

/// Pauses a deployment, or resumes it.
#[utoipa::path(
    put,
    path = "/api/v1/deployments/{name}/paused",
    params(("name" = String, Path)),
    request_body(content = bool, content_type = "application/json"),
    responses((status = 200, description = "Done.", body = Deployment))
)]
async fn pause(
    State(host): State<Host>,
    Extension(by): Extension<Actor>,
    Path(name): Path<String>,
    Json(paused): Json<bool>,
) -> Result<Json<Deployment>, Error> {
    Ok(Json(host.deployments.pause(&by, &name, paused).await?))
}

/// Makes what was changed by others as it was.
#[utoipa::path(
    post,
    path = "/api/v1/deployments/{name}/repair",
    params(("name" = String, Path)),
    responses((status = 200, description = "Done.", body = Page<Drift>))
)]
async fn repair(
    State(host): State<Host>,
    Extension(by): Extension<Actor>,
    Path(name): Path<String>,
) -> Result<Json<Page<Drift>>, Error> {
    // What a deployment's replicas and objects differ in is as long as its plan.
    Ok(Json(Page::whole(host.deployments.repair(&by, &name).await?)))
}

/// Does what `repair` does, under its former name.
#[utoipa::path(
    post,
    path = "/api/v1/deployments/{name}/heal",
    params(("name" = String, Path)),
    responses((status = 200, description = "Done.", body = Page<Drift>))
)]
#[deprecated = "it is called `repair`"]
async fn heal(
    state: State<Host>,
    by: Extension<Actor>,
    name: Path<String>,
) -> Result<Json<Page<Drift>>, Error> {
    repair(state, by, name).await
}

/// Shows what this host may do by its licence, and how much of it is used.
#[utoipa::path(
    get,
    path = "/api/v1/entitlement",
    responses((status = 200, description = "Done.", body = Entitlement))
)]
async fn entitlement(State(host): State<Host>) -> Result<Json<Entitlement>, Error> {
    Ok(Json(host.deployments.entitlement().await?))
}

/// Plans a deployment again from what was recorded, to prove where its plan comes from.
#[utoipa::path(
    get,
    path = "/api/v1/deployments/{name}/replay",
    params(("name" = String, Path)),
    responses((status = 200, description = "Done.", body = Replayed))
)]
async fn replay(State(host): State<Host>, Path(name): Path<String>) -> Result<Json<Replayed>, Error> {
    Ok(Json(host.deployments.replay(&name).await?))
}

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct Tail {
    /// How many lines of each log; none: 100.
    lines: Option<usize>,
    /// Of which revision, by its number, or `all`; none: of the one that should run.
    #[param(value_type = Option<String>)]
    revision: Option<LogsOf>,
}

/// Shows the last lines that a deployment's replicas wrote.
#[utoipa::path(
    get,
    path = "/api/v1/deployments/{name}/logs",
    params(("name" = String, Path), Tail),
    responses((status = 200, description = "Done.", body = Page<LogTail>))
)]
async fn logs(
    State(host): State<Host>,
    Path(name): Path<String>,
    Query(query): Query<Tail>,
) -> Result<Json<Page<LogTail>>, Error> {
    // A log for each replica, of the last revisions at most.
    let tails = host.deployments.logs(&name, query.lines.unwrap_or(100), query.revision).await?;
    Ok(Json(Page::whole(tails)))
}

/// Shows how far the reporting of usage has come.
#[utoipa::path(
    get,
    path = "/api/v1/usage",
    responses((status = 200, description = "Done.", body = Metered))
)]
async fn usage(State(host): State<Host>) -> Result<Json<Metered>, Error> {
    Ok(Json(metering::metered(host.db.pool()).await?))
}
