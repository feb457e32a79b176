//! The interface of an engine, and what passes through it.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

use chandlery_package::plan::{Facts, Plan, Workload};
use chandlery_package::wire::host::{Drift, LogTail};
use chandlery_package::{Digest, SecretName};
use futures::future::BoxFuture;

use crate::{Error, Isolation};

/// What engines share.
#[derive(Debug, Clone)]
pub struct EngineContext {
    /// The host's data directory.
    pub data: PathBuf,
    /// Tells what this host runs from what others do.
    pub host_id: String,
    /// Where deployments are reached that the host forwards requests to.
    pub expose: IpAddr,
    /// The digest of the token that opens the host, which is kept from what it deploys.
    pub token: Digest,
    /// How programs that run on this machine are kept from its files.
    pub isolation: Isolation,
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
    /// Whether nothing more of it may run than does: what it is of costs something, and is not covered.
    pub held: bool,
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

    /// What the target lacks, and so every replica on it.
    fn warning(&self) -> Option<String> {
        None
    }

    /// Refuses a plan that this target can never run, before anything is done.
    fn check(&self, plan: &Plan, facts: &Facts) -> Result<(), Error>;

    /// Refuses a credential that is not allowed what the engine needs, with all that is missing.
    fn must_be_allowed(&self) -> BoxFuture<'_, Result<(), Error>> {
        Box::pin(async { Ok(()) })
    }

    /// Refuses a change of what is there that the target would refuse, asked without doing it.
    fn rehearse<'a>(&'a self, _desired: &'a Desired) -> BoxFuture<'a, Result<(), Error>> {
        Box::pin(async { Ok(()) })
    }

    /// Looks at the target once, and takes the next steps of all of its deployments towards what is desired.
    fn pass<'a>(&'a self, desired: &'a [Desired]) -> BoxFuture<'a, Result<Vec<Outcome>, Error>>;

    /// The last lines that a deployment's replicas wrote, each log's after its name.
    fn logs<'a>(&'a self, deployment: &'a str, lines: usize) -> BoxFuture<'a, Result<Vec<LogTail>, Error>>;
}
