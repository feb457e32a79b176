//! What may be installed on a host, and since when.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::InstallRules;

/// A change of the host's install rules.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RulesChange {
    /// When it was made.
    pub at: Timestamp,
    /// The rules from then on.
    pub rules: InstallRules,
}
