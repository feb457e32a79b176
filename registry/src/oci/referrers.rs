//! What manifests say of another: signatures, attestations, bills of materials.

use axum::extract::Request;
use axum::http::{HeaderMap, HeaderName, HeaderValue, header};
use axum::response::{IntoResponse as _, Response};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::descriptors::INDEX;
use super::error::Error;
use super::{At, header, query};
use chandlery_store::content::ContentDigest;

const FILTERS_APPLIED: HeaderName = HeaderName::from_static("oci-filters-applied");

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Filter {
    artifact_type: Option<String>,
}

type Row = (String, String, i64, Option<String>, Option<String>);

/// `GET …/referrers/DIGEST`: an index of the manifests whose subject it is, which is empty where there are none.
pub(super) async fn list(at: At, digest: ContentDigest, request: Request) -> Result<Response, Error> {
    at.must_pull().await?;
    let At { registry, repository, .. } = &at;
    let filter: Filter = query(&request)?;
    let rows: Vec<Row> = sqlx::query_as(
        "select digest, media_type, bytes, artifact_type, annotations from manifests
         where repository = $1 and subject = $2 order by pushed_at, digest",
    )
    .bind(repository.name())
    .bind(digest.to_string())
    .fetch_all(registry.db.read())
    .await?;
    let wanted = |row: &Row| filter.artifact_type.is_none() || row.3 == filter.artifact_type;
    let manifests: Vec<Value> = rows.into_iter().filter(wanted).map(describe).collect();
    let index = json!({ "schemaVersion": 2, "mediaType": INDEX, "manifests": manifests });
    let mut headers = HeaderMap::new();
    headers.insert(header::CONTENT_TYPE, header(INDEX)?);
    if filter.artifact_type.is_some() {
        headers.insert(FILTERS_APPLIED, HeaderValue::from_static("artifactType"));
    }
    Ok((headers, index.to_string()).into_response())
}

fn describe((digest, media_type, bytes, artifact_type, annotations): Row) -> Value {
    let mut descriptor = Map::from_iter([
        ("mediaType".into(), media_type.into()),
        ("digest".into(), digest.into()),
        ("size".into(), bytes.into()),
    ]);
    if let Some(artifact_type) = artifact_type {
        descriptor.insert("artifactType".into(), artifact_type.into());
    }
    if let Some(annotations) = annotations.and_then(|text| serde_json::from_str(&text).ok()) {
        descriptor.insert("annotations".into(), annotations);
    }
    Value::Object(descriptor)
}
