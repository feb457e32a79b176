//! The replicas of a registry. They share nothing but the database and the blob store, so each writes down there that it serves, and how
//! its tasks are.

use chandlery_package::column::{Json, Text};
use chandlery_store::{Db, time};
use chandlery_tasks::Status;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::runs::Run;
use crate::error::Error;

/// How long a replica that was not heard of is known.
const KNOWN_FOR: SignedDuration = SignedDuration::from_hours(24);
/// How long a replica that serves may not be heard of: it writes every minute.
const SILENT_AFTER: SignedDuration = SignedDuration::from_mins(3);

/// How a task of a replica is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Task {
    pub(super) name: String,
    /// Whether it died and was not started again yet.
    pub(super) is_down: bool,
    /// How often it was started again.
    pub(super) restarts: u64,
    /// Its last run, of a chore that was done.
    pub(super) run: Option<Run>,
}

impl Task {
    pub(super) fn new(name: &str, state: chandlery_tasks::TaskState, run: Option<Run>) -> Self {
        Self { name: name.into(), is_down: state.status == Status::Down, restarts: state.restarts, run }
    }
}

/// A replica, as it was when it was heard of last.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Replica {
    /// What it calls itself, since it was started.
    pub(super) id: String,
    pub(super) version: String,
    pub(super) started_at: Timestamp,
    pub(super) seen_at: Timestamp,
    pub(super) tasks: Vec<Task>,
}

impl Replica {
    /// Whether it should have been heard of since.
    pub(super) fn is_silent(&self, now: Timestamp) -> bool {
        now.duration_since(self.seen_at) > SILENT_AFTER
    }
}

/// Writes down that a replica serves, and forgets those that were not heard of for a day.
pub(super) async fn report(db: &Db, replica: &Replica) -> Result<(), Error> {
    let mut write = db.write_shared().await?;
    sqlx::query(
        "insert into replicas (id, version, started_at, seen_at, tasks) values ($1, $2, $3, $4, $5)
         on conflict (id) do update set seen_at = excluded.seen_at, tasks = excluded.tasks",
    )
    .bind(&replica.id)
    .bind(&replica.version)
    .bind(time(replica.started_at))
    .bind(time(replica.seen_at))
    .bind(json!(replica.tasks).to_string())
    .execute(&mut *write)
    .await?;
    sqlx::query("delete from replicas where seen_at < $1")
        .bind(time(replica.seen_at - KNOWN_FOR))
        .execute(&mut *write)
        .await?;
    Ok(write.commit().await?)
}

/// Forgets a replica that has ended.
pub(super) async fn forget(db: &Db, id: &str) -> Result<(), Error> {
    let mut write = db.write_shared().await?;
    sqlx::query("delete from replicas where id = $1").bind(id).execute(&mut *write).await?;
    Ok(write.commit().await?)
}

/// All that are known, the one that was started first at the top.
pub(super) async fn all(db: &Db) -> Result<Vec<Replica>, Error> {
    let rows: Vec<(String, String, Text<Timestamp>, Text<Timestamp>, Json<Vec<Task>>)> = sqlx::query_as(
        "select id, version, started_at, seen_at, tasks from replicas order by started_at, id",
    )
    .fetch_all(db.read())
    .await?;
    let replica = |(id, version, Text(started_at), Text(seen_at), Json(tasks))| Replica {
        id,
        version,
        started_at,
        seen_at,
        tasks,
    };
    Ok(rows.into_iter().map(replica).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::registry;

    #[tokio::test]
    async fn replicas_are_known_until_they_end_or_are_silent_for_a_day() {
        let (_folder, registry) = registry().await;
        let now = Timestamp::from_second(1_700_000_000).unwrap();
        let replica = |id: &str, minutes: i64| Replica {
            id: id.into(),
            version: "0.1.0".into(),
            started_at: now,
            seen_at: now + SignedDuration::from_mins(minutes),
            tasks: vec![Task { name: "notices".into(), is_down: true, restarts: 2, run: None }],
        };
        let ids = async || all(&registry.db).await.unwrap().into_iter().map(|one| one.id).collect::<Vec<_>>();
        for (id, minutes) in [("a", 0), ("b", 1), ("b", 2), ("c", 2)] {
            report(&registry.db, &replica(id, minutes)).await.unwrap();
        }
        assert_eq!(all(&registry.db).await.unwrap(), [replica("a", 0), replica("b", 2), replica("c", 2)]);
        let later = now + SignedDuration::from_mins(4);
        assert_eq!([0, 2].map(|minutes| replica("x", minutes).is_silent(later)), [true, false]);
        forget(&registry.db, "c").await.unwrap();
        assert_eq!(ids().await, ["a", "b"]);
        report(&registry.db, &replica("b", 24 * 60 + 1)).await.unwrap();
        assert_eq!(ids().await, ["b"]);
    }
}
