//! `/api/v1/namespaces` and `/api/v1/plugins`.

use std::collections::HashSet;

use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::{get, post, put};
use chandlery_package::wire::{
    Deprecation, KeyRecord, NewKey, NewNamespace, NewRelease, NewRevocation, NewVisibility, NewWithdrawal,
    Page, ReleaseRecord,
};
use chandlery_package::{KeyId, Namespace, PluginId, PluginName, Release};
use semver::Version;

use super::error::Error;
use super::search;
use crate::Registry;
use chandlery_accounts::{Account, Principal, Role, Scope};
use chandlery_edge::{Json, Path, Query};
use chandlery_store::Db;

/// The routes of this room.
pub fn routes() -> Router<Registry> {
    Router::new()
        .route("/api/v1/namespaces", post(take_namespace))
        .route("/api/v1/namespaces/{namespace}/visibility", put(set_visibility))
        .route("/api/v1/namespaces/{namespace}/keys", get(keys).post(add_key))
        .route("/api/v1/namespaces/{namespace}/keys/{key}/revocation", put(revoke_key))
        .route("/api/v1/plugins", get(search))
        .route("/api/v1/plugins/{namespace}/{name}/releases", get(releases).post(publish))
        .route("/api/v1/plugins/{namespace}/{name}/releases/{version}", get(release))
        .route("/api/v1/plugins/{namespace}/{name}/releases/{version}/yank", put(yank).delete(unyank))
        .route(
            "/api/v1/plugins/{namespace}/{name}/releases/{version}/deprecation",
            put(deprecate).delete(undeprecate),
        )
        .route("/api/v1/plugins/{namespace}/{name}/releases/{version}/withdrawal", put(withdraw))
        .route("/api/v1/plugins/{namespace}/{name}/certification", put(certify).delete(decertify))
}

type OfPlugin = (Namespace, PluginName);
type OfRelease = (Namespace, PluginName, Version);

fn plugin((namespace, name): OfPlugin) -> PluginId {
    PluginId { namespace, name }
}

fn as_release((namespace, name, version): OfRelease) -> Release {
    Release { plugin: PluginId { namespace, name }, version }
}

async fn take_namespace(
    State(registry): State<Registry>,
    caller: Account,
    Json(new): Json<NewNamespace>,
) -> Result<StatusCode, Error> {
    super::take_namespace(&registry, &caller, &new.name).await?;
    Ok(StatusCode::CREATED)
}

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

async fn keys(
    State(registry): State<Registry>,
    Path(namespace): Path<Namespace>,
) -> Result<Json<Page<KeyRecord>>, Error> {
    Ok(Json(Page { items: super::keys(&registry.db, &namespace).await?, next: None }))
}

async fn add_key(
    State(registry): State<Registry>,
    caller: Account,
    Path(namespace): Path<Namespace>,
    Json(new): Json<NewKey>,
) -> Result<(StatusCode, Json<KeyRecord>), Error> {
    caller.must_own(&registry.db, &namespace, "add keys to").await?;
    Ok((StatusCode::CREATED, Json(super::add_key(&registry.db, &namespace, &new).await?)))
}

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
    let (Some(account), Scope::Full | Scope::Read) = (&principal.account, &principal.scope) else {
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

async fn releases(
    State(registry): State<Registry>,
    principal: Principal,
    Path(path): Path<OfPlugin>,
) -> Result<Json<Page<ReleaseRecord>>, Error> {
    let plugin = plugin(path);
    must_see(&registry.db, &principal, &plugin).await?;
    Ok(Json(Page { items: super::releases(&registry.db, &plugin).await?, next: None }))
}

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

/// By an owner or, where the owner is the danger, by an operator.
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

async fn certify(
    State(registry): State<Registry>,
    caller: Account,
    Path(path): Path<OfPlugin>,
) -> Result<StatusCode, Error> {
    caller.must_operate("certify plugins")?;
    super::certify(&registry.db, &plugin(path), true).await?;
    Ok(StatusCode::NO_CONTENT)
}

async fn decertify(
    State(registry): State<Registry>,
    caller: Account,
    Path(path): Path<OfPlugin>,
) -> Result<StatusCode, Error> {
    caller.must_operate("certify plugins")?;
    super::certify(&registry.db, &plugin(path), false).await?;
    Ok(StatusCode::NO_CONTENT)
}
