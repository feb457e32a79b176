//! The trait that a template implements, and the way from the contract's call to it and back.

use serde::de::DeserializeOwned;

use crate::bindings::template::{Facts, Problem};
use crate::bindings::{Level, log, plan::Plan, wire};

/// A pure function from typed parameters and a target's facts to a plan.
pub trait Template {
    /// What the manifest's schema describes; fields that the schema gives a default are always present.
    type Parameters: DeserializeOwned;

    /// The plan for this request, or every problem that stands in its way.
    fn plan(request: Request<Self::Parameters>) -> Result<Plan, Vec<Problem>>;
}

/// One question to a template.
pub struct Request<P> {
    /// The deployment's name, unique on its target.
    pub deployment: String,
    /// The validated parameters.
    pub parameters: P,
    /// What is known of the target.
    pub target: Facts,
}

/// Answers one call of the contract with `T`.
#[doc(hidden)]
pub fn answer<T: Template>(request: wire::Request) -> Result<Plan, Vec<Problem>> {
    std::panic::set_hook(Box::new(report_panic));
    let parameters = serde_json::from_str(&request.parameters).map_err(|error| {
        vec![Problem { parameter: None, message: format!("the parameters do not fit the template: {error}") }]
    })?;
    T::plan(Request { deployment: request.deployment, parameters, target: request.target })
}

/// A panic ends the instance; the host makes the last critical message the problem that its user reads.
pub(crate) fn report_panic(info: &std::panic::PanicHookInfo<'_>) {
    let message = info.payload_as_str().unwrap_or("no message");
    match info.location() {
        Some(at) => log(Level::Critical, &format!("{message} (at {}:{})", at.file(), at.line())),
        None => log(Level::Critical, message),
    }
}
