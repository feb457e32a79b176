//! Accounts, tokens, namespaces and their members.

use std::fmt;
use std::str::FromStr;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::EmailAddress;
use crate::name::text_form;
use crate::{Namespace, PluginId, words};

/// Opens an account.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct NewAccount {
    /// What the person or organisation is called here.
    pub name: Namespace,
    /// At most 128 characters, and not easy to guess.
    pub password: String,
    /// Where the account is written to, once a token that is sent there was shown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub email: Option<EmailAddress>,
}

/// Asks for a token.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct Login {
    /// The account's name.
    pub name: Namespace,
    /// The account's password.
    pub password: String,
}

/// A token, shown once.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct Token {
    /// Whose it is, or which organisation it acts for.
    pub account: Namespace,
    /// The bearer token.
    pub token: String,
}

/// What a token may do on behalf of its account: `full`, `read`, `publish` or `publish NAMESPACE:NAME`; or `scim`, by which an
/// organisation's directory is known, and which is made apart from the others.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Scope {
    /// Everything that the account may.
    Full,
    /// See and pull what the account may see.
    Read,
    /// Push and publish: in every namespace where the account may, or one plugin alone.
    Publish(Option<PluginId>),
    /// Keep the people and groups of one organisation in step with its directory, and nothing else.
    Scim,
}

/// A text that is no scope of a token.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("'{0}' is not a scope: write full, read, publish, or publish NAMESPACE:NAME")]
pub struct ScopeError(String);

impl FromStr for Scope {
    type Err = ScopeError;

    fn from_str(text: &str) -> Result<Self, ScopeError> {
        let refuse = || ScopeError(text.into());
        match text.split_once(' ') {
            None if text == "full" => Ok(Self::Full),
            None if text == "read" => Ok(Self::Read),
            None if text == "publish" => Ok(Self::Publish(None)),
            None if text == "scim" => Ok(Self::Scim),
            Some(("publish", plugin)) => plugin.parse().map(Some).map(Self::Publish).map_err(|_| refuse()),
            _ => Err(refuse()),
        }
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Full => f.write_str("full"),
            Self::Read => f.write_str("read"),
            Self::Publish(None) => f.write_str("publish"),
            Self::Publish(Some(plugin)) => write!(f, "publish {plugin}"),
            Self::Scim => f.write_str("scim"),
        }
    }
}

text_form!(Scope, pattern: "^(full|read|scim|publish( [a-z][a-z0-9-]*:[a-z][a-z0-9-]*)?)$");

/// Asks for a token that may do less than its account.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct NewToken {
    /// What the token may do.
    pub scope: Scope,
    /// What it is for.
    #[serde(default)]
    pub note: String,
    /// How many days it lasts, from 1 to 366.
    pub days_valid: u32,
}

/// A token as its account sees it later.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct TokenRecord {
    /// Tells it apart from the account's others.
    pub id: String,
    /// What it may do.
    pub scope: Scope,
    /// What it is for.
    pub note: String,
    /// When it was issued.
    pub created_at: Timestamp,
    /// When it ends; none: when it is revoked.
    pub expires_at: Option<Timestamp>,
    /// The organisation that it acts for; none: its account alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub acts_for: Option<Namespace>,
}

/// Sets another password of the account that asks.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct PasswordChange {
    /// The password until now.
    pub current: String,
    /// The password from now on: at most 128 characters, and not easy to guess.
    pub password: String,
    /// Whether tokens end that were made for machines, too, and not only those of log-ins.
    #[serde(default)]
    pub end_all_tokens: bool,
}

/// A token by which an account's password is set without knowing it, shown once.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct PasswordReset {
    /// Whose password it sets.
    pub account: Namespace,
    /// What the account's owner is given: it is used once.
    pub token: String,
    /// When it ends, unless another one is issued before.
    pub expires_at: Timestamp,
}

/// Sets a password by the token of a [`PasswordReset`].
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct ResetPassword {
    /// The token of the reset.
    pub token: String,
    /// The password from now on: at most 128 characters, and not easy to guess.
    pub password: String,
    /// Whether tokens end that were made for machines, too, and not only those of log-ins.
    #[serde(default)]
    pub end_all_tokens: bool,
}

/// What came of setting a password.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct PasswordChanged {
    /// Whose password it is.
    pub account: Namespace,
    /// How many tokens and sessions have ended with the password before.
    pub ended: u64,
}

words! {
    /// What a member of a namespace may do; each may what the one before it may.
    pub enum Role: "role" {
        /// Sees and pulls what is private.
        Viewer = "viewer",
        /// Pushes, publishes and yanks.
        Publisher = "publisher",
        /// Chooses members, keys and prices; sees the money.
        Owner = "owner",
    }
}

/// Invites an account to a namespace.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct NewMember {
    /// What it may do there.
    pub role: Role,
}

/// A member of a namespace, or one who is invited.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct Member {
    /// The namespace of the membership.
    pub namespace: Namespace,
    /// The account that is a member, or invited.
    pub account: Namespace,
    /// What it may do there, or may once it has accepted.
    pub role: Role,
    /// Whether the account has yet to accept.
    pub invited: bool,
}

/// Takes a namespace.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct NewNamespace {
    /// The namespace, which nobody may have taken.
    pub name: Namespace,
}

/// Says who may see and pull what a namespace holds.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct NewVisibility {
    /// Everybody, or its members only. What was published stays named in the log.
    pub public: bool,
}
