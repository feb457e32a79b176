//! Why something was not kept or found.

use chandlery_package::DigestError;
use chandlery_package::problem::{CONFLICT, Explain, Explanation, Kind, NOT_FOUND};
use jiff::Timestamp;

use crate::content::ContentDigest;

/// What failed inside, and is nobody's business outside.
pub const INTERNAL: Kind = Kind {
    word: "internal",
    status: 500,
    title: "The registry failed",
    when: "something failed inside the registry, such as its database; its own log says what",
    remedy: Some("nothing was changed; try again, and tell the registry's operator if it stays"),
};
/// A part that is needed does not answer.
pub const NOT_READY: Kind = Kind {
    word: "not-ready",
    status: 503,
    title: "Not ready",
    when: "the database, the blob store or a task of the registry does not answer at the moment",
    remedy: None,
};
/// Content that is not what it is called.
pub const DIGEST_MISMATCH: Kind = Kind {
    word: "digest-mismatch",
    status: 422,
    title: "The content is not what its name says",
    when: "the digest of the content is another one than that by which it was pushed or kept",
    remedy: Some("push it again; if that does not help, the registry's storage is damaged"),
};

/// The kinds of this crate.
pub const KINDS: &[&Kind] = &[&INTERNAL, &NOT_READY, &DIGEST_MISMATCH];

/// Why something was not kept or found.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The database failed.
    #[error("the database failed: {0}")]
    Database(#[from] sqlx::Error),
    /// The tables could not be made or changed to the form that this version needs.
    #[error("the database could not be brought up to date: {0}")]
    Migration(#[from] sqlx::migrate::MigrateError),
    /// The blob store failed.
    #[error("the blob store failed: {0}")]
    Storage(#[from] object_store::Error),
    /// A digest in a path of the blob store, or given by a client.
    #[error(transparent)]
    Digest(#[from] DigestError),
    /// Bytes that are not what their name says.
    #[error("content named {expected} is really {found}")]
    ContentMismatch {
        /// What the content is called.
        expected: ContentDigest,
        /// The digest of its bytes.
        found: ContentDigest,
    },
    /// A part that is needed does not answer.
    #[error("not ready: {0}")]
    NotReady(String),
    /// A job of the writer panicked: nothing of it was written.
    #[error("what was to be written was given up: it panicked")]
    Panicked,
    /// A file of the registry's own.
    #[error("{path}: {error}")]
    File {
        /// The file's path.
        path: String,
        /// What the system says.
        error: std::io::Error,
    },
    /// A clock that keeps the real time cannot be set.
    #[error("there is no clock that can be set: this registry keeps the real time")]
    RealClock,
    /// A virtual clock goes only on.
    #[error("it is {now} already, and time does not go back")]
    TimeGoesBack {
        /// What the clock says.
        now: Timestamp,
    },
    /// Stored data that no version of the registry writes.
    #[error("the registry's state is damaged: {0}")]
    Damaged(String),
}

impl Explain for Error {
    fn explain(&self) -> Explanation {
        let kind = match self {
            Self::Digest(error) => return error.explain(),
            Self::ContentMismatch { .. } => &DIGEST_MISMATCH,
            Self::NotReady(_) => &NOT_READY,
            Self::RealClock => &NOT_FOUND,
            Self::TimeGoesBack { .. } => &CONFLICT,
            Self::Database(_)
            | Self::Migration(_)
            | Self::Storage(_)
            | Self::Panicked
            | Self::File { .. }
            | Self::Damaged(_) => &INTERNAL,
        };
        kind.into()
    }
}
