//! What moderation is about: a plugin with all of its releases, `acme:ocr-server`, or one of them, `acme:ocr-server@1.0.0`.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::name::text_form;
use crate::{NameError, PluginId, Release};

/// A plugin with all of its releases, also those to come, or one of them.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Subject {
    /// All of its releases.
    Plugin(PluginId),
    /// This one alone.
    Release(Release),
}

impl Subject {
    /// The plugin that it is, or is a release of.
    pub fn plugin(&self) -> &PluginId {
        match self {
            Self::Plugin(plugin) => plugin,
            Self::Release(release) => &release.plugin,
        }
    }
}

impl FromStr for Subject {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        match text.contains('@') {
            true => text.parse().map(Self::Release),
            false => text.parse().map(Self::Plugin),
        }
    }
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Plugin(plugin) => write!(f, "{plugin}"),
            Self::Release(release) => write!(f, "{release}"),
        }
    }
}

text_form!(Subject, pattern: r"^[a-z][a-z0-9-]*:[a-z][a-z0-9-]*(@[0-9]+\.[0-9]+\.[0-9]+.*)?$");

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plugin_or_one_release_is_read_and_nothing_else() {
        for text in ["acme:ocr-server", "acme:ocr-server@1.0.0-rc.1"] {
            let subject: Subject = text.parse().unwrap();
            assert_eq!(
                (subject.to_string().as_str(), subject.plugin().to_string()),
                (text, "acme:ocr-server".into())
            );
        }
        for text in ["acme", "acme:", "acme:ocr@", "acme:ocr@1", "acme:ocr@1.0.0+x", "@1.0.0", ""] {
            assert!(text.parse::<Subject>().is_err(), "{text}");
        }
    }
}
