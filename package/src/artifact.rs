//! A release as an OCI artifact, in the CNCF's Wasm form, and its signature as others beside it.
//!
//! <https://tag-runtime.cncf.io/wgs/wasm/deliverables/wasm-oci-artifact/>

use serde::{Deserialize, Deserializer, Serialize};
use serde_json::{Map, Value, json};

use crate::signature::bundle::{BUNDLE_MEDIA_TYPE, PREDICATE_TYPE};
use crate::signature::{PAYLOAD_MEDIA_TYPE, SIGNATURE_ANNOTATION, SignedPayload};
use crate::{Component, Digest};

/// The media type of an OCI image manifest.
pub const MANIFEST_MEDIA_TYPE: &str = "application/vnd.oci.image.manifest.v1+json";
/// The media type of a Wasm artifact's config.
pub const CONFIG_MEDIA_TYPE: &str = "application/vnd.wasm.config.v0+json";
/// The media type of a component.
pub const LAYER_MEDIA_TYPE: &str = "application/wasm";

const IMAGE_CONFIG_MEDIA_TYPE: &str = "application/vnd.oci.image.config.v1+json";
const EMPTY_MEDIA_TYPE: &str = "application/vnd.oci.empty.v1+json";
/// A release built twice from the same component is the same artifact, so no clock is asked.
const CREATED: &str = "1970-01-01T00:00:00Z";

/// The most signatures of one artifact.
pub const SIGNATURES_MAX: usize = 16;
/// The largest payload that is signed, in bytes; cosign's have about 250.
pub const PAYLOAD_BYTES_MAX: u64 = 64 << 10;

/// Why an artifact was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ArtifactError {
    /// Not an OCI image manifest.
    #[error("not an OCI image manifest: {0}")]
    Manifest(String),
    /// Not a Wasm artifact.
    #[error("not a Wasm artifact: {0}")]
    NotWasm(String),
    /// More signatures than anyone looks through.
    #[error("it has {0} signatures; at most {SIGNATURES_MAX} are looked at")]
    ManySignatures(usize),
    /// A signed payload that is none of cosign's.
    #[error("the payload of a signature has {0} bytes; at most {PAYLOAD_BYTES_MAX} are accepted")]
    LargePayload(u64),
}

/// What a manifest says of one of its blobs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Descriptor {
    /// What the bytes are.
    pub media_type: String,
    /// The digest of the blob's bytes.
    pub digest: Digest,
    /// The size of the blob in bytes.
    pub size: u64,
    /// Notes by name.
    #[serde(default, deserialize_with = "or_nothing", skip_serializing_if = "Map::is_empty")]
    pub annotations: Map<String, Value>,
}

/// An OCI image manifest, as far as releases and signatures use it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ImageManifest {
    /// The version of the manifest's form: always 2.
    pub schema_version: u32,
    /// [`MANIFEST_MEDIA_TYPE`]; none: OCI lets a manifest leave it out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub media_type: Option<String>,
    /// What the artifact is, where its config does not say so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub artifact_type: Option<String>,
    /// What describes the artifact.
    pub config: Descriptor,
    /// The content; a release has one layer, its component.
    #[serde(default, deserialize_with = "or_nothing")]
    pub layers: Vec<Descriptor>,
    /// The artifact that this one is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subject: Option<Descriptor>,
    /// Notes by name.
    #[serde(default, deserialize_with = "or_nothing", skip_serializing_if = "Map::is_empty")]
    pub annotations: Map<String, Value>,
}

/// For `deserialize_with`: Go writes an empty list or map as `null`.
pub fn or_nothing<'de, D, T>(from: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de> + Default,
{
    Ok(Option::deserialize(from)?.unwrap_or_default())
}

impl ImageManifest {
    /// Reads a manifest's bytes.
    pub fn parse(bytes: &[u8]) -> Result<Self, ArtifactError> {
        let manifest: Self =
            serde_json::from_slice(bytes).map_err(|error| ArtifactError::Manifest(error.to_string()))?;
        match manifest.schema_version {
            2 => Ok(manifest),
            other => Err(ArtifactError::Manifest(format!("schemaVersion {other}, not 2"))),
        }
    }

    /// The one layer that holds a sigstore bundle of at most so many bytes, if there is one.
    pub fn bundle(&self, bytes_max: u64) -> Option<&Descriptor> {
        match self.layers.as_slice() {
            [layer] if layer.media_type == BUNDLE_MEDIA_TYPE && layer.size <= bytes_max => Some(layer),
            _ => None,
        }
    }

    /// The one layer that holds the component.
    pub fn component(&self) -> Result<&Descriptor, ArtifactError> {
        if self.config.media_type != CONFIG_MEDIA_TYPE {
            let found = &self.config.media_type;
            return Err(ArtifactError::NotWasm(format!("its config is {found}, not {CONFIG_MEDIA_TYPE}")));
        }
        match self.layers.as_slice() {
            [layer] if layer.media_type == LAYER_MEDIA_TYPE => Ok(layer),
            [layer] => Err(ArtifactError::NotWasm(format!("its layer is {}", layer.media_type))),
            layers => Err(ArtifactError::NotWasm(format!("it has {} layers, not one", layers.len()))),
        }
    }

    /// Every signature that this manifest, found under a `.sig` tag, points to: its payload's descriptor and the
    /// signature in base64. There are at most [`SIGNATURES_MAX`], each over at most [`PAYLOAD_BYTES_MAX`] if what the manifest says
    /// is true.
    pub fn signatures(&self) -> Result<Vec<(&Descriptor, &str)>, ArtifactError> {
        let layers = self.layers.iter().filter(|layer| layer.media_type == PAYLOAD_MEDIA_TYPE);
        let found: Vec<_> = layers
            .filter_map(|layer| Some((layer, layer.annotations.get(SIGNATURE_ANNOTATION)?.as_str()?)))
            .collect();
        if found.len() > SIGNATURES_MAX {
            return Err(ArtifactError::ManySignatures(found.len()));
        }
        match found.iter().map(|(payload, _)| payload.size).max() {
            Some(bytes) if bytes > PAYLOAD_BYTES_MAX => Err(ArtifactError::LargePayload(bytes)),
            _ => Ok(found),
        }
    }
}

/// The bytes to store: blobs first, then the manifest that names them.
#[derive(Debug, Clone)]
pub struct Artifact {
    /// The bytes of the config, in JSON.
    pub config: Vec<u8>,
    /// The one layer or, of several, the one that is new.
    pub layer: Vec<u8>,
    /// The bytes of the OCI manifest, in JSON: their digest is the artifact's.
    pub manifest: Vec<u8>,
}

impl Artifact {
    /// The release that carries this component.
    pub fn of_component(component: &Component, bytes: Vec<u8>) -> Self {
        let config = to_bytes(&json!({
            "created": CREATED,
            "architecture": "wasm",
            "os": "wasip2",
            "layerDigests": [component.digest],
            "component": { "exports": component.exports, "imports": component.imports, "target": null },
        }));
        let manifest = &component.manifest;
        let annotations = json!({
            "org.opencontainers.image.title": manifest.name,
            "org.opencontainers.image.version": manifest.version,
            "org.opencontainers.image.description": manifest.description,
            "org.opencontainers.image.licenses": manifest.license,
        });
        let config = Blob::new(CONFIG_MEDIA_TYPE, config);
        Self::of(config, Blob::new(LAYER_MEDIA_TYPE, bytes), annotations, None)
    }

    /// The artifact that carries this signature.
    pub fn of_signature(signed: &SignedPayload) -> Self {
        Self::of_signatures(Vec::new(), signed)
    }

    /// The artifact that carries this signature beside those in these layers, whose blobs are there already.
    pub fn of_signatures(mut layers: Vec<Descriptor>, signed: &SignedPayload) -> Self {
        let annotations = Map::from_iter([(SIGNATURE_ANNOTATION.into(), signed.signature.clone().into())]);
        let payload = signed.payload.clone().into_bytes();
        let payload = Blob { annotations, ..Blob::new(PAYLOAD_MEDIA_TYPE, payload) };
        let own = payload.describe();
        if !layers.contains(&own) {
            layers.push(own);
        }
        let digests: Vec<Digest> = layers.iter().map(|layer| layer.digest).collect();
        let config = to_bytes(&json!({
            "architecture": "",
            "os": "",
            "config": {},
            "rootfs": { "type": "layers", "diff_ids": digests },
        }));
        Self::with_layers(Blob::new(IMAGE_CONFIG_MEDIA_TYPE, config), payload, layers, json!({}), None)
    }

    /// The artifact that carries this sigstore bundle, as a referrer of the artifact that the bundle signs.
    pub fn of_bundle(bundle: String, signed: &Self) -> Self {
        Self::of_attestation(bundle, PREDICATE_TYPE, signed)
    }

    /// The artifact that carries a sigstore bundle whose statement is of this type, as a referrer of the artifact that it is about.
    pub fn of_attestation(bundle: String, predicate_type: &str, signed: &Self) -> Self {
        let annotations = json!({
            "dev.sigstore.bundle.content": "dsse-envelope",
            "dev.sigstore.bundle.predicateType": predicate_type,
        });
        let subject = Blob::new(MANIFEST_MEDIA_TYPE, signed.manifest.clone()).describe();
        let bundle = Blob::new(BUNDLE_MEDIA_TYPE, bundle.into_bytes());
        Self::of(Blob::new(EMPTY_MEDIA_TYPE, b"{}".into()), bundle, annotations, Some(subject))
    }

    fn of(config: Blob, layer: Blob, annotations: Value, subject: Option<Descriptor>) -> Self {
        let layers = vec![layer.describe()];
        Self::with_layers(config, layer, layers, annotations, subject)
    }

    fn with_layers(
        config: Blob,
        layer: Blob,
        layers: Vec<Descriptor>,
        annotations: Value,
        subject: Option<Descriptor>,
    ) -> Self {
        let manifest = ImageManifest {
            schema_version: 2,
            media_type: Some(MANIFEST_MEDIA_TYPE.into()),
            artifact_type: subject.is_some().then(|| layer.media_type.into()),
            config: config.describe(),
            layers,
            subject,
            annotations: annotations.as_object().cloned().unwrap_or_default(),
        };
        Self { config: config.bytes, layer: layer.bytes, manifest: to_bytes(&json!(manifest)) }
    }

    /// What the whole artifact is called: its manifest's digest.
    pub fn digest(&self) -> Digest {
        Digest::of(&self.manifest)
    }
}

struct Blob {
    media_type: &'static str,
    bytes: Vec<u8>,
    annotations: Map<String, Value>,
}

impl Blob {
    fn new(media_type: &'static str, bytes: Vec<u8>) -> Self {
        Self { media_type, bytes, annotations: Map::new() }
    }

    fn describe(&self) -> Descriptor {
        Descriptor {
            media_type: self.media_type.into(),
            digest: Digest::of(&self.bytes),
            size: self.bytes.len() as u64,
            annotations: self.annotations.clone(),
        }
    }
}

fn to_bytes(value: &Value) -> Vec<u8> {
    value.to_string().into_bytes()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::PrivateKey;

    #[test]
    fn a_signature_survives_the_artifact() {
        let key = PrivateKey::generate();
        let signed = SignedPayload::sign(&key, &"acme:ocr".parse().unwrap(), Digest::of("x"));
        let artifact = Artifact::of_signature(&signed);
        let manifest = ImageManifest::parse(&artifact.manifest).unwrap();
        let (layer, signature) = manifest.signatures().unwrap()[0];
        assert_eq!(layer.digest, Digest::of(&artifact.layer));
        assert_eq!(signature, signed.signature);
        assert!(matches!(manifest.component(), Err(ArtifactError::NotWasm(_))));
    }

    #[test]
    fn a_signature_joins_those_that_are_there() {
        let signed_by =
            |key: &PrivateKey| SignedPayload::sign(key, &"acme:ocr".parse().unwrap(), Digest::of("x"));
        let (first, second) = (signed_by(&PrivateKey::generate()), signed_by(&PrivateKey::generate()));
        let layers = |artifact: &Artifact| ImageManifest::parse(&artifact.manifest).unwrap().layers;
        let one = layers(&Artifact::of_signature(&first));
        let both = layers(&Artifact::of_signatures(one.clone(), &second));
        assert_eq!((&both[..1], both.len()), (&one[..], 2));
        assert_eq!(layers(&Artifact::of_signatures(both.clone(), &first)), both, "it is there already");
    }

    #[test]
    fn signatures_have_an_end() {
        let signed =
            SignedPayload::sign(&PrivateKey::generate(), &"acme:ocr".parse().unwrap(), Digest::of("x"));
        let mut manifest = ImageManifest::parse(&Artifact::of_signature(&signed).manifest).unwrap();
        let one = manifest.layers[0].clone();
        manifest.layers = vec![one.clone(); SIGNATURES_MAX];
        assert_eq!(manifest.signatures().unwrap().len(), SIGNATURES_MAX);
        manifest.layers = vec![one.clone(); 13_000];
        assert_eq!(manifest.signatures(), Err(ArtifactError::ManySignatures(13_000)));
        manifest.layers = vec![Descriptor { size: 48 << 20, ..one }];
        assert_eq!(manifest.signatures(), Err(ArtifactError::LargePayload(48 << 20)));
    }

    #[test]
    fn what_is_empty_may_be_null_or_lack() {
        let signed =
            SignedPayload::sign(&PrivateKey::generate(), &"acme:ocr".parse().unwrap(), Digest::of("x"));
        let whole: Value = serde_json::from_slice(&Artifact::of_signature(&signed).manifest).unwrap();
        let empty = |field: &str, value: Value| {
            let mut manifest = whole.clone();
            *manifest.pointer_mut(field).unwrap() = value;
            ImageManifest::parse(manifest.to_string().as_bytes())
        };
        for (field, none) in [("/layers", json!([])), ("/layers/0/annotations", json!({}))] {
            assert_eq!(empty(field, Value::Null), empty(field, none), "{field}");
            assert!(empty(field, Value::Null).unwrap().signatures().unwrap().is_empty(), "{field}");
        }
        let mut manifest = whole.clone();
        for field in ["annotations", "subject", "artifactType", "mediaType"] {
            manifest[field] = Value::Null;
        }
        manifest["config"]["annotations"] = Value::Null;
        let found = ImageManifest::parse(manifest.to_string().as_bytes()).unwrap();
        assert_eq!(found.signatures().unwrap().len(), 1);
        for field in ["/config", "/schemaVersion", "/layers/0/digest"] {
            assert!(empty(field, Value::Null).is_err(), "{field}");
        }
    }

    proptest! {
        #[test]
        fn no_bytes_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            prop_assert!(ImageManifest::parse(&bytes).is_err());
        }
    }
}
