//! The chunks of an upload. Each is an object of its own until the upload is finished, so an upload may go on at another replica of the
//! registry.

use axum::extract::Request;
use axum::http::{HeaderMap, header};
use chandlery_package::Namespace;
use chandlery_store::{Db, time};
use jiff::Timestamp;
use uuid::Uuid;

use super::bodies::{self, length};
use super::error::Error;
use super::repository::Repository;
use super::state::Oci;

/// How many chunks an upload may have.
const CHUNKS_MAX: usize = 10_000;

/// An upload that is not finished: its chunks in order, and how many bytes they have.
pub(super) struct Upload {
    pub(super) id: Uuid,
    pub(super) chunks: Vec<Uuid>,
    pub(super) bytes: u64,
}

/// What was stored of an upload, and is no part of it yet.
pub(super) struct Chunk {
    pub(super) id: Uuid,
    bytes: u64,
}

/// An upload to this repository.
pub(super) async fn find(db: &Db, repository: &Repository, id: Uuid) -> Result<Upload, Error> {
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

impl Upload {
    /// The same with one chunk more.
    pub(super) fn with(mut self, chunk: &Chunk) -> Self {
        self.chunks.push(chunk.id);
        self.bytes += chunk.bytes;
        self
    }
}

/// Stores the next chunk of an upload, as far as the blob may be so large and the namespace may keep so much. A chunk is stored before
/// it is counted: a crash in between makes the client send it again.
pub(super) async fn receive(
    oci: &Oci,
    repository: &Repository,
    upload: &Upload,
    request: Request,
) -> Result<Chunk, Error> {
    if upload.chunks.len() >= CHUNKS_MAX {
        return Err(Error::invalid(format!("an upload has at most {CHUNKS_MAX} chunks: send larger ones")));
    }
    let namespace = repository.namespace.clone();
    let kept = kept(oci.db.read(), &namespace).await?;
    let (blob_max, namespace_max) = (oci.limits.blob_bytes_max, oci.limits.namespace_bytes_max);
    let (blob_left, room) = (blob_max.saturating_sub(upload.bytes), namespace_max.saturating_sub(kept));
    let refuse = move || match blob_left <= room {
        true => Error::too_large("a blob", blob_max),
        false => Error::full(&namespace, namespace_max),
    };
    let pieces = bodies::pieces(request, blob_left.min(room), refuse).await?;
    let id = Uuid::new_v4();
    let bytes = oci.storage.put_chunk(upload.id, id, pieces).await?;
    Ok(Chunk { id, bytes })
}

/// How many bytes a namespace keeps, those of unfinished uploads among them.
pub(super) async fn kept<'a>(
    db: impl sqlx::Executor<'a, Database = sqlx::Any>,
    namespace: &Namespace,
) -> Result<u64, Error> {
    let (bytes,): (i64,) = sqlx::query_as(
        "select cast(bytes + coalesce((select sum(uploads.bytes) from uploads where repository like $2), 0) as bigint)
         from namespaces where name = $1",
    )
    .bind(namespace.as_str())
    .bind(format!("{namespace}/%"))
    .fetch_one(db)
    .await?;
    Ok(bytes.max(0).unsigned_abs())
}

/// Stores the next chunk, and makes it a part of its upload.
pub(super) async fn append(
    oci: &Oci,
    repository: &Repository,
    upload: Upload,
    request: Request,
) -> Result<Upload, Error> {
    let chunk = receive(oci, repository, &upload, request).await?;
    let counted = count(oci, repository, &upload, &chunk).await;
    if counted.is_err() {
        drop_chunk(oci, upload.id, chunk.id).await;
    }
    counted?;
    Ok(upload.with(&chunk))
}

/// Makes a chunk that was stored the next part of its upload.
async fn count(oci: &Oci, repository: &Repository, upload: &Upload, chunk: &Chunk) -> Result<(), Error> {
    let mut write = oci.db.write_unsynced().await?;
    let counted = sqlx::query(
        "insert into upload_chunks (upload, position, id) values ($1, $2, $3) on conflict do nothing",
    )
    .bind(upload.id.to_string())
    .bind(upload.chunks.len() as i64)
    .bind(chunk.id.to_string())
    .execute(&mut *write)
    .await?;
    let still_open = sqlx::query("update uploads set bytes = bytes + $1, changed_at = $2 where id = $3")
        .bind(chunk.bytes as i64)
        .bind(time(Timestamp::now()))
        .bind(upload.id.to_string())
        .execute(&mut *write)
        .await?;
    if (counted.rows_affected(), still_open.rows_affected()) != (1, 1) {
        return Err(Error::UploadMoved { id: upload.id, bytes: upload.bytes });
    }
    let namespace = &repository.namespace;
    if kept(&mut *write, namespace).await? > oci.limits.namespace_bytes_max {
        return Err(Error::full(namespace, oci.limits.namespace_bytes_max));
    }
    write.commit().await?;
    Ok(())
}

/// Forgets a chunk that is no part of its upload. If that fails, it is only space, until the upload ends.
pub(super) async fn drop_chunk(oci: &Oci, upload: Uuid, chunk: Uuid) {
    if let Err(error) = oci.storage.delete_chunk(upload, chunk).await {
        tracing::warn!(%error, "a refused chunk is left until its upload ends");
    }
}

/// `Content-Range: first-last`, where the client sends one, continues what has arrived.
pub(super) fn check_range(headers: &HeaderMap, upload: &Upload) -> Result<(), Error> {
    let Some(range) = headers.get(header::CONTENT_RANGE) else { return Ok(()) };
    let moved = || Error::UploadMoved { id: upload.id, bytes: upload.bytes };
    let (first, last) = range.to_str().ok().and_then(|range| range.split_once('-')).ok_or_else(moved)?;
    let (Ok(first), Ok(last)) = (first.parse::<u64>(), last.parse::<u64>()) else { return Err(moved()) };
    let as_long = length(headers).is_none_or(|bytes| last.checked_sub(first) == bytes.checked_sub(1));
    if first == upload.bytes && as_long { Ok(()) } else { Err(moved()) }
}
