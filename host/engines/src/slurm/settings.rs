//! The settings of a Slurm target.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::Deserialize;

/// How a Slurm target is used.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct SlurmSettings {
    /// A folder on storage that this host and all nodes see under the same path.
    pub directory: PathBuf,
    /// Where slurmrestd listens, `unix:/path` or `http://host:port`; none: the client commands of this machine are used.
    pub rest: Option<String>,
    /// Whose token the credential is, for slurmrestd.
    pub user: Option<String>,
    pub partition: Option<String>,
    pub account: Option<String>,
    pub qos: Option<String>,
    /// How long a job may run; none: as the partition has it.
    pub time_limit_minutes: Option<u32>,
    /// What runs containers on the nodes; none: nothing does.
    pub containers: Option<Containers>,
    /// How often the controller is asked.
    #[serde(default = "poll_seconds")]
    pub poll_seconds: u64,
    /// Memory of one GPU by kind, in MiB, where it is not as usual.
    #[serde(default)]
    pub gpu_memory_mib: BTreeMap<String, u32>,
    /// Folders that the site has, by the names that plans call them.
    #[serde(default)]
    pub shared: BTreeMap<String, PathBuf>,
}

/// What runs containers on nodes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Containers {
    Pyxis,
    Apptainer,
}

fn poll_seconds() -> u64 {
    5
}
