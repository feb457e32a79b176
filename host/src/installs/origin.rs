//! What the logs that a host follows tell of a release beside whether it may be run: who signed it, and what came after it.

use chandlery_package::wire::host::Locked;
use chandlery_package::{KeyId, Release};
use jiff::Timestamp;

use super::{Error, Installs};

/// Where a release is from, as a log tells it.
pub(crate) struct Origin {
    /// The registry whose log it is.
    pub registry: String,
    /// The key that signed it.
    pub key: KeyId,
    /// The issuer that vouched for the workload that has published it; none: it is signed by a key of its namespace.
    pub issuer: Option<String>,
    /// When the registry accepted it.
    pub at: Timestamp,
}

impl Installs {
    /// Where a release is from; none: no log of the registries in use tells of it, as far as they were followed.
    pub(crate) fn origin(&self, release: &Release) -> Result<Option<Origin>, Error> {
        let lock = self.read()?;
        // Of what is installed, its own log has the say.
        let installed = lock.plugins.iter().find(|locked| locked.release.plugin == release.plugin);
        let of = installed.map(|locked| &locked.log_key);
        for pin in lock.registries.iter().filter(|pin| of.is_none_or(|of| *of == pin.log_key)) {
            let found = self.followed.ask(&pin.log_key, |history| {
                let state = history.release(release)?;
                let issuer = history.identity(release).map(|identity| identity.issuer.to_string());
                Some(Origin { registry: pin.url.clone(), key: state.key.clone(), issuer, at: state.at })
            })?;
            if found.is_some() {
                return Ok(found);
            }
        }
        Ok(None)
    }

    /// The newest release after the one that is installed that is neither a pre-release nor taken back; none: its log tells of none.
    pub(crate) fn newer(&self, locked: &Locked) -> Result<Option<Release>, Error> {
        self.followed.ask(&locked.log_key, |history| {
            let later = history.after(&locked.release).map(|(release, _)| release);
            let mut chosen = None;
            for release in later.filter(|release| release.version.pre.is_empty()) {
                if !history.is_recalled(release) {
                    chosen = Some(release.clone());
                }
            }
            chosen
        })
    }
}
