//! Whether a target has what a plan needs.

use crate::Error;
use chandlery_package::plan::{Facts, Plan, lacks};

/// Refuses a plan that the target could not run if nothing else ran on it.
pub fn fit(plan: &Plan, facts: &Facts) -> Result<(), Error> {
    match lacks(plan, facts) {
        Some(reason) => Err(Error::CannotRun { target: facts.name.clone(), reason }),
        None => Ok(()),
    }
}
