//! The same signature in sigstore's newer form, which cosign 3 looks for among an artifact's referrers: an in-toto
//! statement that names the artifact's digest, in a DSSE envelope, in a bundle.
//!
//! <https://docs.sigstore.dev/about/bundle/>, <https://github.com/secure-systems-lab/dsse/blob/v1.0.0/protocol.md>,
//! <https://github.com/in-toto/attestation/blob/v1.0/spec/v1.0/statement.md>

use base64::prelude::{BASE64_STANDARD, Engine as _};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::{Digest, PrivateKey, PublicKey};

/// The media type of a bundle.
pub const BUNDLE_MEDIA_TYPE: &str = "application/vnd.dev.sigstore.bundle.v0.3+json";
/// What the statement says of the artifact: that it is signed, and nothing more.
pub const PREDICATE_TYPE: &str = "https://sigstore.dev/cosign/sign/v1";

/// What the text is that an envelope holds.
pub(crate) const STATEMENT_TYPE: &str = "https://in-toto.io/Statement/v1";
const PAYLOAD_TYPE: &str = "application/vnd.in-toto+json";

/// The bundle, as JSON text, in which `key` signs the artifact whose OCI manifest has this digest.
pub fn sign(key: &PrivateKey, artifact: Digest) -> String {
    attest(key, &statement(artifact))
}

/// What is signed of such an artifact, byte for byte, where the key is elsewhere.
pub fn text(artifact: Digest) -> String {
    pre_authentication_encoding(PAYLOAD_TYPE, &statement(artifact))
}

/// The bundle, as JSON text, that carries the signature of [`text`] by a key.
pub fn of_signature(key: &PublicKey, artifact: Digest, signature: &[u8]) -> String {
    bundle(key, &statement(artifact), signature)
}

fn statement(artifact: Digest) -> String {
    let statement = json!({
        "_type": STATEMENT_TYPE,
        "subject": [{ "digest": { "sha256": artifact.hex() } }],
        "predicateType": PREDICATE_TYPE,
        "predicate": {},
    });
    statement.to_string()
}

/// The bundle, as JSON text, in which `key` signs a statement of in-toto as it stands.
pub(crate) fn attest(key: &PrivateKey, statement: &str) -> String {
    let signature = key.sign(pre_authentication_encoding(PAYLOAD_TYPE, statement).as_bytes());
    bundle(&key.public(), statement, &signature)
}

fn bundle(key: &PublicKey, statement: &str, signature: &[u8]) -> String {
    json!({
        "mediaType": BUNDLE_MEDIA_TYPE,
        "verificationMaterial": { "publicKey": { "hint": key.id() } },
        "dsseEnvelope": {
            "payload": BASE64_STANDARD.encode(statement),
            "payloadType": PAYLOAD_TYPE,
            "signatures": [{ "sig": BASE64_STANDARD.encode(signature) }],
        },
    })
    .to_string()
}

#[derive(Deserialize)]
struct Bundle {
    #[serde(rename = "dsseEnvelope")]
    envelope: Envelope,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Envelope {
    payload: String,
    payload_type: String,
    signatures: Vec<Signed>,
}

#[derive(Deserialize)]
struct Signed {
    sig: String,
}

/// The statement in a bundle, if `key` has signed it: its first signature counts.
pub(crate) fn open(bundle: &[u8], key: &PublicKey) -> Option<Value> {
    let Bundle { envelope } = serde_json::from_slice(bundle).ok()?;
    let Envelope { payload, payload_type, signatures } = envelope;
    let payload = String::from_utf8(BASE64_STANDARD.decode(payload).ok()?).ok()?;
    let signature = BASE64_STANDARD.decode(&signatures.first()?.sig).ok()?;
    key.verify(pre_authentication_encoding(PAYLOAD_TYPE, &payload).as_bytes(), &signature).ok()?;
    match payload_type == PAYLOAD_TYPE {
        true => serde_json::from_str(&payload).ok(),
        false => None,
    }
}

/// What is signed in place of a payload, so that its type is signed with it (DSSE's "PAE").
fn pre_authentication_encoding(payload_type: &str, payload: &str) -> String {
    format!("DSSEv1 {} {payload_type} {} {payload}", payload_type.len(), payload.len())
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    /// The vector of DSSE's own text.
    #[test]
    fn a_payload_is_encoded_as_dsse_says() {
        let encoded = pre_authentication_encoding("http://example.com/HelloWorld", "hello world");
        assert_eq!(encoded, "DSSEv1 29 http://example.com/HelloWorld 11 hello world");
    }

    #[test]
    fn the_signature_is_over_a_statement_that_names_the_artifact() {
        let (key, artifact) = (PrivateKey::generate(), Digest::of("x"));
        let bundle: Value = serde_json::from_str(&sign(&key, artifact)).unwrap();
        let envelope = &bundle["dsseEnvelope"];
        let decode = |value: &Value| BASE64_STANDARD.decode(value.as_str().unwrap()).unwrap();
        let statement = String::from_utf8(decode(&envelope["payload"])).unwrap();
        assert!(statement.contains(&artifact.hex()));
        let signed = pre_authentication_encoding(PAYLOAD_TYPE, &statement);
        let signature = decode(&envelope["signatures"][0]["sig"]);
        assert_eq!(key.public().verify(signed.as_bytes(), &signature), Ok(()));
    }

    #[test]
    fn what_is_signed_elsewhere_becomes_the_same_bundle() {
        let (key, artifact) = (PrivateKey::generate(), Digest::of("x"));
        let signature = key.sign(text(artifact).as_bytes());
        assert_eq!(of_signature(&key.public(), artifact, &signature), sign(&key, artifact));
    }
}
