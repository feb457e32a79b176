//! Deployments: what should run, recorded with where it came from, and a loop that makes it so.

mod diff;
mod parameters;
mod replay;
mod watch;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use chandlery_package::{DeploymentName, Digest, Kind, Permission, PluginId, Release, SecretName, TeamName};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sqlx::SqlitePool;
use tokio::sync::Mutex;

use crate::Error;
use crate::engines::local::Local;
use crate::engines::{Desired, Engine, LogTail, Replica, ReplicaState, Revealed};
use crate::installs::{Installs, Locked, blocking};
use crate::integrations::{new_event, secrets_of, tell};
use crate::plan::{Plan, Workload};
use crate::policies::{self, Reviewed};
use crate::sandbox::{Event, EventKind, Request, Review, Running, Sandbox};
use crate::secrets::Secrets;

pub use diff::{Change, changes};
pub use parameters::complete as complete_parameters;
pub use replay::{Replay, Replayed};

const RECONCILE_EVERY: Duration = Duration::from_millis(300);
/// The most replicas that a workload can be scaled to.
const REPLICAS_MAX: u32 = 1000;
const RUNNING: &str = "running";
const REMOVED: &str = "removed";

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
    /// Whose it is; none: whose it was.
    #[serde(default)]
    pub team: Option<String>,
    /// The parameters, as a JSON object.
    pub parameters: Value,
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
    /// Goes up with every change.
    pub revision: i64,
    /// How it fares.
    pub health: Health,
    /// Its replicas.
    pub replicas: Vec<Replica>,
    /// What the plan says to whoever uses it.
    pub notes: Vec<String>,
    /// Why its release should not be running any more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub objection: Option<String>,
}

/// What is deployed on this host.
#[derive(Clone)]
pub struct Deployments {
    db: SqlitePool,
    sandbox: Sandbox,
    installs: Installs,
    secrets: Secrets,
    engine: Local,
    /// Held from a plan's review until it is recorded: two that were reviewed at once could exceed a budget together.
    deploying: Arc<Mutex<()>>,
}

/// A plan, and what it took to make it.
struct Made {
    planned: Planned,
    request: Request,
    reviews: Vec<Reviewed>,
}

#[derive(sqlx::FromRow)]
struct Row {
    name: String,
    target: String,
    release: String,
    component: String,
    artifact: String,
    log_index: i64,
    parameters: String,
    facts: String,
    plan: String,
    plan_digest: String,
    revision: i64,
    desired: String,
    team: Option<String>,
    scale: String,
    reviews: String,
    told: String,
}

impl Deployments {
    /// The deployments in this database.
    pub fn new(
        db: SqlitePool,
        sandbox: Sandbox,
        installs: Installs,
        secrets: Secrets,
        engine: Local,
    ) -> Self {
        Self { db, sandbox, installs, secrets, engine, deploying: Arc::default() }
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
        let running = self.find_row(&name).await?;
        let team = match &new.team {
            Some(team) => Some(team.parse::<TeamName>()?.to_string()),
            None => running.as_ref().and_then(|row| row.team.clone()),
        };
        let template = self.installs.plugin(locked).await?;
        let parameters = parameters::complete(&template.manifest, &new.parameters)?;
        let target = self.engine.inventory().await;
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
        self.engine.check(&plan)?;

        if let Some(row) = &running {
            let is = row.release.parse::<Release>()?.plugin;
            if is != locked.release.plugin {
                return Err(Error::OtherPlugin { name, is, asked: locked.release.plugin.clone() });
            }
        }
        let before = running.as_ref().map(Row::plan).transpose()?;
        let planned = Planned {
            deployment: name,
            target: request.target.name.clone(),
            release: locked.release.clone(),
            digest: plan.digest(),
            changes: diff::changes(before.as_ref(), &plan),
            exists: running.is_some(),
            remarks: reviews.iter().flat_map(remarks).collect(),
            team,
            parameters,
            plan,
        };
        Ok(Made { planned, request, reviews })
    }

    /// What else is deployed, as policies see it.
    async fn others(&self, name: &str) -> Result<Vec<Running>, Error> {
        let others = self.rows().await?.into_iter().filter(|row| row.name != name && row.desired == RUNNING);
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
        let Made { planned, request, reviews } = self.make(&locked, new).await?;
        let integrations = self.integrations().await?;
        let now = Timestamp::now().to_string();
        let mut write = self.db.begin_with("begin immediate").await?;
        let before: Option<(i64,)> = sqlx::query_as("select revision from deployments where name = $1")
            .bind(&planned.deployment)
            .fetch_optional(&mut *write)
            .await?;
        let (revision,): (i64,) = sqlx::query_as(
            "insert into deployments (name, target, release, component, artifact, log_index, parameters, facts, plan,
                                      plan_digest, revision, desired, team, reviews, created_at, updated_at)
             values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, 1, $11, $12, $13, $14, $14)
             on conflict (name) do update set
                 revision = revision + (plan_digest <> excluded.plan_digest or desired <> excluded.desired),
                 release = excluded.release, component = excluded.component, artifact = excluded.artifact,
                 log_index = excluded.log_index, parameters = excluded.parameters, facts = excluded.facts,
                 plan = excluded.plan, plan_digest = excluded.plan_digest, desired = excluded.desired,
                 team = excluded.team, reviews = excluded.reviews, updated_at = excluded.updated_at
             returning revision",
        )
        .bind(&planned.deployment)
        .bind(&planned.target)
        .bind(locked.release.to_string())
        .bind(locked.component.to_string())
        .bind(locked.artifact.to_string())
        .bind(locked.log_index as i64)
        .bind(&request.parameters)
        .bind(serde_json::json!(request.target).to_string())
        .bind(serde_json::json!(planned.plan).to_string())
        .bind(planned.digest.to_string())
        .bind(RUNNING)
        .bind(&planned.team)
        .bind(serde_json::json!(reviews).to_string())
        .bind(now)
        .fetch_one(&mut *write)
        .await?;
        if before != Some((revision,)) {
            let event = Event {
                deployment: planned.deployment.clone(),
                target: planned.target.clone(),
                team: planned.team.clone(),
                release: locked.release.to_string(),
                revision: u64::try_from(revision).unwrap_or_default(),
                detail: format!("revision {revision} was planned by {}", locked.release),
                ..new_event(EventKind::Planned)
            };
            tell(&mut write, &integrations, &event).await?;
        }
        write.commit().await?;
        self.get(&planned.deployment).await
    }

    /// Starts every replica of a deployment anew.
    pub async fn restart(&self, name: &str) -> Result<(), Error> {
        let changed = sqlx::query(
            "update deployments set revision = revision + 1, updated_at = $1 where name = $2 and desired = $3",
        )
        .bind(Timestamp::now().to_string())
        .bind(name)
        .bind(RUNNING)
        .execute(&self.db)
        .await?;
        match changed.rows_affected() {
            1 => Ok(()),
            _ => Err(Error::NoDeployment(name.into())),
        }
    }

    /// Sets how many replicas of a workload run. Its plan stays as it is.
    pub async fn scale(&self, name: &str, workload: &str, replicas: u32) -> Result<(), Error> {
        let row = self.find_row(name).await?.ok_or_else(|| Error::NoDeployment(name.into()))?;
        let refuse = |reason: String| Error::Scale { deployment: name.into(), reason };
        if replicas > REPLICAS_MAX {
            return Err(refuse(format!("{replicas} replicas are more than {REPLICAS_MAX}")));
        }
        if !row.plan()?.workloads.iter().any(|known| known.name == workload) {
            return Err(refuse(format!("it has no workload '{workload}'")));
        }
        let mut scale = row.scale()?;
        scale.insert(workload.into(), replicas);
        sqlx::query("update deployments set scale = $1, updated_at = $2 where name = $3")
            .bind(serde_json::json!(scale).to_string())
            .bind(Timestamp::now().to_string())
            .bind(name)
            .execute(&self.db)
            .await?;
        Ok(())
    }

    /// The names of a plugin's deployments.
    pub(crate) async fn of(&self, plugin: &PluginId) -> Result<Vec<String>, Error> {
        let mut names = Vec::new();
        for row in self.rows().await? {
            if row.release.parse::<Release>()?.plugin == *plugin {
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
        let row = self.find_row(name).await?.ok_or_else(|| Error::NoDeployment(name.into()))?;
        self.read(row).await
    }

    /// All deployments, by name.
    pub async fn list(&self) -> Result<Vec<Deployment>, Error> {
        let mut deployments = Vec::new();
        for row in self.rows().await? {
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
        match changed.rows_affected() {
            1 => Ok(()),
            _ => Err(Error::NoDeployment(name.into())),
        }
    }

    /// The last lines of a deployment's logs.
    pub async fn logs(&self, name: &str, lines: usize) -> Result<Vec<LogTail>, Error> {
        self.find_row(name).await?.ok_or_else(|| Error::NoDeployment(name.into()))?;
        self.engine.logs(name, lines).await
    }

    /// Makes what is so what should be, for ever.
    pub(crate) async fn reconcile(self) {
        let mut interval = tokio::time::interval(RECONCILE_EVERY);
        interval.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            interval.tick().await;
            if let Err(error) = self.reconcile_once().await {
                tracing::error!(%error, "deployments could not be reconciled");
            }
        }
    }

    async fn reconcile_once(&self) -> Result<(), Error> {
        for row in self.rows().await? {
            if let Err(error) = self.reconcile_row(&row).await {
                tracing::error!(%error, deployment = row.name, "a deployment could not be reconciled");
            }
        }
        Ok(())
    }

    async fn reconcile_row(&self, row: &Row) -> Result<(), Error> {
        let mut desired = row.desired()?;
        desired.secrets = self.reveal(row, &desired.plan).await?;
        match self.engine.apply(&desired).await? {
            true if desired.removing => self.forget(row).await,
            _ => self.watch(row, &desired).await,
        }
    }

    /// The values of what a plan hands on, as far as its plugin is granted them by now.
    async fn reveal(&self, row: &Row, plan: &Plan) -> Result<Revealed, Error> {
        let wanted = secrets_in(plan);
        if wanted.is_empty() {
            return Ok(Revealed::default());
        }
        let plugin = row.release.parse::<Release>()?.plugin;
        let locked = self.installs.list().await?.into_iter().find(|locked| locked.release.plugin == plugin);
        let granted = locked.map(|locked| locked.permissions).unwrap_or_default();
        let may: BTreeSet<_> = secrets_of(&granted).filter(|name| wanted.contains(name)).cloned().collect();
        Ok(Revealed::of(self.secrets.values(&may).await?))
    }

    async fn rows(&self) -> Result<Vec<Row>, Error> {
        Ok(sqlx::query_as("select * from deployments order by name").fetch_all(&self.db).await?)
    }

    async fn find_row(&self, name: &str) -> Result<Option<Row>, Error> {
        Ok(sqlx::query_as("select * from deployments where name = $1")
            .bind(name)
            .fetch_optional(&self.db)
            .await?)
    }

    async fn read(&self, row: Row) -> Result<Deployment, Error> {
        let desired = row.desired()?;
        let replicas = self.engine.observe(&row.name).await?;
        let release: Release = row.release.parse()?;
        Ok(Deployment {
            health: health(&desired, &replicas),
            replicas,
            objection: self.installs.objection(&release).await?,
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

impl Row {
    fn plan(&self) -> Result<Plan, Error> {
        serde_json::from_str(&self.plan)
            .map_err(|error| Error::Damaged(format!("the plan of '{}' cannot be read: {error}", self.name)))
    }

    fn scale(&self) -> Result<BTreeMap<String, u32>, Error> {
        serde_json::from_str(&self.scale)
            .map_err(|error| Error::Damaged(format!("the scale of '{}' cannot be read: {error}", self.name)))
    }

    /// What should be: the plan, with the numbers of replicas that were set by hand.
    fn desired(&self) -> Result<Desired, Error> {
        let mut plan = self.plan()?;
        let scale = self.scale()?;
        for workload in &mut plan.workloads {
            if let Some(replicas) = scale.get(&workload.name) {
                workload.scale.replicas_min = *replicas;
            }
        }
        Ok(Desired {
            name: self.name.clone(),
            revision: self.revision,
            plan,
            removing: self.desired == REMOVED,
            secrets: Revealed::default(),
        })
    }
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

fn health(desired: &Desired, replicas: &[Replica]) -> Health {
    let wanted: u32 = desired.plan.workloads.iter().map(|workload| workload.scale.replicas_min).sum();
    let current: Vec<_> = replicas.iter().filter(|replica| replica.revision == desired.revision).collect();
    let all =
        |state| current.len() == wanted as usize && current.iter().all(|replica| replica.state == state);
    let any = |state| current.iter().any(|replica| replica.state == state);
    let done = |replica: &&Replica| matches!(replica.state, ReplicaState::Ready | ReplicaState::Succeeded);
    match desired.removing {
        true => Health::Removing,
        false if any(ReplicaState::Failed) => Health::Failed,
        false if wanted > 0 && all(ReplicaState::Succeeded) => Health::Succeeded,
        false if current.len() == wanted as usize && current.iter().all(done) => Health::Ready,
        false if current.iter().any(|replica| replica.restarts > 0) => Health::Degraded,
        false => Health::RollingOut,
    }
}
