//! Blobs: pulled whole or in part, and deleted.

use axum::body::Body;
use axum::extract::Request;
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use bytes::Bytes;
use chandlery_accounts::{Role, role};
use chandlery_package::{Digest, PluginId};
use jiff::{SignedDuration, Timestamp};
use object_store::GetRange;

use super::cache::{CONTENT_BYTES_MAX, Fact};
use super::error::Error;
use super::http::{CONTENT_DIGEST, header};
use super::keeping;
use super::media;
use super::paid;
use super::quarantine;
use super::repository::Repository;
use super::state::{At, Oci};
use chandlery_store::content::ContentDigest;
use chandlery_store::{Db, Write, time};

/// A blob that was seen by somebody about to name it in a manifest counts as pushed again after this time.
const SEEN_AGAIN: SignedDuration = SignedDuration::from_hours(1);

/// `GET` and `HEAD`, of the whole or of one range.
pub(super) async fn get(at: At, digest: ContentDigest, request: Request) -> Result<Response, Error> {
    at.must_pull().await?;
    let At { oci, principal, repository } = &at;
    let bytes = size(oci, repository, &digest).await?;
    let head = *request.method() == Method::HEAD;
    if !head {
        quarantine::must_not_hold(&at, &digest).await?;
        paid::must_be_entitled(&at, &digest).await?;
    }
    if let (true, Some(account)) = (head, &principal.account)
        && role(&oci.db, &repository.namespace, &account.name).await? >= Some(Role::Publisher)
    {
        keep_for_the_push(&oci.db, repository, &digest).await?;
    }
    let mut headers = media::headers(HeaderValue::from_static(media::BYTES));
    headers.insert(CONTENT_DIGEST, header(&digest)?);
    headers.insert(header::ACCEPT_RANGES, header("bytes")?);
    let range = range(request.headers(), bytes)?;
    if is_pull(head, range.as_ref()) {
        oci.downloads.count(repository, &digest);
    }
    let Some(range) = range else {
        headers.insert(header::CONTENT_LENGTH, header(bytes)?);
        if head {
            return Ok((headers, Body::empty()).into_response());
        }
        return Ok((headers, whole(oci, digest, bytes).await?).into_response());
    };
    headers.insert(header::CONTENT_LENGTH, header(range.end - range.start)?);
    let described = format!("bytes {}-{}/{bytes}", range.start, range.end - 1);
    headers.insert(header::CONTENT_RANGE, header(described)?);
    let body = match head {
        true => Body::empty(),
        false => Body::from_stream(oci.storage.stream(&digest, Some(GetRange::Bounded(range))).await?),
    };
    Ok((StatusCode::PARTIAL_CONTENT, headers, body).into_response())
}

/// Whether a request is counted: of those that pull a blob in parts, the one that begins it.
fn is_pull(head: bool, range: Option<&std::ops::Range<u64>>) -> bool {
    !head && range.is_none_or(|range| range.start == 0)
}

async fn whole(oci: &Oci, digest: ContentDigest, bytes: u64) -> Result<Body, Error> {
    if bytes > CONTENT_BYTES_MAX {
        return Ok(Body::from_stream(oci.storage.stream(&digest, None).await?));
    }
    if let Some(content) = oci.cache.content(&digest) {
        return Ok(content.into());
    }
    let content = oci.storage.get(&digest).await?;
    oci.cache.put_content(digest, content.clone());
    Ok(content.into())
}

/// The bytes that are asked for; none: all of them. Of several ranges none is served, as RFC 9110 allows.
fn range(headers: &HeaderMap, bytes: u64) -> Result<Option<std::ops::Range<u64>>, Error> {
    let Some(text) = headers.get(header::RANGE).and_then(|value| value.to_str().ok()) else {
        return Ok(None);
    };
    let Some((first, last)) = text.strip_prefix("bytes=").and_then(|range| range.split_once('-')) else {
        return Ok(None);
    };
    if text.contains(',') {
        return Ok(None);
    }
    let refuse = || Error::Range { bytes };
    let number = |text: &str| text.trim().parse::<u64>().map_err(|_| refuse());
    let (start, end) = match (first, last) {
        ("", suffix) => (bytes.saturating_sub(number(suffix)?), bytes),
        (first, "") => (number(first)?, bytes),
        (first, last) => (number(first)?, number(last)?.saturating_add(1).min(bytes)),
    };
    if start < end { Ok(Some(start..end)) } else { Err(refuse()) }
}

/// `DELETE`: of a blob that no manifest of the repository names.
pub(super) async fn delete(at: At, digest: ContentDigest) -> Result<Response, Error> {
    at.must_push().await?;
    let At { oci, repository, .. } = &at;
    let mut write = oci.db.write().await?;
    keeping::must_not_be_part(&mut write, repository, &digest).await?;
    if forget(&mut write, repository, &digest).await? == 0 {
        return Err(Error::not_found(format!("blob {digest} in {repository}")));
    }
    write.commit().await?;
    oci.cache.changed(&repository.namespace);
    Ok(StatusCode::ACCEPTED.into_response())
}

/// Makes a blob no longer part of a repository, and says how many rows that were.
pub(super) async fn forget(
    write: &mut Write,
    repository: &Repository,
    digest: &ContentDigest,
) -> Result<u64, Error> {
    let forgotten: Option<(i64,)> =
        sqlx::query_as("delete from repository_blobs where repository = $1 and digest = $2 returning bytes")
            .bind(repository.name())
            .bind(digest.to_string())
            .fetch_optional(&mut **write)
            .await?;
    let Some((bytes,)) = forgotten else { return Ok(0) };
    chandlery_accounts::add_bytes(write, &repository.namespace, -bytes).await?;
    Ok(1)
}

/// A blob of at most so many bytes that belongs to a plugin's repository, checked against its digest.
pub async fn read_blob(oci: &Oci, plugin: &PluginId, digest: Digest, bytes_max: u64) -> Result<Bytes, Error> {
    let repository: Repository = plugin.repository().parse()?;
    let digest = ContentDigest::from(digest);
    if size(oci, &repository, &digest).await? > bytes_max {
        return Err(Error::too_large(&format!("blob {digest}"), bytes_max));
    }
    let bytes = oci.storage.get(&digest).await?;
    match ContentDigest::of(digest.algorithm(), &bytes) {
        found if found == digest => Ok(bytes),
        found => Err(chandlery_store::Error::ContentMismatch { expected: digest, found }.into()),
    }
}

async fn size(oci: &Oci, repository: &Repository, digest: &ContentDigest) -> Result<u64, Error> {
    let name = digest.to_string();
    let key = oci.cache.key(&repository.namespace, repository.name(), &name);
    if let Some(Fact::Blob { bytes }) = oci.cache.get(&key) {
        return Ok(bytes);
    }
    let found: Option<(i64,)> =
        sqlx::query_as("select bytes from repository_blobs where repository = $1 and digest = $2")
            .bind(repository.name())
            .bind(name)
            .fetch_optional(oci.db.read())
            .await?;
    let (bytes,) = found.ok_or_else(|| Error::not_found(format!("blob {digest} in {repository}")))?;
    let bytes = bytes as u64;
    oci.cache.put(key, Fact::Blob { bytes });
    Ok(bytes)
}

/// Whoever finds that a blob is here already will not push it: from now on it is as new as if they had.
async fn keep_for_the_push(db: &Db, repository: &Repository, digest: &ContentDigest) -> Result<(), Error> {
    let now = Timestamp::now();
    let found: Option<(String,)> =
        sqlx::query_as("select pushed_at from repository_blobs where repository = $1 and digest = $2")
            .bind(repository.name())
            .bind(digest.to_string())
            .fetch_optional(db.read())
            .await?;
    if found.is_none_or(|(pushed,)| pushed > time(now - SEEN_AGAIN)) {
        return Ok(());
    }
    let mut write = db.write_shared().await?;
    sqlx::query("update repository_blobs set pushed_at = $1 where repository = $2 and digest = $3")
        .bind(time(now))
        .bind(repository.name())
        .bind(digest.to_string())
        .execute(&mut *write)
        .await?;
    write.commit().await?;
    Ok(())
}

/// Makes stored content part of a repository, within its namespace's quota.
pub(super) async fn record(
    oci: &Oci,
    write: &mut Write,
    repository: &Repository,
    digest: &ContentDigest,
    bytes: u64,
) -> Result<(), Error> {
    let known =
        sqlx::query("update repository_blobs set pushed_at = $1 where repository = $2 and digest = $3")
            .bind(time(Timestamp::now()))
            .bind(repository.name())
            .bind(digest.to_string())
            .execute(&mut **write)
            .await?;
    if known.rows_affected() == 1 {
        return Ok(());
    }
    // Whoever counts first holds the namespace until the end: of two pushes of the same at the same moment, the second finds it here.
    let kept = chandlery_accounts::add_bytes(write, &repository.namespace, bytes as i64).await?;
    let new = sqlx::query(
        "insert into repository_blobs (repository, digest, bytes, pushed_at) values ($1, $2, $3, $4)
         on conflict do nothing",
    )
    .bind(repository.name())
    .bind(digest.to_string())
    .bind(bytes as i64)
    .bind(time(Timestamp::now()))
    .execute(&mut **write)
    .await?;
    if new.rows_affected() == 0 {
        chandlery_accounts::add_bytes(write, &repository.namespace, -(bytes as i64)).await?;
    } else if kept > oci.limits.namespace_bytes_max {
        return Err(Error::full(&repository.namespace, oci.limits.namespace_bytes_max));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pull_counts_once_in_however_many_parts() {
        for (head, ranges, counted) in [
            (false, vec![None], 1),
            (true, vec![None], 0),
            (false, vec![Some(0..500), Some(500..1000), Some(1000..2048)], 1),
            (false, vec![None, Some(1000..2048)], 1),
            (true, vec![Some(0..500)], 0),
        ] {
            let pulls = ranges.iter().filter(|range| is_pull(head, range.as_ref())).count();
            assert_eq!(pulls, counted, "{head} {ranges:?}");
        }
    }

    #[test]
    fn ranges_are_those_of_rfc_9110() {
        let ask = |text: &'static str| {
            let headers = HeaderMap::from_iter([(header::RANGE, text.parse().unwrap())]);
            range(&headers, 2048)
        };
        assert_eq!(ask("bytes=500-1499").unwrap(), Some(500..1500));
        assert_eq!(ask("bytes=500-").unwrap(), Some(500..2048));
        assert_eq!(ask("bytes=-500").unwrap(), Some(1548..2048));
        assert_eq!(ask("bytes=2000-5000").unwrap(), Some(2000..2048));
        assert_eq!(ask("bytes=-5000").unwrap(), Some(0..2048));
        assert_eq!(ask("bytes=0-1,5-6").unwrap(), None);
        assert_eq!(ask("lines=0-1").unwrap(), None);
        for wrong in ["bytes=500-0", "bytes=5000-10000", "bytes=-0", "bytes=x-"] {
            assert!(matches!(ask(wrong), Err(Error::Range { bytes: 2048 })), "{wrong}");
        }
    }
}
