//! The registry's account that a host belongs to.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::Namespace;

/// Whose a host is: its licence, its orders and its use are the account's.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct HostAccount {
    /// The registry that plugins come from and use is reported to; none: the host was started without one.
    pub registry: Option<String>,
    /// The account there; none: the host is nobody's, or nobody could ask yet whose its token is.
    pub account: Option<Namespace>,
    /// Whether that was said when the host was started, so that nobody claims it while it runs.
    pub fixed: bool,
}

/// Lets a host belong to an account of its registry.
#[derive(Clone, Serialize, Deserialize, ToSchema)]
pub struct NewHostAccount {
    /// A token of the account, which may all that the account may, or acts for an organisation.
    pub token: String,
    /// The account that the host belongs to so far; none: it is nobody's. The host is claimed only where that is so.
    #[serde(default)]
    pub instead_of: Option<Namespace>,
}
