//! What plugins are asked, and what they answer.

use std::collections::BTreeMap;

use chandlery_package::Release;
use chandlery_package::plan::{Facts, Plan, PlanProblem};
use serde::{Deserialize, Serialize};

use crate::capabilities::Use;
use crate::error::SandboxError;

/// One question to a template.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// The deployment's name.
    pub deployment: String,
    /// A JSON object, validated.
    pub parameters: String,
    /// What the target can run, now.
    pub target: Facts,
}

/// What a policy is told beside the plan.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Review {
    /// The deployment's name.
    pub deployment: String,
    /// Whose it is.
    pub team: Option<String>,
    /// The release that made the plan.
    pub release: Release,
    /// What the target can run, now.
    pub target: Facts,
    /// What else is deployed.
    pub others: Vec<Running>,
    /// The policy's settings, as a JSON object, validated.
    pub settings: String,
}

/// A deployment, as far as a policy may depend on it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[allow(missing_docs)]
pub struct Running {
    pub deployment: String,
    pub team: Option<String>,
    pub release: Release,
    pub target: String,
    pub plan: Plan,
}

/// What a policy says of a plan.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// It may pass.
    Allow {
        /// What should be known all the same.
        warnings: Vec<String>,
    },
    /// It may pass as it stands here.
    Amend {
        /// The plan as the policy wants it, which is reviewed further.
        plan: Plan,
        /// What was changed, in words.
        changes: Vec<String>,
    },
    /// It may not pass.
    Deny {
        /// What stands in the way, for whoever deploys.
        problems: Vec<PlanProblem>,
    },
}

/// What came of telling an integration of an event.
#[derive(Debug)]
pub struct Reaction {
    /// Whether it did what it should.
    pub result: Result<(), SandboxError>,
    /// What it did with what it was granted, and what it tried.
    pub uses: Vec<Use>,
    /// What it keeps from now on; none: what it kept before.
    pub kept: Option<BTreeMap<String, Vec<u8>>>,
}
