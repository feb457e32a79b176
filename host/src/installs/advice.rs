//! Advisories about what is to be installed: told of, and what is critical only for whoever accepts that.

use std::collections::BTreeSet;

use chandlery_package::log::History;
use chandlery_package::wire::Advised;
use chandlery_package::wire::host::{Locked, Step};
use chandlery_package::{AdvisoryId, Digest, Release};

use super::{Error, Installs, Lock, Progress, RegistryClient};

impl Installs {
    /// The advisories that are about a release, as far as the logs of the registries in use were followed.
    pub async fn advisories(&self, release: &Release) -> Result<Vec<Advised>, Error> {
        let lock = self.read()?;
        // Of what is installed, its own log has the say.
        let installed = lock.plugins.iter().find(|locked| locked.release.plugin == release.plugin);
        let of = installed.map(|locked| &locked.log_key);
        let mut about = Vec::new();
        for pin in lock.registries.iter().filter(|pin| of.is_none_or(|of| *of == pin.log_key)) {
            about.extend(self.followed.ask(&pin.log_key, |history| self.advisories.about(history, release))?);
        }
        Ok(about)
    }

    /// Takes in what the advisories of a log say about what is installed, and forgets what no log has any more.
    pub(super) async fn learn_advisories(
        &self,
        client: &RegistryClient,
        log_key: &str,
        lock: &Lock,
    ) -> Result<(), Error> {
        let history = self.followed.history(log_key)?;
        let mut needed = BTreeSet::new();
        for Locked { log_key: of, release, .. } in &lock.plugins {
            if of == log_key {
                self.advisories.fetch(client, &history, &release.plugin).await?;
            }
            let about = |history: &History| -> Vec<Digest> {
                history.advisories(&release.plugin).map(|(_, digest)| *digest).collect()
            };
            needed.extend(self.followed.ask(of, about)?);
        }
        self.advisories.keep(needed).await
    }
}

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
