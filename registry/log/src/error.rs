//! Why the log could not be read, continued or cosigned.

use chandlery_package::log::LogError;
use chandlery_package::problem::{Explain, Explanation};

chandlery_edge::kinds! {
    OTHER_LOG_KEY: "other-log-key", 500, "Not this log's key",
        "the log.key of the data directory is not the key that signed the first checkpoint of this log",
        Some("copy log.key from the registry that began the log, or from its backup");
}

/// Why the log could not be read, continued or cosigned.
#[derive(Debug, thiserror::Error)]
pub enum Error {
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
    /// What any room may say.
    #[error(transparent)]
    Shared(#[from] chandlery_edge::Error),
}

chandlery_edge::shares_errors!(Error);

impl Explain for Error {
    fn explain(&self) -> Explanation {
        match self {
            Self::Shared(error) => error.explain(),
            Self::OtherLogKey { .. } => (&OTHER_LOG_KEY).into(),
            Self::Log(_) | Self::Witness(_) => (&chandlery_store::INTERNAL).into(),
        }
    }
}
