//! The kinds of plugins.

use std::fmt;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// What a plugin is: which world of the contract it implements.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// Makes plans from parameters; pure.
    Template,
    /// Reviews plans; pure.
    Policy,
    /// Reacts to what happens to deployments, by what it was granted.
    Integration,
}

impl Kind {
    /// The function that it must export.
    pub fn export(self) -> &'static str {
        match self {
            Self::Template => "plan",
            Self::Policy => "review",
            Self::Integration => "on-event",
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Template => "template",
            Self::Policy => "policy",
            Self::Integration => "integration",
        })
    }
}
