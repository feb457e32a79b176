//! What operators and publishers say where a plugin may be a danger.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::Subject;

/// Quarantines a plugin or a release, or lifts that.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct NewQuarantine {
    /// Whether it is quarantined from now on.
    pub quarantined: bool,
    /// Why, for everybody who runs it: from 1 to 2000 bytes.
    pub reason: String,
}

/// What is quarantined.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Quarantine {
    /// The plugin, or the release.
    pub subject: Subject,
    /// Why, for everybody who runs it.
    pub reason: String,
    /// Since when.
    pub since: Timestamp,
}
