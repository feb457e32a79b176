//! `/api/v1/namespaces` and `/api/v1/plugins`.

use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::{get, post, put};
use chandlery_package::wire::{KeyRecord, NewKey, NewNamespace, NewPrice, NewRelease, Page, ReleaseRecord};
use chandlery_package::{Namespace, PluginId, PluginName, Release};
use semver::Version;
use serde::Deserialize;

use crate::accounts::Caller;
use crate::extract::{Json, Path, Query};
use crate::{Error, Registry, billing};

const PAGE_ITEMS: usize = 100;

/// The routes of this room.
pub fn routes() -> Router<Registry> {
    Router::new()
        .route("/api/v1/namespaces", post(take_namespace))
        .route("/api/v1/namespaces/{namespace}/keys", get(keys).post(add_key))
        .route("/api/v1/plugins", get(search))
        .route("/api/v1/plugins/{namespace}/{name}/releases", get(releases).post(publish))
        .route("/api/v1/plugins/{namespace}/{name}/releases/{version}", get(release))
        .route("/api/v1/plugins/{namespace}/{name}/price", put(set_price))
}

async fn take_namespace(
    State(registry): State<Registry>,
    caller: Caller,
    Json(new): Json<NewNamespace>,
) -> Result<StatusCode, Error> {
    super::take_namespace(&registry, &caller.name, &new.name).await?;
    Ok(StatusCode::CREATED)
}

async fn keys(
    State(registry): State<Registry>,
    Path(namespace): Path<Namespace>,
) -> Result<Json<Page<KeyRecord>>, Error> {
    Ok(Json(Page { items: super::keys(&registry, &namespace).await?, next: None }))
}

async fn add_key(
    State(registry): State<Registry>,
    caller: Caller,
    Path(namespace): Path<Namespace>,
    Json(new): Json<NewKey>,
) -> Result<(StatusCode, Json<KeyRecord>), Error> {
    caller.must_own(&registry, &namespace, "add keys to").await?;
    Ok((StatusCode::CREATED, Json(super::add_key(&registry, &namespace, &new).await?)))
}

#[derive(Deserialize)]
struct Search {
    #[serde(default)]
    q: String,
    after: Option<String>,
}

async fn search(
    State(registry): State<Registry>,
    Query(query): Query<Search>,
) -> Result<Json<Page<ReleaseRecord>>, Error> {
    let found = super::search(&registry, &query.q).await?;
    let name = |record: &ReleaseRecord| record.release.plugin.to_string();
    let start = match &query.after {
        Some(after) => {
            found.iter().position(|record| name(record) == *after).map_or(found.len(), |at| at + 1)
        }
        None => 0,
    };
    let items: Vec<_> = found[start..].iter().take(PAGE_ITEMS).cloned().collect();
    let more = start + items.len() < found.len();
    let next = items.last().filter(|_| more).map(name);
    Ok(Json(Page { items, next }))
}

async fn releases(
    State(registry): State<Registry>,
    Path((namespace, name)): Path<(Namespace, PluginName)>,
) -> Result<Json<Page<ReleaseRecord>>, Error> {
    let items = super::releases(&registry, &PluginId { namespace, name }).await?;
    Ok(Json(Page { items, next: None }))
}

async fn release(
    State(registry): State<Registry>,
    Path((namespace, name, version)): Path<(Namespace, PluginName, Version)>,
) -> Result<Json<ReleaseRecord>, Error> {
    let release = Release { plugin: PluginId { namespace, name }, version };
    let found = super::find_release(&registry, &release).await?;
    found.map(Json).ok_or_else(|| Error::NotFound(format!("release {release}")))
}

async fn publish(
    State(registry): State<Registry>,
    caller: Caller,
    Path((namespace, name)): Path<(Namespace, PluginName)>,
    Json(new): Json<NewRelease>,
) -> Result<(StatusCode, Json<ReleaseRecord>), Error> {
    caller.must_own(&registry, &namespace, "publish in").await?;
    let record = super::publish(&registry, &PluginId { namespace, name }, &new).await?;
    Ok((StatusCode::CREATED, Json(record)))
}

async fn set_price(
    State(registry): State<Registry>,
    caller: Caller,
    Path((namespace, name)): Path<(Namespace, PluginName)>,
    Json(new): Json<NewPrice>,
) -> Result<StatusCode, Error> {
    caller.must_own(&registry, &namespace, "set prices in").await?;
    billing::set_price(&registry, &PluginId { namespace, name }, new.price).await?;
    Ok(StatusCode::NO_CONTENT)
}
