//! An organisation's directory, as its people set it up; what the directory itself says is SCIM (RFC 7643, RFC 7644).

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::OrganisationRole;
use crate::Namespace;

/// Asks for a token by which a directory is known to an organisation.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct NewDirectoryToken {
    /// What it is for, such as the name of the identity provider.
    #[serde(default)]
    pub note: String,
    /// How many days it lasts, from 1 to 366.
    pub days_valid: u32,
}

/// A token of a directory as the organisation sees it later.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct DirectoryToken {
    /// Tells it apart from the organisation's others.
    pub id: String,
    /// Who has made it; it works as long as this member may manage the organisation.
    pub made_by: Namespace,
    /// What it is for.
    pub note: String,
    /// When it was issued.
    pub created_at: Timestamp,
    /// When it ends.
    pub expires_at: Option<Timestamp>,
    /// When the directory has used it last, to within a minute; none: never so far.
    pub used_at: Option<Timestamp>,
}

/// A group of an organisation's directory.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct DirectoryGroup {
    /// What it is called in paths.
    pub id: String,
    /// What the directory calls it.
    pub display_name: String,
    /// What its members are in the organisation; none: what they would be without it.
    pub role: Option<OrganisationRole>,
    /// How many people it has.
    pub members: u64,
}

/// Chooses what the members of a group are in the organisation.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct DirectoryGroupRole {
    /// Any role but owner; none: the group gives none.
    pub role: Option<OrganisationRole>,
}
