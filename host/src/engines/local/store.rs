//! Replicas in the database: written before they are acted on, so that a crash loses none.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use jiff::Timestamp;
use sqlx::SqlitePool;
use sqlx::sqlite::SqliteRow;

use super::Process;
use crate::Error;
use crate::engines::{Replica, ReplicaState};

/// A replica.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Row {
    pub id: String,
    pub deployment: String,
    pub revision: i64,
    pub workload: String,
    pub index: i64,
    pub state: ReplicaState,
    pub detail: String,
    pub ports: BTreeMap<String, u16>,
    pub process: Option<Process>,
    pub program: Option<String>,
    pub restarts: i64,
    pub started_at: Option<Timestamp>,
    pub ready_at: Option<Timestamp>,
    /// Not started again, or not killed, before.
    pub not_before: Option<Timestamp>,
    pub metered_until: Option<Timestamp>,
}

impl Row {
    pub(super) fn may_start(&self, now: Timestamp) -> bool {
        self.not_before.is_none_or(|at| at <= now)
    }

    /// The number that was allotted to a port; plans are checked, so that there is one.
    pub(super) fn port(&self, name: &str) -> u16 {
        self.ports.get(name).copied().unwrap_or_default()
    }

    pub(super) fn into_replica(self) -> Replica {
        Replica {
            addresses: self
                .ports
                .iter()
                .map(|(name, port)| (name.clone(), format!("127.0.0.1:{port}")))
                .collect(),
            pid: self.process.as_ref().map(Process::pid).map(i64::from),
            started_at: self.started_at.map(|at| at.to_string()),
            ready_at: self.ready_at.map(|at| at.to_string()),
            id: self.id,
            workload: self.workload,
            index: self.index,
            revision: self.revision,
            state: self.state,
            detail: self.detail,
            program: self.program,
            restarts: self.restarts,
        }
    }
}

/// The replicas of a deployment, in order.
pub(crate) async fn rows(db: &SqlitePool, deployment: &str) -> Result<Vec<Row>, Error> {
    sqlx::query("select * from replicas where deployment = $1 order by revision, workload, idx")
        .bind(deployment)
        .fetch_all(db)
        .await?
        .iter()
        .map(read)
        .collect()
}

/// The replicas of all deployments that have a process.
pub(super) async fn running_rows(db: &SqlitePool) -> Result<Vec<Row>, Error> {
    sqlx::query("select * from replicas where pid is not null")
        .fetch_all(db)
        .await?
        .iter()
        .map(read)
        .collect()
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

/// The ports that are allotted.
pub(super) async fn ports(db: &SqlitePool) -> Result<BTreeSet<u16>, Error> {
    let rows: Vec<(String,)> = sqlx::query_as("select ports from replicas").fetch_all(db).await?;
    let mut all = BTreeSet::new();
    for (text,) in rows {
        let ports: BTreeMap<String, u16> = serde_json::from_str(&text).map_err(damaged)?;
        all.extend(ports.into_values());
    }
    Ok(all)
}

/// Writes a replica. Metering goes on beside this and alone moves `metered_until`, but for a new start.
pub(super) async fn save(db: &SqlitePool, row: &Row) -> Result<(), Error> {
    let time = |at: Option<Timestamp>| at.map(|at| at.to_string());
    sqlx::query(
        "insert into replicas (id, deployment, revision, workload, idx, state, detail, ports, pid, pid_started, program,
                               restarts, started_at, ready_at, not_before, metered_until)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16)
         on conflict (id) do update set state = excluded.state, detail = excluded.detail, ports = excluded.ports,
             pid = excluded.pid, pid_started = excluded.pid_started, program = excluded.program,
             restarts = excluded.restarts, started_at = excluded.started_at, ready_at = excluded.ready_at,
             not_before = excluded.not_before,
             metered_until = case when replicas.started_at is excluded.started_at
                                  then replicas.metered_until else excluded.metered_until end",
    )
    .bind(&row.id)
    .bind(&row.deployment)
    .bind(row.revision)
    .bind(&row.workload)
    .bind(row.index)
    .bind(state_to_text(row.state))
    .bind(&row.detail)
    .bind(serde_json::json!(row.ports).to_string())
    .bind(row.process.as_ref().map(Process::pid))
    .bind(row.process.as_ref().map(Process::started))
    .bind(&row.program)
    .bind(row.restarts)
    .bind(time(row.started_at))
    .bind(time(row.ready_at))
    .bind(time(row.not_before))
    .bind(time(row.metered_until))
    .execute(db)
    .await?;
    Ok(())
}

pub(super) async fn delete(db: &SqlitePool, id: &str) -> Result<(), Error> {
    sqlx::query("delete from replicas where id = $1").bind(id).execute(db).await?;
    Ok(())
}

fn state_to_text(state: ReplicaState) -> String {
    serde_json::json!(state).as_str().unwrap_or_default().to_owned()
}

fn read(row: &SqliteRow) -> Result<Row, Error> {
    use sqlx::Row as _;
    let time = |column: &str| -> Result<Option<Timestamp>, Error> {
        let text: Option<String> = row.try_get(column)?;
        text.map(|text| text.parse().map_err(damaged)).transpose()
    };
    let pid: Option<i32> = row.try_get("pid")?;
    let started: Option<i64> = row.try_get("pid_started")?;
    let state: String = row.try_get("state")?;
    let ports: String = row.try_get("ports")?;
    Ok(Row {
        id: row.try_get("id")?,
        deployment: row.try_get("deployment")?,
        revision: row.try_get("revision")?,
        workload: row.try_get("workload")?,
        index: row.try_get("idx")?,
        state: serde_json::from_value(state.into()).map_err(damaged)?,
        detail: row.try_get("detail")?,
        ports: serde_json::from_str(&ports).map_err(damaged)?,
        process: pid.zip(started).map(|(pid, started)| Process::recorded(pid, started)),
        program: row.try_get("program")?,
        restarts: row.try_get("restarts")?,
        started_at: time("started_at")?,
        ready_at: time("ready_at")?,
        not_before: time("not_before")?,
        metered_until: time("metered_until")?,
    })
}

fn damaged(error: impl std::fmt::Display) -> Error {
    Error::Damaged(format!("a replica cannot be read: {error}"))
}
