//! The transparency log, and the signing keys that it vouches for.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{Namespace, PublicKey};

/// Adds a signing key to a namespace.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct NewKey {
    /// The public half of the key.
    pub key: PublicKey,
    /// Base64 of the key's own signature over [`NewKey::proof_text`]: whoever adds a key must hold its private half.
    pub proof: String,
}

impl NewKey {
    /// What the key signs to be added to a namespace.
    pub fn proof_text(namespace: &Namespace) -> String {
        format!("chandlery: this key signs releases of {namespace}")
    }
}

/// A key of a namespace, and where the log says so.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct KeyRecord {
    /// The public half of the key.
    pub key: PublicKey,
    /// The entry of the log that added it.
    pub log_index: u64,
    /// From when on it is not to be trusted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revoked_from: Option<Timestamp>,
}

/// A key that a member asks the owners of a namespace to add.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct KeyRequest {
    /// The public half of the key, which the member has proven to hold.
    pub key: PublicKey,
    /// Which member asks for it.
    pub asked_by: Namespace,
    /// When it was asked for.
    pub asked_at: Timestamp,
    /// When it lapses: after 7 days.
    pub lapses_at: Timestamp,
}

/// Revokes a key.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct NewRevocation {
    /// From when on it is not to be trusted; it may lie in the past.
    pub from: Timestamp,
}

/// The log's public facts.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct LogInfo {
    /// The verifier key, as in C2SP signed-note.
    pub verifier_key: String,
    /// The witnesses that the registry asks to cosign its checkpoints, each as `name+id+base64`. The registry says so itself: whoever
    /// relies on a witness has its key from the witness.
    #[serde(default)]
    pub witnesses: Vec<String>,
}
