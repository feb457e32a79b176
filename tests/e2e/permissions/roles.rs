//! Who people are to what a route is about.

use serde_json::Value;

/// A method, a route, who may use it, and a body.
pub(super) type Row = (&'static str, &'static str, For, Value);

/// Who may use a route; nobody else.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum For {
    Everybody,
    /// No account: an organisation's directory, which has a token of its own.
    Directories,
    /// With an account.
    Accounts,
    /// Whoever belongs to the organisation.
    Belonging,
    /// Members of the namespace, and operators.
    Members,
    Publishers,
    PublishersAndOperators,
    Owners,
    OwnersAndOperators,
    Operators,
}

pub(super) const ROLES: [&str; 6] = ["anonymous", "other", "viewer", "publisher", "owner", "operator"];

impl For {
    /// Whether somebody in this role may use it.
    pub(super) fn allows(self, role: &str) -> bool {
        match self {
            Self::Everybody => true,
            Self::Directories => false,
            Self::Accounts => role != "anonymous",
            Self::Belonging => ["viewer", "publisher", "owner"].contains(&role),
            Self::Members => ["viewer", "publisher", "owner", "operator"].contains(&role),
            Self::Publishers => ["publisher", "owner"].contains(&role),
            Self::PublishersAndOperators => ["publisher", "owner", "operator"].contains(&role),
            Self::Owners => role == "owner",
            Self::OwnersAndOperators => ["owner", "operator"].contains(&role),
            Self::Operators => role == "operator",
        }
    }
}
