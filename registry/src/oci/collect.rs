//! The collection of garbage: uploads that were given up, blobs that no manifest names, content that no repository has.
//! Nothing is touched that is younger than a given age, and nothing is removed that somebody is pushing: who pushes and
//! who collects exclude each other in the database at the moment that matters.

use std::collections::HashSet;

use axum::extract::State;
use chandlery_package::wire::{Act, Garbage, GarbageQuery};
use futures::TryStreamExt as _;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::descriptors::Described;
use super::error::Error;
use super::repository::Repository;
use super::state::Oci;
use super::{blobs, uploads};
use chandlery_accounts::Caller;
use chandlery_accounts::audit::record;
use chandlery_edge::{Json, Query};
use chandlery_store::content::ContentDigest;
use chandlery_store::time;

/// What was removed.
pub type Collected = Garbage;

/// Collects what is stored and belongs to nothing; for operators.
#[utoipa::path(
    post,
    path = "/api/v1/garbage",
    params(GarbageQuery),
    responses((status = 200, description = "What was removed.", body = Garbage))
)]
pub(super) async fn post(
    State(oci): State<Oci>,
    caller: Caller,
    Query(query): Query<GarbageQuery>,
) -> Result<Json<Collected>, Error> {
    caller.must_operate("collect garbage")?;
    // What follows are many transactions: the trail has it even where they are cut short.
    let mut write = oci.db.write().await?;
    let asked = json!({ "older_than_seconds": query.older_than_seconds });
    record(&mut write, &caller.actor, Act::GarbageCollected, "garbage", Value::Null, asked).await?;
    write.commit().await?;
    Ok(Json(collect(&oci, SignedDuration::from_secs(i64::from(query.older_than_seconds))).await?))
}

/// Removes what is older than this and belongs to nothing.
pub async fn collect(oci: &Oci, age: SignedDuration) -> Result<Collected, Error> {
    let before = Timestamp::now() - age;
    let uploads = give_up_uploads(oci, before.max(Timestamp::now() - uploads::KEPT_FOR)).await?;
    let blobs = forget_blobs(oci, before).await?;
    let contents = delete_contents(oci, before).await?;
    if uploads + blobs + contents > 0 {
        tracing::info!(uploads, blobs, contents, "garbage collected");
    }
    Ok(Collected { uploads, blobs, contents })
}

async fn give_up_uploads(oci: &Oci, before: Timestamp) -> Result<u64, Error> {
    let rows: Vec<(String,)> = sqlx::query_as("select id from uploads where changed_at < $1")
        .bind(time(before))
        .fetch_all(oci.db.read())
        .await?;
    let mut given_up: HashSet<_> = rows.iter().filter_map(|(id,)| id.parse().ok()).collect();
    // Pieces without an upload: it was finished or cancelled, and the process ended before it tidied up.
    let mut stored = oci.storage.uploads();
    while let Some((upload, written_at)) = stored.try_next().await? {
        if written_at >= before {
            continue;
        }
        let known: Option<(String,)> = sqlx::query_as("select id from uploads where id = $1")
            .bind(upload.to_string())
            .fetch_optional(oci.db.read())
            .await?;
        if known.is_none() {
            given_up.insert(upload);
        }
    }
    let count = given_up.len() as u64;
    for upload in given_up {
        uploads::forget(oci, upload).await?;
    }
    Ok(count)
}

/// Blobs that no manifest of their repository names.
async fn forget_blobs(oci: &Oci, before: Timestamp) -> Result<u64, Error> {
    let repositories: Vec<(String,)> =
        sqlx::query_as("select distinct repository from repository_blobs where pushed_at < $1")
            .bind(time(before))
            .fetch_all(oci.db.read())
            .await?;
    let mut forgotten = 0;
    for (name,) in repositories {
        forgotten += forget_blobs_of(oci, &name.parse()?, before).await?;
    }
    Ok(forgotten)
}

async fn forget_blobs_of(oci: &Oci, repository: &Repository, before: Timestamp) -> Result<u64, Error> {
    let mut write = oci.db.write().await?;
    let mut kept: HashSet<ContentDigest> = HashSet::new();
    let mut manifests = sqlx::query_as::<_, (String,)>("select content from manifests where repository = $1")
        .bind(repository.name())
        .fetch(&mut *write);
    while let Some((content,)) = manifests.try_next().await? {
        kept.extend(Described::parse(content.as_bytes())?.keeps().map(|kept| kept.digest.clone()));
    }
    drop(manifests);
    let old: Vec<(String,)> =
        sqlx::query_as("select digest from repository_blobs where repository = $1 and pushed_at < $2")
            .bind(repository.name())
            .bind(time(before))
            .fetch_all(&mut *write)
            .await?;
    let mut forgotten = 0;
    for (digest,) in old {
        let digest: ContentDigest = digest.parse()?;
        if !kept.contains(&digest) {
            forgotten += blobs::forget(&mut write, repository, &digest).await?;
        }
    }
    write.commit().await?;
    oci.cache.changed(&repository.namespace);
    Ok(forgotten)
}

/// Content that is part of no repository, no draft and no listing. It is deleted while nobody can make it part of one.
async fn delete_contents(oci: &Oci, before: Timestamp) -> Result<u64, Error> {
    let mut deleted = 0;
    let mut stored = oci.storage.blobs();
    while let Some((digest, written_at)) = stored.try_next().await? {
        if written_at >= before || is_part(oci.db.read(), &digest).await? {
            continue;
        }
        let mut write = oci.db.write().await?;
        if !is_part(&mut *write, &digest).await? {
            oci.storage.delete(&digest).await?;
            deleted += 1;
        }
    }
    Ok(deleted)
}

async fn is_part<'a>(
    db: impl sqlx::Executor<'a, Database = sqlx::Any>,
    digest: &ContentDigest,
) -> Result<bool, Error> {
    let found: Option<(String,)> = sqlx::query_as(
        "select digest from repository_blobs where digest = $1
         union select digest from drafts where digest = $1
         union select digest from listing_images where digest = $1",
    )
    .bind(digest.to_string())
    .fetch_optional(db)
    .await?;
    Ok(found.is_some())
}
