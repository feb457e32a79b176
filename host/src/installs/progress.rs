//! What is told while something is installed or verified.

use chandlery_package::wire::host::{Passed, Step};

/// Told of every step as it is taken.
pub type Progress<'a> = &'a (dyn Fn(Step) + Sync);

/// Tells of a check that was passed, and what was found.
pub(super) fn pass(progress: Progress<'_>, check: &str, found: String) {
    progress(Step::Passed(Passed { check: check.into(), found }));
}
