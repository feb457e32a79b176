//! `/api/v1/namespaces` and `/api/v1/plugins`.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use chandlery_package::wire::{
    Deprecation, KeyRecord, NewKey, NewNamespace, NewRelease, NewRevocation, NewVisibility, NewWithdrawal,
    Page, Paging, ReleaseRecord, StagedRelease,
};
use chandlery_package::{KeyId, Namespace, PluginId, PluginName, Release};
use semver::Version;

use super::error::Error;
use super::publish::Published;
use super::state::Catalog;
use super::visibility::namespaces_seen;
use super::{key_request_routes, listing, reviews, search, staged_routes};
use crate::trusted::exchanged_for;
use chandlery_accounts::{Caller, Principal, Role};
use chandlery_edge::{Json, Path, Query};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// The routes of this room.
pub fn routes<S>(catalog: Catalog) -> OpenApiRouter<S> {
    OpenApiRouter::new()
        .routes(routes!(take_namespace))
        .routes(routes!(set_visibility))
        .routes(routes!(keys, add_key))
        .routes(routes!(revoke_key))
        .routes(routes!(search))
        .routes(routes!(releases, publish))
        .routes(routes!(release))
        .routes(routes!(yank, unyank))
        .routes(routes!(deprecate, undeprecate))
        .routes(routes!(withdraw))
        .routes(routes!(certify, decertify))
        .merge(key_request_routes::routes())
        .merge(listing::routes())
        .merge(reviews::routes())
        .merge(staged_routes::routes())
        .with_state(catalog)
}

type OfPlugin = (Namespace, PluginName);
type OfRelease = (Namespace, PluginName, Version);

fn plugin((namespace, name): OfPlugin) -> PluginId {
    PluginId { namespace, name }
}

fn as_release((namespace, name, version): OfRelease) -> Release {
    Release { plugin: PluginId { namespace, name }, version }
}

/// Takes a namespace that nobody has.
#[utoipa::path(
    post,
    path = "/api/v1/namespaces",
    request_body = NewNamespace,
    responses((status = 201, description = "Done."))
)]
async fn take_namespace(
    State(catalog): State<Catalog>,
    caller: Caller,
    Json(new): Json<NewNamespace>,
) -> Result<StatusCode, Error> {
    chandlery_accounts::take_namespace(&catalog.db, &caller.actor, &caller, &new.name).await?;
    catalog.oci.cache.changed(&new.name);
    Ok(StatusCode::CREATED)
}

/// Says who may see and pull what a namespace holds.
#[utoipa::path(
    put,
    path = "/api/v1/namespaces/{namespace}/visibility",
    params(("namespace" = Namespace, Path)),
    request_body = NewVisibility,
    responses((status = 204, description = "Done."))
)]
async fn set_visibility(
    State(catalog): State<Catalog>,
    caller: Caller,
    Path(namespace): Path<Namespace>,
    Json(new): Json<NewVisibility>,
) -> Result<StatusCode, Error> {
    caller.must_own(&catalog.db, &namespace, "choose who sees").await?;
    super::set_visibility(&catalog, &caller.actor, &namespace, new.public).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Lists the keys that sign a namespace's releases.
#[utoipa::path(
    get,
    path = "/api/v1/namespaces/{namespace}/keys",
    params(("namespace" = Namespace, Path), Paging<i64>),
    responses((status = 200, description = "Done.", body = Page<KeyRecord>)),
    security(())
)]
async fn keys(
    State(catalog): State<Catalog>,
    Path(namespace): Path<Namespace>,
    Query(paging): Query<Paging<i64>>,
) -> Result<Json<Page<KeyRecord>>, Error> {
    Ok(Json(super::keys(&catalog.db, &namespace, &paging).await?))
}

/// Adds a signing key to a namespace, and to the log.
#[utoipa::path(
    post,
    path = "/api/v1/namespaces/{namespace}/keys",
    params(("namespace" = Namespace, Path)),
    request_body = NewKey,
    responses((status = 201, description = "Done.", body = KeyRecord))
)]
async fn add_key(
    State(catalog): State<Catalog>,
    caller: Caller,
    Path(namespace): Path<Namespace>,
    Json(new): Json<NewKey>,
) -> Result<(StatusCode, Json<KeyRecord>), Error> {
    caller.must_own(&catalog.db, &namespace, "add keys to").await?;
    let added = super::add_key(&catalog.db, &caller.actor, &namespace, &new).await?;
    Ok((StatusCode::CREATED, Json(added)))
}

/// Revokes a key from a moment on.
#[utoipa::path(
    put,
    path = "/api/v1/namespaces/{namespace}/keys/{key}/revocation",
    params(("namespace" = Namespace, Path), ("key" = String, Path)),
    request_body = NewRevocation,
    responses((status = 204, description = "Done."))
)]
async fn revoke_key(
    State(catalog): State<Catalog>,
    caller: Caller,
    Path((namespace, key)): Path<(Namespace, String)>,
    Json(new): Json<NewRevocation>,
) -> Result<StatusCode, Error> {
    caller.must_own(&catalog.db, &namespace, "revoke keys of").await?;
    let key: KeyId = key.parse()?;
    super::revoke_key(&catalog.db, &caller.actor, &namespace, &key, new.from).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Searches the plugins that the caller may see: the latest release of each.
#[utoipa::path(
    get,
    path = "/api/v1/plugins",
    params(search::Query, Paging<search::Key>),
    responses((status = 200, description = "Done.", body = Page<ReleaseRecord>)),
    security((), ("token" = []))
)]
async fn search(
    State(catalog): State<Catalog>,
    principal: Principal,
    Query(query): Query<search::Query>,
    Query(paging): Query<Paging<search::Key>>,
) -> Result<Json<Page<ReleaseRecord>>, Error> {
    let (operator, mine) = namespaces_seen(&catalog.db, &principal).await?;
    let sees = |namespace: &Namespace| operator || mine.contains(namespace.as_str());
    Ok(Json(catalog.search.find(&catalog.db, &query, &paging, sees).await?))
}

/// Lists a plugin's releases.
#[utoipa::path(
    get,
    path = "/api/v1/plugins/{namespace}/{name}/releases",
    params(("namespace" = Namespace, Path), ("name" = inline(PluginName), Path), Paging<Version>),
    responses((status = 200, description = "Done.", body = Page<ReleaseRecord>)),
    security((), ("token" = []))
)]
async fn releases(
    State(catalog): State<Catalog>,
    principal: Principal,
    Path(path): Path<OfPlugin>,
    Query(paging): Query<Paging<Version>>,
) -> Result<Json<Page<ReleaseRecord>>, Error> {
    let plugin = plugin(path);
    search::must_see_or_mean(&catalog, &principal, &plugin).await?;
    Ok(Json(super::releases(&catalog.db, &plugin, &paging).await?))
}

/// Shows one release, with its manifest.
#[utoipa::path(
    get,
    path = "/api/v1/plugins/{namespace}/{name}/releases/{version}",
    params(("namespace" = Namespace, Path), ("name" = inline(PluginName), Path), ("version" = String, Path)),
    responses((status = 200, description = "Done.", body = ReleaseRecord)),
    security((), ("token" = []))
)]
async fn release(
    State(catalog): State<Catalog>,
    principal: Principal,
    Path(path): Path<OfRelease>,
) -> Result<Json<ReleaseRecord>, Error> {
    let release = as_release(path);
    search::must_see_or_mean(&catalog, &principal, &release.plugin).await?;
    let found = super::find_release(&catalog.db, &release).await?;
    found.map(Json).ok_or_else(|| Error::not_found(format!("release {release}")))
}

/// Publishes a pushed artifact as a release.
#[utoipa::path(
    post,
    path = "/api/v1/plugins/{namespace}/{name}/releases",
    params(("namespace" = Namespace, Path), ("name" = inline(PluginName), Path)),
    request_body = NewRelease,
    responses(
        (status = 201, description = "Done.", body = ReleaseRecord),
        (status = 202, description = "It takes another member to approve it.", body = StagedRelease)
    ),
    security((), ("token" = []))
)]
async fn publish(
    State(catalog): State<Catalog>,
    principal: Principal,
    Path(path): Path<OfPlugin>,
    Json(new): Json<NewRelease>,
) -> Result<Response, Error> {
    let plugin = plugin(path);
    let by = principal.must_publish(&catalog.db, &plugin).await?.person().clone();
    let exchange = exchanged_for(&catalog.db, &principal.credential).await?;
    let actor = principal.actor()?;
    Ok(match super::publish(&catalog, (&actor, &by), &plugin, &new, exchange.as_ref()).await? {
        Published::Released(record) => (StatusCode::CREATED, Json(record)).into_response(),
        Published::Staged(staged) => (StatusCode::ACCEPTED, Json(staged)).into_response(),
    })
}

/// Keeps a release from being chosen for new installs.
#[utoipa::path(
    put,
    path = "/api/v1/plugins/{namespace}/{name}/releases/{version}/yank",
    params(("namespace" = Namespace, Path), ("name" = inline(PluginName), Path), ("version" = String, Path)),
    responses((status = 204, description = "Done.")),
    security((), ("token" = []))
)]
async fn yank(
    State(catalog): State<Catalog>,
    principal: Principal,
    Path(path): Path<OfRelease>,
) -> Result<StatusCode, Error> {
    let release = as_release(path);
    principal.must_publish(&catalog.db, &release.plugin).await?;
    super::yank(&catalog.db, &principal.actor()?, &release, true).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Lets a yanked release be chosen again.
#[utoipa::path(
    delete,
    path = "/api/v1/plugins/{namespace}/{name}/releases/{version}/yank",
    params(("namespace" = Namespace, Path), ("name" = inline(PluginName), Path), ("version" = String, Path)),
    responses((status = 204, description = "Done.")),
    security((), ("token" = []))
)]
async fn unyank(
    State(catalog): State<Catalog>,
    principal: Principal,
    Path(path): Path<OfRelease>,
) -> Result<StatusCode, Error> {
    let release = as_release(path);
    principal.must_publish(&catalog.db, &release.plugin).await?;
    super::yank(&catalog.db, &principal.actor()?, &release, false).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Advises to use something else.
#[utoipa::path(
    put,
    path = "/api/v1/plugins/{namespace}/{name}/releases/{version}/deprecation",
    params(("namespace" = Namespace, Path), ("name" = inline(PluginName), Path), ("version" = String, Path)),
    request_body = Deprecation,
    responses((status = 204, description = "Done.")),
    security((), ("token" = []))
)]
async fn deprecate(
    State(catalog): State<Catalog>,
    principal: Principal,
    Path(path): Path<OfRelease>,
    Json(advice): Json<Deprecation>,
) -> Result<StatusCode, Error> {
    let release = as_release(path);
    principal.must_publish(&catalog.db, &release.plugin).await?;
    super::deprecate(&catalog.db, &principal.actor()?, &release, Some(&advice)).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Takes that advice back.
#[utoipa::path(
    delete,
    path = "/api/v1/plugins/{namespace}/{name}/releases/{version}/deprecation",
    params(("namespace" = Namespace, Path), ("name" = inline(PluginName), Path), ("version" = String, Path)),
    responses((status = 204, description = "Done.")),
    security((), ("token" = []))
)]
async fn undeprecate(
    State(catalog): State<Catalog>,
    principal: Principal,
    Path(path): Path<OfRelease>,
) -> Result<StatusCode, Error> {
    let release = as_release(path);
    principal.must_publish(&catalog.db, &release.plugin).await?;
    super::deprecate(&catalog.db, &principal.actor()?, &release, None).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Withdraws a release: nobody is to run it.
///
/// By an owner or, where the owner is the danger, by an operator.
#[utoipa::path(
    put,
    path = "/api/v1/plugins/{namespace}/{name}/releases/{version}/withdrawal",
    params(("namespace" = Namespace, Path), ("name" = inline(PluginName), Path), ("version" = String, Path)),
    request_body = NewWithdrawal,
    responses((status = 204, description = "Done."))
)]
async fn withdraw(
    State(catalog): State<Catalog>,
    caller: Caller,
    Path(path): Path<OfRelease>,
    Json(new): Json<NewWithdrawal>,
) -> Result<StatusCode, Error> {
    let release = as_release(path);
    if !caller.operator {
        caller.must_be(&catalog.db, Role::Owner, &release.plugin.namespace, "withdraw releases of").await?;
    }
    super::withdraw(&catalog.db, &caller.actor, &release, &new.reason).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Certifies a plugin; for operators.
#[utoipa::path(
    put,
    path = "/api/v1/plugins/{namespace}/{name}/certification",
    params(("namespace" = Namespace, Path), ("name" = inline(PluginName), Path)),
    responses((status = 204, description = "Done."))
)]
async fn certify(
    State(catalog): State<Catalog>,
    caller: Caller,
    Path(path): Path<OfPlugin>,
) -> Result<StatusCode, Error> {
    caller.must_operate("certify plugins")?;
    super::certify(&catalog.db, &caller, &plugin(path), true).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Ends a plugin's certification; for operators.
#[utoipa::path(
    delete,
    path = "/api/v1/plugins/{namespace}/{name}/certification",
    params(("namespace" = Namespace, Path), ("name" = inline(PluginName), Path)),
    responses((status = 204, description = "Done."))
)]
async fn decertify(
    State(catalog): State<Catalog>,
    caller: Caller,
    Path(path): Path<OfPlugin>,
) -> Result<StatusCode, Error> {
    caller.must_operate("certify plugins")?;
    super::certify(&catalog.db, &caller, &plugin(path), false).await?;
    Ok(StatusCode::NO_CONTENT)
}
