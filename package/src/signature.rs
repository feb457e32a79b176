//! Signatures in cosign's layout: a small JSON text ("simple signing") that names the artifact's digest, signed as it
//! stands, and stored beside the artifact as an OCI artifact of its own under the tag `sha256-<hex>.sig`.
//!
//! <https://github.com/sigstore/cosign/blob/main/specs/SIGNATURE_SPEC.md>

pub mod bundle;

use base64::prelude::{BASE64_STANDARD, Engine as _};
use serde::{Deserialize, Serialize};

use crate::{Digest, KeyError, PluginId, PrivateKey, PublicKey};

/// The media type of a payload that was signed.
pub const PAYLOAD_MEDIA_TYPE: &str = "application/vnd.dev.cosign.simplesigning.v1+json";
/// The annotation of the payload's layer that holds the signature, in base64.
pub const SIGNATURE_ANNOTATION: &str = "dev.cosignproject.cosign/signature";

const PAYLOAD_TYPE: &str = "cosign container image signature";

/// Why a signature was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SignatureError {
    /// Not a simple-signing payload.
    #[error("the signed payload is not in the simple-signing form: {0}")]
    Payload(String),
    /// The signature is not base64.
    #[error("the signature is not base64")]
    Encoding,
    /// It signs something else.
    #[error("the signature is over {signed}, not over {expected}")]
    OtherArtifact {
        /// The digest that the payload names.
        signed: Digest,
        /// The digest of what was to be checked.
        expected: Digest,
    },
    /// It was made by another key, or the payload was changed.
    #[error(transparent)]
    Key(#[from] KeyError),
}

#[derive(Serialize, Deserialize)]
struct Payload {
    critical: Critical,
    optional: Option<serde_json::Value>,
}

#[derive(Serialize, Deserialize)]
struct Critical {
    identity: Identity,
    image: Image,
    r#type: String,
}

#[derive(Serialize, Deserialize)]
struct Identity {
    #[serde(rename = "docker-reference")]
    docker_reference: String,
}

#[derive(Serialize, Deserialize)]
struct Image {
    #[serde(rename = "docker-manifest-digest")]
    docker_manifest_digest: Digest,
}

/// A payload and the signature over it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SignedPayload {
    /// The JSON text, byte for byte as it was signed.
    pub payload: String,
    /// Base64 of the 64 bytes of the Ed25519 signature.
    pub signature: String,
}

impl SignedPayload {
    /// Signs the artifact whose OCI manifest has this digest.
    pub fn sign(key: &PrivateKey, plugin: &PluginId, artifact: Digest) -> Self {
        let payload = Self::text(plugin, artifact);
        let signature = BASE64_STANDARD.encode(key.sign(payload.as_bytes()));
        Self { payload, signature }
    }

    /// What is signed of such an artifact, byte for byte.
    pub fn text(plugin: &PluginId, artifact: Digest) -> String {
        let identity = Identity { docker_reference: plugin.repository() };
        let image = Image { docker_manifest_digest: artifact };
        let critical = Critical { identity, image, r#type: PAYLOAD_TYPE.into() };
        serde_json::json!(Payload { critical, optional: None }).to_string()
    }

    /// Whether `key` signed exactly the artifact with this manifest digest.
    pub fn verify(&self, key: &PublicKey, artifact: Digest) -> Result<(), SignatureError> {
        let signature = BASE64_STANDARD.decode(&self.signature).map_err(|_| SignatureError::Encoding)?;
        key.verify(self.payload.as_bytes(), &signature)?;
        let payload: Payload = serde_json::from_str(&self.payload)
            .map_err(|error| SignatureError::Payload(error.to_string()))?;
        if payload.critical.r#type != PAYLOAD_TYPE {
            return Err(SignatureError::Payload(format!("type '{}'", payload.critical.r#type)));
        }
        match payload.critical.image.docker_manifest_digest {
            signed if signed == artifact => Ok(()),
            signed => Err(SignatureError::OtherArtifact { signed, expected: artifact }),
        }
    }
}

/// The tag under which the signatures of the artifact with this manifest digest are kept.
pub fn signature_tag(artifact: Digest) -> String {
    format!("sha256-{}.sig", artifact.hex())
}

/// The artifact whose signatures are kept under a tag; none: the tag is for something else.
pub fn signed_under(tag: &str) -> Option<Digest> {
    let hex = tag.strip_prefix("sha256-")?.strip_suffix(".sig")?;
    format!("sha256:{hex}").parse().ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_signature_holds_for_one_key_and_one_artifact() {
        let (key, other) = (PrivateKey::generate(), PrivateKey::generate());
        let (artifact, another) = (Digest::of("a"), Digest::of("b"));
        let signed = SignedPayload::sign(&key, &"acme:ocr".parse().unwrap(), artifact);
        assert_eq!(signed.verify(&key.public(), artifact), Ok(()));
        assert!(matches!(signed.verify(&other.public(), artifact), Err(SignatureError::Key(_))));
        assert!(matches!(signed.verify(&key.public(), another), Err(SignatureError::OtherArtifact { .. })));
        let changed = SignedPayload { payload: signed.payload.replace("acme", "evil"), ..signed };
        assert!(matches!(changed.verify(&key.public(), artifact), Err(SignatureError::Key(_))));
        assert_eq!(signed_under(&signature_tag(artifact)), Some(artifact));
        for other in ["1.0.0", "sha256-00.sig", &signature_tag(artifact).replace(".sig", ".att")] {
            assert_eq!(signed_under(other), None, "{other}");
        }
    }

    proptest! {
        #[test]
        fn no_payload_panics(payload in ".{0,200}", signature in "[A-Za-z0-9+/=]{0,100}") {
            let key = PrivateKey::generate();
            let signed = SignedPayload { payload, signature };
            prop_assert!(signed.verify(&key.public(), Digest::of("x")).is_err());
            // Even where the key did sign it, it must be of the right form.
            let signature = BASE64_STANDARD.encode(key.sign(signed.payload.as_bytes()));
            let signed = SignedPayload { signature, ..signed };
            prop_assert!(matches!(signed.verify(&key.public(), Digest::of("x")), Err(SignatureError::Payload(_))));
        }
    }
}
