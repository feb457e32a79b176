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

/// Passwords that come too fast.
pub const TOO_MANY: Kind = Kind {
    word: "too-many",
    status: 429,
    title: "Too many tries",
    when: "passwords or codes of one user are tried too often, or more of them wait to be looked at than the host has time for",
    remedy: Some("wait a minute; tokens, and sessions that there are, go on"),
};
/// A program that nobody has confirmed yet.
pub const AUTHORIZATION_PENDING: Kind = Kind {
    word: "authorization-pending",
    status: 400,
    title: "Not confirmed yet",
    when: "a program that signs in through a page asks for its token before somebody has confirmed its code there",
    remedy: Some("open the page, compare the code, and confirm it; the program asks again by itself"),
};
/// A provider that does not say who somebody is.
pub const SIGN_ON_FAILED: Kind = Kind {
    word: "sign-on-failed",
    status: 502,
    title: "The provider did not sign you in",
    when: "the provider of OpenID Connect of the host cannot be asked, refuses, or answers what does not hold",
    remedy: Some(
        "try again; if that does not help, whoever runs the host compares its --oidc options with what the provider has",
    ),
};
/// The kinds of this room.
pub const KINDS: [&Kind; 4] = [&FORBIDDEN, &TOO_MANY, &AUTHORIZATION_PENDING, &SIGN_ON_FAILED];

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
    /// Something that the state of what is there does not allow, in words.
    #[error("{0}")]
    Conflict(String),
    /// Tries that come too fast, in words.
    #[error("{0}")]
    TooMany(String),
    /// A program that nobody has confirmed yet.
    #[error("nobody has confirmed this program yet")]
    Pending,
    /// A provider that does not say who somebody is, in its words.
    #[error("{0}")]
    SignOn(String),
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
            Self::Conflict(_) => (&CONFLICT).into(),
            Self::TooMany(_) => (&TOO_MANY).into(),
            Self::Pending => (&AUTHORIZATION_PENDING).into(),
            Self::SignOn(_) => (&SIGN_ON_FAILED).into(),
            Self::FirstAdmin => CONFLICT.remedied("`chandlery host token rotate` replaces its token"),
            Self::System(error) => error.explain(),
        }
    }
}

impl From<sqlx::Error> for Error {
    fn from(error: sqlx::Error) -> Self {
        Self::System(error.into())
    }
}
