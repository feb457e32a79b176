//! The transparency log as an installer sees it: entries, checkpoints, and proofs from tiles.
//!
//! The log is an RFC 6962 Merkle tree served as [C2SP tlog-tiles](https://c2sp.org/tlog-tiles) with
//! [checkpoints](https://c2sp.org/tlog-checkpoint) as signed notes.

mod entry;
mod history;
mod proof;
mod witness;

use base64::prelude::{BASE64_STANDARD, Engine as _};
use ed25519_dalek::SigningKey;
use jiff::Timestamp;

pub use entry::Entry;
pub use history::{AuditHead, BoundKey, Fault, History, KeyState, LoggedUsage, Objection, ReleaseState};
pub use proof::{Checkpoint, Proof, Signer, Tiles, Tree, verify_raw};
pub use witness::{AddCheckpoint, Quorum, Refusal, WitnessId, WitnessKey};

/// How many hashes a full tile holds.
pub const TILE_WIDTH: u64 = 256;

/// Why the log was not believed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LogError {
    /// A key of the log that cannot be read.
    #[error("the log's key cannot be read: {0}")]
    Key(String),
    /// A checkpoint that cannot be read.
    #[error("the log's checkpoint cannot be read: {0}")]
    Checkpoint(String),
    /// A checkpoint that the log's key did not sign.
    #[error("the log's checkpoint is not signed by the key that was pinned for it")]
    Unsigned,
    /// An entry that cannot be read.
    #[error("log entry {index} cannot be read: {reason}")]
    Entry {
        /// Its place in the log.
        index: u64,
        /// What is wrong with it.
        reason: String,
    },
    /// An entry beyond the end.
    #[error("the log has {size} entries, so there is none with index {index}")]
    NotThere {
        /// What was looked for.
        index: u64,
        /// What the checkpoint says.
        size: u64,
    },
    /// Another entry stands where this one should.
    #[error("the log does not hold this entry at index {index}")]
    NotIncluded {
        /// Where it should be.
        index: u64,
    },
    /// Tiles that do not belong to the checkpoint's tree.
    #[error("the log's tiles do not belong to its checkpoint of {size} entries: {reason}")]
    Tiles {
        /// What the checkpoint says.
        size: u64,
        /// What the proof's check says.
        reason: String,
    },
    /// Too few of the witnesses that were asked for.
    #[error("{found} of the witnesses cosigned the log's checkpoint, and {needed} are needed")]
    TooFewWitnesses {
        /// How many did.
        found: usize,
        /// How many must.
        needed: usize,
    },
    /// An old checkpoint, or one of which nobody says how old it is.
    #[error("{}: this is what a freeze looks like, which hides what was said since", last_vouched(*.at))]
    Frozen {
        /// When somebody last said that nothing is newer.
        at: Option<Timestamp>,
    },
    /// The history was rewritten.
    #[error("the log has rewritten its history: its first {seen} entries are no longer those seen before")]
    Forked {
        /// How many entries had been seen.
        seen: u64,
    },
    /// The log lost entries.
    #[error("the log went back from {seen} entries to {now}: a rollback")]
    Shrunk {
        /// How many entries had been seen.
        seen: u64,
        /// How many there are said to be now.
        now: u64,
    },
}

fn last_vouched(at: Option<Timestamp>) -> String {
    match at {
        Some(at) => format!("nobody has vouched for the log's newest checkpoint since {at}"),
        None => "nobody says when the log's newest checkpoint was signed".into(),
    }
}

/// The text of a key that signs notes: `PRIVATE+KEY+name+id+base64`, for signatures of this type.
fn private_key_text(name: &str, signature_type: u8, key: &SigningKey) -> String {
    let typed = |key: &[u8; 32]| [&[signature_type], key.as_slice()].concat();
    let id = signed_note::key_id(name, &typed(key.verifying_key().as_bytes()));
    format!("PRIVATE+KEY+{name}+{id:08x}+{}", BASE64_STANDARD.encode(typed(key.as_bytes())))
}
