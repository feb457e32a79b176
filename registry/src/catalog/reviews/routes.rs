//! `/api/v1/reviews`, and the review of a release.

use axum::extract::State;
use axum::http::StatusCode;
use chandlery_accounts::{Caller, Principal};
use chandlery_edge::{Client, Json, Path, Query};
use chandlery_package::wire::{NewReview, NewReviewDecision, Page, Paging, ReleaseChanges, Review};
use chandlery_package::{Namespace, PluginId, PluginName, Release};
use semver::Version;
use serde::Deserialize;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::catalog::error::Error;
use crate::catalog::state::Catalog;

/// The routes of this chapter.
pub(in crate::catalog) fn routes() -> OpenApiRouter<Catalog> {
    OpenApiRouter::new().routes(routes!(list)).routes(routes!(changes, ask)).routes(routes!(decide))
}

type OfRelease = (Namespace, PluginName, Version);

fn release((namespace, name, version): OfRelease) -> Release {
    Release { plugin: PluginId { namespace, name }, version }
}

/// Which reviews are asked for.
#[derive(Debug, Default, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
struct Filter {
    /// Those alone that wait, the one that waits longest first.
    #[serde(default)]
    waiting: bool,
}

/// Lists reviews of releases, the newest first; for operators.
#[utoipa::path(
    get,
    path = "/api/v1/reviews",
    params(Filter, Paging<i64>),
    responses((status = 200, description = "Done.", body = Page<Review>))
)]
async fn list(
    State(catalog): State<Catalog>,
    caller: Caller,
    Query(filter): Query<Filter>,
    Query(paging): Query<Paging<i64>>,
) -> Result<Json<Page<Review>>, Error> {
    caller.must_operate("see reviews")?;
    Ok(Json(super::list(&catalog.db, filter.waiting, &paging).await?))
}

/// Shows what a release changes: what it may do, what it imports, and what it plans for its publisher's cases; for operators.
///
/// It is compared with the highest version below it that was not withdrawn.
#[utoipa::path(
    get,
    path = "/api/v1/plugins/{namespace}/{name}/releases/{version}/review",
    params(("namespace" = Namespace, Path), ("name" = inline(PluginName), Path), ("version" = String, Path)),
    responses((status = 200, description = "Done.", body = ReleaseChanges))
)]
async fn changes(
    State(catalog): State<Catalog>,
    caller: Caller,
    client: Client,
    Path(path): Path<OfRelease>,
) -> Result<Json<ReleaseChanges>, Error> {
    caller.must_operate("review releases")?;
    Ok(Json(super::changes(&catalog, client, &release(path)).await?))
}

/// Asks operators to review a release, so that its plugin is certified.
///
/// What is asked while it waits takes the place of what was asked before.
#[utoipa::path(
    put,
    path = "/api/v1/plugins/{namespace}/{name}/releases/{version}/review",
    params(("namespace" = Namespace, Path), ("name" = inline(PluginName), Path), ("version" = String, Path)),
    request_body = NewReview,
    responses((status = 204, description = "Done.")),
    security((), ("token" = []))
)]
async fn ask(
    State(catalog): State<Catalog>,
    principal: Principal,
    Path(path): Path<OfRelease>,
    Json(new): Json<NewReview>,
) -> Result<StatusCode, Error> {
    let release = release(path);
    let by = principal.must_publish(&catalog.db, &release.plugin).await?.person().clone();
    super::ask(&catalog.db, (&principal.actor()?, &by), &release, &new).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Decides the review of a release that waits: its plugin is certified by that, or is not any more; for operators.
#[utoipa::path(
    put,
    path = "/api/v1/plugins/{namespace}/{name}/releases/{version}/review/decision",
    params(("namespace" = Namespace, Path), ("name" = inline(PluginName), Path), ("version" = String, Path)),
    request_body = NewReviewDecision,
    responses((status = 204, description = "Done."))
)]
async fn decide(
    State(catalog): State<Catalog>,
    caller: Caller,
    Path(path): Path<OfRelease>,
    Json(new): Json<NewReviewDecision>,
) -> Result<StatusCode, Error> {
    caller.must_operate("review releases")?;
    super::decide(&catalog.db, &caller, &release(path), &new).await?;
    Ok(StatusCode::NO_CONTENT)
}
