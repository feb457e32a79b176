//! Why somebody may not do something, or a user, team or token was not changed.

use chandlery_package::problem::{CONFLICT, Explain, Explanation, INVALID, Kind, NOT_FOUND};

use crate::system;

/// What the role of whoever asks does not allow.
pub const FORBIDDEN: Kind = Kind {
    word: "forbidden",
    status: 403,
    title: "Not allowed",
    when: "the user has not the role that the request needs, on the target that it is about, or its token is for less",
    remedy: Some("`chandlery host whoami` shows what the token may; an admin of the host gives another role"),
};

/// Why somebody may not do something, or a user, team or token was not changed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A role that is too small, in words.
    #[error("{0}")]
    Forbidden(String),
    /// Something that is not there: `user 'ann'`.
    #[error("there is no {0}")]
    NotFound(String),
    /// A value outside what is allowed, in words.
    #[error("{0}")]
    Invalid(String),
    /// The first admin, who is whoever has the file of its token.
    #[error("'admin' is whoever has the file host.token: it stays, and stays an admin")]
    FirstAdmin,
    /// The host's own database.
    #[error(transparent)]
    System(#[from] system::Error),
}

impl Explain for Error {
    fn explain(&self) -> Explanation {
        match self {
            Self::Forbidden(_) => (&FORBIDDEN).into(),
            Self::NotFound(_) => (&NOT_FOUND).into(),
            Self::Invalid(_) => (&INVALID).into(),
            Self::FirstAdmin => {
                CONFLICT.remedied("to replace its token, stop the host, remove host.token and start it again")
            }
            Self::System(error) => error.explain(),
        }
    }
}

impl From<sqlx::Error> for Error {
    fn from(error: sqlx::Error) -> Self {
        Self::System(error.into())
    }
}
