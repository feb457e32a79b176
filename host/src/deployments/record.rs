//! Deployments and their revisions in the database, as they are read.

use std::collections::BTreeMap;

use chandlery_package::column::{Json, Text};
use chandlery_package::wire::host::{Cause, Health, Revision, RolloutState};
use chandlery_package::{Digest, OwnerName, Release, words};
use jiff::Timestamp;
use serde::de::DeserializeOwned;
use sqlx::sqlite::SqliteRow;
use sqlx::{FromRow, Row as _, SqliteConnection, SqliteExecutor};

use super::Error;
use crate::engines::{Desired, Revealed};
use crate::system;
use chandlery_package::plan::Plan;

words! {
    /// What should become of a deployment. From `Removed` there is no way back.
    pub(super) enum Intent: "intent for a deployment" {
        /// It should run.
        Running = "running",
        /// Nothing of it should run, until it is resumed.
        Paused = "paused",
        /// It should be gone, and then its record.
        Removed = "removed",
    }
}

/// The last that integrations were told of a deployment's health.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Told {
    pub revision: i64,
    pub health: Health,
}

/// A deployment with the revision that should run.
#[derive(Debug, Clone)]
pub(super) struct Record {
    pub name: String,
    pub target: String,
    pub intent: Intent,
    pub team: Option<String>,
    /// Whose files of desired state it is in; none: nobody's.
    pub owner: Option<OwnerName>,
    /// The numbers of replicas that were set by hand, by workload.
    pub scale: BTreeMap<String, u32>,
    pub told: Option<Told>,
    /// The last revision that arrived.
    pub stable: Option<i64>,
    /// When the rollout has failed, unless it has arrived.
    pub rollout_until: Option<Timestamp>,
    /// How often somebody has asked for drift to be taken back, since it was.
    pub repairs: i64,
    pub revision: i64,
    pub release: Release,
    pub component: Digest,
    pub artifact: Digest,
    pub log_index: i64,
    /// The parameters as they were given, as JSON.
    pub given: String,
    /// The same with defaults, as the template saw them, byte for byte.
    pub parameters: String,
    pub facts: String,
    pub plan: Plan,
    pub plan_digest: Digest,
    pub reviews: String,
}

impl FromRow<'_, SqliteRow> for Record {
    fn from_row(row: &SqliteRow) -> sqlx::Result<Self> {
        let told_revision: Option<i64> = row.try_get("told_revision")?;
        let told_health: Option<Text<Health>> = row.try_get("told_health")?;
        let rollout_until: Option<Text<Timestamp>> = row.try_get("rollout_until")?;
        let (Text(intent), Json(scale), Json(plan)) =
            (row.try_get("desired")?, row.try_get("scale")?, row.try_get("plan")?);
        let owner: Option<Text<OwnerName>> = row.try_get("owner")?;
        let (Text(release), Text(component)) = (row.try_get("release")?, row.try_get("component")?);
        let (Text(artifact), Text(plan_digest)) = (row.try_get("artifact")?, row.try_get("plan_digest")?);
        Ok(Self {
            name: row.try_get("name")?,
            target: row.try_get("target")?,
            intent,
            team: row.try_get("team")?,
            owner: owner.map(|Text(name)| name),
            scale,
            told: told_revision.zip(told_health).map(|(revision, Text(health))| Told { revision, health }),
            stable: row.try_get("stable")?,
            rollout_until: rollout_until.map(|Text(at)| at),
            repairs: row.try_get("healing")?,
            revision: row.try_get("revision")?,
            release,
            component,
            artifact,
            log_index: row.try_get("log_index")?,
            given: row.try_get("given")?,
            parameters: row.try_get("parameters")?,
            facts: row.try_get("facts")?,
            plan,
            plan_digest,
            reviews: row.try_get("reviews")?,
        })
    }
}

const SELECT: &str = "select d.name, d.target, d.desired, d.team, d.owner, d.scale, d.told_revision, d.told_health, d.stable,
    d.rollout_until, d.healing, r.revision, r.release, r.component, r.artifact, r.log_index, r.given, r.parameters, r.facts,
    r.plan, r.plan_digest, r.reviews
    from deployments d join revisions r on r.deployment = d.name and r.revision = d.revision";

/// All deployments, by name.
pub(super) async fn all(db: impl SqliteExecutor<'_>) -> Result<Vec<Record>, Error> {
    let sql = sqlx::AssertSqlSafe(format!("{SELECT} order by d.name"));
    Ok(sqlx::query_as(sql).fetch_all(db).await?)
}

/// The deployments after this name, by name: of a team and on a target, where these are named; at most `rows`, where that is not negative.
pub(super) async fn page(
    db: impl SqliteExecutor<'_>,
    after: &str,
    (team, target): (Option<&str>, Option<&str>),
    rows: i64,
) -> Result<Vec<Record>, Error> {
    let sql = sqlx::AssertSqlSafe(format!(
        "{SELECT} where d.name > $1 and ($2 is null or d.team = $2) and ($3 is null or d.target = $3)
         order by d.name limit $4"
    ));
    Ok(sqlx::query_as(sql).bind(after).bind(team).bind(target).bind(rows).fetch_all(db).await?)
}

/// The deployments of a target, by name; those that cannot be read are told of in the log, and hold up nothing.
pub(super) async fn of_target(db: impl SqliteExecutor<'_>, target: &str) -> Result<Vec<Record>, Error> {
    let sql = sqlx::AssertSqlSafe(format!("{SELECT} where d.target = $1 order by d.name"));
    let rows = sqlx::query(sql).bind(target).fetch_all(db).await?;
    let read = rows.iter().filter_map(|row| {
        let read = Record::from_row(row);
        read.inspect_err(|error| {
            let deployment: String = row.try_get("name").unwrap_or_default();
            tracing::error!(%error, deployment, "a deployment cannot be read");
        })
        .ok()
    });
    Ok(read.collect())
}

/// How many deployments there are that are not being removed.
pub(super) async fn count(db: impl SqliteExecutor<'_>) -> Result<u32, Error> {
    let (count,): (u32,) = sqlx::query_as("select count(*) from deployments where desired <> $1")
        .bind(Text(Intent::Removed))
        .fetch_one(db)
        .await?;
    Ok(count)
}

/// The deployment of this name.
pub(super) async fn find(db: impl SqliteExecutor<'_>, name: &str) -> Result<Option<Record>, Error> {
    let sql = sqlx::AssertSqlSafe(format!("{SELECT} where d.name = $1"));
    Ok(sqlx::query_as(sql).bind(name).fetch_optional(db).await?)
}

/// The plans of the other revisions of which replicas are left.
pub(super) async fn former(
    db: impl SqliteExecutor<'_>,
    record: &Record,
) -> Result<BTreeMap<i64, Plan>, Error> {
    let rows: Vec<(i64, Json<Plan>)> = sqlx::query_as(
        "select revision, plan from revisions where deployment = $1 and revision <> $2
         and revision in (select revision from replicas where deployment = $1)",
    )
    .bind(&record.name)
    .bind(record.revision)
    .fetch_all(db)
    .await?;
    Ok(rows.into_iter().map(|(revision, Json(plan))| (revision, plan)).collect())
}

/// The plan of a revision.
pub(super) async fn plan(db: impl SqliteExecutor<'_>, name: &str, revision: i64) -> Result<Plan, Error> {
    let (Json(plan),): (Json<Plan>,) =
        sqlx::query_as("select plan from revisions where deployment = $1 and revision = $2")
            .bind(name)
            .bind(revision)
            .fetch_one(db)
            .await?;
    Ok(plan)
}

/// A revision as it is read.
type RevisionRow = (
    i64,
    Text<Cause>,
    Text<Release>,
    Text<Digest>,
    Text<RolloutState>,
    String,
    Text<Timestamp>,
    Option<String>,
);

fn revision_of(row: RevisionRow) -> Revision {
    let (
        revision,
        Text(cause),
        Text(release),
        Text(plan_digest),
        Text(state),
        detail,
        Text(created_at),
        made_by,
    ) = row;
    Revision { revision, cause, release, plan_digest, state, detail, created_at, made_by }
}

const REVISION: &str = "select revision, cause, release, plan_digest, state, detail, created_at, made_by from revisions where deployment = $1";

/// A deployment's revisions before a number, the last first, at most `rows`.
pub(super) async fn history(
    db: impl SqliteExecutor<'_>,
    name: &str,
    before: Option<i64>,
    rows: i64,
) -> Result<Vec<Revision>, Error> {
    let sql = sqlx::AssertSqlSafe(format!("{REVISION} and revision < $2 order by revision desc limit $3"));
    let found = sqlx::query_as(sql).bind(name).bind(before.unwrap_or(i64::MAX)).bind(rows);
    Ok(found.fetch_all(db).await?.into_iter().map(revision_of).collect())
}

/// The names of the deployments of which a revision by this user is on its way.
pub(super) async fn rolling_out_by(db: impl SqliteExecutor<'_>, user: &str) -> Result<Vec<String>, Error> {
    let rows: Vec<(String,)> = sqlx::query_as(
        "select d.name from deployments d join revisions r on r.deployment = d.name and r.revision = d.revision
         where r.made_by = $1 and r.state = $2 and d.desired = $3 order by d.name",
    )
    .bind(user)
    .bind(Text(RolloutState::RollingOut))
    .bind(Text(Intent::Running))
    .fetch_all(db)
    .await?;
    Ok(rows.into_iter().map(|(name,)| name).collect())
}

/// One of a deployment's revisions.
pub(super) async fn revision(
    db: impl SqliteExecutor<'_>,
    name: &str,
    revision: i64,
) -> Result<Option<Revision>, Error> {
    let sql = sqlx::AssertSqlSafe(format!("{REVISION} and revision = $2"));
    Ok(sqlx::query_as(sql).bind(name).bind(revision).fetch_optional(db).await?.map(revision_of))
}

/// The last revision before a number that has arrived.
pub(super) async fn arrived_before(
    db: impl SqliteExecutor<'_>,
    name: &str,
    revision: i64,
) -> Result<Option<Revision>, Error> {
    let sql = sqlx::AssertSqlSafe(format!(
        "{REVISION} and revision < $2 and state = $3 order by revision desc limit 1"
    ));
    let found = sqlx::query_as(sql).bind(name).bind(revision).bind(Text(RolloutState::RolledOut));
    Ok(found.fetch_optional(db).await?.map(revision_of))
}

/// Whether a deployment should still be what it should have been when this was read: nobody has deployed, scaled, paused
/// or removed it since. What was concluded from the record may be written, in the same transaction.
pub(super) async fn is_still(write: &mut SqliteConnection, record: &Record) -> Result<bool, Error> {
    let now = find(write, &record.name).await?;
    Ok(now.is_some_and(|now| {
        let of = |record: &Record| {
            (record.intent, record.revision, record.stable, record.rollout_until, record.scale.clone())
        };
        of(&now) == of(record)
    }))
}

/// Reads JSON that we wrote.
pub(super) fn read<T: DeserializeOwned>(name: &str, what: &str, text: &str) -> Result<T, Error> {
    let damaged = |error| system::Error::Damaged(format!("{what} of '{name}' cannot be read: {error}"));
    Ok(serde_json::from_str(text).map_err(damaged)?)
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

impl Record {
    /// Whether its revision is on its way for the first time, or again.
    pub fn is_rolling_out(&self) -> bool {
        self.stable != Some(self.revision)
    }

    /// What should be: the plan, with the numbers of replicas that were set by hand, or none while it is paused.
    pub fn desired(&self) -> Desired {
        let mut plan = scaled(self.plan.clone(), &self.scale);
        if self.intent == Intent::Paused {
            for workload in &mut plan.workloads {
                workload.scale.replicas_min = 0;
            }
        }
        Desired {
            name: self.name.clone(),
            revision: self.revision,
            plan,
            former: BTreeMap::new(),
            removing: self.intent == Intent::Removed,
            repairing: self.repairs > 0,
            held: false,
            secrets: Revealed::default(),
        }
    }

    /// How it fares, where that is settled without a look at its replicas.
    pub fn overruling(&self) -> Option<Health> {
        match self.intent {
            Intent::Removed => Some(Health::Removing),
            Intent::Paused => Some(Health::Paused),
            Intent::Running => None,
        }
    }
}
