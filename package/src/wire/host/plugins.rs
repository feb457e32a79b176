//! What is installed: plugins with what they were granted, their settings, and what they did.

use std::collections::BTreeSet;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::ToSchema;

use crate::problem::Problem;
use crate::wire::{Acceptance, Quote};
use crate::{AdvisoryId, Digest, Kind, Permission, PublicKey, Release, Requirement};

/// An installed release.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Locked {
    /// The name and version that are installed.
    pub release: Release,
    /// Where it came from.
    pub registry: String,
    /// The verifier key of the log that tells of it: by it, and not by an address, a registry is known.
    #[serde(default)]
    pub log_key: String,
    /// The digest of the component.
    pub component: Digest,
    /// The digest of the OCI manifest that was signed.
    pub artifact: Digest,
    /// The key that signed it.
    pub key: PublicKey,
    /// The log's entry that added the key.
    pub key_log_index: u64,
    /// The log's entry of the release.
    pub log_index: u64,
    /// The world of the contract that it implements.
    pub kind: Kind,
    /// What it may do, as somebody agreed.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub permissions: BTreeSet<Permission>,
    /// What it asks for and may not do any more, as somebody decided.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub revoked: BTreeSet<Permission>,
    /// What it cost when it was installed, in words; none: nothing, and it stays free here until another release is installed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub price: Option<String>,
    /// When it was installed.
    pub installed_at: Timestamp,
}

/// Asks for a plugin to be installed.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct NewInstall {
    /// Which releases would do.
    pub requirement: Requirement,
    /// What was decided about what it asks for.
    #[serde(flatten)]
    pub consent: Consent,
    /// What is agreed to, where it costs something that the host's account has not ordered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub acceptance: Option<Acceptance>,
    /// Critical advisories about it that are accepted.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub accept_advisories: BTreeSet<AdvisoryId>,
}

/// What somebody decided about permissions that a plugin was not granted before.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Consent {
    /// What it may do.
    #[serde(default)]
    pub allow: BTreeSet<Permission>,
    /// What it may not do, though it asks for it.
    #[serde(default)]
    pub deny: BTreeSet<Permission>,
}

/// What is told while an installation or a verification goes on, one JSON text a line.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Event {
    /// Something was begun, or a check was passed.
    Step(Step),
    /// It asks for what nobody has agreed to, and was not installed.
    Asks(Asked),
    /// It costs something that nobody has agreed to, and was not installed.
    Costs(Box<Costs>),
    /// It is installed.
    Installed(Box<Locked>),
    /// These were verified.
    Verified(Vec<Release>),
    /// It ended here.
    Refused(Problem),
}

/// Something on the way of an installation or a verification.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Step {
    /// Something that takes its time has begun.
    Began(String),
    /// A check was passed.
    Passed(Passed),
    /// Something should not be overlooked, in words.
    Warned(String),
}

/// One check that was passed on the way, in words.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Passed {
    /// What was checked.
    pub check: String,
    /// What was found.
    pub found: String,
}

/// What a release asks for that nobody has agreed to.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Asked {
    /// The release that would be installed.
    pub release: Release,
    /// Its kind, which its permissions are read by.
    pub kind: Kind,
    /// The permissions that nobody has decided about.
    pub permissions: Vec<Permission>,
    /// The same as a problem, for whoever cannot be asked.
    pub problem: Problem,
}

/// What a release costs that nobody has agreed to.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Costs {
    /// The release that would be installed.
    pub release: Release,
    /// What it costs the host's account, and on which terms.
    pub quote: Quote,
    /// The same as a problem, for whoever cannot be asked.
    pub problem: Problem,
}

/// Whether a plugin has a permission from now on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct NewPermission {
    /// Whether it is granted from now on.
    pub granted: bool,
}

/// A plugin's settings: what was set, and what follows from it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Settings {
    /// What was set.
    #[schema(value_type = Object)]
    pub given: Map<String, Value>,
    /// The same with defaults; none: it does not fit the manifest yet.
    pub complete: Option<Value>,
    /// What stands in the way.
    pub problem: Option<String>,
}

/// One use that a plugin made of a permission, or tried to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Entry {
    /// When it was done or tried.
    pub at: Timestamp,
    /// The release that did it.
    pub release: Release,
    /// The permission that it needs.
    pub permission: String,
    /// What was done, or tried.
    pub what: String,
    /// Whether it was granted.
    pub granted: bool,
}

/// An integration and how its deliveries fare.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Standing {
    /// What is installed.
    pub locked: Locked,
    /// Events that were delivered.
    pub delivered: i64,
    /// Events that wait, most of them for another attempt.
    pub waiting: i64,
    /// Events that were given up.
    pub given_up: i64,
    /// What the newest problem was.
    pub problem: Option<String>,
}

/// What came of telling an integration of an event that never was.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Tried {
    /// What went wrong; none: it did what it should.
    pub problem: Option<TriedProblem>,
    /// What it did with what it was granted, and what it tried.
    pub uses: Vec<Use>,
}

/// How an integration failed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct TriedProblem {
    /// A stable word for what ended the call, such as `deadline`.
    pub r#type: String,
    /// What happened, in words.
    pub detail: String,
}

/// One use of a permission, or an attempt at it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Use {
    /// The permission that it needs: `http:hooks.slack.com`.
    pub permission: String,
    /// What was done, or tried, in words.
    pub what: String,
    /// Whether it was granted.
    pub granted: bool,
}
