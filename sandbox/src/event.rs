//! What integrations are told.

use chandlery_package::words;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// What happened to a deployment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Event {
    /// Unique for ever.
    pub id: String,
    /// What it was.
    pub kind: EventKind,
    /// When it happened.
    pub at: Timestamp,
    /// The deployment's name.
    pub deployment: String,
    /// The name of the target that it is deployed to.
    pub target: String,
    /// Whose it is.
    pub team: Option<String>,
    /// The release that made its plan.
    pub release: String,
    /// The number of its revision, from 1.
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

words! {
    /// What happens to deployments; `event-kind` in `wit/`.
    pub enum EventKind: "kind of event" {
        /// A new revision was recorded.
        Planned = "planned",
        /// Every replica of the revision is ready, or has succeeded.
        RolledOut = "rolled-out",
        /// It was rolled out, and some replica is not ready any more.
        Degraded = "degraded",
        /// It was degraded, and is well again.
        Recovered = "recovered",
        /// A replica has failed for good.
        Failed = "failed",
        /// It was removed.
        Removed = "removed",
        /// A deployment has passed a limit of use.
        UsageThreshold = "usage-threshold",
        /// Nothing happened: somebody tries the integration out.
        Test = "test",
    }
}
