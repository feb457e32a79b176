//! Tags: names that may be moved, but for those of published versions and of their signatures.

use axum::extract::Request;
use axum::http::{HeaderMap, header};
use axum::response::{IntoResponse as _, Response};
use chandlery_package::signature::signed_under;
use serde::Deserialize;
use serde_json::json;

use super::error::Error;
use super::http::{header, query};
use super::keeping;
use super::repository::Repository;
use super::state::At;
use chandlery_store::Write;
use chandlery_store::content::ContentDigest;

/// How many tags a page has unless fewer are asked for.
const PAGE_ITEMS: usize = 1000;

#[derive(Deserialize)]
struct Paging {
    n: Option<usize>,
    last: Option<String>,
}

/// `GET …/tags/list`, in ASCII order.
pub(super) async fn list(at: At, request: Request) -> Result<Response, Error> {
    at.must_pull().await?;
    let At { oci, repository, .. } = &at;
    let paging: Paging = query(&request)?;
    let items = paging.n.unwrap_or(PAGE_ITEMS).min(PAGE_ITEMS);
    let rows: Vec<(String,)> =
        sqlx::query_as("select tag from tags where repository = $1 and tag > $2 order by tag limit $3")
            .bind(repository.name())
            .bind(paging.last.unwrap_or_default())
            .bind(items as i64 + 1)
            .fetch_all(oci.db.read())
            .await?;
    let mut tags: Vec<String> = rows.into_iter().map(|(tag,)| tag).collect();
    let mut headers = HeaderMap::new();
    if tags.len() > items {
        tags.truncate(items);
        if let Some(last) = tags.last() {
            let next = format!("</v2/{repository}/tags/list?n={items}&last={last}>; rel=\"next\"");
            headers.insert(header::LINK, header(next)?);
        }
    }
    Ok((headers, axum::Json(json!({ "name": repository.name(), "tags": tags }))).into_response())
}

/// Points a tag to a manifest. The tag of a published version stays where it is.
pub(super) async fn point(
    write: &mut Write,
    repository: &Repository,
    tag: &str,
    digest: &ContentDigest,
) -> Result<(), Error> {
    must_not_move(write, repository, tag, Some(digest)).await?;
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

/// Removes a tag, and leaves the manifest.
pub(super) async fn remove(write: &mut Write, repository: &Repository, tag: &str) -> Result<(), Error> {
    must_not_move(write, repository, tag, None).await?;
    let removed = sqlx::query("delete from tags where repository = $1 and tag = $2")
        .bind(repository.name())
        .bind(tag)
        .execute(&mut **write)
        .await?;
    match removed.rows_affected() {
        0 => Err(Error::not_found(format!("manifest {repository}:{tag}"))),
        _ => Ok(()),
    }
}

async fn must_not_move(
    write: &mut Write,
    repository: &Repository,
    tag: &str,
    to: Option<&ContentDigest>,
) -> Result<(), Error> {
    if let Some(artifact) = signed_under(tag) {
        return keeping::signatures_must_stay(write, repository, artifact, to).await;
    }
    let Some(release) = repository.release(tag) else { return Ok(()) };
    let published: Option<(String,)> =
        sqlx::query_as("select artifact from releases where plugin = $1 and version = $2")
            .bind(release.plugin.to_string())
            .bind(release.version.to_string())
            .fetch_optional(&mut **write)
            .await?;
    match published {
        Some((artifact,)) if to.is_none_or(|digest| digest.to_string() != artifact) => {
            Err(Error::VersionExists { release, artifact: artifact.parse()? })
        }
        _ => Ok(()),
    }
}
