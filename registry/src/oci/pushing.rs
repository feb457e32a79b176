//! Pushing from within: what was uploaded on a page becomes an artifact of a repository, as if a client had pushed it.

use bytes::Bytes;
use chandlery_package::artifact::{Artifact, MANIFEST_MEDIA_TYPE};
use chandlery_package::signature::{SignedPayload, signature_tag};
use chandlery_package::{Digest, Namespace, PluginId};
use chandlery_store::content::{Algorithm, ContentDigest};

use super::chunks::kept;
use super::descriptors::Described;
use super::error::Error;
use super::manifests::{read_manifest, read_tag, store};
use super::repository::Repository;
use super::state::Oci;
use super::uploads::{Content, keep};

/// Refuses so many bytes more than a namespace may keep.
pub async fn must_have_room(oci: &Oci, namespace: &Namespace, bytes: u64) -> Result<(), Error> {
    let max = oci.limits.namespace_bytes_max;
    match kept(oci.db.read(), namespace).await?.saturating_add(bytes) {
        needed if needed <= max => Ok(()),
        _ => Err(Error::full(namespace, max)),
    }
}

/// Stores an artifact in a plugin's repository, without a tag.
pub async fn push(oci: &Oci, plugin: &PluginId, artifact: Artifact) -> Result<(), Error> {
    push_as(oci, plugin, artifact, &[]).await
}

/// Adds a signature of an artifact to those that are there.
pub async fn sign(
    oci: &Oci,
    plugin: &PluginId,
    artifact: Digest,
    signed: &SignedPayload,
) -> Result<(), Error> {
    let tag = signature_tag(artifact);
    let layers = match read_tag(&oci.db, plugin, &tag).await? {
        Some(signatures) => read_manifest(oci, plugin, signatures).await?.layers,
        None => Vec::new(),
    };
    push_as(oci, plugin, Artifact::of_signatures(layers, signed), &[tag]).await
}

async fn push_as(oci: &Oci, plugin: &PluginId, artifact: Artifact, tags: &[String]) -> Result<(), Error> {
    let repository: Repository = plugin.repository().parse()?;
    let Artifact { config, layer, manifest } = artifact;
    for blob in [config, layer].map(Bytes::from) {
        let (digest, bytes) = (ContentDigest::of(Algorithm::Sha256, &blob), blob.len() as u64);
        keep(oci, &repository, &digest, bytes, Content::Here(blob), None).await?;
    }
    let described = Described::parse(&manifest)?;
    let digest = ContentDigest::of(Algorithm::Sha256, &manifest);
    let content = String::from_utf8(manifest).map_err(|_| Error::BadManifest("it is not UTF-8".into()))?;
    store(oci, &repository, (&digest, MANIFEST_MEDIA_TYPE), &content, &described, tags).await
}
