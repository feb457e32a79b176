//! Who uses a host: users with roles, teams with targets, tokens, and what each has done.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{DeploymentName, TargetName, TeamName, UserName, words};

/// How many days a token lasts, where nothing else is said.
pub const HOST_TOKEN_DAYS: u32 = 90;
/// How the token of a user begins, so that it is known wherever it turns up.
pub const HOST_TOKEN_PREFIX: &str = "chandlery_host_";

words! {
    /// What a user may do on a host. Each may do what those before it may.
    pub enum HostRole: "role" {
        /// Sees everything but tokens and the values of secrets.
        Viewer = "viewer",
        /// Deploys, scales, rolls back, pauses and removes.
        Deployer = "deployer",
        /// Installs plugins, grants them permissions, and says by which rules.
        Approver = "approver",
        /// Decides the rest: users, teams, tokens, targets, secrets.
        Admin = "admin",
    }
}

/// What a user is to be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct NewUser {
    /// What the user may do on the whole host, on every target.
    pub role: HostRole,
}

/// A user of a host.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct User {
    /// What the user is called on this host.
    pub name: UserName,
    /// What the user may do on the whole host, on every target.
    pub role: HostRole,
    /// The teams that the user is a member of.
    pub teams: Vec<TeamName>,
    /// When the user was added.
    pub added_at: Timestamp,
    /// The issuer of the provider at which the user signs in, whose groups say what it may; none: admins of the host say so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub issuer: Option<String>,
}

/// What ended with a user, and what did not.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RemovedUser {
    /// The tokens that ended, by their ids.
    pub ended: Vec<String>,
    /// The tokens of others that the user has made, and may know, by their ids: they hold on.
    pub made: Vec<String>,
    /// The deployments of which a revision by the user is on its way: it goes on.
    pub rolling_out: Vec<String>,
}

/// What a team is to be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct NewTeam {
    /// The targets that its members' roles are for.
    pub targets: BTreeSet<TargetName>,
    /// What each member may do there: viewer or deployer.
    #[schema(value_type = BTreeMap<String, HostRole>)]
    pub members: BTreeMap<UserName, HostRole>,
}

/// A team of users, who may do on its targets what their role there says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Team {
    /// What it is called on this host.
    pub name: TeamName,
    /// The targets that its members' roles are for.
    pub targets: BTreeSet<TargetName>,
    /// What each member may do there.
    #[schema(value_type = BTreeMap<String, HostRole>)]
    pub members: BTreeMap<UserName, HostRole>,
}

/// What somebody may do in a team.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Membership {
    /// The name of the team.
    pub team: TeamName,
    /// What may be done on its targets.
    pub role: HostRole,
    /// The targets of the team.
    pub targets: BTreeSet<TargetName>,
}

/// A token that is to be made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct NewHostToken {
    /// Whose it is.
    pub user: UserName,
    /// The most that it is for, whatever the user may.
    pub role: HostRole,
    /// The team on whose targets alone it is for more than seeing; none: wherever the user may.
    #[serde(default)]
    pub team: Option<TeamName>,
    /// The targets on which alone it deploys; empty: wherever the user may.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub targets: BTreeSet<TargetName>,
    /// The deployments that alone it makes and changes, by their names; empty: whichever the user may.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub deployments: BTreeSet<DeploymentName>,
    /// What it is for, in words.
    #[serde(default)]
    pub note: String,
    /// How many days it lasts, from 1 to 366; 90, where nothing is said.
    #[serde(default = "days_valid")]
    pub days_valid: u32,
}

fn days_valid() -> u32 {
    HOST_TOKEN_DAYS
}

/// A token as it was made: nobody sees its text again.
#[derive(Clone, Serialize, Deserialize, ToSchema)]
pub struct MadeHostToken {
    /// What is shown to the host, as a bearer token.
    pub token: String,
    /// What is kept of it.
    pub kept: HostToken,
}

/// A token of a user, without its text.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct HostToken {
    /// What names it, and opens nothing.
    pub id: String,
    /// Whose it is.
    pub user: UserName,
    /// The most that it is for, whatever the user may.
    pub role: HostRole,
    /// The team on whose targets alone it is for more than seeing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub team: Option<TeamName>,
    /// The targets on which alone it deploys; empty: wherever the user may.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub targets: BTreeSet<TargetName>,
    /// The deployments that alone it makes and changes; empty: whichever the user may.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub deployments: BTreeSet<DeploymentName>,
    /// What it is for, in words.
    pub note: String,
    /// The admin who made it.
    pub made_by: String,
    /// When it was made.
    pub made_at: Timestamp,
    /// When it was shown last, to within a minute; none: never yet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub used_at: Option<Timestamp>,
    /// When it ends.
    pub expires_at: Timestamp,
}

/// Whom a token is of, and what it may do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Whoami {
    /// The name of the user.
    pub user: String,
    /// What may be done on the whole host, on every target.
    pub role: HostRole,
    /// What may be done in teams.
    pub teams: Vec<Membership>,
    /// The id of the token or of the session; none: it is the token in the file `host.token`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token: Option<String>,
    /// The targets on which alone the token deploys; empty: wherever the roles allow.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub targets: BTreeSet<TargetName>,
    /// The deployments that alone the token makes and changes; empty: whichever the roles allow.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub deployments: BTreeSet<DeploymentName>,
}

/// Something that a user has done, or tried.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct HostAct {
    /// When it began.
    pub at: Timestamp,
    /// The name of the user.
    pub user: String,
    /// The id of the token or of the session that was shown; none: the token in the file `host.token`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token: Option<String>,
    /// What was asked for: `deploy`, `grant`.
    pub act: String,
    /// What it is about: the name of a deployment, a plugin, a secret.
    pub about: String,
    /// The HTTP status that it was answered with; none: whoever asked was gone, or the host ended, before it was done.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
}
