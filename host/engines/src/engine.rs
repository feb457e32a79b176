//! The interface of an engine, and what passes through it.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

use chandlery_package::SecretName;
use chandlery_package::plan::{Facts, Plan, Workload};
use futures::future::BoxFuture;
use serde::{Deserialize, Serialize};

use crate::Error;

/// What engines share.
#[derive(Debug, Clone)]
pub struct EngineContext {
    /// The host's data directory.
    pub data: PathBuf,
    /// Tells what this host runs from what others do.
    pub host_id: String,
    /// Where deployments are reached that the host forwards requests to.
    pub expose: IpAddr,
}

/// What an engine is told of a deployment.
#[derive(Debug, Clone)]
pub struct Desired {
    /// What it is called on its host.
    pub name: String,
    /// Which of its revisions should run.
    pub revision: i64,
    /// What should run, with the numbers of replicas that were set by hand: none, while it is paused.
    pub plan: Plan,
    /// The plans of other revisions, of which replicas may still run.
    pub former: BTreeMap<i64, Plan>,
    /// Whether it should be gone.
    pub removing: bool,
    /// Whether what was changed behind our back should be as it was.
    pub repairing: bool,
    /// The secrets that it may be handed.
    pub secrets: Revealed,
}

impl Desired {
    /// A workload as a revision has it.
    pub(crate) fn workload(&self, revision: i64, name: &str) -> Option<&Workload> {
        let plan = if revision == self.revision { Some(&self.plan) } else { self.former.get(&revision) };
        plan?.workloads.iter().find(|workload| workload.name == name)
    }
}

/// The values of secrets, which no log shows.
#[derive(Clone, Default)]
pub struct Revealed(BTreeMap<SecretName, String>);

impl Revealed {
    /// The values of these secrets.
    pub fn of(values: BTreeMap<SecretName, String>) -> Self {
        Self(values)
    }

    /// The value of this one, if it may be handed on.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.get(&name.parse().ok()?).map(String::as_str)
    }

    /// Which they are.
    pub fn names(&self) -> impl Iterator<Item = &SecretName> {
        self.0.keys()
    }
}

impl std::fmt::Debug for Revealed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

/// How far a replica is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ReplicaState {
    /// What it needs is being made, or it waits for a place.
    #[default]
    Preparing,
    /// It runs, and is not yet ready.
    Starting,
    /// It runs and may receive work.
    Ready,
    /// It ended and waits to be started again.
    BackingOff,
    /// It is to end: it gets no new requests.
    Stopping,
    /// A job that ended well.
    Succeeded,
    /// It ended, or could not begin, and is not started again.
    Failed,
}

/// A replica as its engine sees it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Replica {
    /// Unique for ever.
    pub id: String,
    /// The workload of the plan.
    pub workload: String,
    /// Which of the workload's replicas, from 0.
    pub index: i64,
    /// The revision that it belongs to.
    pub revision: i64,
    /// How far it is.
    pub state: ReplicaState,
    /// Why, in words.
    pub detail: String,
    /// Where each port can be reached: `127.0.0.1:9003`.
    pub addresses: BTreeMap<String, String>,
    /// The process, where it is one of this machine.
    pub pid: Option<i64>,
    /// What the target's own scheduler calls it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub job: Option<String>,
    /// The GPUs that it holds, where they are known one by one.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub gpus: Vec<String>,
    /// The program that it runs.
    pub program: Option<String>,
    /// How often it was started again.
    pub restarts: i64,
    /// When it was started, in RFC 3339.
    pub started_at: Option<String>,
    /// When it was first ready since then.
    pub ready_at: Option<String>,
    /// Whether it was ready in this or an earlier run.
    #[serde(default)]
    pub was_ready: bool,
}

/// Something that is not as it was made, and not by us.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Drift {
    /// What: `server-0 memory`.
    pub path: String,
    /// What it should be.
    pub should: String,
    /// What it is.
    pub is: String,
}

/// What an engine has found and done in one pass over a deployment.
#[derive(Debug, Clone, Default)]
pub struct Outcome {
    /// The name of the deployment.
    pub deployment: String,
    /// Whether nothing of it is left.
    pub gone: bool,
    /// What is not as it was made.
    pub drift: Vec<Drift>,
}

/// A kind of target.
pub trait Engine: Send + Sync {
    /// How often to look.
    fn pace(&self) -> Duration;

    /// What a template may know of the target.
    fn inventory(&self) -> BoxFuture<'_, Result<Facts, Error>>;

    /// Refuses a plan that this target can never run, before anything is done.
    fn check(&self, plan: &Plan, facts: &Facts) -> Result<(), Error>;

    /// Looks at the target once, and takes the next steps of all of its deployments towards what is desired.
    fn pass<'a>(&'a self, desired: &'a [Desired]) -> BoxFuture<'a, Result<Vec<Outcome>, Error>>;

    /// The last lines that a deployment's replicas wrote, each log's after its name.
    fn logs<'a>(&'a self, deployment: &'a str, lines: usize) -> BoxFuture<'a, Result<Vec<LogTail>, Error>>;
}

/// The end of one log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct LogTail {
    /// `server-0`.
    pub replica: String,
    /// In order.
    pub lines: Vec<String>,
}
