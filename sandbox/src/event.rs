//! What integrations are told.

use serde::{Deserialize, Serialize};

/// What happened to a deployment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Event {
    /// Unique for ever.
    pub id: String,
    /// What it was.
    pub kind: EventKind,
    /// When, in RFC 3339.
    pub at: String,
    /// The deployment.
    pub deployment: String,
    /// Its target.
    pub target: String,
    /// Whose it is.
    pub team: Option<String>,
    /// The release that made its plan.
    pub release: String,
    /// Its revision.
    pub revision: u64,
    /// What happened, in words.
    pub detail: String,
    /// Which attempt to deliver it this is, from 1.
    #[serde(default)]
    pub attempt: u32,
    /// When this attempt began, in seconds since 1970.
    #[serde(default)]
    pub attempted_at: u64,
}

/// See `event-kind` in `wit/`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[allow(missing_docs)]
pub enum EventKind {
    Planned,
    RolledOut,
    Degraded,
    Recovered,
    Failed,
    Removed,
    UsageThreshold,
    Test,
}
