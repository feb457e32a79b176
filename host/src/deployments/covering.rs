//! Plugins that cost something: nothing more of them is deployed than the licence covers, what will change is told before it does, and
//! what serves without being covered ends after the notice that the terms give.

use chandlery_package::PluginId;
use chandlery_package::column::Text;
use chandlery_package::wire::host::{Coverage, Locked};
use jiff::Timestamp;

use super::record::{self, Intent, Record};
use super::{Deployments, Error, state};
use crate::events::{new_event, tell};
use crate::licence::{self, Gap, Uncovered, day, notice_ends, warning};
use chandlery_sandbox::{Event, EventKind};

/// What a notice is about that says that nothing covers a plugin any more.
const UNCOVERED: &str = "uncovered";

impl Deployments {
    /// Refuses what would be deployed or run more of a plugin that costs something and is not covered. The registry is asked first;
    /// where it does not answer, what is known holds.
    pub(super) async fn must_be_covered(&self, locked: &Locked, is_new: bool) -> Result<(), Error> {
        let (plugin, Some(price)) = (&locked.release.plugin, &locked.price) else { return Ok(()) };
        self.renew_licence().await?;
        let gap = match self.licences.cover(plugin, Timestamp::now()).await? {
            Err(gap) => gap,
            Ok(ordered) => {
                let limit = ordered.and_then(|ordered| ordered.quantity).filter(|_| is_new);
                let Some(quantity) = limit else { return Ok(()) };
                match self.of(plugin).await?.len() >= quantity as usize {
                    true => Gap::NoMore(quantity),
                    false => return Ok(()),
                }
            }
        };
        let uncovered = Uncovered { plugin: plugin.clone(), price: price.clone(), gap };
        Err(licence::Error::NotCovered(Box::new(uncovered)).into())
    }

    /// The same, of the plugin that a deployment is of.
    pub(super) async fn must_stay_covered(&self, record: &Record) -> Result<(), Error> {
        let installed = self.installs.list().await?;
        match installed.iter().find(|locked| locked.release.plugin == record.release.plugin) {
            Some(locked) => self.must_be_covered(locked, false).await,
            None => Ok(()),
        }
    }

    /// Whether nothing more of a deployment may run than does, since its plugin is not covered. What is known holds, and whoever cannot
    /// reach the registry is not held back.
    pub(super) async fn is_held(&self, record: &Record) -> Result<bool, Error> {
        let plugin = &record.release.plugin;
        let installed = self.installs.list().await?;
        if !installed.iter().any(|locked| locked.release.plugin == *plugin && locked.price.is_some()) {
            return Ok(false);
        }
        let covered = self.licences.cover(plugin, Timestamp::now()).await?;
        Ok(covered.is_err_and(|gap| gap != Gap::NoLicence))
    }

    /// Asks the registry for another licence.
    pub(crate) async fn renew_licence(&self) -> Result<(), Error> {
        self.licences.renew(self.count().await?).await;
        Ok(())
    }

    /// How what is installed and costs something is covered.
    pub(super) async fn coverage(&self) -> Result<Vec<Coverage>, Error> {
        let now = Timestamp::now();
        let mut all = Vec::new();
        for locked in self.installs.list().await? {
            let (plugin, Some(price)) = (locked.release.plugin, locked.price) else { continue };
            let (covered, until, says) = match self.licences.cover(&plugin, now).await? {
                Ok(None) => (true, None, None),
                Ok(Some(ordered)) => (true, ordered.until(), warning(&ordered, &price, now)),
                Err(gap) => {
                    let ends = self.told(&plugin.to_string(), UNCOVERED).await?.map(notice_ends);
                    let serves = ends.map(|at| format!("; what serves of it ends on {}", day(at)));
                    let uncovered = Uncovered { plugin: plugin.clone(), price, gap };
                    (false, ends, Some(format!("{uncovered}{}", serves.unwrap_or_default())))
                }
            };
            all.push(Coverage { plugin, covered, until, says });
        }
        Ok(all)
    }

    /// Tells of what will change or has changed, once each, and ends what serves after its notice.
    pub(crate) async fn mind_coverage(&self) -> Result<(), Error> {
        if let Some(says) = self.licences.entitlement(self.count().await?).await?.says {
            let event = Event { detail: says.clone(), ..new_event(EventKind::UsageThreshold) };
            self.tell_once("", &says, vec![event], &says).await?;
        }
        for locked in self.installs.list().await? {
            let (plugin, Some(price)) = (locked.release.plugin, locked.price) else { continue };
            let mut running = record::all(self.db.pool()).await?;
            running.retain(|record| record.release.plugin == plugin && record.intent == Intent::Running);
            if running.is_empty() {
                continue;
            }
            let now = Timestamp::now();
            match self.licences.cover(&plugin, now).await? {
                // Whoever cannot reach the registry is not stopped for that.
                Err(Gap::NoLicence) => {}
                Err(gap) => self.give_notice(Uncovered { plugin, price, gap }, &running, now).await?,
                Ok(ordered) => {
                    self.take_notice_back(&plugin).await?;
                    let Some(ordered) = ordered else { continue };
                    if let (Some(until), Some(says)) = (ordered.until(), warning(&ordered, &price, now)) {
                        let (about, events) = (format!("until {until}"), of_each(&running, &says));
                        self.tell_once(&plugin.to_string(), &about, events, &says).await?;
                    }
                }
            }
        }
        Ok(())
    }

    async fn give_notice(
        &self,
        uncovered: Uncovered,
        running: &[Record],
        now: Timestamp,
    ) -> Result<(), Error> {
        let says = format!(
            "{uncovered}: nothing new of it is deployed or scaled up, and what serves ends on {}; {}",
            day(notice_ends(now)),
            uncovered.remedy()
        );
        let (plugin, events) = (uncovered.plugin.to_string(), of_each(running, &says));
        let told = self.tell_once(&plugin, UNCOVERED, events, &says).await?;
        if now < notice_ends(told) {
            return Ok(());
        }
        let says = format!("{uncovered}, as was told on {}: it is paused", day(told));
        for record in running {
            let mut write = self.db.write().await?;
            if record::is_still(&mut write, record).await? {
                state::pause(&mut write, &record.name, true).await?;
                let integrations = self.installs.integrations()?;
                let event = record.event(EventKind::UsageThreshold, says.clone());
                tell(&mut write, &integrations, &event).await?;
            }
            write.commit().await?;
            tracing::warn!(deployment = record.name, "{says}");
        }
        Ok(())
    }

    /// Tells of something about a plugin or, with an empty text, about the tier, unless it was told of, and says when that was.
    async fn tell_once(
        &self,
        plugin: &str,
        about: &str,
        events: Vec<Event>,
        says: &str,
    ) -> Result<Timestamp, Error> {
        if let Some(told) = self.told(plugin, about).await? {
            return Ok(told);
        }
        let now = Timestamp::now();
        let mut write = self.db.write().await?;
        sqlx::query("insert into coverage_notices (plugin, about, told_at) values ($1, $2, $3) on conflict do nothing")
            .bind(plugin)
            .bind(about)
            .bind(Text(now))
            .execute(&mut *write)
            .await?;
        let integrations = self.installs.integrations()?;
        for event in &events {
            tell(&mut write, &integrations, event).await?;
        }
        write.commit().await?;
        tracing::warn!(plugin, "{says}");
        Ok(now)
    }

    async fn told(&self, plugin: &str, about: &str) -> Result<Option<Timestamp>, Error> {
        let found: Option<(Text<Timestamp>,)> =
            sqlx::query_as("select told_at from coverage_notices where plugin = $1 and about = $2")
                .bind(plugin)
                .bind(about)
                .fetch_optional(self.db.pool())
                .await?;
        Ok(found.map(|(Text(at),)| at))
    }

    /// What is covered again gets another notice when it no longer is.
    async fn take_notice_back(&self, plugin: &PluginId) -> Result<(), Error> {
        if self.told(&plugin.to_string(), UNCOVERED).await?.is_some() {
            sqlx::query("delete from coverage_notices where plugin = $1 and about = $2")
                .bind(Text(plugin))
                .bind(UNCOVERED)
                .execute(self.db.pool())
                .await?;
        }
        Ok(())
    }
}

/// The same of each deployment.
fn of_each(records: &[Record], says: &str) -> Vec<Event> {
    records.iter().map(|record| record.event(EventKind::UsageThreshold, says.to_owned())).collect()
}
