//! Why the log could not be read, continued or cosigned.

use axum::response::{IntoResponse, Response};
use chandlery_package::log::LogError;
use chandlery_package::problem::{Explain, Explanation, INVALID, Kind, NOT_FOUND};

/// A log that another key began.
pub const OTHER_LOG_KEY: Kind = Kind {
    word: "other-log-key",
    status: 500,
    title: "Not this log's key",
    when: "the log.key of the data directory is not the key that signed the first checkpoint of this log",
    remedy: Some("copy log.key from the registry that began the log, or from its backup"),
};

/// The kinds of this crate.
pub const KINDS: &[&Kind] = &[&OTHER_LOG_KEY];

/// Why the log could not be read, continued or cosigned.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// There is no such tile.
    #[error("there is no {0}")]
    NotFound(String),
    /// An entry that is too long.
    #[error("{0}")]
    Invalid(String),
    /// The log's own key or hashes are unusable.
    #[error("the transparency log failed: {0}")]
    Log(#[from] LogError),
    /// A witness did not cosign.
    #[error("the witness did not cosign: {0}")]
    Witness(String),
    /// A log that another key began.
    #[error("{path} is not the key that this log was begun with, {begun_with}")]
    OtherLogKey {
        /// The key's file.
        path: String,
        /// The verifier key of the log.
        begun_with: String,
    },
    /// What was to be kept or found was not.
    #[error(transparent)]
    Store(#[from] chandlery_store::Error),
}

impl Explain for Error {
    fn explain(&self) -> Explanation {
        let kind = match self {
            Self::Store(error) => return error.explain(),
            Self::NotFound(_) => &NOT_FOUND,
            Self::Invalid(_) => &INVALID,
            Self::OtherLogKey { .. } => &OTHER_LOG_KEY,
            Self::Log(_) | Self::Witness(_) => &chandlery_store::INTERNAL,
        };
        kind.into()
    }
}

impl From<sqlx::Error> for Error {
    fn from(error: sqlx::Error) -> Self {
        Self::Store(error.into())
    }
}

impl IntoResponse for Error {
    fn into_response(self) -> Response {
        chandlery_edge::answer(&self)
    }
}
