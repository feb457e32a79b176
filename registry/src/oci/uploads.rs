//! Pushing a blob: at once, as a stream, or in ordered chunks; or mounting one that another repository has.

use axum::extract::Request;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use bytes::Bytes;
use chandlery_package::Namespace;
use jiff::{SignedDuration, Timestamp};
use serde::Deserialize;
use tokio::runtime::Handle;
use uuid::Uuid;

use super::blobs;
use super::bodies::{self, length};
use super::chunks::{self, Upload, check_range, find};
use super::error::Error;
use super::http::{CONTENT_DIGEST, header, query};
use super::paid;
use super::repository::Repository;
use super::state::{At, Oci};
use chandlery_store::content::{ContentDigest, ContentHasher};
use chandlery_store::{Write, time};

/// How many uploads one account may have open, those among them that a client left behind.
const OPEN_MAX: i64 = 64;
/// How long an upload is kept that nobody continues.
pub(super) const KEPT_FOR: SignedDuration = SignedDuration::from_hours(6);
/// When to try again who has too many uploads open, in seconds.
const TRY_AGAIN_SECONDS: u64 = 10;

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

/// `POST`: begins an upload, pushes a blob at once (`?digest=`), or mounts one (`?mount=`).
pub(super) async fn begin(at: At, request: Request) -> Result<Response, Error> {
    let account = at.must_push().await?.name.clone();
    let begin: Begin = query(&request)?;
    let At { oci, repository, .. } = &at;
    if let Some(digest) = begin.digest {
        if let Some(_room) = bodies::room(request.headers()) {
            return store(oci, repository, &digest, request, None).await;
        }
        let upload = open(oci, repository, &account).await?;
        let mut only = OneRequest { oci: oci.clone(), upload: Some(upload.id) };
        let response = complete(oci, repository, upload, &digest, request).await?;
        only.upload = None;
        return Ok(response);
    }
    if let Some(digest) = begin.mount
        && mount(&at, &digest, begin.from.as_deref()).await?
    {
        return created(repository, &digest);
    }
    let upload = open(oci, repository, &account).await?;
    accepted(repository, &upload, StatusCode::ACCEPTED)
}

async fn open(oci: &Oci, repository: &Repository, account: &Namespace) -> Result<Upload, Error> {
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
        let what = format!("'{account}' has {OPEN_MAX} uploads open, and can finish or cancel some");
        return Err(chandlery_edge::Error::too_many(what, TRY_AGAIN_SECONDS).into());
    }
    write.commit().await?;
    Ok(upload)
}

/// An upload that began with the request that brings all of it: when that comes to nothing or breaks off, so does the upload.
struct OneRequest {
    oci: Oci,
    upload: Option<Uuid>,
}

impl Drop for OneRequest {
    fn drop(&mut self) {
        let (Some(upload), Ok(runtime)) = (self.upload, Handle::try_current()) else { return };
        let oci = self.oci.clone();
        runtime.spawn(async move {
            if let Err(error) = forget(&oci, upload).await {
                tracing::warn!(%error, "an upload that came to nothing is left for the collection of garbage");
            }
        });
    }
}

/// Makes a blob of another repository, one that the visitor may read, part of this one. Whether there was such a blob. What costs
/// something is guarded where it comes from, too.
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
        if there.must_pull().await.is_err() || paid::must_be_entitled(&there, digest).await.is_err() {
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
    let upload = chunks::append(oci, repository, upload, request).await?;
    accepted(repository, &upload, StatusCode::ACCEPTED)
}

/// `PUT`: the last chunk, if any, and the digest of the whole.
pub(super) async fn finish(at: At, id: Uuid, request: Request) -> Result<Response, Error> {
    at.must_push().await?;
    let At { oci, repository, .. } = &at;
    let Finish { digest } = query(&request)?;
    let upload = find(&oci.db, repository, id).await?;
    check_range(request.headers(), &upload)?;
    if upload.chunks.is_empty()
        && let Some(_room) = bodies::room(request.headers())
    {
        return store(oci, repository, &digest, request, Some(id)).await;
    }
    complete(oci, repository, upload, &digest, request).await
}

/// Takes in the last chunk, if there is one, and makes a blob of all of them. A last chunk that does not make them what they are called
/// is no part of the upload, which stays as it was and can be finished by another one.
async fn complete(
    oci: &Oci,
    repository: &Repository,
    upload: Upload,
    digest: &ContentDigest,
    request: Request,
) -> Result<Response, Error> {
    let last = match length(request.headers()) {
        Some(0) => None,
        _ => Some(chunks::receive(oci, repository, &upload, request).await?),
    };
    let whole = last.iter().fold(upload, |upload, last| upload.with(last));
    let kept = keep_chunks(oci, repository, &whole, digest).await;
    if let (Err(_), Some(last)) = (&kept, &last) {
        chunks::drop_chunk(oci, whole.id, last.id).await;
    }
    kept?;
    oci.storage.delete_chunks(whole.id).await?;
    created(repository, digest)
}

async fn keep_chunks(
    oci: &Oci,
    repository: &Repository,
    upload: &Upload,
    digest: &ContentDigest,
) -> Result<(), Error> {
    oci.storage.check_chunks(upload.id, &upload.chunks, digest).await?;
    keep(oci, repository, digest, upload.bytes, Content::InChunks(upload), Some(upload.id)).await
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

/// Stores a blob that fits in memory, without making a chunk of it first.
async fn store(
    oci: &Oci,
    repository: &Repository,
    digest: &ContentDigest,
    request: Request,
    upload: Option<Uuid>,
) -> Result<Response, Error> {
    let (expected, bytes_max) = (length(request.headers()).unwrap_or_default(), oci.limits.blob_bytes_max);
    let pieces = bodies::pieces(request, bytes_max, move || Error::too_large("a blob", bytes_max)).await?;
    let body = bodies::whole(pieces, expected).await?;
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
pub(super) enum Content<'a> {
    Here(Bytes),
    InChunks(&'a Upload),
}

/// Stores content that was checked and makes it part of a repository, which ends its upload. The collection of
/// garbage may have removed the content before the database knew that it is wanted; then it is stored again.
pub(super) async fn keep(
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
