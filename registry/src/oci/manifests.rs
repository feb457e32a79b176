//! Manifests and indexes, by tag and by digest, kept byte for byte.

use std::sync::Arc;

use axum::extract::Request;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use bytes::Bytes;
use chandlery_edge::{NO_TEXT, has_nul};
use chandlery_package::artifact::ImageManifest;
use chandlery_package::signature::bundle::BUNDLE_MEDIA_TYPE;
use chandlery_package::signature::signed_under;
use chandlery_package::{Digest, PluginId};
use jiff::Timestamp;

use super::bodies;
use super::cache::{Fact, StoredManifest};
use super::descriptors::Described;
use super::error::Error;
use super::http::{CONTENT_DIGEST, header};
use super::media;
use super::path::{Reference, parse_tag};
use super::repository::Repository;
use super::state::{At, Oci};
use super::{keeping, tags};
use chandlery_store::content::{Algorithm, ContentDigest};
use chandlery_store::{Db, Write, time};

const MANIFEST_BYTES_MAX: usize = 4 << 20;
/// How many blobs and manifests a manifest may name.
const PARTS_MAX: usize = 1000;
/// How many tags one push may set.
const TAGS_MAX: usize = 100;
const SUBJECT: HeaderName = HeaderName::from_static("oci-subject");
const TAG: HeaderName = HeaderName::from_static("oci-tag");

/// `GET` and `HEAD`.
pub(super) async fn get(at: At, reference: Reference) -> Result<Response, Error> {
    at.must_pull().await?;
    let stored = find(&at.oci, &at.repository, &reference).await?;
    let mut headers = media::headers(stored.media_type.clone());
    headers.insert(CONTENT_DIGEST, stored.digest.clone());
    headers.insert(header::CONTENT_LENGTH, stored.content.len().into());
    Ok((headers, stored.content.clone()).into_response())
}

async fn find(
    oci: &Oci,
    repository: &Repository,
    reference: &Reference,
) -> Result<Arc<StoredManifest>, Error> {
    let name = match reference {
        Reference::Digest(digest) => digest.to_string(),
        Reference::Tag(tag) => tag.clone(),
    };
    let key = oci.cache.key(&repository.namespace, repository.name(), &name);
    if let Some(Fact::Manifest(manifest)) = oci.cache.get(&key) {
        return Ok(manifest);
    }
    let sql = match reference {
        Reference::Digest(_) => {
            "select digest, media_type, content from manifests where repository = $1 and digest = $2"
        }
        Reference::Tag(_) => {
            "select manifests.digest, media_type, content from manifests
             join tags on tags.repository = manifests.repository and tags.digest = manifests.digest
             where tags.repository = $1 and tags.tag = $2"
        }
    };
    let found: Option<(String, String, String)> =
        sqlx::query_as(sql).bind(repository.name()).bind(&name).fetch_optional(oci.db.read()).await?;
    let (digest, media_type, content) =
        found.ok_or_else(|| Error::not_found(format!("manifest {name} in {repository}")))?;
    let stored = StoredManifest {
        digest: header(digest)?,
        media_type: HeaderValue::from_static(media::served_as(&media_type)),
        content: content.into_bytes().into(),
    };
    let stored = Arc::new(stored);
    oci.cache.put(key, Fact::Manifest(Arc::clone(&stored)));
    Ok(stored)
}

/// `PUT`: stores a manifest whose content is all here, under its digest and any tags.
pub(super) async fn put(at: At, reference: Reference, request: Request) -> Result<Response, Error> {
    at.must_push().await?;
    let tags = tags_to_set(&reference, request.uri().query().unwrap_or_default())?;
    let declared = request.headers().get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let declared = declared.map(str::to_owned);
    let body = read(request).await?;
    if has_nul(&body) {
        return Err(Error::BadManifest(NO_TEXT.into()));
    }
    let described = Described::parse(&body)?;
    must_be_one_thing(&described)?;
    let media_type = media_type(declared.as_deref(), &described)?;
    let content = std::str::from_utf8(&body).map_err(|_| Error::BadManifest("it is not UTF-8".into()))?;
    let digest = match reference {
        Reference::Digest(named) => match ContentDigest::of(named.algorithm(), &body) {
            found if found == named => found,
            found => return Err(chandlery_store::Error::ContentMismatch { expected: named, found }.into()),
        },
        Reference::Tag(_) => ContentDigest::of(Algorithm::Sha256, &body),
    };

    let At { oci, repository, .. } = &at;
    store(oci, repository, (&digest, &media_type), content, &described, &tags).await?;

    let mut headers = HeaderMap::new();
    headers.insert(header::LOCATION, header(format!("/v2/{repository}/manifests/{digest}"))?);
    headers.insert(CONTENT_DIGEST, header(&digest)?);
    if let Some(subject) = &described.subject {
        headers.insert(SUBJECT, header(&subject.digest)?);
    }
    for tag in &tags {
        headers.append(TAG, header(tag)?);
    }
    Ok((StatusCode::CREATED, headers).into_response())
}

/// Stores a manifest, of which this was described, and points tags to it.
pub(super) async fn store(
    oci: &Oci,
    repository: &Repository,
    (digest, media_type): (&ContentDigest, &str),
    content: &str,
    described: &Described,
    tags: &[String],
) -> Result<(), Error> {
    // What grows is read before it is written.
    let mut write = match tags.iter().any(|tag| signed_under(tag).is_some()) {
        true => oci.db.write().await?,
        false => oci.db.write_shared().await?,
    };
    if !oci.limits.sparse_manifests {
        keeping::must_have_content(&mut write, repository, described).await?;
    }
    must_keep_its_type(&mut write, repository, digest, media_type).await?;
    insert(&mut write, repository, digest, media_type, content, described).await?;
    for tag in tags {
        tags::point(&mut write, repository, tag, digest).await?;
    }
    write.commit().await?;
    oci.cache.changed(&repository.namespace);
    Ok(())
}

/// The tag in the path or, beside a digest, every `?tag=`.
fn tags_to_set(reference: &Reference, query: &str) -> Result<Vec<String>, Error> {
    let tags = match reference {
        Reference::Tag(tag) => vec![tag.clone()],
        Reference::Digest(_) => form_urlencoded::parse(query.as_bytes())
            .filter(|(name, _)| name == "tag")
            .map(|(_, tag)| parse_tag(&tag))
            .collect::<Result<_, _>>()?,
    };
    match tags.len() <= TAGS_MAX {
        true => Ok(tags),
        false => Err(Error::BadManifest(format!("at most {TAGS_MAX} tags can be set at once"))),
    }
}

async fn read(request: Request) -> Result<Bytes, Error> {
    let too_large = || Error::too_large("a manifest", MANIFEST_BYTES_MAX as u64);
    let expected = bodies::length(request.headers()).unwrap_or_default();
    bodies::whole(bodies::pieces(request, MANIFEST_BYTES_MAX as u64, too_large).await?, expected).await
}

/// Refuses what two clients could read as two different things, and what names more than anything real does.
fn must_be_one_thing(described: &Described) -> Result<(), Error> {
    if !described.manifests.is_empty() && (described.config.is_some() || !described.layers.is_empty()) {
        return Err(Error::BadManifest("it has layers and manifests: it can be an image or an index".into()));
    }
    match described.keeps().count() {
        parts if parts > PARTS_MAX => {
            Err(Error::BadManifest(format!("it names {parts} parts; at most {PARTS_MAX} are accepted")))
        }
        _ => Ok(()),
    }
}

/// What the request says and what the manifest says of itself must agree.
fn media_type(declared: Option<&str>, described: &Described) -> Result<String, Error> {
    let declared = declared.map(essence).transpose()?;
    let own = described.media_type.as_deref().map(essence).transpose()?;
    match (declared, own) {
        (Some(declared), Some(own)) if declared != own => {
            Err(Error::BadManifest(format!("it says it is {own}, and was pushed as {declared}")))
        }
        (Some(kind), _) | (None, Some(kind)) => Ok(kind),
        (None, None) => Err(Error::BadManifest("it was pushed without a Content-Type".into())),
    }
}

/// A media type without its parameters, in lower case: neither makes it another.
fn essence(text: &str) -> Result<String, Error> {
    let kind = text.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    // RFC 6838, section 4.2.
    let is_name = |name: &str| {
        !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b"!#$&-^_.+".contains(&b))
    };
    match kind.split_once('/') {
        Some((tree, name)) if is_name(tree) && is_name(name) => Ok(kind),
        _ => Err(Error::BadManifest(format!("'{text}' is not a media type"))),
    }
}

/// The last push says what a manifest is that does not say so itself; one that others know by its type keeps it.
async fn must_keep_its_type(
    write: &mut Write,
    repository: &Repository,
    digest: &ContentDigest,
    media_type: &str,
) -> Result<(), Error> {
    let stored: Option<(String,)> =
        sqlx::query_as("select media_type from manifests where repository = $1 and digest = $2")
            .bind(repository.name())
            .bind(digest.to_string())
            .fetch_optional(&mut **write)
            .await?;
    match stored {
        Some((stored,)) if stored != media_type => {
            keeping::must_not_be_needed(write, repository, digest).await
        }
        _ => Ok(()),
    }
}

async fn insert(
    write: &mut Write,
    repository: &Repository,
    digest: &ContentDigest,
    media_type: &str,
    content: &str,
    described: &Described,
) -> Result<(), Error> {
    let annotations = (!described.annotations.is_empty()).then(|| serde_json::json!(described.annotations));
    sqlx::query(
        "insert into manifests (repository, digest, media_type, content, bytes, subject, artifact_type,
                                annotations, pushed_at)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9)
         on conflict (repository, digest) do update set media_type = excluded.media_type,
                                                             pushed_at = excluded.pushed_at",
    )
    .bind(repository.name())
    .bind(digest.to_string())
    .bind(media_type)
    .bind(content)
    .bind(content.len() as i64)
    .bind(described.subject.as_ref().map(|subject| subject.digest.to_string()))
    .bind(described.kind())
    .bind(annotations.map(|annotations| annotations.to_string()))
    .bind(time(Timestamp::now()))
    .execute(&mut **write)
    .await?;
    Ok(())
}

/// `DELETE`: of a tag, or of a manifest with all its tags. What was released stays.
pub(super) async fn delete(at: At, reference: Reference) -> Result<Response, Error> {
    at.must_push().await?;
    let At { oci, repository, .. } = &at;
    let mut write = oci.db.write().await?;
    match &reference {
        Reference::Tag(tag) => tags::remove(&mut write, repository, tag).await?,
        Reference::Digest(digest) => remove(&mut write, repository, digest).await?,
    }
    write.commit().await?;
    oci.cache.changed(&repository.namespace);
    Ok(StatusCode::ACCEPTED.into_response())
}

async fn remove(write: &mut Write, repository: &Repository, digest: &ContentDigest) -> Result<(), Error> {
    keeping::must_not_be_needed(write, repository, digest).await?;
    let text = digest.to_string();
    let removed = sqlx::query("delete from manifests where repository = $1 and digest = $2")
        .bind(repository.name())
        .bind(&text)
        .execute(&mut **write)
        .await?;
    if removed.rows_affected() == 0 {
        return Err(Error::not_found(format!("manifest {digest} in {repository}")));
    }
    sqlx::query("delete from tags where repository = $1 and digest = $2")
        .bind(repository.name())
        .bind(&text)
        .execute(&mut **write)
        .await?;
    Ok(())
}

/// A manifest of a plugin's repository, by its digest.
pub async fn read_manifest(oci: &Oci, plugin: &PluginId, digest: Digest) -> Result<ImageManifest, Error> {
    let (repository, named) = (plugin.repository().parse()?, ContentDigest::from(digest));
    let stored = find(oci, &repository, &Reference::Digest(named.clone())).await?;
    match ContentDigest::of(Algorithm::Sha256, &stored.content) {
        found if found == named => Ok(ImageManifest::parse(&stored.content)?),
        found => Err(chandlery_store::Error::ContentMismatch { expected: named, found }.into()),
    }
}

/// The manifests about an artifact of a plugin's repository that carry sigstore bundles, so many at most, the first pushed first.
pub async fn read_bundles(
    oci: &Oci,
    plugin: &PluginId,
    artifact: Digest,
    count_max: usize,
) -> Result<Vec<ImageManifest>, Error> {
    let rows: Vec<(String,)> = sqlx::query_as(
        "select content from manifests where repository = $1 and subject = $2 and artifact_type = $3
         order by pushed_at, digest limit $4",
    )
    .bind(plugin.repository())
    .bind(artifact.to_string())
    .bind(BUNDLE_MEDIA_TYPE)
    .bind(count_max as i64)
    .fetch_all(oci.db.read())
    .await?;
    rows.iter().map(|(content,)| Ok(ImageManifest::parse(content.as_bytes())?)).collect()
}

/// What a tag of a plugin's repository points to, if it is there.
pub async fn read_tag(db: &Db, plugin: &PluginId, tag: &str) -> Result<Option<Digest>, Error> {
    let found: Option<(String,)> =
        sqlx::query_as("select digest from tags where repository = $1 and tag = $2")
            .bind(plugin.repository())
            .bind(tag)
            .fetch_optional(db.read())
            .await?;
    found.map(|(digest,)| digest.parse().map_err(Error::from)).transpose()
}

#[cfg(test)]
mod tests {
    use super::super::descriptors::INDEX;
    use super::*;

    const IMAGE: &str = "application/vnd.oci.image.manifest.v1+json";

    fn described(media_type: Option<&str>) -> Described {
        let manifest = serde_json::json!({ "schemaVersion": 2, "mediaType": media_type });
        Described::parse(manifest.to_string().as_bytes()).unwrap()
    }

    #[test]
    fn a_media_type_is_the_same_in_other_case_and_with_parameters() {
        for (declared, own, kind) in [
            (Some(IMAGE), None, IMAGE),
            (None, Some(IMAGE), IMAGE),
            (Some("Application/VND.OCI.Image.Manifest.v1+JSON"), Some(IMAGE), IMAGE),
            (Some("application/vnd.oci.image.manifest.v1+json; charset=utf-8"), Some(IMAGE), IMAGE),
            (Some(" application/vnd.oci.image.manifest.v1+json ;q=1"), None, IMAGE),
            (Some("Text/HTML"), None, "text/html"),
        ] {
            assert_eq!(media_type(declared, &described(own)).unwrap(), kind, "{declared:?} {own:?}");
        }
        for (declared, own) in [
            (None, None),
            (Some(INDEX), Some(IMAGE)),
            (Some(""), None),
            (Some("json"), None),
            (Some("text/h t"), None),
            (Some("text/\u{e9}"), None),
            (Some(IMAGE), Some("a/b\r\nx: y")),
        ] {
            assert!(media_type(declared, &described(own)).is_err(), "{declared:?} {own:?}");
        }
    }

    #[test]
    fn a_manifest_is_one_thing_and_has_an_end() {
        let digest = ContentDigest::of(Algorithm::Sha256, b"x").to_string();
        let part = serde_json::json!({ "mediaType": "a/b", "digest": digest, "size": 1 });
        let parts = |count: usize| vec![part.clone(); count];
        for (config, layers, manifests, good) in [
            (None, 0, 0, true),
            (Some(&part), 999, 0, true),
            (Some(&part), 1000, 0, false),
            (None, 24_000, 0, false),
            (None, 0, 1000, true),
            (None, 0, 1001, false),
            (Some(&part), 0, 1, false),
            (None, 1, 1, false),
        ] {
            let manifest = serde_json::json!({
                "schemaVersion": 2, "config": config, "layers": parts(layers), "manifests": parts(manifests),
            });
            let described = Described::parse(manifest.to_string().as_bytes()).unwrap();
            assert_eq!(must_be_one_thing(&described).is_ok(), good, "{layers} {manifests}");
        }
    }
}
