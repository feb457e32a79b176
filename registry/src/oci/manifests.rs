//! Manifests, by tag and by digest, kept byte for byte.

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use bytes::Bytes;
use chandlery_package::artifact::ImageManifest;
use chandlery_package::name::parse_version;
use chandlery_package::{Digest, PluginId, Release};
use serde_json::{Value, json};

use super::{CONTENT_DIGEST, OciError, Repository, header};
use crate::accounts::Caller;
use crate::extract::{Json, Path};
use crate::{Error, Registry, Write};

const MANIFEST_BYTES_MAX: usize = 4 << 20;

/// Serves a manifest; axum answers `HEAD` from the same headers.
pub(super) async fn get(
    State(registry): State<Registry>,
    Path((namespace, name, reference)): Path<(String, String, String)>,
) -> Result<Response, OciError> {
    let repository = Repository { namespace: namespace.parse()?, name: name.parse()? }.name();
    let digest = match reference.parse::<Digest>() {
        Ok(digest) => digest,
        Err(_) => tagged(&registry, &repository, &reference).await?,
    };
    let (media_type, content) = stored(&registry, &repository, digest).await?;
    let mut headers = HeaderMap::new();
    headers.insert(CONTENT_DIGEST, header(digest)?);
    headers.insert(header::CONTENT_TYPE, header(media_type)?);
    headers.insert(header::CONTENT_LENGTH, header(content.len())?);
    Ok((headers, content).into_response())
}

/// Stores a manifest whose blobs are all here.
pub(super) async fn put(
    State(registry): State<Registry>,
    caller: Option<Caller>,
    Path((namespace, name, reference)): Path<(String, String, String)>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Response, OciError> {
    let repository = Repository { namespace: namespace.parse()?, name: name.parse()? };
    repository.must_push(&registry, caller).await?;
    if body.len() > MANIFEST_BYTES_MAX {
        return Err(Error::Invalid(format!("a manifest has at most {MANIFEST_BYTES_MAX} bytes")).into());
    }
    let manifest = ImageManifest::parse(&body)?;
    let content =
        String::from_utf8(body.to_vec()).map_err(|_| Error::Invalid("a manifest is UTF-8".into()))?;
    let digest = Digest::of(&body);
    let media_type = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let media_type = media_type.or(manifest.media_type.as_deref()).unwrap_or_default();

    let mut write = registry.db.write().await?;
    must_have_blobs(&mut write, &repository.name(), &manifest).await?;
    sqlx::query(
        "insert into manifests (repository, digest, media_type, content) values ($1, $2, $3, $4) on conflict do nothing",
    )
    .bind(repository.name())
    .bind(digest.to_string())
    .bind(media_type)
    .bind(&content)
    .execute(&mut *write)
    .await?;
    match reference.parse::<Digest>() {
        Ok(named) if named != digest => {
            return Err(Error::DigestMismatch { expected: named, found: digest }.into());
        }
        Ok(_) => {}
        Err(_) => tag(&mut write, &repository, &reference, digest).await?,
    }
    write.commit().await?;

    let mut headers = HeaderMap::new();
    let location = format!("/v2/{}/manifests/{digest}", repository.name());
    headers.insert(header::LOCATION, header(location)?);
    headers.insert(CONTENT_DIGEST, header(digest)?);
    Ok((StatusCode::CREATED, headers).into_response())
}

/// `GET …/tags/list`.
pub(super) async fn tags(
    State(registry): State<Registry>,
    Path(repository): Path<Repository>,
) -> Result<Json<Value>, OciError> {
    let rows: Vec<(String,)> = sqlx::query_as("select tag from tags where repository = $1 order by tag")
        .bind(repository.name())
        .fetch_all(registry.db.read())
        .await?;
    let tags: Vec<_> = rows.into_iter().map(|(tag,)| tag).collect();
    Ok(Json(json!({ "name": repository.name(), "tags": tags })))
}

async fn must_have_blobs(write: &mut Write, repository: &str, manifest: &ImageManifest) -> Result<(), Error> {
    for blob in manifest.layers.iter().chain([&manifest.config]) {
        let found: Option<(i64,)> =
            sqlx::query_as("select bytes from repository_blobs where repository = $1 and digest = $2")
                .bind(repository)
                .bind(blob.digest.to_string())
                .fetch_optional(&mut **write)
                .await?;
        if found.is_none() {
            return Err(Error::NotFound(format!("blob {} in {repository}: push it first", blob.digest)));
        }
    }
    Ok(())
}

async fn tag(write: &mut Write, repository: &Repository, tag: &str, digest: Digest) -> Result<(), Error> {
    let first = tag.bytes().next().is_some_and(|b| b.is_ascii_alphanumeric() || b == b'_');
    let rest = tag.bytes().all(|b| b.is_ascii_alphanumeric() || b"_.-".contains(&b));
    if !first || !rest || tag.len() > 128 {
        return Err(Error::Invalid(format!("'{tag}' is not a tag")));
    }
    if let Ok(version) = parse_version(tag) {
        let plugin = PluginId { namespace: repository.namespace.clone(), name: repository.name.clone() };
        must_not_move(write, Release { plugin, version }, digest).await?;
    }
    sqlx::query(
        "insert into tags (repository, tag, digest) values ($1, $2, $3)
         on conflict (repository, tag) do update set digest = excluded.digest",
    )
    .bind(repository.name())
    .bind(tag)
    .bind(digest.to_string())
    .execute(&mut **write)
    .await?;
    Ok(())
}

async fn must_not_move(write: &mut Write, release: Release, digest: Digest) -> Result<(), Error> {
    let published: Option<(String,)> =
        sqlx::query_as("select artifact from releases where plugin = $1 and version = $2")
            .bind(release.plugin.to_string())
            .bind(release.version.to_string())
            .fetch_optional(&mut **write)
            .await?;
    match published {
        Some((artifact,)) if artifact != digest.to_string() => {
            Err(Error::VersionExists { release, artifact: artifact.parse()? })
        }
        _ => Ok(()),
    }
}

async fn tagged(registry: &Registry, repository: &str, tag: &str) -> Result<Digest, Error> {
    let found: Option<(String,)> =
        sqlx::query_as("select digest from tags where repository = $1 and tag = $2")
            .bind(repository)
            .bind(tag)
            .fetch_optional(registry.db.read())
            .await?;
    let (digest,) = found.ok_or_else(|| Error::NotFound(format!("manifest {repository}:{tag}")))?;
    Ok(digest.parse()?)
}

async fn stored(registry: &Registry, repository: &str, digest: Digest) -> Result<(String, String), Error> {
    let found: Option<(String, String)> =
        sqlx::query_as("select media_type, content from manifests where repository = $1 and digest = $2")
            .bind(repository)
            .bind(digest.to_string())
            .fetch_optional(registry.db.read())
            .await?;
    found.ok_or_else(|| Error::NotFound(format!("manifest {repository}@{digest}")))
}

/// A manifest of a plugin's repository, by its digest.
pub async fn read_manifest(
    registry: &Registry,
    plugin: &PluginId,
    digest: Digest,
) -> Result<ImageManifest, Error> {
    let (_, content) = stored(registry, &plugin.repository(), digest).await?;
    match Digest::of(&content) {
        found if found == digest => Ok(ImageManifest::parse(content.as_bytes())?),
        found => Err(Error::DigestMismatch { expected: digest, found }),
    }
}

/// What a tag of a plugin's repository points to, if it is there.
pub async fn read_tag(registry: &Registry, plugin: &PluginId, tag: &str) -> Result<Option<Digest>, Error> {
    match tagged(registry, &plugin.repository(), tag).await {
        Ok(digest) => Ok(Some(digest)),
        Err(Error::NotFound(_)) => Ok(None),
        Err(error) => Err(error),
    }
}
