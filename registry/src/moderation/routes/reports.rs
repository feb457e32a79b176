//! `/api/v1/reports`.

use axum::extract::State;
use axum::http::StatusCode;
use chandlery_accounts::Caller;
use chandlery_edge::{Json, Path, Query};
use chandlery_package::wire::{NewReport, NewResolution, Page, Paging, Report, ReportReceipt};
use serde::Deserialize;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::catalog::{Catalog, Error};
use crate::moderation::reports;

/// The routes of this chapter.
pub(super) fn routes() -> OpenApiRouter<Catalog> {
    OpenApiRouter::new().routes(routes!(list, take)).routes(routes!(resolve))
}

/// Which reports are asked for.
#[derive(Debug, Default, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
struct Filter {
    /// Those alone that wait to be looked into.
    #[serde(default)]
    open: bool,
}

/// Lists reports of abuse, the newest first; for operators.
#[utoipa::path(
    get,
    path = "/api/v1/reports",
    params(Filter, Paging<i64>),
    responses((status = 200, description = "Done.", body = Page<Report>))
)]
async fn list(
    State(catalog): State<Catalog>,
    caller: Caller,
    Query(filter): Query<Filter>,
    Query(paging): Query<Paging<i64>>,
) -> Result<Json<Page<Report>>, Error> {
    caller.must_operate("see reports")?;
    Ok(Json(reports::list(&catalog.db, filter.open, &paging).await?))
}

/// Reports a plugin or a release that does harm, or is not what it says. Who has reported is told to operators alone.
#[utoipa::path(
    post,
    path = "/api/v1/reports",
    request_body = NewReport,
    responses((status = 201, description = "Done.", body = ReportReceipt))
)]
async fn take(
    State(catalog): State<Catalog>,
    caller: Caller,
    Json(new): Json<NewReport>,
) -> Result<(StatusCode, Json<ReportReceipt>), Error> {
    Ok((StatusCode::CREATED, Json(reports::take(&catalog.db, &caller, &new).await?)))
}

/// Writes down what became of a report, once; for operators.
#[utoipa::path(
    put,
    path = "/api/v1/reports/{id}/resolution",
    params(("id" = i64, Path)),
    request_body = NewResolution,
    responses((status = 204, description = "Done."))
)]
async fn resolve(
    State(catalog): State<Catalog>,
    caller: Caller,
    Path(id): Path<i64>,
    Json(new): Json<NewResolution>,
) -> Result<StatusCode, Error> {
    caller.must_operate("resolve reports")?;
    reports::resolve(&catalog.db, &caller, id, &new).await?;
    Ok(StatusCode::NO_CONTENT)
}
