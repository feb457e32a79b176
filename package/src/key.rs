//! Ed25519 keys, in the PEM forms that `openssl` and `cosign` read: PKCS#8 for the private one, SPKI for the public one.

use std::fmt;
use std::str::FromStr;

use ed25519_dalek::pkcs8::spki::der::pem::LineEnding;
use ed25519_dalek::pkcs8::{
    DecodePrivateKey, DecodePublicKey, EncodePrivateKey, EncodePublicKey, KeypairBytes,
};
use ed25519_dalek::{Signature, Signer, SigningKey, VerifyingKey};
use serde::{Deserialize, Serialize};

use crate::name::text_form;
use crate::{Digest, random_bytes};

/// Why a key was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// Not an Ed25519 key in PEM.
    #[error("not an Ed25519 {kind} key in PEM: {reason}")]
    Pem {
        /// `private` or `public`.
        kind: &'static str,
        /// What the decoder says of it.
        reason: String,
    },
    /// Not what a key is called.
    #[error("'{0}' is not the name of a key: expected SHA256: and 16 hexadecimal digits")]
    Id(String),
    /// A signature that this key did not make.
    #[error("the signature was not made by key {key}")]
    Signature {
        /// The key that was expected to have made it.
        key: KeyId,
    },
}

/// What a public key is called: `SHA256:` and the first 16 hexadecimal digits of the SHA-256 digest of its PEM text.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct KeyId(String);

impl FromStr for KeyId {
    type Err = KeyError;

    fn from_str(text: &str) -> Result<Self, KeyError> {
        let digits = text.strip_prefix("SHA256:").unwrap_or_default();
        match digits.len() == 16 && digits.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b)) {
            true => Ok(Self(text.into())),
            false => Err(KeyError::Id(text.into())),
        }
    }
}

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Signs releases. Never leaves the publisher's machine.
pub struct PrivateKey(SigningKey);

impl PrivateKey {
    /// A new random key.
    pub fn generate() -> Self {
        Self(SigningKey::from_bytes(&random_bytes()))
    }

    /// Reads PKCS#8 PEM, with blank lines around it or none: keys are pasted into files and secret stores.
    pub fn from_pem(pem: &str) -> Result<Self, KeyError> {
        SigningKey::from_pkcs8_pem(pem.trim())
            .map(Self)
            .map_err(|error| KeyError::Pem { kind: "private", reason: error.to_string() })
    }

    /// The key as PKCS#8 in PEM, unencrypted: it belongs in a file that only its owner reads. It is the form without the public half,
    /// since OpenSSL 3.0 reads no other.
    pub fn to_pem(&self) -> Result<String, KeyError> {
        KeypairBytes { secret_key: self.0.to_bytes(), public_key: None }
            .to_pkcs8_pem(LineEnding::LF)
            .map(|pem| pem.to_string())
            .map_err(|error| KeyError::Pem { kind: "private", reason: error.to_string() })
    }

    /// The key that others check with.
    pub fn public(&self) -> PublicKey {
        PublicKey(self.0.verifying_key())
    }

    /// The 64 bytes of an Ed25519 signature over `message` (RFC 8032).
    pub fn sign(&self, message: &[u8]) -> [u8; 64] {
        self.0.sign(message).to_bytes()
    }
}

/// An Ed25519 key that checks signatures. It is written as SPKI in PEM.
#[derive(Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct PublicKey(VerifyingKey);

impl PublicKey {
    /// Its short name.
    pub fn id(&self) -> KeyId {
        KeyId(format!("SHA256:{}", &Digest::of(self.to_string()).hex()[..16]))
    }

    /// Whether `signature` was made over `message` by the private half. Strict: no malleable forms are accepted.
    pub fn verify(&self, message: &[u8], signature: &[u8]) -> Result<(), KeyError> {
        Signature::from_slice(signature)
            .and_then(|signature| self.0.verify_strict(message, &signature))
            .map_err(|_| KeyError::Signature { key: self.id() })
    }
}

impl FromStr for PublicKey {
    type Err = KeyError;

    fn from_str(pem: &str) -> Result<Self, KeyError> {
        VerifyingKey::from_public_key_pem(pem)
            .map(Self)
            .map_err(|error| KeyError::Pem { kind: "public", reason: error.to_string() })
    }
}

impl fmt::Display for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.to_public_key_pem(LineEnding::LF).map_err(|_| fmt::Error)?)
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PublicKey({})", self.id())
    }
}

text_form!(PublicKey);

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn both_halves_read_back() {
        let key = PrivateKey::generate();
        let again = PrivateKey::from_pem(&key.to_pem().unwrap()).unwrap();
        assert_eq!(again.public(), key.public());
        assert_eq!(key.public().to_string().parse::<PublicKey>().unwrap(), key.public());
    }

    #[test]
    fn both_forms_of_a_private_key_are_read_and_the_older_one_is_written() {
        let key = PrivateKey::generate();
        let newer = key.0.to_pkcs8_pem(LineEnding::LF).unwrap();
        let older = key.to_pem().unwrap();
        for pem in [newer.as_str(), &older] {
            assert_eq!(PrivateKey::from_pem(pem).unwrap().public(), key.public(), "{pem}");
        }
        // A version, an algorithm and a key of 32 bytes, in 48 bytes.
        assert_eq!(older.lines().nth(1).unwrap().len(), 64);
        assert_eq!(older.lines().count(), 3);
    }

    #[test]
    fn a_pasted_private_key_may_have_blank_lines_around_it() {
        let key = PrivateKey::generate();
        let pem = key.to_pem().unwrap();
        for pasted in [format!("\n{pem}\n"), pem.trim_end().to_owned(), pem.replace('\n', "\r\n")] {
            assert_eq!(PrivateKey::from_pem(&pasted).unwrap().public(), key.public(), "{pasted:?}");
        }
    }

    proptest! {
        #[test]
        fn only_the_right_message_and_key_pass(message in proptest::collection::vec(any::<u8>(), 1..100), at in 0usize..100) {
            let (key, other) = (PrivateKey::generate(), PrivateKey::generate());
            let signature = key.sign(&message);
            prop_assert!(key.public().verify(&message, &signature).is_ok());
            prop_assert!(other.public().verify(&message, &signature).is_err());
            let mut changed = message.clone();
            let at = at % message.len();
            changed[at] ^= 1;
            prop_assert!(key.public().verify(&changed, &signature).is_err());
        }

        #[test]
        fn no_text_panics(text in ".{0,200}") {
            prop_assert!(text.parse::<PublicKey>().is_err() && PrivateKey::from_pem(&text).is_err());
        }
    }
}
