//! Replicas in the database, whichever engine runs them: written before they are acted on, so that a crash loses none.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use sqlx::sqlite::SqliteRow;
use sqlx::{FromRow, Row as _, SqlitePool};

use chandlery_package::column::{Json, Text};
use chandlery_package::wire::host::{Replica, ReplicaState, Unmetered};

use crate::Error;

/// How an engine knows a replica again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Handle {
    /// A process of this machine: its number, and the clock ticks from the machine's start to its own.
    Process { pid: i32, started: i64 },
    /// The process that runs a container of this machine, in the same way.
    Container { pid: i32, started: i64 },
    /// A job of Slurm.
    Job(u32),
    /// A pod of Kubernetes.
    Pod(String),
}

/// A replica as its row has it.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct ReplicaRow {
    pub id: String,
    pub deployment: String,
    pub revision: i64,
    pub workload: String,
    pub index: i64,
    pub state: ReplicaState,
    pub detail: String,
    /// What was allotted to each port.
    pub ports: BTreeMap<String, u16>,
    /// The address of the machine that it runs on.
    pub node: String,
    pub handle: Option<Handle>,
    /// Which GPUs it holds, where the engine knows; and how many it holds while it runs.
    pub gpus: Vec<String>,
    pub gpu_count: i64,
    pub program: Option<String>,
    pub restarts: i64,
    pub started_at: Option<Timestamp>,
    /// Since when it has been ready, in this run of its program.
    pub ready_at: Option<Timestamp>,
    /// Whether it was ready in this or an earlier run.
    pub was_ready: bool,
    /// Not started again, or not killed, before.
    pub not_before: Option<Timestamp>,
    /// It gets no new requests; asked to end when the ones it has are answered, or by then.
    pub drain_until: Option<Timestamp>,
    pub metered_until: Option<Timestamp>,
}

impl ReplicaRow {
    pub(super) fn may_start(&self, now: Timestamp) -> bool {
        self.not_before.is_none_or(|at| at <= now)
    }

    /// It is ready, and metered, when it runs: not while it backs off or waits for its place.
    pub(super) fn begin_anew(&mut self) {
        (self.started_at, self.ready_at, self.metered_until) = (None, None, None);
        (self.not_before, self.drain_until) = (None, None);
    }

    /// Where a port is reached; none, before the port was allotted.
    pub(super) fn address(&self, port: &str) -> Option<String> {
        self.ports.get(port).map(|number| format!("{}:{number}", self.node))
    }

    /// Whether requests may be sent to it.
    pub(super) fn serves(&self) -> bool {
        self.state == ReplicaState::Ready
    }

    /// What people know it by, of its deployment: `server-0`.
    pub(crate) fn label(&self) -> String {
        format!("{}-{}", self.workload, self.index)
    }

    /// `server-0.r2.log`: what it writes is kept apart from what other revisions wrote.
    pub(super) fn log_name(&self) -> String {
        format!("{}.r{}.log", self.label(), self.revision)
    }

    pub(crate) fn into_replica(self) -> Replica {
        let (pid, job) = match &self.handle {
            Some(Handle::Process { pid, .. } | Handle::Container { pid, .. }) => {
                (Some(i64::from(*pid)), None)
            }
            Some(Handle::Job(id)) => (None, Some(id.to_string())),
            Some(Handle::Pod(name)) => (None, Some(name.clone())),
            None => (None, None),
        };
        Replica {
            addresses: self
                .ports
                .keys()
                .filter_map(|name| Some((name.clone(), self.address(name)?)))
                .collect(),
            pid,
            job,
            started_at: self.started_at,
            ready_at: self.ready_at,
            id: self.id,
            workload: self.workload,
            index: self.index,
            revision: self.revision,
            state: self.state,
            detail: self.detail,
            gpus: self.gpus,
            program: self.program,
            restarts: self.restarts,
            was_ready: self.was_ready,
            unmetered: None,
        }
    }
}

/// The replicas of a deployment, by revision, workload and index.
pub async fn of(db: &SqlitePool, deployment: &str) -> Result<Vec<Replica>, Error> {
    let gaps: Vec<(String, Text<Timestamp>, String)> = sqlx::query_as(
        "select replica, since, reason from meter_gaps join replicas on replicas.id = replica where deployment = $1",
    )
    .bind(deployment)
    .fetch_all(db)
    .await?;
    let gap = |(replica, Text(since), reason)| (replica, Unmetered { since, reason });
    let mut gaps: BTreeMap<String, Unmetered> = gaps.into_iter().map(gap).collect();
    let rows = rows_of(db, deployment).await?.into_iter();
    Ok(rows.map(|row| Replica { unmetered: gaps.remove(&row.id), ..row.into_replica() }).collect())
}

/// The replicas of each of these deployments, in the same order; of one that has none, nothing.
pub async fn of_each(db: &SqlitePool, deployments: &[&str]) -> Result<BTreeMap<String, Vec<Replica>>, Error> {
    let gaps: Vec<(String, Text<Timestamp>, String)> = sqlx::query_as(
        "select replica, since, reason from meter_gaps join replicas on replicas.id = replica
         where deployment in (select value from json_each($1))",
    )
    .bind(Json(deployments))
    .fetch_all(db)
    .await?;
    let gap = |(replica, Text(since), reason)| (replica, Unmetered { since, reason });
    let mut gaps: BTreeMap<String, Unmetered> = gaps.into_iter().map(gap).collect();
    let rows: Vec<ReplicaRow> = sqlx::query_as(
        "select * from replicas where deployment in (select value from json_each($1))
         order by deployment, revision, workload, idx",
    )
    .bind(Json(deployments))
    .fetch_all(db)
    .await?;
    let mut each: BTreeMap<String, Vec<Replica>> = BTreeMap::new();
    for row in rows {
        let (deployment, unmetered) = (row.deployment.clone(), gaps.remove(&row.id));
        each.entry(deployment).or_default().push(Replica { unmetered, ..row.into_replica() });
    }
    Ok(each)
}

/// The GPUs of a target that a deployment holds.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct Held {
    /// The name of the target.
    pub target: String,
    /// The name of the deployment.
    pub deployment: String,
    /// How many GPUs its replicas hold.
    pub gpus: i64,
    /// How many replicas hold them.
    pub replicas: i64,
}

/// Which deployments hold GPUs, by target; on each, those that hold the most first.
pub async fn held(db: &SqlitePool) -> Result<Vec<Held>, Error> {
    let held = sqlx::query_as(
        "select d.target, d.name as deployment, sum(r.gpu_count) as gpus, count(*) as replicas
         from replicas r join deployments d on d.name = r.deployment
         where r.handle is not null and r.gpu_count > 0
         group by d.target, d.name order by d.target, gpus desc, d.name",
    );
    Ok(held.fetch_all(db).await?)
}

/// The replicas of a deployment as they are kept, in the same order.
pub(crate) async fn rows_of(db: &SqlitePool, deployment: &str) -> Result<Vec<ReplicaRow>, Error> {
    let rows =
        sqlx::query_as("select * from replicas where deployment = $1 order by revision, workload, idx");
    Ok(rows.bind(deployment).fetch_all(db).await?)
}

/// The replicas of all deployments of a target, in order.
pub(crate) async fn of_target(db: &SqlitePool, target: &str) -> Result<Vec<ReplicaRow>, Error> {
    let rows = sqlx::query_as(
        "select replicas.* from replicas join deployments on deployments.name = replicas.deployment
         where deployments.target = $1 order by deployment, replicas.revision, workload, idx",
    );
    Ok(rows.bind(target).fetch_all(db).await?)
}

/// The replicas of all deployments that run, by their ids.
pub(crate) async fn running(db: &SqlitePool) -> Result<Vec<String>, Error> {
    let rows: Vec<(String,)> =
        sqlx::query_as("select id from replicas where handle is not null and metered_until is not null")
            .fetch_all(db)
            .await?;
    Ok(rows.into_iter().map(|(id,)| id).collect())
}

/// Meters a replica no more, until it is started again.
pub(super) async fn close_meter(db: &SqlitePool, id: &str) -> Result<(), Error> {
    sqlx::query("update replicas set metered_until = null where id = $1").bind(id).execute(db).await?;
    Ok(())
}

pub(super) async fn ids(db: &SqlitePool) -> Result<HashSet<String>, Error> {
    let rows: Vec<(String,)> = sqlx::query_as("select id from replicas").fetch_all(db).await?;
    Ok(rows.into_iter().map(|(id,)| id).collect())
}

/// The ports of this machine that are allotted to replicas.
pub(super) async fn ports(db: &SqlitePool) -> Result<BTreeSet<u16>, Error> {
    let rows: Vec<(Json<BTreeMap<String, u16>>,)> =
        sqlx::query_as("select ports from replicas").fetch_all(db).await?;
    Ok(rows.into_iter().flat_map(|(Json(ports),)| ports.into_values()).collect())
}

/// Writes a replica. Metering goes on beside this and alone moves `metered_until`, but for a new start.
pub(super) async fn save(db: &SqlitePool, row: &ReplicaRow) -> Result<(), Error> {
    sqlx::query(
        "insert into replicas (id, deployment, revision, workload, idx, state, detail, ports, node, handle, gpus, gpu_count,
                               program, restarts, started_at, ready_at, was_ready, not_before, drain_until, metered_until)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20)
         on conflict (id) do update set state = excluded.state, detail = excluded.detail, ports = excluded.ports,
             node = excluded.node, handle = excluded.handle, gpus = excluded.gpus, gpu_count = excluded.gpu_count,
             program = excluded.program, restarts = excluded.restarts, started_at = excluded.started_at,
             ready_at = excluded.ready_at, was_ready = excluded.was_ready, not_before = excluded.not_before,
             drain_until = excluded.drain_until,
             metered_until = case when replicas.started_at is excluded.started_at
                                  then replicas.metered_until else excluded.metered_until end",
    )
    .bind(&row.id)
    .bind(&row.deployment)
    .bind(row.revision)
    .bind(&row.workload)
    .bind(row.index)
    .bind(Text(row.state))
    .bind(&row.detail)
    .bind(Json(&row.ports))
    .bind(&row.node)
    .bind(row.handle.as_ref().map(Json))
    .bind(Json(&row.gpus))
    .bind(row.gpu_count)
    .bind(&row.program)
    .bind(row.restarts)
    .bind(row.started_at.map(Text))
    .bind(row.ready_at.map(Text))
    .bind(row.was_ready)
    .bind(row.not_before.map(Text))
    .bind(row.drain_until.map(Text))
    .bind(row.metered_until.map(Text))
    .execute(db)
    .await?;
    Ok(())
}

pub(super) async fn delete(db: &SqlitePool, id: &str) -> Result<(), Error> {
    sqlx::query("delete from replicas where id = $1").bind(id).execute(db).await?;
    Ok(())
}

impl FromRow<'_, SqliteRow> for ReplicaRow {
    fn from_row(row: &SqliteRow) -> sqlx::Result<Self> {
        let time = |column: &str| -> sqlx::Result<Option<Timestamp>> {
            Ok(row.try_get::<Option<Text<_>>, _>(column)?.map(|Text(at)| at))
        };
        let Text(state) = row.try_get("state")?;
        let handle: Option<Json<Handle>> = row.try_get("handle")?;
        let (Json(ports), Json(gpus)) = (row.try_get("ports")?, row.try_get("gpus")?);
        Ok(Self {
            id: row.try_get("id")?,
            deployment: row.try_get("deployment")?,
            revision: row.try_get("revision")?,
            workload: row.try_get("workload")?,
            index: row.try_get("idx")?,
            state,
            detail: row.try_get("detail")?,
            ports,
            node: row.try_get("node")?,
            handle: handle.map(|Json(handle)| handle),
            gpus,
            gpu_count: row.try_get("gpu_count")?,
            program: row.try_get("program")?,
            restarts: row.try_get("restarts")?,
            started_at: time("started_at")?,
            ready_at: time("ready_at")?,
            was_ready: row.try_get("was_ready")?,
            not_before: time("not_before")?,
            drain_until: time("drain_until")?,
            metered_until: time("metered_until")?,
        })
    }
}

#[cfg(test)]
mod tests {
    use sqlx::Executor as _;
    use sqlx::sqlite::SqlitePoolOptions;

    use super::*;

    #[tokio::test]
    async fn what_waits_to_be_started_again_is_not_metered() {
        let db = SqlitePoolOptions::new().max_connections(1).connect("sqlite::memory:").await.unwrap();
        sqlx::migrate!("../../migrations/host").run(&db).await.unwrap();
        db.execute(
            "insert into deployments (name, target, revision, desired, created_at, updated_at)
                 values ('d', 'local', 1, 'running', '', '');",
        )
        .await
        .unwrap();
        let (began, again) =
            ("2026-01-01T00:00:00Z".parse().unwrap(), "2026-01-01T05:00:00Z".parse().unwrap());
        let mut row = ReplicaRow {
            id: "r".into(),
            deployment: "d".into(),
            workload: "w".into(),
            handle: Some(Handle::Job(1)),
            started_at: Some(began),
            metered_until: Some(began),
            ..ReplicaRow::default()
        };
        save(&db, &row).await.unwrap();
        assert_eq!(running(&db).await.unwrap(), ["r"]);
        // It has ended and begins again: in Slurm's queue, for hours.
        row.begin_anew();
        row.handle = Some(Handle::Job(2));
        save(&db, &row).await.unwrap();
        assert_eq!(running(&db).await.unwrap(), [""; 0]);
        (row.started_at, row.metered_until) = (Some(again), Some(again));
        save(&db, &row).await.unwrap();
        assert_eq!(rows_of(&db, "d").await.unwrap()[0].metered_until, Some(again));
        assert_eq!(running(&db).await.unwrap(), ["r"]);
    }

    #[tokio::test]
    async fn each_deployment_has_its_replicas_and_the_gpus_that_they_hold() {
        let db = SqlitePoolOptions::new().max_connections(1).connect("sqlite::memory:").await.unwrap();
        sqlx::migrate!("../../migrations/host").run(&db).await.unwrap();
        db.execute(
            "insert into deployments (name, target, revision, desired, created_at, updated_at)
                 values ('a', 'lab', 1, 'running', '', ''), ('b', 'lab', 1, 'running', '', ''),
                        ('c', 'lab', 1, 'running', '', '');",
        )
        .await
        .unwrap();
        for (deployment, index, gpu_count, runs) in
            [("a", 0, 2, true), ("a", 1, 2, true), ("a", 2, 2, false), ("b", 0, 8, true), ("c", 0, 0, true)]
        {
            let row = ReplicaRow {
                id: format!("{deployment}-{index}"),
                deployment: deployment.into(),
                workload: "w".into(),
                index,
                gpu_count,
                handle: runs.then_some(Handle::Job(1)),
                ..ReplicaRow::default()
            };
            save(&db, &row).await.unwrap();
        }
        db.execute("insert into meter_gaps values ('a-1', '2026-01-01T00:00:00Z', 'refused')").await.unwrap();
        let each = of_each(&db, &["a", "c", "none"]).await.unwrap();
        assert_eq!(each.keys().collect::<Vec<_>>(), ["a", "c"]);
        for (deployment, replicas) in &each {
            assert_eq!(*replicas, of(&db, deployment).await.unwrap(), "{deployment}");
        }
        assert_eq!(each["a"][1].unmetered.as_ref().unwrap().reason, "refused");
        let held: Vec<_> = held(&db)
            .await
            .unwrap()
            .into_iter()
            .map(|held| (held.deployment, held.gpus, held.replicas))
            .collect();
        assert_eq!(held, [("b".to_owned(), 8, 1), ("a".to_owned(), 4, 2)]);
    }
}
