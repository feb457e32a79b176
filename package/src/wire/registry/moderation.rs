//! What operators and publishers say where a plugin may be a danger.

use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::advisory::Severity;
use crate::{Advisory, AdvisoryId, Namespace, Subject, words};

/// Quarantines a plugin or a release, or lifts that.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct NewQuarantine {
    /// Whether it is quarantined from now on.
    pub quarantined: bool,
    /// Why, for everybody who runs it: from 1 to 2000 bytes.
    pub reason: String,
}

/// What is quarantined.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Quarantine {
    /// The plugin, or the release.
    pub subject: Subject,
    /// Why, for everybody who runs it.
    pub reason: String,
    /// Since when that is so.
    pub since: Timestamp,
}

/// An advisory that is about a release.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Advised {
    /// What the advisory is called.
    pub id: AdvisoryId,
    /// How bad it is; none: the registry does not show what the advisory says, which its log tells of.
    pub severity: Option<Severity>,
    /// What is wrong, in a line.
    pub summary: String,
}

impl Advised {
    /// An advisory in short.
    pub fn of(advisory: &Advisory) -> Self {
        Self {
            id: advisory.id.clone(),
            severity: Some(advisory.database_specific.severity),
            summary: advisory.summary.clone(),
        }
    }

    /// Whether nobody should run it who has not accepted that: also where it is not known how bad it is.
    pub fn is_critical(&self) -> bool {
        self.severity.is_none_or(|severity| severity == Severity::Critical)
    }
}

impl fmt::Display for Advised {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { id, severity, summary } = self;
        match severity {
            Some(severity) => write!(f, "advisory {id}, {severity}: {summary}"),
            None => write!(f, "advisory {id}: {summary}"),
        }
    }
}

words! {
    /// What became of a report of abuse.
    pub enum ReportOutcome: "outcome of a report" {
        /// Something was done about it.
        Acted = "acted",
        /// There was nothing to do.
        Dismissed = "dismissed",
        /// Another report was about the same.
        Duplicate = "duplicate",
    }
}

/// Reports a plugin or a release.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct NewReport {
    /// What it is about.
    pub subject: Subject,
    /// What is wrong with it: from 1 to 2000 bytes.
    pub why: String,
}

/// That a report was taken.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ReportReceipt {
    /// The report's number.
    pub id: i64,
}

/// A report of abuse, as operators see it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Report {
    /// The report's number.
    pub id: i64,
    /// What it is about.
    pub subject: Subject,
    /// What is wrong with it, in the words of whoever reported it.
    pub why: String,
    /// The account that reported it.
    pub reported_by: Namespace,
    /// When it was reported.
    pub reported_at: Timestamp,
    /// What became of it; none: it waits to be looked into.
    pub resolution: Option<Resolution>,
}

/// What became of a report.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Resolution {
    /// What was done, in a word.
    pub outcome: ReportOutcome,
    /// Why, for whoever made the report.
    pub note: String,
    /// The operator who decided.
    pub by: Namespace,
    /// When that was.
    pub at: Timestamp,
}

/// Says what became of a report.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct NewResolution {
    /// What was done, in a word.
    pub outcome: ReportOutcome,
    /// Why, for whoever made the report: from 1 to 2000 bytes.
    pub note: String,
}

/// Suspends an account, or reinstates it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct NewSuspension {
    /// Whether it is suspended from now on.
    pub suspended: bool,
    /// Why, for whoever has the account: from 1 to 2000 bytes.
    pub reason: String,
}

/// An account that is suspended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Suspension {
    /// The account's name.
    pub account: Namespace,
    /// Why, as its owner is told.
    pub reason: String,
    /// Since when that is so.
    pub since: Timestamp,
}

/// Gives a namespace to another account.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct NewOwner {
    /// The account that is its only owner from then on.
    pub account: Namespace,
    /// Why, for everybody who uses what it has published: from 1 to 2000 bytes. It is in the log.
    pub reason: String,
}
