//! What is installed, held to the host's rules: before it is, whenever something is made of it, and when the rules change.

use chandlery_package::Release;
use chandlery_package::log::History;
use chandlery_package::rules::Broken;
use chandlery_package::wire::ReleaseRecord;
use chandlery_package::wire::host::Locked;

use super::progress::{Progress, pass};
use super::{Error, Installs, chain};
use crate::rules::{self, Asked};

impl Installs {
    /// Learns since when the log tells of a release, and of those before it that were taken back: from checkpoints that witnesses
    /// cosigned before this host knew the log. It matters where there is a rule about age, and nothing else counts but what they say.
    pub(super) async fn learn_age(
        &self,
        log: &mut chain::Log<'_>,
        history: &History,
        release: &Release,
    ) -> Result<(), Error> {
        if !self.rules.ask_witnesses().await? {
            return Ok(());
        }
        let own = history.release(release).map(|state| state.index);
        let before = history.before(release).take_while(|(other, _)| history.is_recalled(other));
        let before = before.map(|(_, state)| state.index);
        let entries: Vec<u64> = own.into_iter().chain(before).collect();
        let log_key = log.key().to_owned();
        for index in entries {
            if let Some((size, at)) = log.first_seen(&self.trust.quorum, index).await? {
                self.rules.saw_before(&log_key, size, at).await?;
            }
        }
        Ok(())
    }

    /// Refuses a release that breaks a rule, before anything of it is ordered or fetched; gives the release that it is the fix of, where
    /// it does not wait for its age because of that. What the catalog says that it asks for is looked at first, and what its manifest
    /// says when that is here.
    pub(super) async fn must_fit_new(
        &self,
        log: (&str, &History),
        record: &ReleaseRecord,
        installed: Option<&Release>,
        progress: Progress<'_>,
    ) -> Result<Option<Release>, Error> {
        let asks = record.manifest.as_ref().map(|manifest| manifest.permissions.clone());
        let fixes = self.rules.must_fit(Asked { release: &record.release, log, installed, asks }).await?;
        if !self.rules.read().await?.is_empty() {
            let aside = fixes.as_ref().map(|fixed| format!(", at once, since {fixed} was taken back"));
            let aside = aside.unwrap_or_default();
            pass(progress, "rules", format!("this host's let it be installed{aside}"));
        }
        Ok(fixes)
    }

    /// Refuses to make more of what is installed, where it breaks a rule of this host.
    pub(crate) async fn must_fit(&self, locked: &Locked) -> Result<(), Error> {
        match self.broken(locked).await?.into_iter().next() {
            Some(broken) => Err(rules::Error::Broken(Box::new(broken)).into()),
            None => Ok(()),
        }
    }

    /// The same of a release that may have been installed before the one that is: what is granted to that one is all that it has.
    pub(crate) async fn must_fit_as(&self, release: &Release) -> Result<(), Error> {
        if self.rules.read().await?.is_empty() {
            return Ok(());
        }
        let installed = self.list().await?.into_iter().find(|locked| locked.release.plugin == release.plugin);
        let locked = installed.ok_or_else(|| Error::NotInstalled(release.plugin.to_string()))?;
        if locked.release == *release {
            return self.must_fit(&locked).await;
        }
        let history = self.followed.history(&locked.log_key)?;
        let log = (locked.log_key.as_str(), &history);
        let asks = Some(locked.permissions.clone());
        self.rules.must_fit(Asked { release, log, installed: None, asks }).await?;
        Ok(())
    }

    /// Every rule that something installed breaks.
    pub(crate) async fn all_broken(&self) -> Result<Vec<Broken>, Error> {
        let mut all = Vec::new();
        for locked in self.list().await? {
            all.extend(self.broken(&locked).await?);
        }
        Ok(all)
    }

    /// Every rule that something installed breaks. A lock may have been written elsewhere: what its log does not say of just this
    /// component is not known of it.
    async fn broken(&self, locked: &Locked) -> Result<Vec<Broken>, Error> {
        if self.rules.read().await?.is_empty() {
            return Ok(Vec::new());
        }
        let mut history = self.followed.history(&locked.log_key)?;
        let state = history.release(&locked.release);
        if state.is_none_or(|state| state.component != locked.component) {
            history = History::default();
        }
        let asked = Asked {
            release: &locked.release,
            log: (locked.log_key.as_str(), &history),
            installed: None,
            asks: Some(&locked.permissions | &locked.revoked),
        };
        Ok(self.rules.broken(asked).await?)
    }
}
