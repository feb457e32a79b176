//! Pushing a blob: at once, as a stream, or in ordered chunks; or mounting one that another repository has. Each chunk
//! is an object of its own until the upload is finished, so an upload may go on at another replica of the registry.

use std::time::Duration;

use axum::body::Body;
use axum::extract::Request;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use bytes::{Bytes, BytesMut};
use futures::{Stream, StreamExt as _, TryStreamExt as _};
use jiff::Timestamp;
use serde::Deserialize;
use uuid::Uuid;

use super::blobs;
use super::error::Error;
use super::http::{CONTENT_DIGEST, drain, header, query};
use super::repository::Repository;
use super::state::{At, Oci};
use chandlery_store::content::{ContentDigest, ContentHasher};
use chandlery_store::{Db, Write, time};

/// Up to this size a blob is held in memory and stored without becoming a chunk first, in bytes.
const AT_ONCE_BYTES_MAX: u64 = 8 << 20;
/// How many uploads one account may have open.
const OPEN_MAX: i64 = 200;
/// How long a client may send nothing.
const PATIENCE: Duration = Duration::from_secs(60);

#[derive(Deserialize)]
struct Begin {
    digest: Option<ContentDigest>,
    mount: Option<ContentDigest>,
    from: Option<String>,
}

#[derive(Deserialize)]
struct Finish {
    digest: ContentDigest,
}

struct Upload {
    id: Uuid,
    chunks: Vec<Uuid>,
    bytes: u64,
}

/// `POST`: begins an upload, pushes a blob at once (`?digest=`), or mounts one (`?mount=`).
pub(super) async fn begin(at: At, request: Request) -> Result<Response, Error> {
    let account = at.must_push().await?.name.clone();
    let begin: Begin = query(&request)?;
    let At { oci, repository, .. } = &at;
    if let Some(digest) = begin.digest {
        let body = read_at_once(oci, request).await?;
        return store(oci, repository, &digest, body, None).await;
    }
    if let Some(digest) = begin.mount
        && mount(&at, &digest, begin.from.as_deref()).await?
    {
        return created(repository, &digest);
    }
    let upload = Upload { id: Uuid::new_v4(), chunks: Vec::new(), bytes: 0 };
    let mut write = oci.db.write_unsynced().await?;
    let begun = sqlx::query(
        "insert into uploads (id, repository, account, bytes, changed_at) select $1, $2, $3, 0, $4
         where (select count(*) from uploads where account = $3) < $5",
    )
    .bind(upload.id.to_string())
    .bind(repository.name())
    .bind(account.as_str())
    .bind(time(Timestamp::now()))
    .bind(OPEN_MAX)
    .execute(&mut *write)
    .await?;
    if begun.rows_affected() == 0 {
        return Err(Error::Quota(format!(
            "'{account}' has {OPEN_MAX} uploads open: finish or cancel some first"
        )));
    }
    write.commit().await?;
    accepted(repository, &upload, StatusCode::ACCEPTED)
}

/// Makes a blob of another repository, one that the visitor may read, part of this one. Whether there was such a blob.
async fn mount(at: &At, digest: &ContentDigest, from: Option<&str>) -> Result<bool, Error> {
    let At { oci, principal, repository } = at;
    let mut sources: Vec<Repository> = Vec::new();
    match from {
        Some(name) => sources.extend(name.parse::<Repository>().ok()),
        None => {
            let rows: Vec<(String,)> =
                sqlx::query_as("select repository from repository_blobs where digest = $1 limit 20")
                    .bind(digest.to_string())
                    .fetch_all(oci.db.read())
                    .await?;
            sources.extend(rows.iter().filter_map(|(name,)| name.parse::<Repository>().ok()));
        }
    }
    for source in sources {
        let there = At { oci: oci.clone(), principal: principal.clone(), repository: source };
        if there.must_pull().await.is_err() {
            continue;
        }
        let mut write = oci.db.write_shared().await?;
        let found: Option<(i64,)> =
            sqlx::query_as("select bytes from repository_blobs where repository = $1 and digest = $2")
                .bind(there.repository.name())
                .bind(digest.to_string())
                .fetch_optional(&mut *write)
                .await?;
        if let Some((bytes,)) = found {
            blobs::record(oci, &mut write, repository, digest, bytes as u64).await?;
            write.commit().await?;
            oci.cache.changed(&repository.namespace);
            return Ok(true);
        }
    }
    Ok(false)
}

/// `PATCH`: the next chunk.
pub(super) async fn append(at: At, id: Uuid, request: Request) -> Result<Response, Error> {
    at.must_push().await?;
    let At { oci, repository, .. } = &at;
    let upload = find(&oci.db, repository, id).await?;
    check_range(request.headers(), &upload)?;
    let upload = add_chunk(oci, upload, request).await?;
    accepted(repository, &upload, StatusCode::ACCEPTED)
}

/// `PUT`: the last chunk, if any, and the digest of the whole.
pub(super) async fn finish(at: At, id: Uuid, request: Request) -> Result<Response, Error> {
    at.must_push().await?;
    let At { oci, repository, .. } = &at;
    let Finish { digest } = query(&request)?;
    let mut upload = find(&oci.db, repository, id).await?;
    check_range(request.headers(), &upload)?;
    if upload.chunks.is_empty() && length(request.headers()).is_some_and(|bytes| bytes <= AT_ONCE_BYTES_MAX) {
        let body = read_at_once(oci, request).await?;
        return store(oci, repository, &digest, body, Some(id)).await;
    }
    if length(request.headers()) != Some(0) {
        upload = add_chunk(oci, upload, request).await?;
    }
    oci.storage.check_chunks(id, &upload.chunks, &digest).await?;
    keep(oci, repository, &digest, upload.bytes, Content::InChunks(&upload), Some(id)).await?;
    oci.storage.delete_chunks(id).await?;
    created(repository, &digest)
}

/// `GET`: how much has arrived.
pub(super) async fn progress(at: At, id: Uuid) -> Result<Response, Error> {
    at.must_push().await?;
    let upload = find(&at.oci.db, &at.repository, id).await?;
    accepted(&at.repository, &upload, StatusCode::NO_CONTENT)
}

/// `DELETE`: forgets it.
pub(super) async fn cancel(at: At, id: Uuid) -> Result<Response, Error> {
    at.must_push().await?;
    find(&at.oci.db, &at.repository, id).await?;
    forget(&at.oci, id).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

async fn find(db: &Db, repository: &Repository, id: Uuid) -> Result<Upload, Error> {
    let rows: Vec<(i64, Option<String>)> = sqlx::query_as(
        "select uploads.bytes, upload_chunks.id from uploads left join upload_chunks on upload = uploads.id
         where uploads.id = $1 and repository = $2 order by position",
    )
    .bind(id.to_string())
    .bind(repository.name())
    .fetch_all(db.read())
    .await?;
    let bytes =
        rows.first().map(|(bytes, _)| *bytes).ok_or_else(|| Error::not_found(format!("upload {id}")))?;
    let damaged = |_| Error::damaged(format!("a chunk of upload {id} has no name"));
    let chunks = rows.iter().filter_map(|(_, chunk)| chunk.as_deref());
    let chunks = chunks.map(|chunk| chunk.parse().map_err(damaged)).collect::<Result<_, _>>()?;
    Ok(Upload { id, chunks, bytes: bytes as u64 })
}

/// A chunk is stored before it is counted: a crash in between makes the client send it again.
async fn add_chunk(oci: &Oci, mut upload: Upload, request: Request) -> Result<Upload, Error> {
    let left = oci.limits.blob_bytes_max.saturating_sub(upload.bytes);
    let chunk = Uuid::new_v4();
    let bytes = oci.storage.put_chunk(upload.id, chunk, pieces(oci, request, left).await?.boxed()).await?;
    let position = upload.chunks.len() as i64;
    let mut write = oci.db.write_unsynced().await?;
    let counted = sqlx::query(
        "insert into upload_chunks (upload, position, id) values ($1, $2, $3) on conflict do nothing",
    )
    .bind(upload.id.to_string())
    .bind(position)
    .bind(chunk.to_string())
    .execute(&mut *write)
    .await?;
    let still_open = sqlx::query("update uploads set bytes = bytes + $1, changed_at = $2 where id = $3")
        .bind(bytes as i64)
        .bind(time(Timestamp::now()))
        .bind(upload.id.to_string())
        .execute(&mut *write)
        .await?;
    if (counted.rows_affected(), still_open.rows_affected()) != (1, 1) {
        return Err(Error::UploadMoved { id: upload.id, bytes: upload.bytes });
    }
    write.commit().await?;
    upload.chunks.push(chunk);
    upload.bytes += bytes;
    Ok(upload)
}

/// `Content-Range: first-last`, where the client sends one, continues what has arrived.
fn check_range(headers: &HeaderMap, upload: &Upload) -> Result<(), Error> {
    let Some(range) = headers.get(header::CONTENT_RANGE) else { return Ok(()) };
    let moved = || Error::UploadMoved { id: upload.id, bytes: upload.bytes };
    let (first, last) = range.to_str().ok().and_then(|range| range.split_once('-')).ok_or_else(moved)?;
    let (Ok(first), Ok(last)) = (first.parse::<u64>(), last.parse::<u64>()) else { return Err(moved()) };
    let as_long = length(headers).is_none_or(|bytes| last.checked_sub(first) == bytes.checked_sub(1));
    if first == upload.bytes && as_long { Ok(()) } else { Err(moved()) }
}

fn length(headers: &HeaderMap) -> Option<u64> {
    headers.get(header::CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

fn too_large(bytes_max: u64) -> Error {
    Error::too_large("a blob", bytes_max)
}

/// The request's body as it arrives, no longer than what is left, without pauses longer than [`PATIENCE`].
async fn pieces(
    oci: &Oci,
    request: Request,
    bytes_left: u64,
) -> Result<impl Stream<Item = Result<Bytes, Error>> + use<>, Error> {
    if length(request.headers()).is_some_and(|bytes| bytes > bytes_left) {
        drain(request.into_body()).await;
        return Err(too_large(oci.limits.blob_bytes_max));
    }
    let bytes_max = oci.limits.blob_bytes_max;
    let mut arrived = 0;
    Ok(patient(request.into_body()).and_then(move |piece| {
        arrived += piece.len() as u64;
        let fits = arrived <= bytes_left;
        let outcome = if fits { Ok(piece) } else { Err(too_large(bytes_max)) };
        std::future::ready(outcome)
    }))
}

fn patient(body: Body) -> impl Stream<Item = Result<Bytes, Error>> {
    futures::stream::unfold(body.into_data_stream(), |mut stream| async {
        let piece = match tokio::time::timeout(PATIENCE, stream.next()).await {
            Ok(Some(Ok(piece))) => Ok(piece),
            Ok(Some(Err(error))) => Err(Error::invalid(format!("the body broke off: {error}"))),
            Ok(None) => return None,
            Err(_) => Err(Error::invalid(format!("nothing arrived for {} seconds", PATIENCE.as_secs()))),
        };
        Some((piece, stream))
    })
}

async fn read_at_once(oci: &Oci, request: Request) -> Result<Bytes, Error> {
    let expected = length(request.headers()).unwrap_or_default().min(AT_ONCE_BYTES_MAX);
    let mut pieces = pieces(oci, request, oci.limits.blob_bytes_max).await?.boxed();
    let Some(first) = pieces.try_next().await? else { return Ok(Bytes::new()) };
    if first.len() as u64 == expected {
        return Ok(first);
    }
    let mut whole = BytesMut::with_capacity(expected as usize);
    whole.extend_from_slice(&first);
    while let Some(piece) = pieces.try_next().await? {
        whole.extend_from_slice(&piece);
    }
    Ok(whole.freeze())
}

async fn store(
    oci: &Oci,
    repository: &Repository,
    digest: &ContentDigest,
    body: Bytes,
    upload: Option<Uuid>,
) -> Result<Response, Error> {
    let mut hasher = ContentHasher::new(digest.algorithm());
    hasher.update(&body);
    let found = hasher.finish();
    if found != *digest {
        return Err(chandlery_store::Error::ContentMismatch { expected: digest.clone(), found }.into());
    }
    let bytes = body.len() as u64;
    keep(oci, repository, digest, bytes, Content::Here(body), upload).await?;
    created(repository, digest)
}

/// Content that was checked, and is yet to be stored under its name.
enum Content<'a> {
    Here(Bytes),
    InChunks(&'a Upload),
}

/// Stores content that was checked and makes it part of a repository, which ends its upload. The collection of
/// garbage may have removed the content before the database knew that it is wanted; then it is stored again.
async fn keep(
    oci: &Oci,
    repository: &Repository,
    digest: &ContentDigest,
    bytes: u64,
    content: Content<'_>,
    upload: Option<Uuid>,
) -> Result<(), Error> {
    let storage = &oci.storage;
    loop {
        if !storage.holds(digest).await? {
            match &content {
                Content::Here(body) => storage.put(digest, body.clone()).await?,
                Content::InChunks(upload) => storage.assemble(upload.id, &upload.chunks, digest).await?,
            }
        }
        let mut write = oci.db.write_shared().await?;
        if storage.holds(digest).await? {
            blobs::record(oci, &mut write, repository, digest, bytes).await?;
            if let Some(upload) = upload {
                end(&mut write, upload).await?;
            }
            write.commit().await?;
            oci.cache.changed(&repository.namespace);
            return Ok(());
        }
    }
}

async fn end(write: &mut Write, upload: Uuid) -> Result<(), Error> {
    for sql in ["delete from uploads where id = $1", "delete from upload_chunks where upload = $1"] {
        sqlx::query(sql).bind(upload.to_string()).execute(&mut **write).await?;
    }
    Ok(())
}

/// Ends an upload that comes to nothing.
pub(super) async fn forget(oci: &Oci, upload: Uuid) -> Result<(), Error> {
    let mut write = oci.db.write_unsynced().await?;
    end(&mut write, upload).await?;
    write.commit().await?;
    Ok(oci.storage.delete_chunks(upload).await?)
}

fn created(repository: &Repository, digest: &ContentDigest) -> Result<Response, Error> {
    let mut headers = HeaderMap::new();
    headers.insert(header::LOCATION, header(format!("/v2/{repository}/blobs/{digest}"))?);
    headers.insert(CONTENT_DIGEST, header(digest)?);
    Ok((StatusCode::CREATED, headers).into_response())
}

fn accepted(repository: &Repository, upload: &Upload, status: StatusCode) -> Result<Response, Error> {
    let mut headers = HeaderMap::new();
    headers.insert(header::LOCATION, header(format!("/v2/{repository}/blobs/uploads/{}", upload.id))?);
    headers.insert(header::RANGE, header(format!("0-{}", upload.bytes.saturating_sub(1)))?);
    headers.insert("docker-upload-uuid", header(upload.id)?);
    Ok((status, headers).into_response())
}
