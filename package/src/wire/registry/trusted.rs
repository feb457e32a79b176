//! Publishing without a stored secret, and publishing that takes two people.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{Authority, Digest, Identity, Issuer, Namespace, PluginId, PublicKey, Release, TrustedPublisher};

/// Says whether the tokens of an issuer are believed.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct NewIssuer {
    /// What its tokens have in `iss`.
    pub issuer: Issuer,
    /// Whether they are believed from now on.
    pub allowed: bool,
    /// The host that keeps its keys, where that is another one than the issuer's own; none: its own alone is asked for them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub keys_host: Option<Authority>,
}

/// An issuer whose tokens are believed.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct IssuerRecord {
    /// What its tokens have in `iss`.
    pub issuer: Issuer,
    /// Since when they are, in UTC.
    pub allowed_at: Timestamp,
    /// The host that keeps its keys, where an operator has allowed another one than the issuer's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub keys_host: Option<Authority>,
}

/// A workload that may publish a plugin.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct PublisherRecord {
    /// Tells it apart from all others of the registry.
    pub id: i64,
    /// What it is known by.
    pub publisher: TrustedPublisher,
    /// Which owner has added it. It may publish as long as that account owns the namespace.
    pub added_by: Namespace,
    /// When that was.
    pub added_at: Timestamp,
    /// The entry of the log that says so.
    pub log_index: u64,
    /// The ids by which its issuer knows the repository, since it first published: another one of the same name is refused.
    pub pinned: Option<Identity>,
}

/// Asks for a token of the registry for one of an issuer.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct NewTokenExchange {
    /// What is to be published.
    pub plugin: PluginId,
    /// The issuer's token, whose audience is this registry's URL.
    pub token: String,
    /// The public half of a key that was made for this, and that signs one release.
    pub key: PublicKey,
    /// Base64 of the key's own signature over [`NewTokenExchange::proof_text`].
    pub proof: String,
}

impl NewTokenExchange {
    /// What the key signs to be bound to whoever has the token.
    pub fn proof_text(plugin: &PluginId, token: &str) -> String {
        format!(
            "chandlery: this key signs a release of {plugin} for whoever has the token {}",
            Digest::of(token)
        )
    }
}

/// A token of the registry that was issued for one of an issuer. It publishes one plugin.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct Exchanged {
    /// Which owner's right it is to publish.
    pub account: Namespace,
    /// The bearer token.
    pub token: String,
    /// When it ends: after 15 minutes.
    pub expires_at: Timestamp,
    /// Who the log will say has published.
    pub identity: Identity,
}

/// A release that somebody wants to publish, and that another member approves before it is one.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct StagedRelease {
    /// What it will be.
    pub release: Release,
    /// The digest of the OCI manifest.
    pub artifact: Digest,
    /// Who has asked for it, and may not approve it.
    pub asked_by: Namespace,
    /// The workload that asked by that account's right; none: the account itself did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub identity: Option<Identity>,
    /// When it was asked for.
    pub asked_at: Timestamp,
    /// When it lapses: after 7 days.
    pub lapses_at: Timestamp,
}

/// Approves what is staged.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct NewReleaseApproval {
    /// The digest of the OCI manifest that was looked at.
    pub artifact: Digest,
}

/// Whether it takes two members to publish in a namespace.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct TwoPeople {
    /// Whether it does.
    pub required: bool,
    /// Which owner wants it to end; another one must agree.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub end_asked_by: Option<Namespace>,
    /// Until when another owner may agree to that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub end_lapses_at: Option<Timestamp>,
}
