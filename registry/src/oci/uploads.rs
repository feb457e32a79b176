//! Pushing a blob: at once, or in ordered chunks. Each chunk is an object of its own until the upload is finished, so
//! an upload may go on at another replica of the registry.

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use bytes::{Bytes, BytesMut};
use chandlery_package::Digest;
use chandlery_package::component::COMPONENT_BYTES_MAX;
use jiff::Timestamp;
use serde::Deserialize;
use uuid::Uuid;

use super::{CONTENT_DIGEST, OciError, Repository, blobs, header};
use crate::accounts::Caller;
use crate::extract::{Path, Query};
use crate::{Error, Registry, time};

#[derive(Deserialize)]
pub(super) struct Finish {
    digest: Option<Digest>,
}

#[derive(Deserialize)]
pub(super) struct UploadPath {
    #[serde(flatten)]
    repository: Repository,
    upload: Uuid,
}

struct Upload {
    id: String,
    chunks: i64,
    bytes: i64,
}

/// `POST`: begins an upload or, with a digest, pushes a blob at once.
pub(super) async fn begin(
    State(registry): State<Registry>,
    caller: Option<Caller>,
    Path(repository): Path<Repository>,
    Query(query): Query<Finish>,
    body: Bytes,
) -> Result<Response, OciError> {
    repository.must_push(&registry, caller).await?;
    if let Some(digest) = query.digest {
        return store(&registry, &repository, digest, body).await;
    }
    let upload = Upload { id: Uuid::new_v4().to_string(), chunks: 0, bytes: 0 };
    sqlx::query("insert into uploads (id, repository, chunks, bytes, started_at) values ($1, $2, 0, 0, $3)")
        .bind(&upload.id)
        .bind(repository.name())
        .bind(time(Timestamp::now()))
        .execute(registry.db.read())
        .await?;
    accepted(&repository, &upload, StatusCode::ACCEPTED)
}

/// `PATCH`: the next chunk.
pub(super) async fn append(
    State(registry): State<Registry>,
    caller: Option<Caller>,
    Path(path): Path<UploadPath>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Response, OciError> {
    path.repository.must_push(&registry, caller).await?;
    let upload = find(&registry, &path).await?;
    check_range(&headers, &upload, body.len())?;
    let upload = add_chunk(&registry, upload, body).await?;
    accepted(&path.repository, &upload, StatusCode::ACCEPTED)
}

/// `PUT`: the last chunk, if any, and the digest of the whole.
pub(super) async fn finish(
    State(registry): State<Registry>,
    caller: Option<Caller>,
    Path(path): Path<UploadPath>,
    Query(query): Query<Finish>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Response, OciError> {
    path.repository.must_push(&registry, caller).await?;
    let upload = find(&registry, &path).await?;
    let digest = query.digest.ok_or_else(|| Error::Invalid("the upload's digest is missing".into()))?;
    check_range(&headers, &upload, body.len())?;
    check_size(upload.bytes, body.len())?;
    let mut whole = BytesMut::with_capacity(upload.bytes as usize + body.len());
    for index in 0..upload.chunks {
        whole.extend_from_slice(&registry.storage.get_chunk(&upload.id, index).await?);
    }
    whole.extend_from_slice(&body);
    let response = store(&registry, &path.repository, digest, whole.freeze()).await?;
    forget(&registry, &upload).await?;
    Ok(response)
}

/// `GET`: how much has arrived.
pub(super) async fn progress(
    State(registry): State<Registry>,
    caller: Option<Caller>,
    Path(path): Path<UploadPath>,
) -> Result<Response, OciError> {
    path.repository.must_push(&registry, caller).await?;
    let upload = find(&registry, &path).await?;
    accepted(&path.repository, &upload, StatusCode::NO_CONTENT)
}

/// `DELETE`: forgets it.
pub(super) async fn cancel(
    State(registry): State<Registry>,
    caller: Option<Caller>,
    Path(path): Path<UploadPath>,
) -> Result<StatusCode, OciError> {
    path.repository.must_push(&registry, caller).await?;
    let upload = find(&registry, &path).await?;
    forget(&registry, &upload).await?;
    Ok(StatusCode::NO_CONTENT)
}

async fn find(registry: &Registry, path: &UploadPath) -> Result<Upload, Error> {
    let id = path.upload.to_string();
    let found: Option<(i64, i64)> =
        sqlx::query_as("select chunks, bytes from uploads where id = $1 and repository = $2")
            .bind(&id)
            .bind(path.repository.name())
            .fetch_optional(registry.db.read())
            .await?;
    let (chunks, bytes) = found.ok_or_else(|| Error::NotFound(format!("upload {id}")))?;
    Ok(Upload { id, chunks, bytes })
}

/// The chunk is stored before it is counted: a crash in between makes the client send it again.
async fn add_chunk(registry: &Registry, upload: Upload, body: Bytes) -> Result<Upload, Error> {
    check_size(upload.bytes, body.len())?;
    let bytes = upload.bytes + body.len() as i64;
    registry.storage.put_chunk(&upload.id, upload.chunks, body).await?;
    let counted =
        sqlx::query("update uploads set chunks = chunks + 1, bytes = $1 where id = $2 and chunks = $3")
            .bind(bytes)
            .bind(&upload.id)
            .bind(upload.chunks)
            .execute(registry.db.read())
            .await?;
    match counted.rows_affected() {
        1 => Ok(Upload { chunks: upload.chunks + 1, bytes, ..upload }),
        _ => Err(Error::Conflict("another chunk of this upload arrived at the same time".into())),
    }
}

/// `Content-Range: first-last`, where the client sends one, continues what has arrived.
fn check_range(headers: &HeaderMap, upload: &Upload, length: usize) -> Result<(), Error> {
    let Some(range) = headers.get(header::CONTENT_RANGE) else { return Ok(()) };
    let expected = format!("{}-{}", upload.bytes, upload.bytes + length as i64 - 1);
    match range.to_str() {
        Ok(range) if range == expected => Ok(()),
        _ => Err(Error::Conflict(format!("the next chunk must have the Content-Range {expected}"))),
    }
}

fn check_size(have: i64, more: usize) -> Result<(), Error> {
    match have as usize + more {
        size if size > COMPONENT_BYTES_MAX => {
            Err(Error::Invalid(format!("a blob has at most {COMPONENT_BYTES_MAX} bytes")))
        }
        _ => Ok(()),
    }
}

async fn store(
    registry: &Registry,
    repository: &Repository,
    digest: Digest,
    bytes: Bytes,
) -> Result<Response, OciError> {
    let found = Digest::of(&bytes);
    if found != digest {
        return Err(Error::DigestMismatch { expected: digest, found }.into());
    }
    let size = bytes.len() as u64;
    registry.storage.put(digest, bytes).await?;
    let mut write = registry.db.write().await?;
    blobs::record(&mut write, &repository.name(), digest, size).await?;
    write.commit().await?;
    let mut headers = HeaderMap::new();
    headers.insert(header::LOCATION, header(format!("/v2/{}/blobs/{digest}", repository.name()))?);
    headers.insert(CONTENT_DIGEST, header(digest)?);
    Ok((StatusCode::CREATED, headers).into_response())
}

async fn forget(registry: &Registry, upload: &Upload) -> Result<(), Error> {
    sqlx::query("delete from uploads where id = $1").bind(&upload.id).execute(registry.db.read()).await?;
    registry.storage.delete_chunks(&upload.id).await
}

fn accepted(repository: &Repository, upload: &Upload, status: StatusCode) -> Result<Response, OciError> {
    let mut headers = HeaderMap::new();
    let location = format!("/v2/{}/blobs/uploads/{}", repository.name(), upload.id);
    headers.insert(header::LOCATION, header(location)?);
    headers.insert(header::RANGE, header(format!("0-{}", (upload.bytes - 1).max(0)))?);
    headers.insert("docker-upload-uuid", header(&upload.id)?);
    Ok((status, headers).into_response())
}
