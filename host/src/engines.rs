//! What runs plans. An engine is told what should be, again and again, and makes it so: every step may be repeated.

pub mod local;

use std::collections::BTreeMap;

use chandlery_package::SecretName;
use serde::{Deserialize, Serialize};

use crate::Error;
use crate::plan::{Facts, Plan};

/// What an engine is told of a deployment.
#[derive(Debug, Clone)]
pub struct Desired {
    /// Its name.
    pub name: String,
    /// Goes up with every change of its plan.
    pub revision: i64,
    /// What should run.
    pub plan: Plan,
    /// Whether it should be gone.
    pub removing: bool,
    /// The secrets that it may be handed.
    pub secrets: Revealed,
}

/// The values of secrets, which no log shows.
#[derive(Clone, Default)]
pub struct Revealed(BTreeMap<SecretName, String>);

impl Revealed {
    /// These.
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
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ReplicaState {
    /// What it needs is being made.
    #[default]
    Preparing,
    /// It runs, and is not yet ready.
    Starting,
    /// It runs and may receive work.
    Ready,
    /// It ended and waits to be started again.
    BackingOff,
    /// It was asked to end.
    Stopping,
    /// A job that ended well.
    Succeeded,
    /// It ended, or could not begin, and is not started again.
    Failed,
}

/// A replica as its engine sees it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
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
    /// The process.
    pub pid: Option<i64>,
    /// The program that it runs.
    pub program: Option<String>,
    /// How often it was started again.
    pub restarts: i64,
    /// When it was started, in RFC 3339.
    pub started_at: Option<String>,
    /// When it was first ready since then.
    pub ready_at: Option<String>,
}

/// A kind of target.
pub trait Engine: Send + Sync {
    /// What a template may know of the target.
    fn inventory(&self) -> impl Future<Output = Facts> + Send;

    /// Refuses a plan that this target cannot run, before anything is done.
    fn check(&self, plan: &Plan) -> Result<(), Error>;

    /// Takes the next steps towards what is desired; says whether everything of it is gone.
    fn apply(&self, desired: &Desired) -> impl Future<Output = Result<bool, Error>> + Send;

    /// The replicas of a deployment.
    fn observe(&self, deployment: &str) -> impl Future<Output = Result<Vec<Replica>, Error>> + Send;

    /// The last lines that a deployment's replicas wrote, each file's after its name.
    fn logs(
        &self,
        deployment: &str,
        lines: usize,
    ) -> impl Future<Output = Result<Vec<LogTail>, Error>> + Send;
}

/// The end of one log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogTail {
    /// `server-0`.
    pub replica: String,
    /// In order.
    pub lines: Vec<String>,
}
