//! Why a workload was not believed, and the words for it.

use chandlery_package::oidc::Malformed;
use chandlery_package::problem::{Explain, Explanation, Kind};
use chandlery_package::{KeyError, Namespace, PluginId};
use jiff::Timestamp;

chandlery_edge::kinds! {
    UNKNOWN_ISSUER: "unknown-issuer", 422, "Nobody's token",
        "a token is of an issuer whose tokens this registry does not believe",
        Some("ask the registry's operator for `chandlery issuers allow`; `chandlery issuers list` shows whose are believed");
    ISSUER_AWAY: "issuer-away", 502, "The issuer does not answer",
        "an issuer does not say what its tokens are signed with",
        Some("try again in a moment");
    INVALID_TOKEN: "invalid-oidc-token", 422, "Not a token",
        "what a workload shows is no JSON Web Token of OpenID Connect, or lacks a claim that each must have",
        None;
    TOKEN_SIGNATURE: "oidc-signature", 422, "The token was not signed by its issuer",
        "the signature of an issuer's token is by none of the issuer's keys",
        None;
    TOKEN_EXPIRED: "oidc-expired", 422, "The token has expired",
        "an issuer's token has ended more than a minute ago",
        Some("ask the issuer for another one right before it is exchanged");
    TOKEN_EARLY: "oidc-early", 422, "The token is of the future",
        "an issuer's token begins more than a minute from now",
        Some("the clock of the registry or of the issuer is wrong");
    TOKEN_AUDIENCE: "oidc-audience", 422, "The token is for somebody else",
        "the audience of an issuer's token is not this registry's URL, and nothing else beside it",
        None;
    TOKEN_USED: "oidc-used", 409, "The token was used",
        "an issuer's token is exchanged a second time",
        Some("ask the issuer for another one: each is exchanged once");
    NO_AUDIENCE: "no-audience", 409, "The registry does not know its address",
        "a token is to be exchanged at a registry that is not told where clients reach it",
        Some("its operator starts it with --url, which is the audience of tokens");
    UNTRUSTED_REPOSITORY: "untrusted-repository", 422, "Another repository",
        "a token is of no repository that may publish the plugin, or of another one of the same name",
        Some("an owner runs `chandlery trust add`; `chandlery trust list` shows who may publish");
    UNTRUSTED_REF: "untrusted-ref", 422, "Another branch or tag",
        "a token is of a branch or tag from which the plugin is not published",
        Some("publish from a tag; `chandlery trust list` shows from which");
    UNTRUSTED_ENVIRONMENT: "untrusted-environment", 422, "Another environment",
        "a token is of an environment from which the plugin is not published",
        Some("name the environment in the job; `chandlery trust list` shows which");
    UNTRUSTED_WORKFLOW: "untrusted-workflow", 422, "Another workflow",
        "a token is of a workflow by which the plugin is not published",
        Some("`chandlery trust list` shows which workflow publishes it");
    UNTRUSTED_CLAIM: "untrusted-claim", 422, "Somebody else",
        "a token says of its workload something else than of who may publish the plugin",
        Some("`chandlery trust list` shows what it must say");
    PUBLISHER_LAPSED: "publisher-lapsed", 409, "The right has lapsed",
        "the account that has added a trusted publisher does not own the namespace any more",
        Some("another owner runs `chandlery trust add` again, which renews it");
}

/// Why a workload was not believed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// An issuer that no operator has allowed.
    #[error("tokens of '{0}' are not believed here")]
    UnknownIssuer(String),
    /// An issuer that does not say what its tokens are signed with.
    #[error("{issuer} does not say what its tokens are signed with: {reason}")]
    IssuerAway {
        /// Its URL, as its tokens name it.
        issuer: String,
        /// What happened instead.
        reason: String,
    },
    /// A text that is no token.
    #[error("this is no token: {0}")]
    Malformed(#[from] Malformed),
    /// A token without what each must have.
    #[error("the token has no claim '{0}' that can be read")]
    NoClaim(&'static str),
    /// A token that its issuer has not signed.
    #[error("the token is not signed by key '{key}' of {issuer}")]
    Signature {
        /// Whose it claims to be.
        issuer: String,
        /// The key that it names.
        key: String,
    },
    /// A token that has ended.
    #[error("the token has expired at {0}")]
    Expired(Timestamp),
    /// A token that has not begun.
    #[error("the token begins at {0}")]
    Early(Timestamp),
    /// A token that is meant for somebody else.
    #[error("the token is for {found}, and must be for '{expected}' alone")]
    Audience {
        /// Whom it is for, as it says it.
        found: String,
        /// The URL of this registry.
        expected: String,
    },
    /// A token that was exchanged before.
    #[error("the token was exchanged before")]
    Used,
    /// A registry without a URL of its own.
    #[error("this registry is not told where clients reach it, so no token can be meant for it")]
    NoAudience,
    /// A workload that nobody has trusted with the plugin.
    #[error("no trusted publisher of {plugin} is this workload: {what}")]
    Untrusted {
        /// In what it differs.
        kind: &'static Kind,
        /// What it wanted to publish.
        plugin: PluginId,
        /// What it is instead.
        what: String,
    },
    /// A workload that was trusted by somebody who may not do so any more.
    #[error(
        "this trusted publisher of {plugin} was added by '{by}', who does not own the namespace any more"
    )]
    Lapsed {
        /// What it wanted to publish.
        plugin: PluginId,
        /// Who has added it.
        by: Namespace,
    },
    /// A key, or the proof that its owner has it.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// The transparency log.
    #[error(transparent)]
    Log(#[from] chandlery_log::Error),
    /// What any room may say.
    #[error(transparent)]
    Shared(#[from] chandlery_edge::Error),
}

chandlery_edge::shares_errors!(Error);

impl Explain for Error {
    fn explain(&self) -> Explanation {
        let kind = match self {
            Self::UnknownIssuer(_) => &UNKNOWN_ISSUER,
            Self::IssuerAway { .. } => &ISSUER_AWAY,
            Self::Malformed(_) | Self::NoClaim(_) => &INVALID_TOKEN,
            Self::Signature { .. } => &TOKEN_SIGNATURE,
            Self::Expired(_) => &TOKEN_EXPIRED,
            Self::Early(_) => &TOKEN_EARLY,
            Self::Audience { .. } => &TOKEN_AUDIENCE,
            Self::Used => &TOKEN_USED,
            Self::NoAudience => &NO_AUDIENCE,
            Self::Untrusted { kind, .. } => *kind,
            Self::Lapsed { .. } => &PUBLISHER_LAPSED,
            Self::Key(error) => return error.explain(),
            Self::Log(error) => return error.explain(),
            Self::Shared(error) => return error.explain(),
        };
        kind.into()
    }
}
