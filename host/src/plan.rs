//! The plan as the host knows it: the newest model, into which every version of the contract is read, checked so that
//! engines can trust it. Units and meaning are in `wit/`.

use std::collections::BTreeSet;

use chandlery_package::{Digest, SecretName};
use serde::{Deserialize, Serialize};

/// The most replicas one workload may have.
const REPLICAS_MAX: u32 = 1000;
const WORKLOADS_MAX: usize = 50;
const LABEL_BYTES_MAX: usize = 40;

/// Why a plan was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PlanError {
    /// Nothing to do.
    #[error("the plan has no workloads")]
    Empty,
    /// A field that breaks its rule.
    #[error("the plan's workload '{workload}': {reason}")]
    Workload {
        /// Which.
        workload: String,
        /// What is wrong.
        reason: String,
    },
    /// More workloads than a plan may have.
    #[error("the plan has {0} workloads; at most {WORKLOADS_MAX} are allowed")]
    TooMany(usize),
}

/// See `plan` in `wit/`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[allow(missing_docs)]
pub struct Plan {
    pub workloads: Vec<Workload>,
    pub notes: Vec<String>,
}

/// See `workload` in `wit/`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
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

/// See `workload-kind` in `wit/`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[allow(missing_docs)]
pub enum WorkloadKind {
    Service,
    Job,
}

/// See `runtime` in `wit/`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[allow(missing_docs)]
pub enum Runtime {
    Container(String),
    Python(Vec<String>),
    Host,
}

/// See `env-var` in `wit/`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[allow(missing_docs)]
pub struct EnvVar {
    pub name: String,
    pub value: EnvValue,
}

/// See `env-value` in `wit/`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[allow(missing_docs)]
pub enum EnvValue {
    Text(String),
    Secret(String),
    Port(String),
}

/// See `resources` in `wit/`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[allow(missing_docs)]
pub struct Resources {
    pub cpu_millis: u32,
    pub memory_mib: u32,
    pub gpu: Option<Gpu>,
    pub scratch_mib: u32,
}

/// See `gpu` in `wit/`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[allow(missing_docs)]
pub struct Gpu {
    pub kinds: Vec<String>,
    pub count_per_replica: u32,
    pub memory_mib_min: u32,
    pub interconnect: Interconnect,
}

/// See `interconnect` in `wit/`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[allow(missing_docs)]
pub enum Interconnect {
    None,
    Nvlink,
    Rdma,
}

/// See `scale` in `wit/`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
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
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[allow(missing_docs)]
pub struct MetricTarget {
    pub metric: String,
    pub value: u32,
}

/// See `port` in `wit/`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[allow(missing_docs)]
pub struct Port {
    pub name: String,
    pub number: u16,
    pub protocol: Protocol,
}

/// See `protocol` in `wit/`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[allow(missing_docs)]
pub enum Protocol {
    Http,
    Tcp,
}

/// See `probe` in `wit/`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[allow(missing_docs)]
pub struct Probe {
    pub check: Check,
    pub period_seconds: u32,
    pub timeout_seconds: u32,
}

/// See `check` in `wit/`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[allow(missing_docs)]
pub enum Check {
    Http { port: String, path: String },
    Tcp(String),
    Exec(Vec<String>),
}

/// See `volume` in `wit/`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[allow(missing_docs)]
pub struct Volume {
    pub name: String,
    pub mount: String,
    pub kind: VolumeKind,
    pub read_only: bool,
}

/// See `volume-kind` in `wit/`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[allow(missing_docs)]
pub enum VolumeKind {
    Scratch,
    ModelCache(u32),
    Shared(String),
}

/// See `restart` in `wit/`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[allow(missing_docs)]
pub enum Restart {
    Always,
    OnFailure,
    Never,
}

/// See `facts` in `wit/`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[allow(missing_docs)]
pub struct Facts {
    pub name: String,
    pub engine: EngineKind,
    pub runtimes: Vec<RuntimeKind>,
    pub gpu_pools: Vec<GpuPool>,
    pub architecture: String,
}

/// See `engine-kind` in `wit/`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[allow(missing_docs)]
pub enum EngineKind {
    Local,
    Slurm,
    Kubernetes,
}

/// See `runtime-kind` in `wit/`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[allow(missing_docs)]
pub enum RuntimeKind {
    Container,
    Python,
    Host,
}

/// See `gpu-pool` in `wit/`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
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
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[allow(missing_docs)]
pub struct PlanProblem {
    pub parameter: Option<String>,
    pub message: String,
}

/// Problems in one line, each after the parameter that it is about.
pub(crate) fn say(problems: &[PlanProblem]) -> String {
    let each = problems.iter().map(|problem| match &problem.parameter {
        Some(parameter) => format!("{parameter}: {}", problem.message),
        None => problem.message.clone(),
    });
    each.collect::<Vec<_>>().join("; ")
}

impl Plan {
    /// The plan, if it keeps the rules of the contract.
    pub fn checked(self) -> Result<Self, PlanError> {
        match self.workloads.len() {
            0 => return Err(PlanError::Empty),
            count if count > WORKLOADS_MAX => return Err(PlanError::TooMany(count)),
            _ => {}
        }
        let mut names = BTreeSet::new();
        for workload in &self.workloads {
            let refuse = |reason| PlanError::Workload { workload: workload.name.clone(), reason };
            if !names.insert(&workload.name) {
                return Err(refuse("its name is not unique".into()));
            }
            workload.check().map_err(refuse)?;
        }
        Ok(self)
    }

    /// The digest of the plan's JSON: equal plans have equal digests.
    pub fn digest(&self) -> Digest {
        Digest::of(serde_json::json!(self).to_string())
    }
}

/// The word of the contract for an enumeration's value.
pub(crate) fn word(value: impl Serialize) -> String {
    serde_json::json!(value).as_str().unwrap_or_default().to_owned()
}

impl Workload {
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

    fn check(&self) -> Result<(), String> {
        must_be_label("its name", &self.name, LABEL_BYTES_MAX)?;
        self.check_ports()?;
        self.check_env()?;
        self.check_scale()?;
        if self.command.is_empty() && !matches!(self.runtime, Runtime::Container(_)) {
            return Err("its command is empty, which only a container's may be".into());
        }
        if let Some(Probe { check: Check::Http { port, .. } | Check::Tcp(port), .. }) = &self.readiness {
            self.must_have_port("its readiness probe", port)?;
        }
        let words = self.command.iter().chain(self.env.iter().filter_map(|var| match &var.value {
            EnvValue::Text(text) => Some(text),
            EnvValue::Secret(_) | EnvValue::Port(_) => None,
        }));
        match words.into_iter().find(|word| word.contains('\0')) {
            Some(_) => Err("a word of its command or environment holds a NUL".into()),
            None => Ok(()),
        }
    }

    fn check_ports(&self) -> Result<(), String> {
        let mut names = BTreeSet::new();
        for port in &self.ports {
            must_be_label("a port's name", &port.name, 15)?;
            if port.number == 0 || !names.insert(&port.name) {
                return Err(format!("port '{}' must have a unique name and a number above 0", port.name));
            }
        }
        Ok(())
    }

    fn check_env(&self) -> Result<(), String> {
        let mut names = BTreeSet::new();
        for var in &self.env {
            let starts_well = var.name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
            let rest_well = var.name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
            if !starts_well || !rest_well || !names.insert(&var.name) {
                return Err(format!("'{}' is no unique name for an environment variable", var.name));
            }
            match &var.value {
                EnvValue::Text(_) => {}
                EnvValue::Secret(name) => {
                    name.parse::<SecretName>().map_err(|error| error.to_string())?;
                }
                EnvValue::Port(port) => {
                    self.must_have_port(&format!("the environment variable {}", var.name), port)?;
                }
            }
        }
        Ok(())
    }

    fn check_scale(&self) -> Result<(), String> {
        let Scale { replicas_min, replicas_max, nodes_per_replica, .. } = self.scale;
        if replicas_min > replicas_max || replicas_max == 0 || replicas_max > REPLICAS_MAX {
            return Err(format!(
                "{replicas_min} to {replicas_max} replicas; allowed are 0 to {REPLICAS_MAX}"
            ));
        }
        if nodes_per_replica == 0 {
            return Err("a replica has at least one node".into());
        }
        Ok(())
    }

    fn must_have_port(&self, what: &str, name: &str) -> Result<(), String> {
        match self.ports.iter().any(|port| port.name == name) {
            true => Ok(()),
            false => Err(format!("{what} refers to the port '{name}', which it does not have")),
        }
    }
}

fn must_be_label(what: &str, text: &str, bytes_max: usize) -> Result<(), String> {
    let inner = text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
    let ends = !text.starts_with('-') && !text.ends_with('-') && !text.is_empty();
    match inner && ends && text.len() <= bytes_max {
        true => Ok(()),
        false => Err(format!("{what} '{text}' is not a DNS label of 1 to {bytes_max} characters")),
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    pub(crate) fn workload() -> Workload {
        Workload {
            name: "server".into(),
            kind: WorkloadKind::Service,
            runtime: Runtime::Host,
            command: vec!["sleep".into(), "1".into()],
            env: vec![EnvVar { name: "PORT".into(), value: EnvValue::Port("http".into()) }],
            resources: Resources { cpu_millis: 100, memory_mib: 64, gpu: None, scratch_mib: 0 },
            scale: Scale {
                replicas_min: 1,
                replicas_max: 1,
                target: None,
                nodes_per_replica: 1,
                spot_ok: false,
            },
            ports: vec![Port { name: "http".into(), number: 80, protocol: Protocol::Http }],
            readiness: None,
            volumes: Vec::new(),
            restart: Restart::Always,
            grace_seconds: 1,
        }
    }

    #[test]
    fn each_rule_is_kept() {
        type Change = fn(&mut Workload);
        let changes: [Change; 9] = [
            |w| w.name = "-x".into(),
            |w| w.name = String::new(),
            |w| w.command.clear(),
            |w| w.ports[0].number = 0,
            |w| w.env[0].name = "1X".into(),
            |w| w.env[0].value = EnvValue::Port("none".into()),
            |w| w.scale.replicas_min = 2,
            |w| w.scale.nodes_per_replica = 0,
            |w| w.command.push("a\0b".into()),
        ];
        let plan = |workload| Plan { workloads: vec![workload], notes: Vec::new() }.checked();
        assert!(plan(workload()).is_ok());
        for (index, change) in changes.into_iter().enumerate() {
            let mut changed = workload();
            change(&mut changed);
            assert!(matches!(plan(changed), Err(PlanError::Workload { .. })), "change {index}");
        }
        let twice = Plan { workloads: vec![workload(), workload()], notes: Vec::new() };
        assert!(matches!(twice.checked(), Err(PlanError::Workload { .. })));
        assert_eq!(Plan { workloads: Vec::new(), notes: Vec::new() }.checked(), Err(PlanError::Empty));
    }
}
