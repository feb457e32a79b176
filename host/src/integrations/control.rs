//! What an integration that was granted it reads of deployments, and does to them.

use std::future::Future;

use tokio::runtime::Handle;

use crate::deployments::{Deployments, Error};
use crate::users::Actor;
use chandlery_package::wire::host::{Deployment, Replica};
use chandlery_sandbox::{Control, DeploymentState, ReplicaState};

/// The deployments as an integration reads and changes them, in its own name.
pub(super) struct Controlled {
    pub deployments: Deployments,
    pub by: Actor,
}

impl Control for Controlled {
    fn deployments(&self) -> Result<Vec<DeploymentState>, String> {
        Ok(wait(self.deployments.list())?.into_iter().map(state).collect())
    }

    fn restart(&self, deployment: &str) -> Result<(), String> {
        wait(self.deployments.restart(&self.by, deployment)).map(drop)
    }

    fn scale(&self, deployment: &str, workload: &str, replicas: u32) -> Result<(), String> {
        wait(self.deployments.scale(&self.by, deployment, workload, replicas)).map(drop)
    }
}

/// The calls of integrations run where blocking is allowed.
fn wait<T>(work: impl Future<Output = Result<T, Error>>) -> Result<T, String> {
    Handle::current().block_on(work).map_err(|error| error.to_string())
}

fn state(deployment: Deployment) -> DeploymentState {
    DeploymentState {
        health: deployment.health,
        name: deployment.name,
        target: deployment.target,
        team: deployment.team,
        release: deployment.release,
        revision: u64::try_from(deployment.revision).unwrap_or_default(),
        replicas: deployment.replicas.into_iter().map(replica_state).collect(),
    }
}

fn replica_state(replica: Replica) -> ReplicaState {
    let number = |number: i64| u32::try_from(number).unwrap_or(u32::MAX);
    ReplicaState {
        workload: replica.workload,
        index: number(replica.index),
        state: replica.state,
        detail: replica.detail,
        restarts: number(replica.restarts),
    }
}
