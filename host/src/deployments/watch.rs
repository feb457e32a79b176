//! What becomes of deployments, told to integrations: every change of health is written down together with the event
//! that tells of it, so that each is told of once and none is lost.

use chandlery_package::column::Text;
use chandlery_package::wire::host::{Health, Replica, ReplicaState, RolloutState};
use sqlx::SqliteConnection;

use super::record::{self, Record, Told};
use super::rollout::health;
use super::{Deployments, Error, state};
use crate::audit;
use crate::engines::Desired;
use crate::events::{new_event, tell};
use chandlery_sandbox::{Event, EventKind, Use};

impl Deployments {
    /// Tells of a deployment's health where it has changed.
    pub(super) async fn watch(
        &self,
        record: &Record,
        desired: &Desired,
        replicas: &[Replica],
    ) -> Result<(), Error> {
        let Some(told) = Told::news(record, desired, replicas) else { return Ok(()) };
        let mut write = self.db.write().await?;
        if record::is_still(&mut write, record).await? {
            self.tell(&mut write, told, record, replicas).await?;
        }
        Ok(write.commit().await?)
    }

    /// The revision is the one to come back to from now on, which is told of at the same moment.
    pub(super) async fn arrive(
        &self,
        record: &Record,
        desired: &Desired,
        replicas: &[Replica],
    ) -> Result<(), Error> {
        let arrived = Record { stable: Some(record.revision), ..record.clone() };
        let mut write = self.db.write().await?;
        if !record::is_still(&mut write, record).await? {
            return Ok(());
        }
        state::conclude(&mut write, &record.name, record.revision, RolloutState::RolledOut, "").await?;
        sqlx::query(
            "update deployments set stable = revision, rollout_until = null where name = $1 and revision = $2",
        )
        .bind(&record.name)
        .bind(record.revision)
        .execute(&mut *write)
        .await?;
        audit::note(&mut write, &record.release, &handed_on(desired, record)).await?;
        if let Some(told) = Told::news(&arrived, desired, replicas) {
            self.tell(&mut write, told, record, replicas).await?;
        }
        Ok(write.commit().await?)
    }

    /// Forgets a deployment of which nothing is left.
    pub(super) async fn forget(&self, record: &Record) -> Result<(), Error> {
        let mut write = self.db.write().await?;
        if state::forget(&mut write, &record.name).await? {
            let event = record.event(EventKind::Removed, "it was removed".into());
            tell(&mut write, &self.installs.integrations()?, &event).await?;
        }
        Ok(write.commit().await?)
    }

    /// Tells of a deployment's health, unless that was done since the record was read.
    async fn tell(
        &self,
        write: &mut SqliteConnection,
        told: Told,
        record: &Record,
        replicas: &[Replica],
    ) -> Result<(), Error> {
        let before = record.told;
        let changed = sqlx::query(
            "update deployments set told_revision = $1, told_health = $2
             where name = $3 and told_revision is $4 and told_health is $5",
        )
        .bind(told.revision)
        .bind(Text(told.health))
        .bind(&record.name)
        .bind(before.map(|told| told.revision))
        .bind(before.map(|told| Text(told.health)))
        .execute(&mut *write)
        .await?;
        if let (Some(kind), 1) = (told.after(before), changed.rows_affected()) {
            let detail = in_words(kind, replicas);
            tell(write, &self.installs.integrations()?, &record.event(kind, detail)).await?;
        }
        Ok(())
    }
}

/// Which secrets a revision was handed.
fn handed_on(desired: &Desired, record: &Record) -> Vec<Use> {
    let uses = desired.secrets.names().map(|name| Use {
        permission: format!("secret:{name}"),
        what: format!("handed to revision {} of '{}'", record.revision, record.name),
        granted: true,
    });
    uses.collect()
}

impl Told {
    /// What is to be told; none, where it was.
    fn news(record: &Record, desired: &Desired, replicas: &[Replica]) -> Option<Self> {
        let told = Self { health: health(record, desired, replicas), revision: record.revision };
        (Some(told) != record.told && !desired.removing).then_some(told)
    }

    /// The event that this is, after what was told before; none: it is no news.
    fn after(self, before: Option<Self>) -> Option<EventKind> {
        let before = before.filter(|before| before.revision == self.revision).map(|before| before.health);
        match (self.health, before) {
            (Health::Ready | Health::Succeeded, Some(Health::Degraded | Health::Failed)) => {
                Some(EventKind::Recovered)
            }
            (Health::Ready | Health::Succeeded, Some(Health::Ready | Health::Succeeded)) => None,
            (Health::Ready | Health::Succeeded, _) => Some(EventKind::RolledOut),
            (Health::Degraded, _) => Some(EventKind::Degraded),
            (Health::Failed, _) => Some(EventKind::Failed),
            (Health::RollingOut | Health::Paused | Health::Removing, _) => None,
        }
    }
}

impl Record {
    pub(super) fn event(&self, kind: EventKind, detail: String) -> Event {
        Event {
            deployment: self.name.clone(),
            target: self.target.clone(),
            team: self.team.clone(),
            release: Some(self.release.clone()),
            revision: u64::try_from(self.revision).unwrap_or_default(),
            detail,
            ..new_event(kind)
        }
    }
}

fn in_words(kind: EventKind, replicas: &[Replica]) -> String {
    let unwell = |replica: &&Replica| !matches!(replica.state, ReplicaState::Ready | ReplicaState::Succeeded);
    match (kind, replicas.iter().find(unwell)) {
        (EventKind::Degraded | EventKind::Failed, Some(replica)) => {
            format!("{}-{}: {}", replica.workload, replica.index, replica.detail)
        }
        (EventKind::Recovered, _) => "all replicas are well again".into(),
        _ => format!("{} replicas are well", replicas.len()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_news_is_told() {
        let told = |revision, health| Told { revision, health };
        let after = |now: Told, before| now.after(Some(before));
        assert_eq!(told(1, Health::RollingOut).after(None), None);
        assert_eq!(after(told(1, Health::Ready), told(1, Health::RollingOut)), Some(EventKind::RolledOut));
        assert_eq!(after(told(1, Health::Degraded), told(1, Health::Ready)), Some(EventKind::Degraded));
        assert_eq!(after(told(1, Health::RollingOut), told(1, Health::Ready)), None);
        assert_eq!(after(told(1, Health::Ready), told(1, Health::Degraded)), Some(EventKind::Recovered));
        assert_eq!(after(told(2, Health::Ready), told(1, Health::Degraded)), Some(EventKind::RolledOut));
        assert_eq!(after(told(2, Health::Failed), told(2, Health::RollingOut)), Some(EventKind::Failed));
        assert_eq!(after(told(1, Health::Succeeded), told(1, Health::Ready)), None);
    }
}
