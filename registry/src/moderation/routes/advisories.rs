//! `/api/v1/advisories`, and the advisories about a plugin.

use axum::extract::State;
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderName, StatusCode};
use chandlery_accounts::{Caller, Grant, Principal, Scope};
use chandlery_edge::{Json, Path, Query};
use chandlery_package::wire::{Page, Paging};
use chandlery_package::{Advisory, AdvisoryId, Namespace, PluginId, PluginName};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::catalog::{Catalog, Error, must_see};
use crate::moderation::advisories;

/// The routes of this chapter.
pub(super) fn routes() -> OpenApiRouter<Catalog> {
    OpenApiRouter::new()
        .routes(routes!(list))
        .routes(routes!(read))
        .routes(routes!(of_plugin))
        .routes(routes!(publish, withdraw))
}

type OfPlugin = (Namespace, PluginName);
type OfAdvisory = (Namespace, PluginName, AdvisoryId);

/// Lists all advisories about plugins that the caller may see, in the Open Source Vulnerability format.
///
/// Those that were changed last come last, and those that were withdrawn are among them.
#[utoipa::path(
    get,
    path = "/api/v1/advisories",
    params(Paging<advisories::Place>),
    responses((status = 200, description = "Done.", body = Page<Advisory>)),
    security((), ("token" = []))
)]
async fn list(
    State(catalog): State<Catalog>,
    principal: Principal,
    Query(paging): Query<Paging<advisories::Place>>,
) -> Result<Json<Page<Advisory>>, Error> {
    let sees = matches!(principal.grant, Grant::Token(Scope::Full | Scope::Read));
    let account = principal.account.as_ref().filter(|_| sees);
    Ok(Json(advisories::list(&catalog.db, account, &paging).await?))
}

/// Shows an advisory, byte for byte as the log has its digest.
#[utoipa::path(
    get,
    path = "/api/v1/advisories/{advisory}",
    params(("advisory" = AdvisoryId, Path)),
    responses((status = 200, description = "Done.", body = Advisory)),
    security((), ("token" = []))
)]
async fn read(
    State(catalog): State<Catalog>,
    principal: Principal,
    Path(id): Path<AdvisoryId>,
) -> Result<([(HeaderName, &'static str); 1], String), Error> {
    let (plugin, body) =
        advisories::read(&catalog.db, &id).await?.ok_or_else(|| advisories::not_found(&id))?;
    // What may not be seen is answered as what is not there.
    must_see(&catalog.db, &principal, &plugin).await.map_err(|error| match error {
        Error::Shared(chandlery_edge::Error::NotFound(_)) => advisories::not_found(&id),
        other => other,
    })?;
    Ok(([(CONTENT_TYPE, "application/json")], body))
}

/// Lists the advisories about a plugin, by id.
#[utoipa::path(
    get,
    path = "/api/v1/plugins/{namespace}/{name}/advisories",
    params(("namespace" = Namespace, Path), ("name" = inline(PluginName), Path), Paging<AdvisoryId>),
    responses((status = 200, description = "Done.", body = Page<Advisory>)),
    security((), ("token" = []))
)]
async fn of_plugin(
    State(catalog): State<Catalog>,
    principal: Principal,
    Path((namespace, name)): Path<OfPlugin>,
    Query(paging): Query<Paging<AdvisoryId>>,
) -> Result<Json<Page<Advisory>>, Error> {
    let plugin = PluginId { namespace, name };
    must_see(&catalog.db, &principal, &plugin).await?;
    Ok(Json(advisories::of_plugin(&catalog.db, &plugin, &paging).await?))
}

/// Publishes an advisory about a plugin, or says something else in it; for its publishers and for operators.
#[utoipa::path(
    put,
    path = "/api/v1/plugins/{namespace}/{name}/advisories/{advisory}",
    params(("namespace" = Namespace, Path), ("name" = inline(PluginName), Path), ("advisory" = AdvisoryId, Path)),
    request_body = Advisory,
    responses((status = 200, description = "Done.", body = Advisory))
)]
async fn publish(
    State(catalog): State<Catalog>,
    caller: Caller,
    Path((namespace, name, id)): Path<OfAdvisory>,
    Json(advisory): Json<Advisory>,
) -> Result<Json<Advisory>, Error> {
    advisories::must_advise(&catalog.db, &caller, &namespace).await?;
    if advisory.id != id {
        return Err(Error::invalid(format!("the advisory's own id is '{}', and not '{id}'", advisory.id)));
    }
    let plugin = PluginId { namespace, name };
    Ok(Json(advisories::publish(&catalog.db, &caller, &plugin, advisory).await?))
}

/// Withdraws an advisory that does not hold; for whoever may publish it.
#[utoipa::path(
    delete,
    path = "/api/v1/plugins/{namespace}/{name}/advisories/{advisory}",
    params(("namespace" = Namespace, Path), ("name" = inline(PluginName), Path), ("advisory" = AdvisoryId, Path)),
    responses((status = 204, description = "Done."))
)]
async fn withdraw(
    State(catalog): State<Catalog>,
    caller: Caller,
    Path((namespace, name, id)): Path<OfAdvisory>,
) -> Result<StatusCode, Error> {
    advisories::must_advise(&catalog.db, &caller, &namespace).await?;
    advisories::withdraw(&catalog.db, &caller, &PluginId { namespace, name }, &id).await?;
    Ok(StatusCode::NO_CONTENT)
}
