//! What a token may do. An account's own rights are the limit of all its tokens; a scope narrows them further.

use std::fmt;
use std::str::FromStr;

use chandlery_package::PluginId;
use serde::{Deserialize, Serialize};

use crate::Error;

/// What a token may do on behalf of its account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Scope {
    /// Everything that the account may.
    Full,
    /// See and pull what the account may see.
    Read,
    /// Push and publish: in every namespace where the account may, or one plugin alone.
    Publish(Option<PluginId>),
    /// What an OCI client asked for when it exchanged its credentials.
    Oci(Vec<Access>),
}

/// Actions on one OCI repository.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Access {
    /// `namespace/name`.
    pub repository: String,
    /// May be read.
    pub pull: bool,
    /// May be written and deleted.
    pub push: bool,
}

impl Scope {
    /// Whether it lets an account push to this OCI repository where the account itself may.
    pub fn allows_push(&self, repository: &str) -> bool {
        match self {
            Self::Full | Self::Publish(None) => true,
            Self::Publish(Some(plugin)) => plugin.repository() == repository,
            Self::Read => false,
            Self::Oci(access) => access.iter().any(|access| access.push && access.repository == repository),
        }
    }

    /// Whether it lets an account read what only members may see of this OCI repository.
    pub fn allows_pull(&self, repository: &str) -> bool {
        match self {
            Self::Full | Self::Read | Self::Publish(None) => true,
            Self::Publish(Some(plugin)) => plugin.repository() == repository,
            Self::Oci(access) => access.iter().any(|access| access.pull && access.repository == repository),
        }
    }
}

impl FromStr for Scope {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        match text.split_once(' ') {
            None if text == "full" => Ok(Self::Full),
            None if text == "read" => Ok(Self::Read),
            None if text == "publish" => Ok(Self::Publish(None)),
            Some(("publish", plugin)) => Ok(Self::Publish(Some(plugin.parse()?))),
            _ => Err(Error::Invalid(format!(
                "'{text}' is not a scope: write full, read, publish, or publish NAMESPACE:NAME"
            ))),
        }
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Full => f.write_str("full"),
            Self::Read => f.write_str("read"),
            Self::Publish(None) => f.write_str("publish"),
            Self::Publish(Some(plugin)) => write!(f, "publish {plugin}"),
            Self::Oci(_) => f.write_str("oci"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scope_narrows() {
        let scope = |text: &str| text.parse::<Scope>().unwrap();
        let one = scope("publish acme:ocr-server");
        assert!(one.allows_push("acme/ocr-server") && !one.allows_push("acme/other"));
        assert!(one.allows_pull("acme/ocr-server") && !one.allows_pull("acme/other"));
        assert!(!scope("read").allows_push("acme/other") && scope("read").allows_pull("acme/other"));
        assert!(scope("publish").allows_push("acme/other") && scope("full").allows_push("acme/other"));
        assert_eq!(one.to_string(), "publish acme:ocr-server");
        assert!("everything".parse::<Scope>().is_err() && "oci".parse::<Scope>().is_err());
    }
}
