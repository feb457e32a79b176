//! Publishing that takes two people: what a namespace wants, and what waits for approval.

use axum::extract::State;
use axum::http::StatusCode;
use chandlery_accounts::{Caller, Principal, Role};
use chandlery_edge::{Json, Path, Query};
use chandlery_package::wire::{NewReleaseApproval, Page, Paging, ReleaseRecord, StagedRelease, TwoPeople};
use chandlery_package::{Namespace, PluginId, PluginName, Release};
use semver::Version;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::error::Error;
use super::state::Catalog;
use super::{staging, two_people};

/// The routes of this chapter.
pub(super) fn routes() -> OpenApiRouter<Catalog> {
    OpenApiRouter::new()
        .routes(routes!(show_two_people, require_two_people, end_two_people))
        .routes(routes!(list_staged))
        .routes(routes!(refuse_staged))
        .routes(routes!(approve_staged))
}

type OfPlugin = (Namespace, PluginName);
type OfRelease = (Namespace, PluginName, Version);

fn as_release((namespace, name, version): OfRelease) -> Release {
    Release { plugin: PluginId { namespace, name }, version }
}

/// Refuses whoever is no member of a namespace.
async fn must_be_member(
    catalog: &Catalog,
    principal: &Principal,
    namespace: &Namespace,
    repository: &str,
) -> Result<(), Error> {
    let account = principal.account.as_ref().ok_or(chandlery_edge::Error::Unauthenticated)?;
    match principal.may_see(&catalog.db, namespace, repository).await? {
        true => Ok(()),
        false => {
            let action = format!("see how '{namespace}' publishes");
            Err(chandlery_edge::Error::forbidden(&account.name, action).into())
        }
    }
}

/// Shows whether it takes two members to publish in a namespace.
#[utoipa::path(
    get,
    path = "/api/v1/namespaces/{namespace}/two-people",
    params(("namespace" = Namespace, Path)),
    responses((status = 200, description = "Done.", body = TwoPeople)),
    security((), ("token" = []))
)]
async fn show_two_people(
    State(catalog): State<Catalog>,
    principal: Principal,
    Path(namespace): Path<Namespace>,
) -> Result<Json<TwoPeople>, Error> {
    must_be_member(&catalog, &principal, &namespace, namespace.as_str()).await?;
    Ok(Json(two_people::show(&catalog.db, &namespace).await?))
}

/// Lets it take two members to publish in a namespace.
#[utoipa::path(
    put,
    path = "/api/v1/namespaces/{namespace}/two-people",
    params(("namespace" = Namespace, Path)),
    responses((status = 200, description = "Done.", body = TwoPeople))
)]
async fn require_two_people(
    State(catalog): State<Catalog>,
    caller: Caller,
    Path(namespace): Path<Namespace>,
) -> Result<Json<TwoPeople>, Error> {
    caller.must_own(&catalog.db, &namespace, "choose how many publish in").await?;
    Ok(Json(two_people::require(&catalog.db, &caller.actor, &namespace).await?))
}

/// Asks that one member is enough again; when another owner asks for the same within 7 days, it is so.
#[utoipa::path(
    delete,
    path = "/api/v1/namespaces/{namespace}/two-people",
    params(("namespace" = Namespace, Path)),
    responses((status = 200, description = "Done.", body = TwoPeople))
)]
async fn end_two_people(
    State(catalog): State<Catalog>,
    caller: Caller,
    Path(namespace): Path<Namespace>,
) -> Result<Json<TwoPeople>, Error> {
    caller.must_own(&catalog.db, &namespace, "choose how many publish in").await?;
    Ok(Json(two_people::end(&catalog.db, &caller.actor, &caller.name, &namespace).await?))
}

/// Lists what waits for approval of a plugin.
#[utoipa::path(
    get,
    path = "/api/v1/plugins/{namespace}/{name}/staged-releases",
    params(("namespace" = Namespace, Path), ("name" = inline(PluginName), Path), Paging<String>),
    responses((status = 200, description = "Done.", body = Page<StagedRelease>)),
    security((), ("token" = []))
)]
async fn list_staged(
    State(catalog): State<Catalog>,
    principal: Principal,
    Path((namespace, name)): Path<OfPlugin>,
    Query(paging): Query<Paging<String>>,
) -> Result<Json<Page<StagedRelease>>, Error> {
    let plugin = PluginId { namespace, name };
    must_be_member(&catalog, &principal, &plugin.namespace, &plugin.repository()).await?;
    Ok(Json(staging::list(&catalog.db, &plugin, &paging).await?))
}

/// Refuses what waits for approval, or takes it back.
#[utoipa::path(
    delete,
    path = "/api/v1/plugins/{namespace}/{name}/staged-releases/{version}",
    params(("namespace" = Namespace, Path), ("name" = inline(PluginName), Path), ("version" = String, Path)),
    responses((status = 204, description = "Done."))
)]
async fn refuse_staged(
    State(catalog): State<Catalog>,
    caller: Caller,
    Path(path): Path<OfRelease>,
) -> Result<StatusCode, Error> {
    let release = as_release(path);
    caller.must_be(&catalog.db, Role::Publisher, &release.plugin.namespace, "publish in").await?;
    staging::refuse(&catalog.db, &caller.actor, &release).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Publishes what another member has staged.
#[utoipa::path(
    post,
    path = "/api/v1/plugins/{namespace}/{name}/staged-releases/{version}/approval",
    params(("namespace" = Namespace, Path), ("name" = inline(PluginName), Path), ("version" = String, Path)),
    request_body = NewReleaseApproval,
    responses((status = 201, description = "Done.", body = ReleaseRecord))
)]
async fn approve_staged(
    State(catalog): State<Catalog>,
    caller: Caller,
    Path(path): Path<OfRelease>,
    Json(new): Json<NewReleaseApproval>,
) -> Result<(StatusCode, Json<ReleaseRecord>), Error> {
    let release = as_release(path);
    caller.must_be(&catalog.db, Role::Publisher, &release.plugin.namespace, "publish in").await?;
    let by = (&caller.actor, &caller.name);
    let record = staging::approve(&catalog, by, &release, new.artifact).await?;
    Ok((StatusCode::CREATED, Json(record)))
}
