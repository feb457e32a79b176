//! What the server itself refuses, and in one type what its rooms do.

use axum::response::{IntoResponse, Response};
use chandlery_package::log::LogError;
use chandlery_package::problem::{CONFLICT, Explain, Explanation, INVALID, Kind};

use crate::kinds::kinds;
use crate::{catalog, oci};

kinds! {
    TOO_MANY: "too-many", 429, "Too many requests",
        "an address or a token has asked more often than it may, or tried too many wrong secrets",
        None;
    TOO_SLOW: "too-slow", 504, "Took too long",
        "the answer was not ready in time",
        Some("try again in a moment");
}

/// Why the registry did not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// What was sent cannot be read or is not allowed.
    #[error("{0}")]
    Invalid(String),
    /// What was sent contradicts what is here.
    #[error("{0}")]
    Conflict(String),
    /// More often than somebody may ask.
    #[error("too many requests: the next one may come in {seconds} s")]
    TooMany {
        /// How long to wait.
        seconds: u64,
    },
    /// An answer that did not come in time.
    #[error("the answer was not ready after {seconds} s")]
    TooSlow {
        /// How long was waited.
        seconds: u64,
    },
    /// The database, the blobs, the clock or a file.
    #[error(transparent)]
    Store(#[from] chandlery_store::Error),
    /// Who asks may not, or is not known.
    #[error(transparent)]
    Accounts(#[from] chandlery_accounts::Error),
    /// The transparency log.
    #[error(transparent)]
    Log(#[from] chandlery_log::Error),
    /// The money.
    #[error(transparent)]
    Money(#[from] chandlery_money::Error),
    /// Something that cannot be.
    #[error("the registry's state is damaged: {0}")]
    Damaged(String),
    /// The catalog.
    #[error(transparent)]
    Catalog(#[from] catalog::Error),
    /// The distribution API.
    #[error(transparent)]
    Oci(#[from] oci::Error),
}

impl Explain for Error {
    fn explain(&self) -> Explanation {
        let kind = match self {
            Self::TooMany { seconds } => return TOO_MANY.with_header("retry-after", seconds.to_string()),
            Self::Store(error) => return error.explain(),
            Self::Accounts(error) => return error.explain(),
            Self::Log(error) => return error.explain(),
            Self::Money(error) => return error.explain(),
            Self::Catalog(error) => return error.explain(),
            Self::Oci(error) => return error.explain(),
            Self::Invalid(_) => &INVALID,
            Self::Conflict(_) => &CONFLICT,
            Self::TooSlow { .. } => &TOO_SLOW,
            Self::Damaged(_) => &chandlery_store::INTERNAL,
        };
        kind.into()
    }
}

impl From<LogError> for Error {
    fn from(error: LogError) -> Self {
        Self::Log(error.into())
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
