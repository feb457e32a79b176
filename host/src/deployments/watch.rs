//! What becomes of deployments, told to integrations: every change of health is written down together with the event
//! that tells of it, so that each is told of once and none is lost.

use super::{Deployments, Health, REMOVED, Row, health};
use crate::Error;
use crate::engines::{Desired, Engine as _, Replica, ReplicaState};
use crate::integrations::{new_event, tell};
use crate::sandbox::{Event, EventKind, Use};

impl Deployments {
    /// Tells of a deployment's health where it has changed.
    pub(super) async fn watch(&self, row: &Row, desired: &Desired) -> Result<(), Error> {
        let replicas = self.engine.observe(&row.name).await?;
        let now = health(desired, &replicas);
        let told = Told { health: now, revision: row.revision };
        if row.told == told.text() || desired.removing {
            return Ok(());
        }
        let kind = told.after(&row.told);
        let integrations = self.integrations().await?;
        let mut write = self.db.begin_with("begin immediate").await?;
        let changed = sqlx::query("update deployments set told = $1 where name = $2 and told = $3")
            .bind(told.text())
            .bind(&row.name)
            .bind(&row.told)
            .execute(&mut *write)
            .await?;
        if let (Some(kind), 1) = (kind, changed.rows_affected()) {
            let detail = in_words(kind, &replicas);
            tell(&mut write, &integrations, &row.event(kind, detail)).await?;
        }
        write.commit().await?;
        if kind == Some(EventKind::RolledOut) {
            self.note_secrets(desired, row).await?;
        }
        Ok(())
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
            Health::RollingOut | Health::Removing => None,
        }
    }
}

impl Row {
    fn event(&self, kind: EventKind, detail: String) -> Event {
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
