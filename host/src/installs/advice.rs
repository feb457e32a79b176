//! Advisories about what is to be installed: told of, and what is critical only for whoever accepts that.

use std::collections::BTreeSet;

use chandlery_package::wire::Advised;
use chandlery_package::wire::host::Step;
use chandlery_package::{AdvisoryId, Release};

use super::{Error, Progress};

/// Tells of all that are about a release, and refuses it where one is critical that was not accepted.
pub(super) fn accepted(
    release: &Release,
    advised: Vec<Advised>,
    accepted: &BTreeSet<AdvisoryId>,
    progress: Progress<'_>,
) -> Result<(), Error> {
    for advised in &advised {
        progress(Step::Warned(format!("{release}: {advised}")));
    }
    let open = advised.into_iter().filter(|advised| advised.is_critical() && !accepted.contains(&advised.id));
    let open: Vec<Advised> = open.collect();
    match open.is_empty() {
        true => Ok(()),
        false => Err(Error::Advised { release: release.clone(), open }),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use chandlery_package::advisory::Severity;

    use super::*;

    #[test]
    fn what_is_critical_or_not_known_is_accepted_by_name() {
        let release: Release = "acme:ocr@1.0.0".parse().unwrap();
        let cases: [(Option<Severity>, &[&str], bool); 6] = [
            (Some(Severity::High), &[], true),
            (Some(Severity::Critical), &[], false),
            (Some(Severity::Critical), &["ACME-2"], false),
            (Some(Severity::Critical), &["ACME-1"], true),
            (None, &[], false),
            (None, &["ACME-1", "ACME-2"], true),
        ];
        for (severity, names, good) in cases {
            let advised = Advised { id: "ACME-1".parse().unwrap(), severity, summary: "It leaks".into() };
            let names = names.iter().map(|name| name.parse().unwrap()).collect();
            let told = Mutex::new(Vec::new());
            let progress = |step: Step| told.lock().unwrap().push(step);
            let found = accepted(&release, vec![advised], &names, &progress);
            assert_eq!(found.is_ok(), good, "{severity:?} {names:?}");
            assert_eq!(told.lock().unwrap().len(), 1);
        }
    }
}
