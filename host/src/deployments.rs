//! Deployments: what should run, recorded with where it came from, and a loop that makes it so.

mod change;
mod deploy;
mod diff;
mod error;
mod plan;
mod reconcile;
mod record;
mod replay;
mod rollout;
mod state;
mod watch;

use std::sync::Arc;

use chandlery_package::{Digest, Money, PluginId, Release};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tokio::sync::Mutex;

use crate::db::Db;
use crate::engines::{Drift, LogTail, Replica, replicas};
use crate::installs::Installs;
use crate::licence::{Entitlement, Licences};
use crate::secrets::Secrets;
use crate::targets::Targets;
use chandlery_package::plan::Plan;
use chandlery_sandbox::Sandbox;
use record::Record;

pub use diff::{Change, changes};
pub use error::Error;
pub(crate) use error::KINDS;
pub use record::{Cause, Revision, RolloutState};
pub use replay::{Replay, Replayed};

/// A plan and what it would change.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
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
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Remark {
    /// The policy.
    pub policy: Release,
    /// In words.
    pub says: String,
    /// Whether it changed the plan.
    pub amended: bool,
}

/// What is to be planned or deployed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
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
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, sqlx::Type, utoipa::ToSchema)]
#[serde(rename_all = "kebab-case")]
#[sqlx(rename_all = "kebab-case")]
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
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
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
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, sqlx::FromRow, utoipa::ToSchema)]
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
    db: Db,
    sandbox: Sandbox,
    installs: Installs,
    secrets: Secrets,
    targets: Targets,
    licences: Licences,
    /// Held from a plan's review until it is recorded: two that were reviewed at once could exceed a budget together.
    deploying: Arc<Mutex<()>>,
}

impl Deployments {
    /// The deployments in this database.
    pub(crate) fn new(
        db: Db,
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
        record::count(self.db.pool()).await
    }

    /// What this host may do, and how much of it is used.
    pub async fn entitlement(&self) -> Result<Entitlement, Error> {
        Ok(self.licences.entitlement(self.count().await?).await?)
    }

    /// A deployment's revisions, the last first.
    pub async fn history(&self, name: &str) -> Result<Vec<Revision>, Error> {
        self.existing(name).await?;
        record::history(self.db.pool(), name, None, u32::MAX).await
    }

    /// The names of a plugin's deployments.
    pub(crate) async fn of(&self, plugin: &PluginId) -> Result<Vec<String>, Error> {
        let mut names = Vec::new();
        for record in record::all(self.db.pool()).await? {
            if record.release.plugin == *plugin {
                names.push(record.name);
            }
        }
        Ok(names)
    }

    /// A deployment and how it fares.
    pub async fn get(&self, name: &str) -> Result<Deployment, Error> {
        self.read(self.existing(name).await?).await
    }

    /// All deployments, by name.
    pub async fn list(&self) -> Result<Vec<Deployment>, Error> {
        let mut deployments = Vec::new();
        for record in record::all(self.db.pool()).await? {
            deployments.push(self.read(record).await?);
        }
        Ok(deployments)
    }

    /// The last lines of a deployment's logs.
    pub async fn logs(&self, name: &str, lines: usize) -> Result<Vec<LogTail>, Error> {
        let record = self.existing(name).await?;
        Ok(self.targets.engine(&record.target).await?.logs(name, lines).await?)
    }

    async fn existing(&self, name: &str) -> Result<Record, Error> {
        record::find(self.db.pool(), name).await?.ok_or_else(|| Error::NoDeployment(name.into()))
    }

    async fn replicas(&self, name: &str) -> Result<Vec<Replica>, Error> {
        Ok(replicas::of(self.db.pool(), name).await?)
    }

    async fn read(&self, record: Record) -> Result<Deployment, Error> {
        let desired = record.desired();
        let replicas = self.replicas(&record.name).await?;
        let endpoints = sqlx::query_as(
            "select workload, port, address from endpoints where deployment = $1 order by workload, port",
        );
        Ok(Deployment {
            health: rollout::health(&record, &desired, &replicas),
            replicas,
            workloads: desired.plan.workloads.into_iter().map(|workload| workload.name).collect(),
            endpoints: endpoints.bind(&record.name).fetch_all(self.db.pool()).await?,
            objection: self.installs.objection(&record.release).await?,
            drift: self.targets.drift(&record.name),
            trouble: self.targets.trouble(&record.target),
            release: record.release,
            component: record.component,
            artifact: record.artifact,
            plan_digest: record.plan_digest,
            name: record.name,
            team: record.team,
            target: record.target,
            log_index: record.log_index,
            revision: record.revision,
            notes: desired.plan.notes,
        })
    }
}
