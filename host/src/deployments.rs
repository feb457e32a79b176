//! Deployments: what should run, recorded with where it came from, and a loop that makes it so.

mod diff;
mod reconcile;
mod record;
mod replay;
mod rollout;
mod watch;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use chandlery_package::{
    DeploymentName, Digest, Kind, Money, Permission, PluginId, Release, SecretName, TeamName,
};
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use sqlx::{SqliteConnection, SqlitePool};
use tokio::sync::Mutex;

use crate::Error;
use crate::engines::{Drift, LogTail, Replica, cost_per_hour, local, replicas};
use crate::events::{new_event, tell};
use crate::installs::{Installs, Locked, blocking};
use crate::licence::{Entitlement, Licences, Upgrade, reached};
use crate::policies::{self, Reviewed};
use crate::secrets::Secrets;
use crate::targets::Targets;
use chandlery_package::plan::{Plan, Workload};
use chandlery_sandbox::{Event, EventKind, Request, Review, Running, Sandbox};
use record::{PAUSED, REMOVED, RUNNING, Row};

pub use diff::{Change, changes};
pub use record::{Revision, RolloutState};
pub use replay::{Replay, Replayed};

/// The most replicas that a workload can be scaled to.
const REPLICAS_MAX: u32 = 1000;
/// Why a revision is, where it is not a plan that was deployed.
const DEPLOYED: &str = "deployed";
const RESTARTED: &str = "restarted";

/// A plan and what it would change.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Planned {
    /// The deployment.
    pub deployment: String,
    /// The target.
    pub target: String,
    /// The release that made the plan.
    pub release: Release,
    /// The plan.
    pub plan: Plan,
    /// Its digest.
    pub digest: Digest,
    /// The parameters with their defaults.
    pub parameters: Value,
    /// What differs from what runs; all of it, where nothing does.
    pub changes: Vec<Change>,
    /// Whether the deployment exists.
    pub exists: bool,
    /// What it would cost by the hour, where the target has prices for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cost_per_hour: Option<Money>,
    /// What it costs now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cost_per_hour_before: Option<Money>,
    /// Whose it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub team: Option<String>,
    /// What policies warn of, and what they changed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub remarks: Vec<Remark>,
}

/// What a policy says of a plan that it lets pass.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Remark {
    /// The policy.
    pub policy: Release,
    /// In words.
    pub says: String,
    /// Whether it changed the plan.
    pub amended: bool,
}

/// What is to be planned or deployed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct NewDeployment {
    /// The plugin, by its full or short name.
    pub plugin: String,
    /// The deployment's name; none: the plugin's.
    pub name: Option<String>,
    /// Where; none: where it is, or on this machine.
    #[serde(default)]
    pub target: Option<String>,
    /// Whose it is; none: whose it was.
    #[serde(default)]
    pub team: Option<String>,
    /// The parameters, as a JSON object.
    pub parameters: Value,
    /// Whether parameters that are not given stay what they are.
    #[serde(default)]
    pub keep: bool,
    /// How long the rollout may take; none: as long as the plan's readiness probes allow.
    #[serde(default)]
    pub timeout_seconds: Option<u32>,
}

/// How a deployment fares as a whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Health {
    /// On its way.
    RollingOut,
    /// Every replica is ready.
    Ready,
    /// Every job has ended well.
    Succeeded,
    /// It was ready, and some replica is not.
    Degraded,
    /// Some replica has failed for good.
    Failed,
    /// Nothing of it runs, until it is resumed.
    Paused,
    /// It is being removed.
    Removing,
}

/// A deployment, where it came from, and how it fares.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Deployment {
    /// Its name.
    pub name: String,
    /// The target.
    pub target: String,
    /// Whose it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub team: Option<String>,
    /// The release that made its plan.
    pub release: Release,
    /// The digest of that release's component.
    pub component: Digest,
    /// The digest of the artifact that was signed.
    pub artifact: Digest,
    /// The log's entry of that release.
    pub log_index: i64,
    /// The digest of the plan.
    pub plan_digest: Digest,
    /// The revision that should run.
    pub revision: i64,
    /// How it fares.
    pub health: Health,
    /// The names of its workloads.
    pub workloads: Vec<String>,
    /// Where its ports are reached.
    pub endpoints: Vec<Endpoint>,
    /// Its replicas.
    pub replicas: Vec<Replica>,
    /// What the plan says to whoever uses it.
    pub notes: Vec<String>,
    /// Why its release should not be running any more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub objection: Option<String>,
    /// What is not as it was made, and not by us.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub drift: Vec<Drift>,
    /// Why its target does not answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trouble: Option<String>,
}

/// Where a port of a deployment is reached, whichever replicas serve it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, sqlx::FromRow)]
pub struct Endpoint {
    /// The workload.
    pub workload: String,
    /// Its port.
    pub port: String,
    /// `127.0.0.1:9003`.
    pub address: String,
}

/// What is deployed on this host.
#[derive(Clone)]
pub struct Deployments {
    db: SqlitePool,
    sandbox: Sandbox,
    installs: Installs,
    secrets: Secrets,
    targets: Targets,
    licences: Licences,
    /// Held from a plan's review until it is recorded: two that were reviewed at once could exceed a budget together.
    deploying: Arc<Mutex<()>>,
}

/// A plan, and what it took to make it.
struct Made {
    planned: Planned,
    given: Value,
    request: Request,
    reviews: Vec<Reviewed>,
}

impl Deployments {
    /// The deployments in this database.
    pub(crate) fn new(
        db: SqlitePool,
        sandbox: Sandbox,
        installs: Installs,
        secrets: Secrets,
        targets: Targets,
        licences: Licences,
    ) -> Self {
        Self { db, sandbox, installs, secrets, targets, licences, deploying: Arc::default() }
    }

    /// How many deployments there are that are not being removed.
    pub async fn count(&self) -> Result<u32, Error> {
        record::count(&self.db).await
    }

    /// What this host may do, and how much of it is used.
    pub async fn entitlement(&self) -> Result<Entitlement, Error> {
        self.licences.entitlement(self.count().await?).await
    }

    /// What this host may do with one deployment more; refused, where it may not have one.
    async fn must_have_room(&self) -> Result<Entitlement, Error> {
        let has = self.licences.for_one_more(self.count().await?).await?;
        let Entitlement { tier, used, limit, .. } = has;
        match limit.filter(|limit| used >= *limit) {
            Some(limit) => Err(Error::DeploymentLimit { tier, used, limit, upgrade: Upgrade::beyond(limit) }),
            None => Ok(has),
        }
    }

    /// What a deployment would be, and what it would change. Nothing is done.
    pub async fn plan(&self, new: &NewDeployment) -> Result<Planned, Error> {
        let locked = self.installs.find(&new.plugin).await?;
        Ok(self.make(&locked, new).await?.planned)
    }

    async fn make(&self, locked: &Locked, new: &NewDeployment) -> Result<Made, Error> {
        if locked.kind != Kind::Template {
            let (release, is) = (locked.release.clone(), locked.kind);
            return Err(Error::OtherKind { release, is, needed: Kind::Template });
        }
        let name = new.name.as_deref().unwrap_or(locked.release.plugin.name.as_str());
        let name = name.parse::<DeploymentName>()?.to_string();
        let running = record::find(&self.db, &name).await?;
        let target = match (&running, &new.target) {
            (Some(row), Some(asked)) if row.target != *asked => {
                return Err(Error::OtherTarget { name, is: row.target.clone(), asked: asked.clone() });
            }
            (Some(row), _) => row.target.clone(),
            (None, asked) => asked.clone().unwrap_or_else(|| local::TARGET.into()),
        };
        let team = match &new.team {
            Some(team) => Some(team.parse::<TeamName>()?.to_string()),
            None => running.as_ref().and_then(|row| row.team.clone()),
        };
        let template = self.installs.plugin(locked).await?;
        let given = match (&running, &new.parameters) {
            (Some(row), Value::Object(given)) if new.keep => {
                let mut kept: Map<String, Value> = record::read(&row.name, "the parameters", &row.given)?;
                kept.extend(given.clone());
                Value::Object(kept)
            }
            (_, given) => given.clone(),
        };
        let parameters = crate::parameters::complete(&template.manifest, &given)?;
        let engine = self.targets.engine(&target).await?;
        let prices = self.targets.prices(&target).await?;
        let target = engine.inventory().await?;
        let request = Request { deployment: name.clone(), parameters: parameters.to_string(), target };
        let (sandbox, asked) = (self.sandbox.clone(), request.clone());
        let plan = blocking(move || Ok(sandbox.plan(&template, &asked)?)).await?;
        let review = Review {
            deployment: name.clone(),
            team: team.clone(),
            release: locked.release.to_string(),
            target: request.target.clone(),
            others: self.others(&name).await?,
            settings: String::new(),
        };
        let (plan, reviews) = policies::pass(&self.db, &self.installs, &self.sandbox, plan, review).await?;
        self.must_have_secrets(locked, &plan).await?;
        engine.check(&plan, &request.target)?;

        if let Some(row) = &running {
            let is = row.release.parse::<Release>()?.plugin;
            if is != locked.release.plugin {
                return Err(Error::OtherPlugin { name, is, asked: locked.release.plugin.clone() });
            }
        }
        let before = running.as_ref().map(Row::plan).transpose()?;
        let changes = diff::changes(before.as_ref(), &plan);
        let mut by_hand = running.as_ref().map(Row::scale).transpose()?.unwrap_or_default();
        let cost = |plan: &Plan, by_hand: &BTreeMap<String, u32>| {
            cost_per_hour(&record::scaled(plan.clone(), by_hand), &request.target, &prices)
        };
        let cost_per_hour_before = before.as_ref().and_then(|plan| cost(plan, &by_hand));
        by_hand.retain(|workload, _| !overrides_scale(&changes).any(|name| name == workload));
        let planned = Planned {
            deployment: name,
            target: request.target.name.clone(),
            release: locked.release.clone(),
            digest: plan.digest(),
            changes,
            exists: running.is_some(),
            cost_per_hour: cost(&plan, &by_hand),
            cost_per_hour_before,
            remarks: reviews.iter().flat_map(remarks).collect(),
            team,
            parameters,
            plan,
        };
        Ok(Made { planned, given, request, reviews })
    }

    /// What else is deployed, as policies see it.
    async fn others(&self, name: &str) -> Result<Vec<Running>, Error> {
        let others =
            record::all(&self.db).await?.into_iter().filter(|row| row.name != name && row.desired != REMOVED);
        let running = others.map(|row| {
            let plan = row.desired()?.plan;
            let Row { name, team, release, target, .. } = row;
            Ok(Running { deployment: name, team, release, target, plan })
        });
        running.collect()
    }

    /// A plan may hand on what its plugin was granted, where the host holds it.
    async fn must_have_secrets(&self, locked: &Locked, plan: &Plan) -> Result<(), Error> {
        let wanted = secrets_in(plan);
        for name in &wanted {
            let permission = Permission::Secret(name.clone());
            if !locked.permissions.contains(&permission) {
                return Err(Error::NotGranted { release: locked.release.clone(), permission });
            }
        }
        let held = self.secrets.values(&wanted).await?;
        match wanted.into_iter().find(|name| !held.contains_key(name)) {
            Some(missing) => Err(Error::NoSecret(missing)),
            None => Ok(()),
        }
    }

    /// Records what should run; the loop makes it so. The same again changes nothing.
    pub async fn deploy(&self, new: &NewDeployment) -> Result<Deployment, Error> {
        let locked = self.installs.find(&new.plugin).await?;
        let _held = self.deploying.lock().await;
        let made = self.make(&locked, new).await?;
        let has = if made.planned.exists { None } else { Some(self.must_have_room().await?) };
        let integrations = self.integrations().await?;
        let name = &made.planned.deployment;
        let patience =
            new.timeout_seconds.map(i64::from).or_else(|| rollout::patience_seconds(&made.planned.plan));
        let mut write = self.db.begin_with("begin immediate").await?;
        let before: Option<(i64, String)> =
            sqlx::query_as("select revision, desired from deployments where name = $1")
                .bind(name)
                .fetch_optional(&mut *write)
                .await?;
        if let Some((_, desired)) = &before
            && desired == REMOVED
        {
            return Err(Error::Removing(name.clone()));
        }
        let now = Timestamp::now().to_string();
        sqlx::query(
            "insert into deployments (name, target, revision, desired, team, created_at, updated_at)
             values ($1, $2, 0, $3, $4, $5, $5)
             on conflict (name) do update set desired = excluded.desired, team = excluded.team,
                 updated_at = excluded.updated_at",
        )
        .bind(name)
        .bind(&made.planned.target)
        .bind(RUNNING)
        .bind(&made.planned.team)
        .bind(&now)
        .execute(&mut *write)
        .await?;
        if is_same(&mut write, &locked, &made).await? {
            write.commit().await?;
            return self.get(name).await;
        }
        let revision = record::next(&mut write, name).await?;
        sqlx::query(
            "insert into revisions (deployment, revision, cause, release, component, artifact, log_index, given,
                                    parameters, facts, plan, plan_digest, reviews, state, created_at)
             values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15)",
        )
        .bind(name)
        .bind(revision)
        .bind(DEPLOYED)
        .bind(locked.release.to_string())
        .bind(locked.component.to_string())
        .bind(locked.artifact.to_string())
        .bind(locked.log_index as i64)
        .bind(made.given.to_string())
        .bind(&made.request.parameters)
        .bind(json!(made.request.target).to_string())
        .bind(json!(made.planned.plan).to_string())
        .bind(made.planned.digest.to_string())
        .bind(json!(made.reviews).to_string())
        .bind(RolloutState::RollingOut)
        .bind(now)
        .execute(&mut *write)
        .await?;
        forget_scale(&mut write, name, &made.planned.changes).await?;
        record::point(&mut write, name, revision, until(patience)).await?;
        let event = Event {
            deployment: name.clone(),
            target: made.planned.target.clone(),
            team: made.planned.team.clone(),
            release: locked.release.to_string(),
            revision: u64::try_from(revision).unwrap_or_default(),
            detail: format!("revision {revision} was planned by {}", locked.release),
            ..new_event(EventKind::Planned)
        };
        tell(&mut write, &integrations, &event).await?;
        for alert in has.iter().flat_map(alerts) {
            tell(&mut write, &integrations, &alert).await?;
        }
        write.commit().await?;
        if has.is_some() {
            self.licences.report();
        }
        self.get(name).await
    }

    /// Starts every replica of a deployment anew, as another revision of the same plan.
    pub async fn restart(&self, name: &str) -> Result<(), Error> {
        let row = self.running(name).await?;
        let mut write = self.db.begin_with("begin immediate").await?;
        let revision = record::next(&mut write, name).await?;
        sqlx::query(
            "insert into revisions (deployment, revision, cause, release, component, artifact, log_index, given,
                                    parameters, facts, plan, plan_digest, reviews, state, created_at)
             select deployment, $1, $2, release, component, artifact, log_index, given, parameters, facts, plan,
                    plan_digest, reviews, $3, $4
             from revisions where deployment = $5 and revision = $6",
        )
        .bind(revision)
        .bind(RESTARTED)
        .bind(RolloutState::RollingOut)
        .bind(Timestamp::now().to_string())
        .bind(name)
        .bind(row.revision)
        .execute(&mut *write)
        .await?;
        record::point(&mut write, name, revision, until(rollout::patience_seconds(&row.plan()?))).await?;
        Ok(write.commit().await?)
    }

    /// Makes an earlier revision the one that should run: the one before, unless another is named.
    pub async fn rollback(&self, name: &str, to: Option<i64>) -> Result<Deployment, Error> {
        let row = self.running(name).await?;
        let history = record::history(&self.db, name).await?;
        let refuse = |reason: String| Error::Rollback { deployment: name.into(), reason };
        let found = match to {
            Some(revision) => history.iter().find(|known| known.revision == revision),
            None => history
                .iter()
                .find(|known| known.revision < row.revision && known.state == RolloutState::RolledOut),
        };
        let found = found.ok_or_else(|| match to {
            Some(revision) => refuse(format!("it has no revision {revision}")),
            None => refuse(format!("no revision before {} was ever ready", row.revision)),
        })?;
        if found.revision == row.revision {
            return Err(refuse(format!("revision {} is the one that runs", row.revision)));
        }
        let plan: (String,) =
            sqlx::query_as("select plan from revisions where deployment = $1 and revision = $2")
                .bind(name)
                .bind(found.revision)
                .fetch_one(&self.db)
                .await?;
        let plan: Plan = record::read(name, "a plan", &plan.0)?;
        let engine = self.targets.engine(&row.target).await?;
        engine.check(&plan, &engine.inventory().await?)?;
        let mut write = self.db.begin_with("begin immediate").await?;
        forget_scale(&mut write, name, &diff::changes(Some(&row.plan()?), &plan)).await?;
        record::point(&mut write, name, found.revision, until(rollout::patience_seconds(&plan))).await?;
        write.commit().await?;
        self.get(name).await
    }

    /// A deployment's revisions, the last first.
    pub async fn history(&self, name: &str) -> Result<Vec<Revision>, Error> {
        self.row(name).await?;
        record::history(&self.db, name).await
    }

    /// Sets how many replicas of a workload run. Its plan stays as it is.
    pub async fn scale(&self, name: &str, workload: &str, replicas: u32) -> Result<(), Error> {
        let row = self.row(name).await?;
        let refuse = |reason: String| Error::Scale { deployment: name.into(), reason };
        if replicas > REPLICAS_MAX {
            return Err(refuse(format!("{replicas} replicas are more than {REPLICAS_MAX}")));
        }
        let plan = row.plan()?;
        if !plan.workloads.iter().any(|known| known.name == workload) {
            let known: Vec<_> = plan.workloads.into_iter().map(|known| known.name).collect();
            return Err(refuse(format!("it has no workload '{workload}', but {}", known.join(", "))));
        }
        let mut scale = row.scale()?;
        scale.insert(workload.into(), replicas);
        sqlx::query("update deployments set scale = $1, updated_at = $2 where name = $3")
            .bind(json!(scale).to_string())
            .bind(Timestamp::now().to_string())
            .bind(name)
            .execute(&self.db)
            .await?;
        Ok(())
    }

    /// Ends all replicas of a deployment and keeps everything else of it; or lets them run again.
    pub async fn pause(&self, name: &str, paused: bool) -> Result<Deployment, Error> {
        let row = self.running(name).await?;
        let patience = if row.is_rolling_out() { rollout::patience_seconds(&row.plan()?) } else { None };
        sqlx::query(
            "update deployments set desired = $1, rollout_until = $2, updated_at = $3 where name = $4",
        )
        .bind(if paused { PAUSED } else { RUNNING })
        .bind(until(patience).map(|at| at.to_string()))
        .bind(Timestamp::now().to_string())
        .bind(name)
        .execute(&self.db)
        .await?;
        self.get(name).await
    }

    /// Asks for what was changed behind our back to be made again as it should be; says what that is.
    pub async fn heal(&self, name: &str) -> Result<Vec<Drift>, Error> {
        self.running(name).await?;
        let drift = self.targets.drift(name);
        if !drift.is_empty() {
            sqlx::query("update deployments set healing = 1 where name = $1")
                .bind(name)
                .execute(&self.db)
                .await?;
        }
        Ok(drift)
    }

    /// The names of a plugin's deployments.
    pub(crate) async fn of(&self, plugin: &PluginId) -> Result<Vec<String>, Error> {
        let mut names = Vec::new();
        for row in record::all(&self.db).await? {
            if row.release()?.plugin == *plugin {
                names.push(row.name);
            }
        }
        Ok(names)
    }

    /// Who is to be told of events.
    async fn integrations(&self) -> Result<Vec<PluginId>, Error> {
        let installed = self.installs.of_kind(Kind::Integration).await?;
        Ok(installed.into_iter().map(|locked| locked.release.plugin).collect())
    }

    /// A deployment and how it fares.
    pub async fn get(&self, name: &str) -> Result<Deployment, Error> {
        self.read(self.row(name).await?).await
    }

    /// All deployments, by name.
    pub async fn list(&self) -> Result<Vec<Deployment>, Error> {
        let mut deployments = Vec::new();
        for row in record::all(&self.db).await? {
            deployments.push(self.read(row).await?);
        }
        Ok(deployments)
    }

    /// Records that a deployment should be gone; the loop removes it, and then its record.
    pub async fn remove(&self, name: &str) -> Result<(), Error> {
        let changed = sqlx::query("update deployments set desired = $1, updated_at = $2 where name = $3")
            .bind(REMOVED)
            .bind(Timestamp::now().to_string())
            .bind(name)
            .execute(&self.db)
            .await?;
        if changed.rows_affected() == 0 {
            return Err(Error::NoDeployment(name.into()));
        }
        self.licences.report();
        Ok(())
    }

    /// The last lines of a deployment's logs.
    pub async fn logs(&self, name: &str, lines: usize) -> Result<Vec<LogTail>, Error> {
        let row = self.row(name).await?;
        Ok(self.targets.engine(&row.target).await?.logs(name, lines).await?)
    }

    async fn row(&self, name: &str) -> Result<Row, Error> {
        record::find(&self.db, name).await?.ok_or_else(|| Error::NoDeployment(name.into()))
    }

    /// A deployment that is not being removed.
    async fn running(&self, name: &str) -> Result<Row, Error> {
        match self.row(name).await? {
            row if row.desired == REMOVED => Err(Error::Removing(name.into())),
            row => Ok(row),
        }
    }

    async fn replicas(&self, name: &str) -> Result<Vec<Replica>, Error> {
        Ok(replicas::of(&self.db, name).await?)
    }

    async fn read(&self, row: Row) -> Result<Deployment, Error> {
        let desired = row.desired()?;
        let replicas = self.replicas(&row.name).await?;
        let release = row.release()?;
        let endpoints = sqlx::query_as(
            "select workload, port, address from endpoints where deployment = $1 order by workload, port",
        );
        Ok(Deployment {
            health: rollout::health(&row, &desired, &replicas),
            replicas,
            workloads: desired.plan.workloads.into_iter().map(|workload| workload.name).collect(),
            endpoints: endpoints.bind(&row.name).fetch_all(&self.db).await?,
            objection: self.installs.objection(&release).await?,
            drift: self.targets.drift(&row.name),
            trouble: self.targets.trouble(&row.target),
            release,
            component: row.component.parse()?,
            artifact: row.artifact.parse()?,
            plan_digest: row.plan_digest.parse()?,
            name: row.name,
            team: row.team,
            target: row.target,
            log_index: row.log_index,
            revision: row.revision,
            notes: desired.plan.notes,
        })
    }
}

/// Whether what should run already is this plan, by this release.
async fn is_same(write: &mut SqliteConnection, locked: &Locked, made: &Made) -> Result<bool, Error> {
    let found: Option<(i64,)> = sqlx::query_as(
        "select r.revision from deployments d join revisions r on r.deployment = d.name and r.revision = d.revision
         where d.name = $1 and r.plan_digest = $2 and r.component = $3 and r.state <> $4",
    )
    .bind(&made.planned.deployment)
    .bind(made.planned.digest.to_string())
    .bind(locked.component.to_string())
    .bind(RolloutState::Failed)
    .fetch_optional(write)
    .await?;
    Ok(found.is_some())
}

/// The workloads whose plan wants another number of replicas than the one before: that overrides what was set by hand.
fn overrides_scale(changes: &[Change]) -> impl Iterator<Item = &str> {
    changes.iter().filter_map(|change| change.path.strip_suffix(".scale.replicas-min"))
}

async fn forget_scale(write: &mut SqliteConnection, name: &str, changes: &[Change]) -> Result<(), Error> {
    for workload in overrides_scale(changes) {
        sqlx::query(
            "update deployments set scale = json_remove(scale, '$.\"' || $1 || '\"') where name = $2",
        )
        .bind(workload)
        .bind(name)
        .execute(&mut *write)
        .await?;
    }
    Ok(())
}

/// What is told of where one deployment more reaches some part of the limit.
fn alerts(has: &Entitlement) -> Vec<Event> {
    let (used, limit) = (has.used + 1, has.limit.unwrap_or(u32::MAX));
    let alert = |percent: u32| {
        let upgrade = Upgrade::beyond(limit);
        let detail = format!(
            "{used} of {limit} deployments that {} allows are used: {percent} % are reached; {upgrade}",
            has.tier
        );
        Event { detail, ..new_event(EventKind::UsageThreshold) }
    };
    reached(has.used, used, has.limit).into_iter().map(alert).collect()
}

/// The moment after so many seconds.
fn until(seconds: Option<i64>) -> Option<Timestamp> {
    Timestamp::now().checked_add(SignedDuration::from_secs(seconds?)).ok()
}

fn remarks(reviewed: &Reviewed) -> impl Iterator<Item = Remark> {
    reviewed.remarks.iter().map(|says| Remark {
        policy: reviewed.policy.clone(),
        says: says.clone(),
        amended: reviewed.amended,
    })
}

/// The secrets that a plan hands on.
fn secrets_in(plan: &Plan) -> BTreeSet<SecretName> {
    plan.workloads.iter().flat_map(Workload::secrets).filter_map(|name| name.parse().ok()).collect()
}
