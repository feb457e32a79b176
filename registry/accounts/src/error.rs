//! Why somebody may not do what was asked.

use axum::response::{IntoResponse, Response};
use chandlery_package::problem::{CONFLICT, Explain, Explanation, INVALID, Kind, NOT_FOUND};
use chandlery_package::{NameError, Namespace};

/// Who asks is not known.
pub const UNAUTHENTICATED: Kind = Kind {
    word: "unauthenticated",
    status: 401,
    title: "Log in first",
    when: "the request carries no token or password, or one that is wrong or has expired",
    remedy: Some("run `chandlery login`, or `chandlery register` to open an account"),
};
/// Who asks may not.
pub const FORBIDDEN: Kind = Kind {
    word: "forbidden",
    status: 403,
    title: "Not allowed",
    when: "the account has not the role that the request needs, or its token is for something else",
    remedy: Some("ask an owner of the namespace, or an operator of the registry"),
};

/// The kinds of this crate.
pub const KINDS: &[&Kind] = &[&UNAUTHENTICATED, &FORBIDDEN];

/// Why somebody may not do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The request carries nothing that says who asks, or something that is wrong.
    #[error("this needs an account, and the request carries no valid token or password")]
    Unauthenticated,
    /// The account has no right to it.
    #[error("account '{account}' may not {action}")]
    Forbidden {
        /// The account that asked for it.
        account: Namespace,
        /// What it asked for, after "may not".
        action: String,
    },
    /// There is no such account, member, invitation or token.
    #[error("there is no {0}")]
    NotFound(String),
    /// A password, role, scope or lifetime that is not allowed.
    #[error("{0}")]
    Invalid(String),
    /// What was asked for contradicts what is there.
    #[error("{0}")]
    Conflict(String),
    /// A name outside its grammar.
    #[error(transparent)]
    Name(#[from] NameError),
    /// What was to be kept or found was not.
    #[error(transparent)]
    Store(#[from] chandlery_store::Error),
    /// Stored data that no version of the registry writes.
    #[error("the registry's state is damaged: {0}")]
    Damaged(String),
}

impl Error {
    /// A request that this account may not make. `action` follows "may not".
    pub fn forbidden(account: &Namespace, action: impl Into<String>) -> Self {
        Self::Forbidden { account: account.clone(), action: action.into() }
    }
}

impl Explain for Error {
    fn explain(&self) -> Explanation {
        let kind = match self {
            Self::Unauthenticated => {
                return UNAUTHENTICATED.with_header("www-authenticate", "Basic realm=\"chandlery\"");
            }
            Self::Name(error) => return error.explain(),
            Self::Store(error) => return error.explain(),
            Self::Forbidden { .. } => &FORBIDDEN,
            Self::NotFound(_) => &NOT_FOUND,
            Self::Invalid(_) => &INVALID,
            Self::Conflict(_) => &CONFLICT,
            Self::Damaged(_) => &chandlery_store::INTERNAL,
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
