//! What whoever asks may do of all that the account may: an account's own rights are the limit, and this narrows them further.

use chandlery_package::wire::Scope;
use serde::{Deserialize, Serialize};

/// What a request may do on behalf of its account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Grant {
    /// What its token may do.
    Token(Scope),
    /// What an OCI client asked for when it exchanged its credentials.
    Oci(Vec<Access>),
}

/// Actions on one OCI repository.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Access {
    /// Its whole name, `namespace/name`.
    pub repository: String,
    /// Whether it may be read.
    pub pull: bool,
    /// Whether it may be written and deleted.
    pub push: bool,
}

impl Grant {
    /// Whether it lets an account push to this OCI repository where the account itself may.
    pub fn allows_push(&self, repository: &str) -> bool {
        match self {
            Self::Token(Scope::Full | Scope::Publish(None)) => true,
            Self::Token(Scope::Publish(Some(plugin))) => plugin.repository() == repository,
            Self::Token(Scope::Read | Scope::Scim) => false,
            Self::Oci(access) => access.iter().any(|access| access.push && access.repository == repository),
        }
    }

    /// Whether it lets an account read what only members may see of this OCI repository.
    pub fn allows_pull(&self, repository: &str) -> bool {
        match self {
            Self::Token(Scope::Full | Scope::Read | Scope::Publish(None)) => true,
            Self::Token(Scope::Publish(Some(plugin))) => plugin.repository() == repository,
            Self::Token(Scope::Scim) => false,
            Self::Oci(access) => access.iter().any(|access| access.pull && access.repository == repository),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scope_narrows() {
        let grant = |text: &str| Grant::Token(text.parse().unwrap());
        let one = grant("publish acme:ocr-server");
        assert!(one.allows_push("acme/ocr-server") && !one.allows_push("acme/other"));
        assert!(one.allows_pull("acme/ocr-server") && !one.allows_pull("acme/other"));
        assert!(!grant("read").allows_push("acme/other") && grant("read").allows_pull("acme/other"));
        assert!(!grant("scim").allows_push("acme/other") && !grant("scim").allows_pull("acme/other"));
        assert!(grant("publish").allows_push("acme/other") && grant("full").allows_push("acme/other"));
        for text in ["full", "read", "publish", "publish acme:ocr-server", "scim"] {
            assert_eq!(text.parse::<Scope>().unwrap().to_string(), text);
        }
        for text in ["everything", "oci", "publish ", "publish acme", "full acme:ocr-server", "scim acme"] {
            assert!(text.parse::<Scope>().is_err(), "{text}");
        }
    }
}
