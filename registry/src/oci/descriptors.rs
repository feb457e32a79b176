//! What a manifest names: read from its JSON, whatever else it may say.

use chandlery_package::artifact::or_nothing;
use serde::Deserialize;
use serde_json::{Map, Value};

use super::error::Error;
use chandlery_store::content::ContentDigest;

/// The media type of an OCI index.
pub const INDEX: &str = "application/vnd.oci.image.index.v1+json";

/// The parts of a manifest or an index that the registry acts on.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Described {
    /// Always 2 in what is in use.
    pub schema_version: u32,
    /// What it is, where it says so itself.
    pub media_type: Option<String>,
    /// The kind of artifact.
    pub artifact_type: Option<String>,
    /// Describes the artifact; a manifest has one, an index does not.
    pub config: Option<Descriptor>,
    /// The content itself, such as a component or the layers of a file system.
    #[serde(default, deserialize_with = "or_nothing")]
    pub layers: Vec<Descriptor>,
    /// The manifests of an index.
    #[serde(default, deserialize_with = "or_nothing")]
    pub manifests: Vec<Descriptor>,
    /// The manifest that this one is about.
    pub subject: Option<Descriptor>,
    /// Notes by name.
    #[serde(default, deserialize_with = "or_nothing")]
    pub annotations: Map<String, Value>,
}

/// One piece of content that a manifest names.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Descriptor {
    /// What its bytes are, in the words of whoever pushed it.
    pub media_type: String,
    /// The digest of its bytes, by which it is found.
    pub digest: ContentDigest,
    /// How many bytes it has: a whole number, in what follows the specification.
    #[serde(default)]
    pub size: Value,
}

impl Descriptor {
    /// Whether it is meant to be fetched from elsewhere.
    fn is_foreign(&self) -> bool {
        let kind = &self.media_type;
        kind.contains(".nondistributable.") || kind.contains(".rootfs.foreign.")
    }
}

/// What a manifest names something as.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// Its config or a layer, which is pushed before it and kept as long as it.
    Blob,
    /// A layer that clients may fetch from elsewhere: it may be lacking, and what was pushed of it is kept.
    ForeignBlob,
    /// A manifest of an index, which is pushed before it and kept as long as it.
    Manifest,
    /// The manifest that it is about, which may come later and go earlier.
    Subject,
}

/// Something that a manifest names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Kept<'a> {
    /// The digest of its bytes.
    pub digest: &'a ContentDigest,
    /// What it is to the manifest.
    pub part: Part,
    /// How many bytes it has, as the manifest says.
    pub size: &'a Value,
}

impl Kept<'_> {
    /// Refuses a manifest that says another size than the content has, which is a `what`.
    pub fn must_say(&self, bytes: i64, what: &str) -> Result<(), Error> {
        match self.size.is_null() || self.size.as_i64() == Some(bytes) {
            true => Ok(()),
            false => {
                let said = self.size.to_string();
                Err(Error::WrongSize { what: format!("{what} {}", self.digest), bytes, said })
            }
        }
    }

    /// Whether it must not be removed while the manifest is there.
    pub fn is_needed(&self) -> bool {
        self.part != Part::Subject
    }
}

impl Described {
    /// Reads a manifest's bytes.
    pub fn parse(bytes: &[u8]) -> Result<Self, Error> {
        let described: Self = serde_json::from_slice(bytes)
            .map_err(|error| Error::BadManifest(format!("it cannot be read: {error}")))?;
        match described.schema_version {
            2 => Ok(described),
            other => Err(Error::BadManifest(format!("its schemaVersion is {other}, not 2"))),
        }
    }

    /// Everything that the manifest names, each with what follows from that: the one answer for pushing, deleting and collecting.
    pub fn keeps(&self) -> impl Iterator<Item = Kept<'_>> {
        let blobs = self
            .config
            .iter()
            .chain(&self.layers)
            .map(|blob| (blob, if blob.is_foreign() { Part::ForeignBlob } else { Part::Blob }));
        let manifests = self.manifests.iter().map(|manifest| (manifest, Part::Manifest));
        let subject = self.subject.iter().map(|subject| (subject, Part::Subject));
        let named = blobs.chain(manifests).chain(subject);
        named.map(|(descriptor, part)| Kept { digest: &descriptor.digest, part, size: &descriptor.size })
    }

    /// What kind of artifact a list of referrers calls it.
    pub fn kind(&self) -> Option<&str> {
        let config = self.config.as_ref().map(|config| config.media_type.as_str());
        self.artifact_type.as_deref().or(config)
    }
}

#[cfg(test)]
mod tests {
    use chandlery_package::Digest;
    use serde_json::json;

    use super::*;

    fn named(media_type: &str, content: &str) -> Value {
        json!({ "mediaType": media_type, "digest": Digest::of(content), "size": content.len() })
    }

    #[test]
    fn a_manifest_keeps_what_it_names_whatever_its_type() {
        let foreign = "application/vnd.oci.image.layer.nondistributable.v1.tar+gzip";
        let docker = "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip";
        for (field, value, part, needed) in [
            ("config", named("text/plain", "x"), Part::Blob, true),
            ("layers", json!([named("text/plain", "x")]), Part::Blob, true),
            ("layers", json!([named("", "x")]), Part::Blob, true),
            ("layers", json!([named(foreign, "x")]), Part::ForeignBlob, true),
            ("layers", json!([named(docker, "x")]), Part::ForeignBlob, true),
            ("manifests", json!([named(INDEX, "x")]), Part::Manifest, true),
            ("manifests", json!([named(foreign, "x")]), Part::Manifest, true),
            ("subject", named(INDEX, "x"), Part::Subject, false),
        ] {
            let manifest = json!({ "schemaVersion": 2, field: value });
            let described = Described::parse(manifest.to_string().as_bytes()).unwrap();
            let kept: Vec<_> = described.keeps().collect();
            let digest = ContentDigest::from(Digest::of("x"));
            assert_eq!(kept, [Kept { digest: &digest, part, size: &json!(1) }], "{manifest}");
            assert_eq!(kept[0].is_needed(), needed, "{manifest}");
        }
    }

    #[test]
    fn an_empty_list_may_be_null() {
        let manifest = json!({ "schemaVersion": 2, "layers": null, "manifests": null, "annotations": null });
        let described = Described::parse(manifest.to_string().as_bytes()).unwrap();
        assert_eq!(described.keeps().count(), 0);
        assert!(described.annotations.is_empty());
    }
}
