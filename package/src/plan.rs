//! The plan as hosts, the command line and the registry know it: the newest model, into which a sandbox reads every version
//! of the contract, checked so that engines can trust it. Units and meaning are in `wit/`.

mod check;
mod cost;
pub mod example;
mod fit;
mod grammar;
mod slice;
pub mod told;

use serde::{Deserialize, Serialize};

use crate::{Digest, words};

pub use check::PlanError;
pub use cost::cost_per_hour;
pub use fit::{lacks, needs, there_is};
pub use slice::is_slice;

/// The name of a port for the processes of a replica alone.
const PEERS: &str = "peers";

/// See `plan` in `wit/`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "kebab-case")]
#[allow(missing_docs)]
pub struct Plan {
    pub workloads: Vec<Workload>,
    pub notes: Vec<String>,
}

/// See `workload` in `wit/`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "kebab-case")]
#[allow(missing_docs)]
pub struct Workload {
    pub name: String,
    pub kind: WorkloadKind,
    pub runtime: Runtime,
    pub command: Vec<String>,
    pub env: Vec<EnvVar>,
    pub resources: Resources,
    pub scale: Scale,
    pub ports: Vec<Port>,
    pub readiness: Option<Probe>,
    pub volumes: Vec<Volume>,
    pub restart: Restart,
    pub grace_seconds: u32,
}

words! {
    /// How long a workload runs; `workload-kind` in `wit/`.
    pub enum WorkloadKind: "kind of workload" {
        /// Runs until it is removed.
        Service = "service",
        /// Runs to its end.
        Job = "job",
    }
}

/// See `runtime` in `wit/`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "kebab-case")]
#[allow(missing_docs)]
pub enum Runtime {
    Container(String),
    Python(Vec<String>),
    Host,
}

/// See `env-var` in `wit/`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "kebab-case")]
#[allow(missing_docs)]
pub struct EnvVar {
    pub name: String,
    pub value: EnvValue,
}

/// See `env-value` in `wit/`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "kebab-case")]
#[allow(missing_docs)]
pub enum EnvValue {
    Text(String),
    Secret(String),
    Port(String),
}

/// See `resources` in `wit/`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "kebab-case")]
#[allow(missing_docs)]
pub struct Resources {
    pub cpu_millis: u32,
    pub memory_mib: u32,
    pub gpu: Option<Gpu>,
    pub scratch_mib: u32,
}

/// See `gpu` in `wit/`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "kebab-case")]
#[allow(missing_docs)]
pub struct Gpu {
    pub kinds: Vec<String>,
    pub count_per_replica: u32,
    pub memory_mib_min: u32,
    pub interconnect: Interconnect,
}

words! {
    /// What must connect the GPUs of a replica; `interconnect` in `wit/`.
    pub enum Interconnect: "interconnect" {
        /// Nothing but the host's bus.
        None = "none",
        /// NVLink, within a node.
        Nvlink = "nvlink",
        /// A network with remote direct memory access, between nodes.
        Rdma = "rdma",
    }
}

/// See `scale` in `wit/`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "kebab-case")]
#[allow(missing_docs)]
pub struct Scale {
    pub replicas_min: u32,
    pub replicas_max: u32,
    pub target: Option<MetricTarget>,
    pub nodes_per_replica: u32,
    pub spot_ok: bool,
}

/// See `metric-target` in `wit/`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "kebab-case")]
#[allow(missing_docs)]
pub struct MetricTarget {
    pub metric: String,
    pub value: u32,
}

/// See `port` in `wit/`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "kebab-case")]
#[allow(missing_docs)]
pub struct Port {
    pub name: String,
    pub number: u16,
    pub protocol: Protocol,
}

words! {
    /// What a port speaks; `protocol` in `wit/`.
    pub enum Protocol: "protocol" {
        /// HTTP, which may be proxied.
        Http = "http",
        /// Any other protocol over TCP.
        Tcp = "tcp",
    }
}

/// See `probe` in `wit/`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "kebab-case")]
#[allow(missing_docs)]
pub struct Probe {
    pub check: Check,
    pub period_seconds: u32,
    pub timeout_seconds: u32,
}

/// See `check` in `wit/`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "kebab-case")]
#[allow(missing_docs)]
pub enum Check {
    Http { port: String, path: String },
    Tcp(String),
    Exec(Vec<String>),
}

/// See `volume` in `wit/`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "kebab-case")]
#[allow(missing_docs)]
pub struct Volume {
    pub name: String,
    pub mount: String,
    pub kind: VolumeKind,
    pub read_only: bool,
}

/// See `volume-kind` in `wit/`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "kebab-case")]
#[allow(missing_docs)]
pub enum VolumeKind {
    Scratch,
    ModelCache(u32),
    Shared(String),
}

words! {
    /// When a replica that has ended is started again; `restart` in `wit/`.
    pub enum Restart: "restart policy" {
        /// However it has ended.
        Always = "always",
        /// Where it has failed.
        OnFailure = "on-failure",
        /// It stays ended.
        Never = "never",
    }
}

/// See `facts` in `wit/`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "kebab-case")]
#[allow(missing_docs)]
pub struct Facts {
    pub name: String,
    pub engine: EngineKind,
    pub runtimes: Vec<RuntimeKind>,
    pub gpu_pools: Vec<GpuPool>,
    pub architecture: String,
}

words! {
    /// What runs plans on a target; `engine-kind` in `wit/`.
    pub enum EngineKind: "kind of engine" {
        /// The host itself, as processes of its machine.
        Local = "local",
        /// A Slurm cluster, as jobs.
        Slurm = "slurm",
        /// A Kubernetes cluster, as objects of its API.
        Kubernetes = "kubernetes",
    }
}

words! {
    /// What a target can start; `runtime-kind` in `wit/`.
    pub enum RuntimeKind: "kind of runtime" {
        /// Containers from OCI images.
        Container = "container",
        /// Python environments made of requirements.
        Python = "python",
        /// Programs that the target already has.
        Host = "host",
    }
}

/// See `gpu-pool` in `wit/`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "kebab-case")]
#[allow(missing_docs)]
pub struct GpuPool {
    pub kind: String,
    pub memory_mib: u32,
    pub total: u32,
    pub free: u32,
    pub nodes: u32,
}

/// See `problem` in `wit/`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "kebab-case")]
#[allow(missing_docs)]
pub struct PlanProblem {
    pub parameter: Option<String>,
    pub message: String,
}

/// Problems in one line, each after the parameter that it is about.
pub fn say(problems: &[PlanProblem]) -> String {
    let each = problems.iter().map(|problem| match &problem.parameter {
        Some(parameter) => format!("{parameter}: {}", problem.message),
        None => problem.message.clone(),
    });
    each.collect::<Vec<_>>().join("; ")
}

impl Plan {
    /// The digest of the plan's JSON: equal plans have equal digests.
    pub fn digest(&self) -> Digest {
        Digest::of(serde_json::json!(self).to_string())
    }
}

impl Port {
    /// Whether the processes of a replica find each other at it, on all its nodes: `peers`, or what begins with `peers-`. It is
    /// allotted as any other is, and nobody else is sent to it.
    pub fn is_for_peers(&self) -> bool {
        self.name == PEERS || self.name.strip_prefix(PEERS).is_some_and(|rest| rest.starts_with('-'))
    }
}

impl Workload {
    /// The ports that others are sent to.
    pub fn served_ports(&self) -> impl Iterator<Item = &Port> {
        self.ports.iter().filter(|port| !port.is_for_peers())
    }

    /// The GPUs of each node that a replica spans.
    pub fn gpus_per_node(&self) -> u32 {
        self.resources
            .gpu
            .as_ref()
            .map_or(0, |gpu| gpu.count_per_replica / self.scale.nodes_per_replica.max(1))
    }

    /// The GPUs of one replica.
    pub fn gpus(&self) -> u32 {
        self.resources.gpu.as_ref().map_or(0, |gpu| gpu.count_per_replica)
    }

    /// The names of the secrets that it is handed.
    pub fn secrets(&self) -> impl Iterator<Item = &str> {
        self.env.iter().filter_map(|variable| match &variable.value {
            EnvValue::Secret(name) => Some(name.as_str()),
            EnvValue::Text(_) | EnvValue::Port(_) => None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_is_sent_to_where_a_replicas_processes_meet() {
        let mut workload = example::workload();
        let port = |name: &str| Port { name: name.into(), number: 1, protocol: Protocol::Tcp };
        workload.ports = ["http", "peers", "peers-client", "peersist", "own-peers"].map(port).into();
        let served: Vec<_> = workload.served_ports().map(|port| port.name.as_str()).collect();
        assert_eq!(served, ["http", "peersist", "own-peers"]);
    }
}
