//! What integrations may read of the host and do to it. The host says how.

use chandlery_package::Release;
use chandlery_package::wire::host::{self, Health};

/// A deployment, as an integration may read it.
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct DeploymentState {
    pub name: String,
    pub target: String,
    pub team: Option<String>,
    pub release: Release,
    pub revision: u64,
    pub health: Health,
    pub replicas: Vec<ReplicaState>,
}

/// A replica, as an integration may read it.
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct ReplicaState {
    pub workload: String,
    pub index: u32,
    pub state: host::ReplicaState,
    pub detail: String,
    pub restarts: u32,
}

/// What an integration reads of the host, and does to it. Every function may block.
pub trait Control: Send + Sync {
    /// All deployments, by name.
    fn deployments(&self) -> Result<Vec<DeploymentState>, String>;

    /// Starts every replica of a deployment anew.
    fn restart(&self, deployment: &str) -> Result<(), String>;

    /// Sets how many replicas of a workload run.
    fn scale(&self, deployment: &str, workload: &str, replicas: u32) -> Result<(), String>;
}
