//! Reviews of releases: what a publisher asks for, what an operator sees of the difference to the release before, and what comes of it.

use jiff::Timestamp;
use semver::Version;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::ToSchema;

use crate::plan::Facts;
use crate::{Namespace, Release, words};

words! {
    /// What came of a review.
    pub enum Verdict: "verdict of a review" {
        /// The plugin is certified from then on.
        Certified = "certified",
        /// It is not, or not any more.
        Refused = "refused",
    }
}

/// A request to a template, by whose plan releases are compared.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ReviewCase {
    /// What the publisher calls it: from 1 to 64 bytes.
    pub name: String,
    /// The target to plan for.
    pub target: Facts,
    /// The parameters that are not the defaults.
    #[serde(default)]
    #[schema(value_type = Object)]
    pub parameters: Map<String, Value>,
}

/// Asks operators to review a release.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewReview {
    /// What they should know: up to 2000 bytes.
    #[serde(default)]
    pub note: String,
    /// What its plans are compared by: 10 at most, of 64 KiB together. None: those that were sent for the plugin the last time.
    #[serde(default)]
    pub cases: Vec<ReviewCase>,
}

/// A review of a release.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Review {
    /// The release that it is of.
    pub release: Release,
    /// The account that asked for it; none: the release is of a certified plugin, and nobody had to ask.
    pub asked_by: Option<Namespace>,
    /// Since when it waits.
    pub asked_at: Timestamp,
    /// What its publisher says of it.
    pub note: String,
    /// What came of it; none: it waits.
    pub decision: Option<ReviewDecision>,
}

/// What came of a review.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ReviewDecision {
    /// In a word.
    pub verdict: Verdict,
    /// Why, for the publisher.
    pub reason: String,
    /// The operator who decided.
    pub by: Namespace,
    /// When that was.
    pub at: Timestamp,
}

/// Decides a review.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct NewReviewDecision {
    /// In a word.
    pub verdict: Verdict,
    /// Why, for the publisher: from 1 to 2000 bytes. It is in the audit trail.
    pub reason: String,
}

/// What is in one of two sets and not in the other.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SetChanges {
    /// What came to it.
    pub added: Vec<String>,
    /// What went from it.
    pub removed: Vec<String>,
}

/// A parameter that is not what it was.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ParameterChange {
    /// What it is called.
    pub name: String,
    /// Its schema, and whether it must be given; none: there was no such parameter.
    pub before: Option<String>,
    /// The same as it is now; none: there is no such parameter any more.
    pub after: Option<String>,
}

/// What the two releases answer to a case.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct CaseChange {
    /// What the publisher calls it.
    pub name: String,
    /// The target, in a few words.
    pub target: String,
    /// What differs with the lines around it, each behind a `+`, a `-` or a blank; none: both answer the same, where they were compared.
    pub lines: Vec<String>,
    /// Why they could not be compared: one of the releases was not asked, or did not answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub not_compared: Option<String>,
}

/// A release beside the one before it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ReleaseChanges {
    /// The release that is looked at.
    pub release: Release,
    /// The highest version below it that was not withdrawn; none: there was nothing before.
    #[schema(value_type = Option<String>)]
    pub before: Option<Version>,
    /// How large its component is, in bytes.
    pub bytes: u64,
    /// How large that of the release before is, in bytes.
    pub bytes_before: Option<u64>,
    /// What it may do, in words.
    pub permissions: SetChanges,
    /// The interfaces that its component imports.
    pub imports: SetChanges,
    /// The parameters that differ, by name.
    pub parameters: Vec<ParameterChange>,
    /// What both plan for the publisher's cases.
    pub cases: Vec<CaseChange>,
}
