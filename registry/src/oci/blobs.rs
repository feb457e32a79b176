//! Blobs: `GET` and `HEAD` by digest.

use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, header};
use axum::response::{IntoResponse as _, Response};
use bytes::Bytes;
use chandlery_package::{Digest, PluginId};

use super::{CONTENT_DIGEST, OciError, Repository, header};
use crate::extract::Path;
use crate::{Error, Registry, Write};

/// Serves a blob; axum answers `HEAD` from the same headers.
pub(super) async fn get(
    State(registry): State<Registry>,
    Path((namespace, name, digest)): Path<(String, String, String)>,
) -> Result<Response, OciError> {
    let repository = Repository { namespace: namespace.parse()?, name: name.parse()? };
    let digest: Digest = digest.parse()?;
    let bytes = size(&registry, &repository.name(), digest).await?;
    let mut headers = HeaderMap::new();
    headers.insert(CONTENT_DIGEST, header(digest)?);
    headers.insert(header::CONTENT_LENGTH, header(bytes)?);
    headers.insert(header::CONTENT_TYPE, header("application/octet-stream")?);
    let body = Body::from_stream(registry.storage.stream(digest).await?);
    Ok((headers, body).into_response())
}

/// A blob that belongs to a plugin's repository, checked against its digest.
pub async fn read_blob(registry: &Registry, plugin: &PluginId, digest: Digest) -> Result<Bytes, Error> {
    size(registry, &plugin.repository(), digest).await?;
    let bytes = registry.storage.get(digest).await?;
    match Digest::of(&bytes) {
        found if found == digest => Ok(bytes),
        found => Err(Error::DigestMismatch { expected: digest, found }),
    }
}

async fn size(registry: &Registry, repository: &str, digest: Digest) -> Result<i64, Error> {
    let found: Option<(i64,)> =
        sqlx::query_as("select bytes from repository_blobs where repository = $1 and digest = $2")
            .bind(repository)
            .bind(digest.to_string())
            .fetch_optional(registry.db.read())
            .await?;
    found.map(|(bytes,)| bytes).ok_or_else(|| Error::NotFound(format!("blob {digest} in {repository}")))
}

/// Makes stored content part of a repository.
pub(super) async fn record(
    write: &mut Write,
    repository: &str,
    digest: Digest,
    bytes: u64,
) -> Result<(), Error> {
    sqlx::query(
        "insert into repository_blobs (repository, digest, bytes) values ($1, $2, $3) on conflict do nothing",
    )
    .bind(repository)
    .bind(digest.to_string())
    .bind(bytes as i64)
    .execute(&mut **write)
    .await?;
    Ok(())
}
