//! What stays: the parts of stored manifests, and everything that a logged release needs, which nobody can move or remove.

use chandlery_package::Digest;
use chandlery_package::artifact::ImageManifest;
use chandlery_package::signature::signature_tag;
use futures::TryStreamExt as _;

use super::descriptors::{Described, Part};
use super::error::Error;
use super::repository::Repository;
use chandlery_store::Write;
use chandlery_store::content::ContentDigest;

/// Refuses a manifest that names what was not pushed.
pub(super) async fn must_have_content(
    write: &mut Write,
    repository: &Repository,
    described: &Described,
) -> Result<(), Error> {
    for kept in described.keeps() {
        let digest = kept.digest;
        let (kind, sql) = match kept.part {
            Part::Blob => {
                ("blob", "select bytes from repository_blobs where repository = $1 and digest = $2")
            }
            Part::Manifest => {
                ("manifest", "select bytes from manifests where repository = $1 and digest = $2")
            }
            Part::ForeignBlob | Part::Subject => continue,
        };
        let found: Option<(i64,)> = sqlx::query_as(sql)
            .bind(repository.name())
            .bind(digest.to_string())
            .fetch_optional(&mut **write)
            .await?;
        let missing = || Error::MissingContent(format!("{kind} {digest} in {repository}: push it first"));
        let (bytes,) = found.ok_or_else(missing)?;
        kept.must_say(bytes, kind)?;
    }
    Ok(())
}

/// Refuses to remove a manifest that a release or another manifest needs.
pub(super) async fn must_not_be_needed(
    write: &mut Write,
    repository: &Repository,
    digest: &ContentDigest,
) -> Result<(), Error> {
    let released: Option<(String, String)> = sqlx::query_as(
        "select plugin, version from releases where artifact = $1 and plugin = $2
         union select plugin, version from releases join tags on tags.digest = $1 and tags.repository = $3
               where plugin = $2 and tags.tag = 'sha256-' || substr(artifact, 8) || '.sig'
         union select plugin, version from releases
               join manifests on manifests.digest = $1 and manifests.repository = $3
               where plugin = $2 and manifests.subject = artifact
                     and manifests.artifact_type like 'application/vnd.dev.sigstore.bundle%'",
    )
    .bind(digest.to_string())
    .bind(plugin_of(repository))
    .bind(repository.name())
    .fetch_optional(&mut **write)
    .await?;
    if let Some((plugin, version)) = released {
        let what = format!(
            "{digest} belongs to the release {plugin}@{version}: releases are withdrawn, not deleted"
        );
        return Err(Error::InUse(what));
    }
    must_not_be_part(write, repository, digest).await
}

/// Refuses to remove what a stored manifest needs.
pub(super) async fn must_not_be_part(
    write: &mut Write,
    repository: &Repository,
    digest: &ContentDigest,
) -> Result<(), Error> {
    // A digest may be written with JSON's escapes.
    let mut naming = sqlx::query_as::<_, (String, String)>(
        "select digest, content from manifests
         where repository = $1 and (content like $2 or content like $3 escape '!')",
    )
    .bind(repository.name())
    .bind(format!("%{digest}%"))
    .bind("%\\u%")
    .fetch(&mut **write);
    while let Some((manifest, content)) = naming.try_next().await? {
        let described = Described::parse(content.as_bytes())?;
        if described.keeps().any(|kept| kept.is_needed() && kept.digest == digest) {
            return Err(Error::InUse(format!("{digest} is part of manifest {manifest}: delete that first")));
        }
    }
    Ok(())
}

/// Refuses to take signatures away from a release: what its tag is pointed to has all that were there. With nothing to point it to,
/// it is to be removed.
pub(super) async fn signatures_must_stay(
    write: &mut Write,
    repository: &Repository,
    artifact: Digest,
    to: Option<&ContentDigest>,
) -> Result<(), Error> {
    let released: Option<(String, String)> =
        sqlx::query_as("select plugin, version from releases where artifact = $1 and plugin = $2")
            .bind(artifact.to_string())
            .bind(plugin_of(repository))
            .fetch_optional(&mut **write)
            .await?;
    let Some((plugin, version)) = released else { return Ok(()) };
    let Some(to) = to else {
        return Err(Error::InUse(format!(
            "the signatures of {plugin}@{version} stay as long as it is logged"
        )));
    };
    let new = ImageManifest::parse(content(write, repository, &to.to_string()).await?.as_bytes())?;
    for (payload, _) in new.signatures()? {
        let stored: Option<(i64,)> =
            sqlx::query_as("select bytes from repository_blobs where repository = $1 and digest = $2")
                .bind(repository.name())
                .bind(payload.digest.to_string())
                .fetch_optional(&mut **write)
                .await?;
        if stored.is_none_or(|(bytes,)| bytes.unsigned_abs() != payload.size) {
            let what = format!("blob {} is not here with {} bytes", payload.digest, payload.size);
            return Err(Error::BadManifest(what));
        }
    }
    let stored = match signatures(write, repository, artifact).await? {
        Some(digest) => ImageManifest::parse(content(write, repository, &digest).await?.as_bytes()),
        None => return Ok(()),
    };
    // What was no manifest of signatures before this was checked has none to lose.
    let stored = stored.map(|manifest| manifest.layers).unwrap_or_default();
    match stored.iter().filter(|layer| !new.layers.contains(layer)).count() {
        0 => Ok(()),
        lost => Err(Error::SignaturesLost { release: format!("{plugin}@{version}"), lost }),
    }
}

/// The digest of the manifest with the signatures of an artifact.
pub(super) async fn signatures(
    write: &mut Write,
    repository: &Repository,
    artifact: Digest,
) -> Result<Option<String>, Error> {
    let found: Option<(String,)> =
        sqlx::query_as("select digest from tags where repository = $1 and tag = $2")
            .bind(repository.name())
            .bind(signature_tag(artifact))
            .fetch_optional(&mut **write)
            .await?;
    Ok(found.map(|(digest,)| digest))
}

/// A stored manifest.
pub(super) async fn content(
    write: &mut Write,
    repository: &Repository,
    digest: &str,
) -> Result<String, Error> {
    let found: Option<(String,)> =
        sqlx::query_as("select content from manifests where repository = $1 and digest = $2")
            .bind(repository.name())
            .bind(digest)
            .fetch_optional(&mut **write)
            .await?;
    let missing = || Error::MissingContent(format!("manifest {digest} in {repository}: push it first"));
    found.map(|(content,)| content).ok_or_else(missing)
}

/// The plugin whose releases are in a repository, as releases name it.
fn plugin_of(repository: &Repository) -> String {
    repository.name().replacen('/', ":", 1)
}
