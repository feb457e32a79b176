//! Releases, from the request to accept one to its withdrawal.

use jiff::Timestamp;
use semver::Version;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{Advised, Category};
use crate::{Digest, Identity, Kind, Manifest, Offer, PluginId, PublicKey, Release};

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
    /// The release that this is about.
    pub release: Release,
    /// The world it implements.
    pub kind: Kind,
    /// A few words.
    pub title: String,
    /// A sentence or two.
    pub description: String,
    /// The digest of the component.
    pub component: Digest,
    /// The size of the component in bytes.
    pub component_bytes: u64,
    /// The digest of the OCI manifest.
    pub artifact: Digest,
    /// The key that signed it.
    pub key: PublicKey,
    /// The entry of the log that added the key, or bound it to this release.
    pub key_log_index: u64,
    /// The workload that published it with a key for this release alone; none: it is signed by a key of the namespace.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub identity: Option<Identity>,
    /// The entry of the log that says so.
    pub log_index: u64,
    /// When it was accepted.
    pub published_at: Timestamp,
    /// What the plugin costs; none: it is free.
    pub price: Option<Offer>,
    /// Whether the registry's operator has certified the plugin.
    #[serde(default)]
    pub certified: bool,
    /// What the plugin is for, as its publisher says in its listing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub category: Option<Category>,
    /// The icon of its listing, by its digest: `/images/NAMESPACE/NAME/DIGEST`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub icon: Option<Digest>,
    /// Not to be chosen for new installs.
    #[serde(default)]
    pub yanked: bool,
    /// Why it is not to be run by anybody.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub withdrawn: Option<String>,
    /// Why nobody is to install or deploy it while it is looked into.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub quarantined: Option<String>,
    /// Why something else should be used from now on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deprecated: Option<Deprecation>,
    /// How often its component was pulled.
    #[serde(default)]
    pub downloads: u64,
    /// How many accounts have run its plugin within a day, in any version, as hosts' metered use tells.
    #[serde(default)]
    pub running: u64,
    /// The advisories that are about it; in answers about one release only.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub advisories: Vec<Advised>,
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
