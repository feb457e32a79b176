//! `/api/v1/quarantines`, and the quarantine of a plugin or a release.

use axum::extract::State;
use axum::http::StatusCode;
use chandlery_accounts::Caller;
use chandlery_edge::{Json, Path, Query};
use chandlery_package::wire::{NewQuarantine, Page, Paging, Quarantine};
use chandlery_package::{Namespace, PluginId, PluginName, Release, Subject};
use semver::Version;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::catalog::{Catalog, Error};
use crate::moderation::quarantine;

/// The routes of this chapter.
pub(super) fn routes() -> OpenApiRouter<Catalog> {
    OpenApiRouter::new()
        .routes(routes!(quarantines))
        .routes(routes!(quarantine_plugin))
        .routes(routes!(quarantine_release))
}

/// Lists what is quarantined; for operators.
#[utoipa::path(
    get,
    path = "/api/v1/quarantines",
    params(Paging<Subject>),
    responses((status = 200, description = "Done.", body = Page<Quarantine>))
)]
async fn quarantines(
    State(catalog): State<Catalog>,
    caller: Caller,
    Query(paging): Query<Paging<Subject>>,
) -> Result<Json<Page<Quarantine>>, Error> {
    caller.must_operate("see what is quarantined")?;
    Ok(Json(quarantine::list(&catalog.db, &paging).await?))
}

/// Quarantines a plugin with all of its releases, or lifts that; for operators.
#[utoipa::path(
    put,
    path = "/api/v1/plugins/{namespace}/{name}/quarantine",
    params(("namespace" = Namespace, Path), ("name" = inline(PluginName), Path)),
    request_body = NewQuarantine,
    responses((status = 204, description = "Done."))
)]
async fn quarantine_plugin(
    State(catalog): State<Catalog>,
    caller: Caller,
    Path((namespace, name)): Path<(Namespace, PluginName)>,
    Json(new): Json<NewQuarantine>,
) -> Result<StatusCode, Error> {
    put(&catalog, &caller, &Subject::Plugin(PluginId { namespace, name }), &new).await
}

/// Quarantines one release, or lifts that; for operators.
#[utoipa::path(
    put,
    path = "/api/v1/plugins/{namespace}/{name}/releases/{version}/quarantine",
    params(("namespace" = Namespace, Path), ("name" = inline(PluginName), Path), ("version" = String, Path)),
    request_body = NewQuarantine,
    responses((status = 204, description = "Done."))
)]
async fn quarantine_release(
    State(catalog): State<Catalog>,
    caller: Caller,
    Path((namespace, name, version)): Path<(Namespace, PluginName, Version)>,
    Json(new): Json<NewQuarantine>,
) -> Result<StatusCode, Error> {
    let release = Release { plugin: PluginId { namespace, name }, version };
    put(&catalog, &caller, &Subject::Release(release), &new).await
}

async fn put(
    catalog: &Catalog,
    caller: &Caller,
    subject: &Subject,
    new: &NewQuarantine,
) -> Result<StatusCode, Error> {
    caller.must_operate("quarantine plugins")?;
    match new.quarantined {
        true => quarantine::begin(&catalog.db, &caller.actor, subject, &new.reason).await?,
        false => quarantine::lift(&catalog.db, &caller.actor, subject, &new.reason).await?,
    }
    Ok(StatusCode::NO_CONTENT)
}
