//! `/api/v1/namespaces` and `/api/v1/plugins`.

use std::collections::HashSet;

use axum::extract::State;
use axum::http::StatusCode;
use chandlery_package::wire::{
    Deprecation, KeyRecord, NewKey, NewNamespace, NewRelease, NewRevocation, NewVisibility, NewWithdrawal,
    Page, ReleaseRecord,
};
use chandlery_package::{KeyId, Namespace, PluginId, PluginName, Release};
use semver::Version;

use super::error::Error;
use super::search;
use crate::Registry;
use chandlery_accounts::{Account, Grant, Principal, Role, Scope};
use chandlery_edge::{Json, Path, Query};
use chandlery_store::Db;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// The routes of this room.
pub fn routes() -> OpenApiRouter<Registry> {
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
    State(registry): State<Registry>,
    caller: Account,
    Json(new): Json<NewNamespace>,
) -> Result<StatusCode, Error> {
    super::take_namespace(&registry, &caller, &new.name).await?;
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
    State(registry): State<Registry>,
    caller: Account,
    Path(namespace): Path<Namespace>,
    Json(new): Json<NewVisibility>,
) -> Result<StatusCode, Error> {
    caller.must_own(&registry.db, &namespace, "choose who sees").await?;
    super::set_visibility(&registry, &namespace, new.public).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Lists the keys that sign a namespace's releases.
#[utoipa::path(
    get,
    path = "/api/v1/namespaces/{namespace}/keys",
    params(("namespace" = Namespace, Path)),
    responses((status = 200, description = "Done.", body = Page<KeyRecord>)),
    security(())
)]
async fn keys(
    State(registry): State<Registry>,
    Path(namespace): Path<Namespace>,
) -> Result<Json<Page<KeyRecord>>, Error> {
    Ok(Json(Page { items: super::keys(&registry.db, &namespace).await?, next: None }))
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
    State(registry): State<Registry>,
    caller: Account,
    Path(namespace): Path<Namespace>,
    Json(new): Json<NewKey>,
) -> Result<(StatusCode, Json<KeyRecord>), Error> {
    caller.must_own(&registry.db, &namespace, "add keys to").await?;
    Ok((StatusCode::CREATED, Json(super::add_key(&registry.db, &namespace, &new).await?)))
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
    State(registry): State<Registry>,
    caller: Account,
    Path((namespace, key)): Path<(Namespace, String)>,
    Json(new): Json<NewRevocation>,
) -> Result<StatusCode, Error> {
    caller.must_own(&registry.db, &namespace, "revoke keys of").await?;
    let key: KeyId = key.parse()?;
    super::revoke_key(&registry.db, &namespace, &key, new.from).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Searches the plugins that the caller may see: the latest release of each.
#[utoipa::path(
    get,
    path = "/api/v1/plugins",
    params(search::Query),
    responses((status = 200, description = "Done.", body = Page<ReleaseRecord>)),
    security((), ("token" = []))
)]
async fn search(
    State(registry): State<Registry>,
    principal: Principal,
    Query(query): Query<search::Query>,
) -> Result<Json<Page<ReleaseRecord>>, Error> {
    let (operator, mine) = namespaces_seen(&registry.db, &principal).await?;
    let sees = |namespace: &Namespace| operator || mine.contains(namespace.as_str());
    let (items, more) = registry.search.find(&registry.db, &query, sees).await?;
    let next = more.then(|| (query.after + search::PAGE_ITEMS).to_string());
    Ok(Json(Page { items, next }))
}

/// Whether a visitor sees everything, and the namespaces it belongs to.
async fn namespaces_seen(db: &Db, principal: &Principal) -> Result<(bool, HashSet<String>), Error> {
    let (Some(account), Grant::Token(Scope::Full | Scope::Read)) = (&principal.account, &principal.grant)
    else {
        return Ok((false, HashSet::new()));
    };
    let rows: Vec<(String,)> = sqlx::query_as("select namespace from namespace_members where account = $1")
        .bind(account.name.as_str())
        .fetch_all(db.read())
        .await?;
    Ok((account.operator, rows.into_iter().map(|(name,)| name).collect()))
}

/// Refuses whoever may not see a plugin, without saying whether it exists.
async fn must_see(db: &Db, principal: &Principal, plugin: &PluginId) -> Result<(), Error> {
    let row: Option<(String,)> = sqlx::query_as(
        "select namespaces.visibility from plugins join namespaces on namespaces.name = plugins.namespace
         where plugins.id = $1",
    )
    .bind(plugin.to_string())
    .fetch_optional(db.read())
    .await?;
    let hidden = || Error::NotFound(format!("plugin '{plugin}'"));
    match row {
        Some((visibility,)) if visibility == "public" => Ok(()),
        Some(_) if principal.may_see(db, &plugin.namespace, &plugin.repository()).await? => Ok(()),
        _ => Err(hidden()),
    }
}

/// Lists a plugin's releases.
#[utoipa::path(
    get,
    path = "/api/v1/plugins/{namespace}/{name}/releases",
    params(("namespace" = Namespace, Path), ("name" = inline(PluginName), Path)),
    responses((status = 200, description = "Done.", body = Page<ReleaseRecord>)),
    security((), ("token" = []))
)]
async fn releases(
    State(registry): State<Registry>,
    principal: Principal,
    Path(path): Path<OfPlugin>,
) -> Result<Json<Page<ReleaseRecord>>, Error> {
    let plugin = plugin(path);
    must_see(&registry.db, &principal, &plugin).await?;
    Ok(Json(Page { items: super::releases(&registry.db, &plugin).await?, next: None }))
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
    State(registry): State<Registry>,
    principal: Principal,
    Path(path): Path<OfRelease>,
) -> Result<Json<ReleaseRecord>, Error> {
    let release = as_release(path);
    must_see(&registry.db, &principal, &release.plugin).await?;
    let found = super::find_release(&registry.db, &release).await?;
    found.map(Json).ok_or_else(|| Error::NotFound(format!("release {release}")))
}

/// Publishes a pushed artifact as a release.
#[utoipa::path(
    post,
    path = "/api/v1/plugins/{namespace}/{name}/releases",
    params(("namespace" = Namespace, Path), ("name" = inline(PluginName), Path)),
    request_body = NewRelease,
    responses((status = 201, description = "Done.", body = ReleaseRecord)),
    security((), ("token" = []))
)]
async fn publish(
    State(registry): State<Registry>,
    principal: Principal,
    Path(path): Path<OfPlugin>,
    Json(new): Json<NewRelease>,
) -> Result<(StatusCode, Json<ReleaseRecord>), Error> {
    let plugin = plugin(path);
    principal.must_publish(&registry.db, &plugin).await?;
    Ok((StatusCode::CREATED, Json(super::publish(&registry, &plugin, &new).await?)))
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
    State(registry): State<Registry>,
    principal: Principal,
    Path(path): Path<OfRelease>,
) -> Result<StatusCode, Error> {
    let release = as_release(path);
    principal.must_publish(&registry.db, &release.plugin).await?;
    super::yank(&registry.db, &release, true).await?;
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
    State(registry): State<Registry>,
    principal: Principal,
    Path(path): Path<OfRelease>,
) -> Result<StatusCode, Error> {
    let release = as_release(path);
    principal.must_publish(&registry.db, &release.plugin).await?;
    super::yank(&registry.db, &release, false).await?;
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
    State(registry): State<Registry>,
    principal: Principal,
    Path(path): Path<OfRelease>,
    Json(advice): Json<Deprecation>,
) -> Result<StatusCode, Error> {
    let release = as_release(path);
    principal.must_publish(&registry.db, &release.plugin).await?;
    super::deprecate(&registry.db, &release, Some(&advice)).await?;
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
    State(registry): State<Registry>,
    principal: Principal,
    Path(path): Path<OfRelease>,
) -> Result<StatusCode, Error> {
    let release = as_release(path);
    principal.must_publish(&registry.db, &release.plugin).await?;
    super::deprecate(&registry.db, &release, None).await?;
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
    State(registry): State<Registry>,
    caller: Account,
    Path(path): Path<OfRelease>,
    Json(new): Json<NewWithdrawal>,
) -> Result<StatusCode, Error> {
    let release = as_release(path);
    if !caller.operator {
        caller.must_be(&registry.db, Role::Owner, &release.plugin.namespace, "withdraw releases of").await?;
    }
    super::withdraw(&registry.db, &release, &new.reason).await?;
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
    State(registry): State<Registry>,
    caller: Account,
    Path(path): Path<OfPlugin>,
) -> Result<StatusCode, Error> {
    caller.must_operate("certify plugins")?;
    super::certify(&registry.db, &plugin(path), true).await?;
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
    State(registry): State<Registry>,
    caller: Account,
    Path(path): Path<OfPlugin>,
) -> Result<StatusCode, Error> {
    caller.must_operate("certify plugins")?;
    super::certify(&registry.db, &plugin(path), false).await?;
    Ok(StatusCode::NO_CONTENT)
}
