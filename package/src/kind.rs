//! The kinds of plugins.

use crate::words;

words! {
    /// What a plugin is: which world of the contract it implements.
    pub enum Kind: "kind of plugin" {
        /// Makes plans from parameters; pure.
        Template = "template",
        /// Reviews plans; pure.
        Policy = "policy",
        /// Reacts to what happens to deployments, by what it was granted.
        Integration = "integration",
    }
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
