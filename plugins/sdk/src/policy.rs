//! The trait that a policy implements, and the way from the contract's call to it and back.

use serde::de::DeserializeOwned;

use crate::bindings::plan::Plan;
use crate::bindings::policy::{Running, Verdict};
use crate::bindings::template::{Facts, Problem};
use crate::bindings::wire;
use crate::template::report_panic;

/// A pure function from a plan and what it is planned in to a verdict.
pub trait Policy {
    /// The policy's settings, as the manifest's parameters describe them; those with a default are always present.
    type Settings: DeserializeOwned;

    /// Whether the plan may pass, as it is or amended.
    fn review(plan: Plan, context: Context<Self::Settings>) -> Verdict;
}

/// What a plan is reviewed in.
pub struct Context<S> {
    /// The deployment that the plan is for.
    pub deployment: String,
    /// Who it is for, where that was said.
    pub team: Option<String>,
    /// The release that made the plan: `acme:ocr-server@1.0.0`.
    pub release: String,
    /// What is known of the target.
    pub target: Facts,
    /// What else the host has deployed.
    pub others: Vec<Running>,
    /// The validated settings.
    pub settings: S,
}

/// Answers one call of the contract with `P`.
#[doc(hidden)]
pub fn verdict<P: Policy>(plan: Plan, context: wire::Context) -> Verdict {
    std::panic::set_hook(Box::new(report_panic));
    let wire::Context { deployment, team, release, target, others, settings } = context;
    match serde_json::from_str(&settings) {
        Ok(settings) => P::review(plan, Context { deployment, team, release, target, others, settings }),
        Err(error) => {
            Verdict::Deny(vec![Problem::of(format!("the policy's settings cannot be read: {error}"))])
        }
    }
}
