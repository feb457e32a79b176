//! What the registry and its clients say to each other in JSON, below `/api/v1`.

use jiff::Timestamp;
use semver::Version;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{Billed, Digest, Kind, Manifest, Money, Namespace, Offer, PluginId, PublicKey, Release, Tier};

mod billing;
mod consultants;
mod payouts;

pub use billing::*;
pub use consultants::*;
pub use payouts::*;

/// Opens an account.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct NewAccount {
    /// What the person or organisation is called here.
    pub name: Namespace,
    /// At least 12 characters.
    pub password: String,
}

/// Asks for a token.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct Login {
    /// The account.
    pub name: Namespace,
    /// Its password.
    pub password: String,
}

/// A token, shown once.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct Token {
    /// Whose it is.
    pub account: Namespace,
    /// The bearer token.
    pub token: String,
}

/// Asks for a token that may do less than its account.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct NewToken {
    /// `read`, `publish`, `publish NAMESPACE:NAME` or `full`.
    pub scope: String,
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
    /// See [`NewToken::scope`].
    pub scope: String,
    /// What it is for.
    pub note: String,
    /// When it was issued.
    pub created_at: Timestamp,
    /// When it ends; none: when it is revoked.
    pub expires_at: Option<Timestamp>,
}

/// Invites an account to a namespace.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct NewMember {
    /// `viewer`, `publisher` or `owner`.
    pub role: String,
}

/// A member of a namespace, or one who is invited.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct Member {
    /// Where.
    pub namespace: Namespace,
    /// Who.
    pub account: Namespace,
    /// See [`NewMember::role`].
    pub role: String,
    /// Whether the account has yet to accept.
    pub invited: bool,
}

/// Takes a namespace.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct NewNamespace {
    /// Which.
    pub name: Namespace,
}

/// Adds a signing key to a namespace.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct NewKey {
    /// The key.
    pub key: PublicKey,
    /// Base64 of the key's own signature over [`NewKey::proof_text`]: whoever adds a key must hold its private half.
    pub proof: String,
}

impl NewKey {
    /// What the key signs to be added to a namespace.
    pub fn proof_text(namespace: &Namespace) -> String {
        format!("chandlery: this key signs releases of {namespace}")
    }
}

/// A key of a namespace, and where the log says so.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct KeyRecord {
    /// The key.
    pub key: PublicKey,
    /// The entry of the log that added it.
    pub log_index: u64,
    /// From when on it is not to be trusted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revoked_from: Option<Timestamp>,
}

/// Asks for a pushed artifact to be accepted as a release.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct NewRelease {
    /// The version, which must be the one that the component's own manifest says.
    #[schema(value_type = String)]
    pub version: Version,
    /// The digest of the OCI manifest.
    pub artifact: Digest,
}

/// A release as the catalog knows it. Nothing here is to be trusted before it was proved against the log.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct ReleaseRecord {
    /// Which.
    pub release: Release,
    /// The world it implements.
    pub kind: Kind,
    /// A few words.
    pub title: String,
    /// A sentence or two.
    pub description: String,
    /// The digest of the component.
    pub component: Digest,
    /// Its size.
    pub component_bytes: u64,
    /// The digest of the OCI manifest.
    pub artifact: Digest,
    /// The key that signed it.
    pub key: PublicKey,
    /// The entry of the log that added the key.
    pub key_log_index: u64,
    /// The entry of the log that says so.
    pub log_index: u64,
    /// When it was accepted.
    pub published_at: Timestamp,
    /// What the plugin costs; none: it is free.
    pub price: Option<Offer>,
    /// Whether the registry's operator has certified the plugin.
    #[serde(default)]
    pub certified: bool,
    /// Not to be chosen for new installs.
    #[serde(default)]
    pub yanked: bool,
    /// Why it is not to be run by anybody.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub withdrawn: Option<String>,
    /// Why something else should be used from now on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deprecated: Option<Deprecation>,
    /// How often its component was pulled.
    #[serde(default)]
    pub downloads: u64,
    /// All that it says of itself; in answers about one release only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub manifest: Option<Manifest>,
}

/// Advice to use something else.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Deprecation {
    /// Why, and what to do.
    pub note: String,
    /// What to use instead.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub successor: Option<PluginId>,
}

/// Withdraws a release.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct NewWithdrawal {
    /// Why, for everybody who runs it.
    pub reason: String,
}

/// Revokes a key.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct NewRevocation {
    /// From when on it is not to be trusted; it may lie in the past.
    pub from: Timestamp,
}

/// Says who may see and pull what a namespace holds.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct NewVisibility {
    /// Everybody, or its members only. What was published stays named in the log.
    pub public: bool,
}

/// A page of a list.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct Page<T> {
    /// In order.
    pub items: Vec<T>,
    /// What to ask for the next page with; none: this was the last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
}

/// The log's public facts.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct LogInfo {
    /// The verifier key, as in C2SP signed-note.
    pub verifier_key: String,
}

/// What of the stored content is garbage.
#[derive(Debug, Clone, Serialize, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub struct GarbageQuery {
    /// What was pushed later is left alone.
    pub older_than_seconds: u32,
}

/// What a collection of garbage removed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Garbage {
    /// Uploads that were given up.
    pub uploads: u64,
    /// Blobs that no manifest of their repository names.
    pub blobs: u64,
    /// Contents that are part of no repository.
    pub contents: u64,
}

/// A tier, as the price list has it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct TierOffer {
    /// Which.
    pub tier: Tier,
    /// How many deployments it allows; none: any number.
    pub deployments: Option<u32>,
    /// What a month costs; none: nothing, or as is agreed.
    pub monthly: Option<Money>,
    /// What a year costs.
    pub yearly: Option<Money>,
}

/// What an account has subscribed to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Subscription {
    /// Whose.
    pub account: Namespace,
    /// What it may use now, by its subscription or its trial.
    pub tier: Tier,
    /// How many deployments that allows; none: any number.
    pub deployments: Option<u32>,
    /// Whether it is a trial.
    pub trial: bool,
    /// Whether there is a trial that has not been begun yet.
    pub trial_left: bool,
    /// How often it is billed; none: never.
    pub billed: Option<Billed>,
    /// Until when it is invoiced, or the trial lasts.
    pub until: Option<Timestamp>,
    /// What it becomes then, where that is something else.
    pub then: Option<Tier>,
    /// Invoices that are not paid.
    pub due: Vec<Invoice>,
}

/// What an account wants to subscribe to.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct NewSubscription {
    /// Which tier; `free` ends a subscription when what was invoiced is over.
    pub tier: Tier,
    /// How often it is billed.
    pub billed: Billed,
}

/// What an account wants to try.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct NewTrial {
    /// Which tier.
    pub tier: Tier,
}

/// What was agreed with an account, recorded by an operator.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct Agreement {
    /// How many deployments it may have; none: any number.
    pub deployments: Option<u32>,
    /// What it pays each time that it is billed.
    pub price: Money,
    /// How often.
    pub billed: Billed,
}

/// A host of an account, as it has reported itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct HostSeen {
    /// What it calls itself.
    pub host: String,
    /// How many deployments it has.
    pub deployments: u32,
    /// When it was last heard of.
    pub seen_at: Timestamp,
}

/// A signed licence.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct SignedLicence {
    /// See [`crate::Licence`].
    pub licence: String,
}
