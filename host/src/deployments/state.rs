//! Every change of what should become of a deployment. Each is made in a transaction that excludes every other writer, and
//! looks at the deployment in that transaction: what it found is still so when it changes it.

use std::collections::BTreeMap;

use chandlery_package::column::{Json, Text};
use chandlery_package::wire::host::{Cause, Change, Removal, Revision, RolloutState};
use chandlery_package::{Digest, Meter, OwnerName, Release};
use jiff::{SignedDuration, Timestamp};
use sqlx::SqliteConnection;

use super::Error;
use super::diff;
use super::record::{self, Intent, Record};
use super::rollout::patience_seconds;
use crate::system::Changed;
use chandlery_package::plan::Plan;

/// The most replicas that a workload can be scaled to.
const REPLICAS_MAX: u32 = 1000;

/// A plan to be recorded as what should run.
pub(super) struct NewRevision {
    pub deployment: String,
    /// Who wants it.
    pub by: String,
    pub target: String,
    pub team: Option<String>,
    pub owner: Option<OwnerName>,
    pub release: Release,
    pub component: Digest,
    pub artifact: Digest,
    pub log_index: i64,
    /// The parameters as they were given, and with defaults as the template saw them.
    pub given: String,
    pub parameters: String,
    pub facts: String,
    pub plan: Plan,
    pub plan_digest: Digest,
    pub reviews: String,
    /// What its replicas are metered by beside time.
    pub meters: Vec<Meter>,
    /// What differs from the plan that ran.
    pub changes: Vec<Change>,
    /// How long the rollout may take; none: as long as the plan's readiness probes allow.
    pub timeout_seconds: Option<i64>,
}

/// The deployment of this name; refused, where there is none or it is being removed.
pub(super) async fn must_stay(write: &mut SqliteConnection, name: &str) -> Result<Record, Error> {
    match record::find(write, name).await? {
        None => Err(Error::NoDeployment(name.into())),
        Some(record) if record.intent == Intent::Removed => Err(Error::Removing(name.into())),
        Some(record) => Ok(record),
    }
}

/// Refuses a change of another revision than somebody was shown.
pub(super) async fn must_be_at(write: &mut SqliteConnection, name: &str, from: i64) -> Result<(), Error> {
    let is = must_stay(write, name).await?.revision;
    if is == from {
        return Ok(());
    }
    let why = format!("it was compared with revision {from}, and revision {is} should run now");
    Err(Error::NotAsShown { deployment: name.into(), why })
}

/// Refuses to remove another deployment than is asked for. One that is being removed already is at no revision any more.
pub(super) async fn must_be_asked_for(
    write: &mut SqliteConnection,
    name: &str,
    asked: &Removal,
) -> Result<(), Error> {
    let found = record::find(&mut *write, name).await?;
    let found = found.ok_or_else(|| Error::NoDeployment(name.into()))?;
    match &asked.owner {
        Some(owner) if found.owner.as_ref() != Some(owner) => {
            Err(Error::OtherOwner { name: name.into(), is: found.owner, asked: owner.clone() })
        }
        _ if found.intent == Intent::Removed => Ok(()),
        _ => match asked.revision {
            Some(revision) => must_be_at(write, name, revision).await,
            None => Ok(()),
        },
    }
}

/// Makes a plan what should run, and gives the number of its revision; none, where it is what should run already.
pub(super) async fn deploy(write: &mut SqliteConnection, new: &NewRevision) -> Result<Option<i64>, Error> {
    let found = match must_stay(write, &new.deployment).await {
        Err(Error::NoDeployment(_)) => None,
        found => Some(found?),
    };
    let now = Timestamp::now();
    sqlx::query(
        "insert into deployments (name, target, revision, desired, team, owner, created_at, updated_at)
         values ($1, $2, 0, $3, $4, $6, $5, $5)
         on conflict (name) do update set desired = excluded.desired, team = excluded.team,
             owner = excluded.owner, updated_at = excluded.updated_at",
    )
    .bind(&new.deployment)
    .bind(&new.target)
    .bind(Text(Intent::Running))
    .bind(&new.team)
    .bind(Text(now))
    .bind(new.owner.as_ref().map(Text))
    .execute(&mut *write)
    .await?;
    if let Some(found) = &found
        && (found.plan_digest, found.component) == (new.plan_digest, new.component)
        && state(write, &new.deployment, found.revision).await? != Some(RolloutState::Failed)
    {
        return Ok(None);
    }
    let revision = next(write, &new.deployment).await?;
    sqlx::query(
        "insert into revisions (deployment, revision, cause, release, component, artifact, log_index, given,
                                parameters, facts, plan, plan_digest, reviews, state, created_at, meters,
                                made_by)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17)",
    )
    .bind(&new.deployment)
    .bind(revision)
    .bind(Text(Cause::Deployed))
    .bind(Text(&new.release))
    .bind(Text(&new.component))
    .bind(Text(&new.artifact))
    .bind(new.log_index)
    .bind(&new.given)
    .bind(&new.parameters)
    .bind(&new.facts)
    .bind(Json(&new.plan))
    .bind(Text(&new.plan_digest))
    .bind(&new.reviews)
    .bind(Text(RolloutState::RollingOut))
    .bind(Text(now))
    .bind(Json(&new.meters))
    .bind(&new.by)
    .execute(&mut *write)
    .await?;
    forget_scale(write, &new.deployment, &new.changes).await?;
    let patience = new.timeout_seconds.or_else(|| patience_seconds(&new.plan));
    point(write, &new.deployment, revision, until(patience)).await?;
    Ok(Some(revision))
}

/// Ends all replicas of a deployment and keeps everything else of it; or lets them run again.
pub(super) async fn pause(write: &mut SqliteConnection, name: &str, paused: bool) -> Result<(), Error> {
    let record = must_stay(write, name).await?;
    let patience = if record.is_rolling_out() { patience_seconds(&record.plan) } else { None };
    sqlx::query("update deployments set desired = $1, rollout_until = $2, updated_at = $3 where name = $4")
        .bind(Text(if paused { Intent::Paused } else { Intent::Running }))
        .bind(until(patience).map(Text))
        .bind(Text(Timestamp::now()))
        .bind(name)
        .execute(write)
        .await?;
    Ok(())
}

/// Sets how many replicas of a workload run. Its plan stays as it is.
pub(super) async fn scale(
    write: &mut SqliteConnection,
    name: &str,
    workload: &str,
    replicas: u32,
) -> Result<(), Error> {
    let record = must_stay(write, name).await?;
    must_scale(&record, workload, replicas)?;
    let mut scale = record.scale;
    scale.insert(workload.into(), replicas);
    set_scale(write, name, &scale).await
}

/// Refuses a number of replicas that is too large, or of a workload that the deployment does not have.
pub(super) fn must_scale(record: &Record, workload: &str, replicas: u32) -> Result<(), Error> {
    let refuse = |reason: String| Error::Scale { deployment: record.name.clone(), reason };
    if replicas > REPLICAS_MAX {
        return Err(refuse(format!("{replicas} replicas are more than {REPLICAS_MAX}")));
    }
    if !record.plan.workloads.iter().any(|known| known.name == workload) {
        let known: Vec<_> = record.plan.workloads.iter().map(|known| known.name.as_str()).collect();
        return Err(refuse(format!("it has no workload '{workload}', but {}", known.join(", "))));
    }
    Ok(())
}

async fn set_scale(
    write: &mut SqliteConnection,
    name: &str,
    scale: &BTreeMap<String, u32>,
) -> Result<(), Error> {
    sqlx::query("update deployments set scale = $1, updated_at = $2 where name = $3")
        .bind(Json(scale))
        .bind(Text(Timestamp::now()))
        .bind(name)
        .execute(write)
        .await?;
    Ok(())
}

/// Starts every replica of a deployment anew, as another revision of the same plan.
pub(super) async fn restart(write: &mut SqliteConnection, name: &str, by: &str) -> Result<(), Error> {
    let record = must_stay(write, name).await?;
    let revision = next(write, name).await?;
    sqlx::query(
        "insert into revisions (deployment, revision, cause, release, component, artifact, log_index, given,
                                parameters, facts, plan, plan_digest, reviews, state, created_at, meters,
                                made_by)
         select deployment, $1, $2, release, component, artifact, log_index, given, parameters, facts, plan,
                plan_digest, reviews, $3, $4, meters, $7
         from revisions where deployment = $5 and revision = $6",
    )
    .bind(revision)
    .bind(Text(Cause::Restarted))
    .bind(Text(RolloutState::RollingOut))
    .bind(Text(Timestamp::now()))
    .bind(name)
    .bind(record.revision)
    .bind(by)
    .execute(&mut *write)
    .await?;
    point(write, name, revision, until(patience_seconds(&record.plan))).await
}

/// The deployment, and the revision that a rollback would make the one that should run: the last one before that has
/// arrived, unless another is named.
pub(super) async fn former_revision(
    write: &mut SqliteConnection,
    name: &str,
    to: Option<i64>,
) -> Result<(Record, Revision), Error> {
    let record = must_stay(write, name).await?;
    let refuse = |reason: String| Error::Rollback { deployment: name.into(), reason };
    let found = match to {
        Some(to) => record::revision(write, name, to).await?,
        None => record::arrived_before(write, name, record.revision).await?,
    };
    let found = found.ok_or_else(|| match to {
        Some(revision) => refuse(format!("it has no revision {revision}")),
        None => refuse(format!("no revision before {} was ever ready", record.revision)),
    })?;
    if found.revision == record.revision {
        return Err(refuse(format!("revision {} is the one that runs", record.revision)));
    }
    Ok((record, found))
}

/// Makes an earlier revision, with this plan, the one that should run, if it is still the one that a rollback leads to.
pub(super) async fn rollback(
    write: &mut SqliteConnection,
    name: &str,
    to: Option<i64>,
    (revision, plan): (i64, &Plan),
) -> Result<(), Error> {
    let (record, found) = former_revision(write, name, to).await?;
    if found.revision != revision {
        return Err(Changed(name.into()).into());
    }
    forget_scale(write, name, &diff::changes(Some(&record.plan), plan)).await?;
    point(write, name, revision, until(patience_seconds(plan))).await
}

/// Asks for what was changed behind our back to be made again as it should be.
pub(super) async fn repair(write: &mut SqliteConnection, name: &str) -> Result<(), Error> {
    must_stay(write, name).await?;
    sqlx::query("update deployments set healing = healing + 1 where name = $1")
        .bind(name)
        .execute(write)
        .await?;
    Ok(())
}

/// Records that a deployment should be gone.
pub(super) async fn remove(write: &mut SqliteConnection, name: &str) -> Result<(), Error> {
    let changed = sqlx::query("update deployments set desired = $1, updated_at = $2 where name = $3")
        .bind(Text(Intent::Removed))
        .bind(Text(Timestamp::now()))
        .bind(name)
        .execute(write)
        .await?;
    match changed.rows_affected() {
        0 => Err(Error::NoDeployment(name.into())),
        _ => Ok(()),
    }
}

/// Forgets a deployment of which nothing is left, if it was to be removed; says whether it was.
pub(super) async fn forget(write: &mut SqliteConnection, name: &str) -> Result<bool, Error> {
    let gone = sqlx::query("delete from deployments where name = $1 and desired = $2")
        .bind(name)
        .bind(Text(Intent::Removed))
        .execute(&mut *write)
        .await?;
    if gone.rows_affected() == 0 {
        return Ok(false);
    }
    sqlx::query("delete from revisions where deployment = $1").bind(name).execute(write).await?;
    Ok(true)
}

/// The workloads whose plan wants another number of replicas than the one before: that overrides what was set by hand.
pub(super) fn overrides_scale(changes: &[Change]) -> impl Iterator<Item = &str> {
    changes.iter().filter_map(|change| change.path.strip_suffix(".scale.replicas-min"))
}

async fn forget_scale(write: &mut SqliteConnection, name: &str, changes: &[Change]) -> Result<(), Error> {
    let Some(record) = record::find(&mut *write, name).await? else { return Ok(()) };
    let mut scale = record.scale.clone();
    scale.retain(|workload, _| !overrides_scale(changes).any(|name| name == workload));
    if scale == record.scale { Ok(()) } else { set_scale(write, name, &scale).await }
}

async fn state(
    write: &mut SqliteConnection,
    name: &str,
    revision: i64,
) -> Result<Option<RolloutState>, Error> {
    Ok(record::revision(write, name, revision).await?.map(|found| found.state))
}

/// Notes how a revision's rollout went.
pub(super) async fn conclude(
    write: &mut SqliteConnection,
    name: &str,
    revision: i64,
    state: RolloutState,
    detail: &str,
) -> Result<bool, Error> {
    let changed = sqlx::query(
        "update revisions set state = $1, detail = $2 where deployment = $3 and revision = $4 and state <> $1",
    )
    .bind(Text(state))
    .bind(detail)
    .bind(name)
    .bind(revision)
    .execute(write)
    .await?;
    Ok(changed.rows_affected() == 1)
}

/// Makes another revision the one that should run, until when it must be ready; one that was on its way is given up.
async fn point(
    write: &mut SqliteConnection,
    name: &str,
    revision: i64,
    rollout_until: Option<Timestamp>,
) -> Result<(), Error> {
    sqlx::query(
        "update revisions set state = $1, detail = 'revision ' || $2 || ' was wanted instead'
         where deployment = $3 and state = $4 and revision <> $2",
    )
    .bind(Text(RolloutState::Superseded))
    .bind(revision)
    .bind(name)
    .bind(Text(RolloutState::RollingOut))
    .execute(&mut *write)
    .await?;
    sqlx::query("update revisions set state = $1, detail = '' where deployment = $2 and revision = $3")
        .bind(Text(RolloutState::RollingOut))
        .bind(name)
        .bind(revision)
        .execute(&mut *write)
        .await?;
    sqlx::query("update deployments set revision = $1, rollout_until = $2, updated_at = $3 where name = $4")
        .bind(revision)
        .bind(rollout_until.map(Text))
        .bind(Text(Timestamp::now()))
        .bind(name)
        .execute(write)
        .await?;
    Ok(())
}

/// The number for the next revision of a deployment.
async fn next(write: &mut SqliteConnection, name: &str) -> Result<i64, Error> {
    let (last,): (i64,) =
        sqlx::query_as("select coalesce(max(revision), 0) from revisions where deployment = $1")
            .bind(name)
            .fetch_one(write)
            .await?;
    Ok(last + 1)
}

/// The moment after so many seconds.
fn until(seconds: Option<i64>) -> Option<Timestamp> {
    Timestamp::now().checked_add(SignedDuration::from_secs(seconds?)).ok()
}

#[cfg(test)]
mod tests;
