//! What manifests say of another: signatures, attestations, bills of materials.

use axum::extract::Request;
use axum::http::{HeaderMap, HeaderName, HeaderValue, header};
use axum::response::{IntoResponse as _, Response};
use form_urlencoded::Serializer;
use futures::TryStreamExt as _;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::descriptors::INDEX;
use super::error::Error;
use super::http::{header, query};
use super::state::At;
use chandlery_store::content::ContentDigest;

const FILTERS_APPLIED: HeaderName = HeaderName::from_static("oci-filters-applied");
/// How many descriptors an answer has at most.
const PAGE_ITEMS: usize = 1000;
/// How much their annotations may come to, as long as there is more than one: clients take an index of 4 MiB.
const PAGE_BYTES_MAX: usize = 3 << 20;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Wanted {
    artifact_type: Option<String>,
    n: Option<usize>,
    /// The last one of the page before: when it was pushed, and its digest.
    last: Option<String>,
}

#[derive(sqlx::FromRow)]
struct Referrer {
    digest: String,
    media_type: String,
    bytes: i64,
    artifact_type: Option<String>,
    annotations: Option<String>,
    pushed_at: String,
}

/// `GET …/referrers/DIGEST`: an index of the manifests whose subject it is, oldest first, which is empty where there are none.
pub(super) async fn list(at: At, digest: ContentDigest, request: Request) -> Result<Response, Error> {
    at.must_pull().await?;
    let At { oci, repository, .. } = &at;
    let wanted: Wanted = query(&request)?;
    let items = wanted.n.unwrap_or(PAGE_ITEMS).clamp(1, PAGE_ITEMS);
    let (pushed_at, last) = wanted.last.as_deref().and_then(|last| last.split_once(' ')).unwrap_or_default();
    let mut rows = sqlx::query_as(
        "select digest, media_type, bytes, artifact_type, annotations, pushed_at from manifests
         where repository = $1 and subject = $2 and (pushed_at, digest) > ($3, $4)
               and ($5 = '' or artifact_type = $5)
         order by pushed_at, digest limit $6",
    )
    .bind(repository.name())
    .bind(digest.to_string())
    .bind(pushed_at)
    .bind(last)
    .bind(wanted.artifact_type.as_deref().unwrap_or_default())
    .bind(items as i64 + 1)
    .fetch(oci.db.read());
    let mut page: Vec<Referrer> = Vec::new();
    let (mut bytes, mut more) = (0, false);
    while let Some(referrer) = rows.try_next().await? {
        let referrer: Referrer = referrer;
        bytes += referrer.annotations.as_ref().map_or(0, String::len);
        if page.len() == items || (bytes > PAGE_BYTES_MAX && !page.is_empty()) {
            more = true;
            break;
        }
        page.push(referrer);
    }
    let mut headers = HeaderMap::new();
    if let Some(last) = page.last().filter(|_| more) {
        let mut next = Serializer::new(String::new());
        next.append_pair("n", &items.to_string());
        next.append_pair("last", &format!("{} {}", last.pushed_at, last.digest));
        next.extend_pairs(wanted.artifact_type.iter().map(|wanted| ("artifactType", wanted)));
        let next = format!("</v2/{repository}/referrers/{digest}?{}>; rel=\"next\"", next.finish());
        headers.insert(header::LINK, header(next)?);
    }
    headers.insert(header::CONTENT_TYPE, header(INDEX)?);
    if wanted.artifact_type.is_some() {
        headers.insert(FILTERS_APPLIED, HeaderValue::from_static("artifactType"));
    }
    let manifests: Vec<Value> = page.into_iter().map(describe).collect();
    let index = json!({ "schemaVersion": 2, "mediaType": INDEX, "manifests": manifests });
    Ok((headers, index.to_string()).into_response())
}

fn describe(referrer: Referrer) -> Value {
    let mut descriptor = Map::from_iter([
        ("mediaType".into(), referrer.media_type.into()),
        ("digest".into(), referrer.digest.into()),
        ("size".into(), referrer.bytes.into()),
    ]);
    if let Some(artifact_type) = referrer.artifact_type {
        descriptor.insert("artifactType".into(), artifact_type.into());
    }
    if let Some(annotations) = referrer.annotations.and_then(|text| serde_json::from_str(&text).ok()) {
        descriptor.insert("annotations".into(), annotations);
    }
    Value::Object(descriptor)
}
