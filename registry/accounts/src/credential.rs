//! What somebody is known by, and how long what is issued for it lasts.

use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// How many seconds a short-lived token lasts at most.
const LIFETIME_SECONDS: i64 = 15 * 60;
/// How many digits of a token's digest tell it apart from its account's others.
pub(crate) const ID_DIGITS: usize = 12;

/// What somebody is known by. A short-lived token that is issued for it does not outlive it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Credential {
    /// Nothing was shown.
    None,
    /// A password; a mark of it, which changes with it.
    Password(String),
    /// A token, by the digest under which it is kept, and when it ends.
    Token {
        /// SHA-256, in hexadecimal.
        hash: String,
        /// None: when it is revoked.
        expires_at: Option<Timestamp>,
    },
    /// A short-lived token.
    Bearer(Bearer),
}

impl Credential {
    /// The digest of the token that was shown, or that was exchanged for the one that was shown.
    pub fn token_hash(&self) -> Option<&str> {
        match self {
            Self::Token { hash, .. } | Self::Bearer(Bearer { parent: Parent::Token(hash), .. }) => Some(hash),
            Self::None | Self::Password(_) | Self::Bearer(_) => None,
        }
    }
}

/// What a token is called, by its digest.
pub(crate) fn token_id(hash: &str) -> String {
    hash.chars().take(ID_DIGITS).collect()
}

impl fmt::Display for Credential {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::None => f.write_str("nothing"),
            Self::Password(_) => f.write_str("password"),
            Self::Token { hash, .. } => write!(f, "token {}", token_id(hash)),
            Self::Bearer(Bearer { parent, .. }) => match parent {
                Parent::Nothing => f.write_str("nothing"),
                Parent::Password(_) => f.write_str("token exchanged for the password"),
                Parent::Token(hash) => write!(f, "token exchanged for token {}", token_id(hash)),
            },
        }
    }
}

/// What a short-lived token follows from, and when it ends. What is issued for it follows from the same, and ends no later.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Bearer {
    /// In seconds since 1970.
    #[serde(rename = "exp")]
    pub(crate) expires: i64,
    pub(crate) parent: Parent,
}

/// What was shown for a short-lived token. When it goes, so does the token.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Parent {
    /// Nothing was shown: it is nobody's in particular.
    Nothing,
    /// The account's password, by its mark.
    Password(String),
    /// A token of the account, by its digest.
    Token(String),
}

impl Bearer {
    /// For how many seconds it is still good.
    pub fn seconds_left(&self) -> i64 {
        (self.expires - Timestamp::now().as_second()).max(0)
    }

    pub(crate) fn of(credential: &Credential) -> Self {
        let latest = Timestamp::now().as_second() + LIFETIME_SECONDS;
        match credential {
            Credential::None => Self { expires: latest, parent: Parent::Nothing },
            Credential::Password(mark) => Self { expires: latest, parent: Parent::Password(mark.clone()) },
            Credential::Token { hash, expires_at } => {
                let expires = expires_at.map_or(latest, |at| at.as_second().min(latest));
                Self { expires, parent: Parent::Token(hash.clone()) }
            }
            Credential::Bearer(bearer) => bearer.clone(),
        }
    }
}
