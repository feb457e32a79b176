//! What is told while something is installed or verified.

use serde::{Deserialize, Serialize};

/// One check that was passed on the way, in words.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Passed {
    /// What was checked.
    pub check: String,
    /// What was found.
    pub found: String,
}

/// Something on the way of an installation or a verification.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Step {
    /// Something that takes its time has begun.
    Began(String),
    /// A check was passed.
    Passed(Passed),
}

/// Told of every step as it is taken.
pub type Progress<'a> = &'a (dyn Fn(Step) + Sync);

pub(super) fn pass(progress: Progress<'_>, check: &str, found: String) {
    progress(Step::Passed(Passed { check: check.into(), found }));
}
