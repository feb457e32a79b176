//! What becomes of deployments, told to integrations: every change of health is written down together with the event
//! that tells of it, so that each is told of once and none is lost.

use chandlery_package::PluginId;
use sqlx::SqliteConnection;

use super::record::{self, REMOVED, RolloutState, Row};
use super::rollout::health;
use super::{Deployments, Health};
use crate::Error;
use crate::engines::{Desired, Replica, ReplicaState};
use crate::events::{new_event, tell};
use chandlery_sandbox::{Event, EventKind, Use};

impl Deployments {
    /// Tells of a deployment's health where it has changed.
    pub(super) async fn watch(
        &self,
        row: &Row,
        desired: &Desired,
        replicas: &[Replica],
    ) -> Result<(), Error> {
        let Some(told) = Told::news(row, desired, replicas) else { return Ok(()) };
        let integrations = self.integrations().await?;
        let mut write = self.db.begin_with("begin immediate").await?;
        told.tell(&mut write, &integrations, row, replicas).await?;
        Ok(write.commit().await?)
    }

    /// The revision is the one to come back to from now on, which is told of at the same moment.
    pub(super) async fn arrive(
        &self,
        row: &Row,
        desired: &Desired,
        replicas: &[Replica],
    ) -> Result<(), Error> {
        let arrived = Row { stable: Some(row.revision), ..row.clone() };
        self.note_secrets(desired, row).await?;
        let integrations = self.integrations().await?;
        let mut write = self.db.begin_with("begin immediate").await?;
        record::conclude(&mut write, &row.name, row.revision, RolloutState::RolledOut, "").await?;
        sqlx::query(
            "update deployments set stable = revision, rollout_until = null where name = $1 and revision = $2",
        )
        .bind(&row.name)
        .bind(row.revision)
        .execute(&mut *write)
        .await?;
        if let Some(told) = Told::news(&arrived, desired, replicas) {
            told.tell(&mut write, &integrations, row, replicas).await?;
        }
        Ok(write.commit().await?)
    }

    /// Forgets a deployment of which nothing is left.
    pub(super) async fn forget(&self, row: &Row) -> Result<(), Error> {
        let integrations = self.integrations().await?;
        let mut write = self.db.begin_with("begin immediate").await?;
        let gone = sqlx::query("delete from deployments where name = $1 and desired = $2")
            .bind(&row.name)
            .bind(REMOVED)
            .execute(&mut *write)
            .await?;
        if gone.rows_affected() == 1 {
            for table in ["revisions", "endpoints"] {
                sqlx::query(sqlx::AssertSqlSafe(format!("delete from {table} where deployment = $1")))
                    .bind(&row.name)
                    .execute(&mut *write)
                    .await?;
            }
            let event = row.event(EventKind::Removed, "it was removed".into());
            tell(&mut write, &integrations, &event).await?;
        }
        Ok(write.commit().await?)
    }

    /// Writes down which secrets a revision was handed.
    async fn note_secrets(&self, desired: &Desired, row: &Row) -> Result<(), Error> {
        let uses = desired.secrets.names().map(|name| Use {
            permission: format!("secret:{name}"),
            what: format!("handed to revision {} of '{}'", row.revision, row.name),
            granted: true,
        });
        crate::audit::write(&self.db, &row.release.parse()?, &uses.collect::<Vec<_>>()).await
    }
}

/// The last that was told of a deployment.
struct Told {
    health: Health,
    revision: i64,
}

impl Told {
    /// What is to be told; none, where it was.
    fn news(row: &Row, desired: &Desired, replicas: &[Replica]) -> Option<Self> {
        let told = Self { health: health(row, desired, replicas), revision: row.revision };
        (told.text() != row.told && !desired.removing).then_some(told)
    }

    async fn tell(
        &self,
        write: &mut SqliteConnection,
        integrations: &[PluginId],
        row: &Row,
        replicas: &[Replica],
    ) -> Result<(), Error> {
        let changed = sqlx::query("update deployments set told = $1 where name = $2 and told = $3")
            .bind(self.text())
            .bind(&row.name)
            .bind(&row.told)
            .execute(&mut *write)
            .await?;
        if let (Some(kind), 1) = (self.after(&row.told), changed.rows_affected()) {
            let detail = in_words(kind, replicas);
            tell(write, integrations, &row.event(kind, detail)).await?;
        }
        Ok(())
    }

    fn text(&self) -> String {
        format!("{}/{}", self.revision, serde_json::json!(self.health).as_str().unwrap_or_default())
    }

    /// The event that this is, after what was told before; none: it is no news.
    fn after(&self, before: &str) -> Option<EventKind> {
        let (revision, health) = before.split_once('/').unwrap_or_default();
        let same = revision == self.revision.to_string();
        match self.health {
            Health::Ready | Health::Succeeded if same && ["degraded", "failed"].contains(&health) => {
                Some(EventKind::Recovered)
            }
            Health::Ready | Health::Succeeded if same && ["ready", "succeeded"].contains(&health) => None,
            Health::Ready | Health::Succeeded => Some(EventKind::RolledOut),
            Health::Degraded => Some(EventKind::Degraded),
            Health::Failed => Some(EventKind::Failed),
            Health::RollingOut | Health::Paused | Health::Removing => None,
        }
    }
}

impl Row {
    pub(super) fn event(&self, kind: EventKind, detail: String) -> Event {
        Event {
            deployment: self.name.clone(),
            target: self.target.clone(),
            team: self.team.clone(),
            release: self.release.clone(),
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
        let told = |health, revision| Told { health, revision };
        assert_eq!(told(Health::RollingOut, 1).after(""), None);
        assert_eq!(told(Health::Ready, 1).after("1/rolling-out"), Some(EventKind::RolledOut));
        assert_eq!(told(Health::Degraded, 1).after("1/ready"), Some(EventKind::Degraded));
        assert_eq!(told(Health::RollingOut, 1).after("1/ready"), None);
        assert_eq!(told(Health::Ready, 1).after("1/degraded"), Some(EventKind::Recovered));
        assert_eq!(told(Health::Ready, 2).after("1/degraded"), Some(EventKind::RolledOut));
        assert_eq!(told(Health::Failed, 2).after("2/rolling-out"), Some(EventKind::Failed));
        assert_eq!(told(Health::Succeeded, 1).after("1/ready"), None);
    }
}
