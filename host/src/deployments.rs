//! Deployments: what should run, recorded with where it came from, and a loop that makes it so.

mod diff;
mod parameters;
mod replay;

use std::time::Duration;

use chandlery_package::{DeploymentName, Digest, Release};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sqlx::SqlitePool;

use crate::Error;
use crate::engines::local::Local;
use crate::engines::{Desired, Engine, LogTail, Replica, ReplicaState};
use crate::installs::{Installs, Locked, blocking};
use crate::plan::Plan;
use crate::sandbox::{Request, Sandbox};

pub use diff::{Change, changes};
pub use parameters::complete as complete_parameters;
pub use replay::{Replay, Replayed};

const RECONCILE_EVERY: Duration = Duration::from_millis(300);
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
    engine: Local,
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
}

impl Deployments {
    /// The deployments in this database.
    pub fn new(db: SqlitePool, sandbox: Sandbox, installs: Installs, engine: Local) -> Self {
        Self { db, sandbox, installs, engine }
    }

    /// What a deployment would be, and what it would change. Nothing is done.
    pub async fn plan(&self, plugin: &str, name: Option<&str>, parameters: &Value) -> Result<Planned, Error> {
        let locked = self.installs.find(plugin).await?;
        self.plan_locked(&locked, name, parameters).await.map(|(planned, _)| planned)
    }

    async fn plan_locked(
        &self,
        locked: &Locked,
        name: Option<&str>,
        parameters: &Value,
    ) -> Result<(Planned, Request), Error> {
        let name = name.unwrap_or(locked.release.plugin.name.as_str()).parse::<DeploymentName>()?.to_string();
        let (component, template) = self.installs.template(locked).await?;
        let parameters = parameters::complete(&component.manifest, parameters)?;
        let target = self.engine.inventory().await;
        let request = Request { deployment: name.clone(), parameters: parameters.to_string(), target };
        let (sandbox, asked) = (self.sandbox.clone(), request.clone());
        let plan = blocking(move || Ok(sandbox.plan(&template, &asked)?)).await?;
        self.engine.check(&plan)?;

        let running = self.find_row(&name).await?;
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
            parameters,
            plan,
        };
        Ok((planned, request))
    }

    /// Records what should run; the loop makes it so. The same again changes nothing.
    pub async fn deploy(
        &self,
        plugin: &str,
        name: Option<&str>,
        parameters: &Value,
    ) -> Result<Deployment, Error> {
        let locked = self.installs.find(plugin).await?;
        let (planned, request) = self.plan_locked(&locked, name, parameters).await?;
        let now = Timestamp::now().to_string();
        sqlx::query(
            "insert into deployments (name, target, release, component, artifact, log_index, parameters, facts, plan,
                                      plan_digest, revision, desired, created_at, updated_at)
             values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, 1, $11, $12, $12)
             on conflict (name) do update set
                 revision = revision + (plan_digest <> excluded.plan_digest or desired <> excluded.desired),
                 release = excluded.release, component = excluded.component, artifact = excluded.artifact,
                 log_index = excluded.log_index, parameters = excluded.parameters, facts = excluded.facts,
                 plan = excluded.plan, plan_digest = excluded.plan_digest, desired = excluded.desired,
                 updated_at = excluded.updated_at",
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
        .bind(now)
        .execute(&self.db)
        .await?;
        self.get(&planned.deployment).await
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
            let desired = row.desired()?;
            match self.engine.apply(&desired).await {
                Ok(true) if desired.removing => {
                    sqlx::query("delete from deployments where name = $1 and desired = $2")
                        .bind(&row.name)
                        .bind(REMOVED)
                        .execute(&self.db)
                        .await?;
                }
                Ok(_) => {}
                Err(error) => {
                    tracing::error!(%error, deployment = row.name, "a deployment could not be reconciled")
                }
            }
        }
        Ok(())
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

    fn desired(&self) -> Result<Desired, Error> {
        Ok(Desired {
            name: self.name.clone(),
            revision: self.revision,
            plan: self.plan()?,
            removing: self.desired == REMOVED,
        })
    }
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
