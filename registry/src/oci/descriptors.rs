//! What a manifest names: read from its JSON, whatever else it may say.

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
    #[serde(default)]
    pub layers: Vec<Descriptor>,
    /// The manifests of an index.
    #[serde(default)]
    pub manifests: Vec<Descriptor>,
    /// The manifest that this one is about.
    pub subject: Option<Descriptor>,
    /// Notes by name.
    #[serde(default)]
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
}

impl Descriptor {
    /// Whether it is meant to be fetched from elsewhere.
    fn is_foreign(&self) -> bool {
        let kind = &self.media_type;
        kind.contains(".nondistributable.") || kind.contains(".rootfs.foreign.")
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

    /// The blobs that must be here.
    pub fn blobs(&self) -> impl Iterator<Item = &ContentDigest> {
        let named = self.config.iter().chain(&self.layers);
        named.filter(|descriptor| !descriptor.is_foreign()).map(|descriptor| &descriptor.digest)
    }

    /// Everything that would be missed if it were removed.
    pub fn keeps(&self) -> impl Iterator<Item = &ContentDigest> {
        let manifests = self.manifests.iter().map(|descriptor| &descriptor.digest);
        self.blobs().chain(manifests)
    }

    /// What kind of artifact a list of referrers calls it.
    pub fn kind(&self) -> Option<&str> {
        let config = self.config.as_ref().map(|config| config.media_type.as_str());
        self.artifact_type.as_deref().or(config)
    }
}
