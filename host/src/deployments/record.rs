//! Deployments and their revisions in the database.

use std::collections::BTreeMap;

use chandlery_package::Release;
use jiff::Timestamp;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use sqlx::{SqliteConnection, SqlitePool};

use super::Health;
use crate::Error;
use crate::engines::{Desired, Revealed};
use chandlery_package::plan::Plan;

/// What should become of a deployment.
pub(super) const RUNNING: &str = "running";
pub(super) const PAUSED: &str = "paused";
pub(super) const REMOVED: &str = "removed";

/// How a revision's rollout went.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, sqlx::Type)]
#[serde(rename_all = "kebab-case")]
#[sqlx(rename_all = "kebab-case")]
pub enum RolloutState {
    /// On its way.
    RollingOut,
    /// All of it was ready.
    RolledOut,
    /// It never was, and the revision before it runs again where there is one.
    Failed,
    /// Another revision was wanted before it was ready.
    Superseded,
}

/// A deployment with the revision that should run.
#[derive(Debug, Clone, sqlx::FromRow)]
pub(super) struct Row {
    pub name: String,
    pub target: String,
    pub desired: String,
    pub team: Option<String>,
    pub scale: String,
    pub told: String,
    pub stable: Option<i64>,
    pub rollout_until: Option<String>,
    pub healing: bool,
    pub revision: i64,
    pub release: String,
    pub component: String,
    pub artifact: String,
    pub log_index: i64,
    pub given: String,
    pub parameters: String,
    pub facts: String,
    pub plan: String,
    pub plan_digest: String,
    pub reviews: String,
}

const SELECT: &str = "select d.name, d.target, d.desired, d.team, d.scale, d.told, d.stable, d.rollout_until, d.healing,
    r.revision, r.release, r.component, r.artifact, r.log_index, r.given, r.parameters, r.facts, r.plan, r.plan_digest, r.reviews
    from deployments d join revisions r on r.deployment = d.name and r.revision = d.revision";

/// All deployments, by name.
pub(super) async fn all(db: &SqlitePool) -> Result<Vec<Row>, Error> {
    let sql = sqlx::AssertSqlSafe(format!("{SELECT} order by d.name"));
    Ok(sqlx::query_as(sql).fetch_all(db).await?)
}

/// How many deployments there are that are not being removed.
pub(super) async fn count(db: &SqlitePool) -> Result<u32, Error> {
    let (count,): (u32,) = sqlx::query_as("select count(*) from deployments where desired <> $1")
        .bind(REMOVED)
        .fetch_one(db)
        .await?;
    Ok(count)
}

/// The deployment of this name.
pub(super) async fn find(db: &SqlitePool, name: &str) -> Result<Option<Row>, Error> {
    let sql = sqlx::AssertSqlSafe(format!("{SELECT} where d.name = $1"));
    Ok(sqlx::query_as(sql).bind(name).fetch_optional(db).await?)
}

/// The plans of the other revisions of which replicas are left.
pub(super) async fn former(db: &SqlitePool, row: &Row) -> Result<BTreeMap<i64, Plan>, Error> {
    let rows: Vec<(i64, String)> = sqlx::query_as(
        "select revision, plan from revisions where deployment = $1 and revision <> $2
         and revision in (select revision from replicas where deployment = $1)",
    )
    .bind(&row.name)
    .bind(row.revision)
    .fetch_all(db)
    .await?;
    rows.into_iter().map(|(revision, plan)| Ok((revision, read(&row.name, "a plan", &plan)?))).collect()
}

/// A revision as people see it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, sqlx::FromRow)]
pub struct Revision {
    /// Its number.
    pub revision: i64,
    /// What made it: `deployed`, `restarted`.
    pub cause: String,
    /// The release that made its plan.
    pub release: String,
    /// The digest of its plan.
    pub plan_digest: String,
    /// How its rollout went.
    pub state: RolloutState,
    /// Why, in words.
    pub detail: String,
    /// When it was recorded, in RFC 3339.
    pub created_at: String,
}

/// A deployment's revisions, the last first.
pub(super) async fn history(db: &SqlitePool, name: &str) -> Result<Vec<Revision>, Error> {
    Ok(sqlx::query_as(
        "select revision, cause, release, plan_digest, state, detail, created_at from revisions
         where deployment = $1 order by revision desc",
    )
    .bind(name)
    .fetch_all(db)
    .await?)
}

/// Notes how a revision's rollout went.
pub(super) async fn conclude(
    write: &mut SqliteConnection,
    name: &str,
    revision: i64,
    state: RolloutState,
    detail: &str,
) -> Result<(), Error> {
    sqlx::query("update revisions set state = $1, detail = $2 where deployment = $3 and revision = $4")
        .bind(state)
        .bind(detail)
        .bind(name)
        .bind(revision)
        .execute(write)
        .await?;
    Ok(())
}

/// Makes another revision the one that should run, until when it must be ready; one that was on its way is given up.
pub(super) async fn point(
    write: &mut SqliteConnection,
    name: &str,
    revision: i64,
    rollout_until: Option<Timestamp>,
) -> Result<(), Error> {
    sqlx::query(
        "update revisions set state = $1, detail = 'revision ' || $2 || ' was wanted instead'
         where deployment = $3 and state = $4 and revision <> $2",
    )
    .bind(RolloutState::Superseded)
    .bind(revision)
    .bind(name)
    .bind(RolloutState::RollingOut)
    .execute(&mut *write)
    .await?;
    sqlx::query("update revisions set state = $1, detail = '' where deployment = $2 and revision = $3")
        .bind(RolloutState::RollingOut)
        .bind(name)
        .bind(revision)
        .execute(&mut *write)
        .await?;
    sqlx::query("update deployments set revision = $1, rollout_until = $2, updated_at = $3 where name = $4")
        .bind(revision)
        .bind(rollout_until.map(|at| at.to_string()))
        .bind(Timestamp::now().to_string())
        .bind(name)
        .execute(write)
        .await?;
    Ok(())
}

/// The number for the next revision of a deployment.
pub(super) async fn next(write: &mut SqliteConnection, name: &str) -> Result<i64, Error> {
    let (last,): (i64,) =
        sqlx::query_as("select coalesce(max(revision), 0) from revisions where deployment = $1")
            .bind(name)
            .fetch_one(write)
            .await?;
    Ok(last + 1)
}

/// Reads JSON that we wrote.
pub(super) fn read<T: DeserializeOwned>(name: &str, what: &str, text: &str) -> Result<T, Error> {
    serde_json::from_str(text)
        .map_err(|error| Error::Damaged(format!("{what} of '{name}' cannot be read: {error}")))
}

/// A plan with the numbers of replicas that were set by hand.
pub(super) fn scaled(mut plan: Plan, by_hand: &BTreeMap<String, u32>) -> Plan {
    for workload in &mut plan.workloads {
        if let Some(replicas) = by_hand.get(&workload.name) {
            workload.scale.replicas_min = *replicas;
        }
    }
    plan
}

impl Row {
    pub fn plan(&self) -> Result<Plan, Error> {
        read(&self.name, "the plan", &self.plan)
    }

    pub fn scale(&self) -> Result<BTreeMap<String, u32>, Error> {
        read(&self.name, "the scale", &self.scale)
    }

    pub fn release(&self) -> Result<Release, Error> {
        Ok(self.release.parse()?)
    }

    /// Whether its revision is on its way for the first time, or again.
    pub fn is_rolling_out(&self) -> bool {
        self.stable != Some(self.revision)
    }

    /// What should be: the plan, with the numbers of replicas that were set by hand, or none while it is paused.
    pub fn desired(&self) -> Result<Desired, Error> {
        let mut plan = scaled(self.plan()?, &self.scale()?);
        if self.desired == PAUSED {
            for workload in &mut plan.workloads {
                workload.scale.replicas_min = 0;
            }
        }
        Ok(Desired {
            name: self.name.clone(),
            revision: self.revision,
            plan,
            former: BTreeMap::new(),
            removing: self.desired == REMOVED,
            healing: self.healing,
            secrets: Revealed::default(),
        })
    }

    /// How it fares, without a look at its replicas.
    pub fn overruling(&self) -> Option<Health> {
        match self.desired.as_str() {
            REMOVED => Some(Health::Removing),
            PAUSED => Some(Health::Paused),
            _ => None,
        }
    }
}
