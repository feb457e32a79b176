//! Why a request was refused before a room saw it.

use axum::response::{IntoResponse, Response};
use chandlery_package::problem::{Explain, Explanation, INVALID, Kind};

/// More was sent than is accepted.
pub const TOO_LARGE: Kind = Kind {
    word: "too-large",
    status: 413,
    title: "Too large",
    when: "a request or what is pushed has more bytes than this registry accepts",
    remedy: None,
};

/// The kinds of this crate.
pub const KINDS: &[&Kind] = &[&TOO_LARGE];

/// Why a request was refused before a room saw it.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A path, query or body that cannot be read.
    #[error("{0}")]
    Invalid(String),
    /// More was sent than is accepted.
    #[error("{what} has at most {bytes_max} bytes here")]
    TooLarge {
        /// What was sent, in words.
        what: String,
        /// How many bytes of it are accepted.
        bytes_max: u64,
    },
}

impl Explain for Error {
    fn explain(&self) -> Explanation {
        let kind = match self {
            Self::Invalid(_) => &INVALID,
            Self::TooLarge { .. } => &TOO_LARGE,
        };
        kind.into()
    }
}

impl IntoResponse for Error {
    fn into_response(self) -> Response {
        crate::answer(&self)
    }
}
