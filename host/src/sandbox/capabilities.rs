//! What an integration may do. Every use is checked against what was granted, and noted for the audit.

pub(super) mod http;
pub(super) mod keyvalue;
pub(super) mod secrets;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use chandlery_package::permission::HttpHost;
use chandlery_package::{Permission, SecretName};
use serde::{Deserialize, Serialize};

use self::http::Outgoing;
use super::Limits;

/// The most uses that are noted of one call.
const USES_MAX: usize = 1000;

/// What happened to a deployment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Event {
    /// Unique for ever.
    pub id: String,
    /// What it was.
    pub kind: EventKind,
    /// When, in RFC 3339.
    pub at: String,
    /// The deployment.
    pub deployment: String,
    /// Its target.
    pub target: String,
    /// Whose it is.
    pub team: Option<String>,
    /// The release that made its plan.
    pub release: String,
    /// Its revision.
    pub revision: u64,
    /// What happened, in words.
    pub detail: String,
    /// Which attempt to deliver it this is, from 1.
    #[serde(default)]
    pub attempt: u32,
    /// When this attempt began, in seconds since 1970.
    #[serde(default)]
    pub attempted_at: u64,
}

/// See `event-kind` in `wit/`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[allow(missing_docs)]
pub enum EventKind {
    Planned,
    RolledOut,
    Degraded,
    Recovered,
    Failed,
    Removed,
    UsageThreshold,
    Test,
}

/// One use of a capability, or one attempt.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Use {
    /// The permission that it needs.
    pub permission: String,
    /// What was done with it.
    pub what: String,
    /// Whether it was granted.
    pub granted: bool,
}

/// A deployment, as an integration may read it.
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct DeploymentState {
    pub name: String,
    pub target: String,
    pub team: Option<String>,
    pub release: String,
    pub revision: u64,
    pub health: String,
    pub replicas: Vec<ReplicaState>,
}

/// A replica, as an integration may read it.
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct ReplicaState {
    pub workload: String,
    pub index: u32,
    pub state: String,
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

/// What one call may do, and what it did.
pub struct Capabilities {
    granted: BTreeSet<Permission>,
    uses: Uses,
    /// Settings by name, each as text.
    pub(super) settings: BTreeMap<String, String>,
    /// What it keeps between calls.
    pub(super) kept: BTreeMap<String, Vec<u8>>,
    /// The values of the secrets that were granted and are set.
    secrets: BTreeMap<SecretName, String>,
    /// Words that stand for secrets during this call.
    references: BTreeMap<String, String>,
    control: Arc<dyn Control>,
    pub(super) outgoing: Outgoing,
}

/// What a call did, shared with the requests that it has under way.
#[derive(Clone, Default)]
pub(super) struct Uses(Arc<Mutex<Vec<Use>>>);

impl Uses {
    fn note(&self, permission: impl ToString, what: String, granted: bool) {
        let mut uses = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if uses.len() < USES_MAX {
            uses.push(Use { permission: permission.to_string(), what, granted });
        }
    }
}

impl Capabilities {
    /// What a call may do by these permissions, with its settings, what it keeps, and the host.
    pub fn new(
        granted: BTreeSet<Permission>,
        settings: BTreeMap<String, String>,
        kept: BTreeMap<String, Vec<u8>>,
        secrets: BTreeMap<SecretName, String>,
        control: Arc<dyn Control>,
    ) -> Self {
        let uses = Uses::default();
        let outgoing = Outgoing::new(&granted, &settings, uses.clone());
        let (references, outgoing) = (BTreeMap::new(), outgoing);
        Self { granted, uses, settings, kept, secrets, references, control, outgoing }
    }

    /// Bounds what requests may take, from now on.
    pub(super) fn begin(&mut self, limits: &Limits) {
        self.outgoing.begin(Instant::now() + limits.time, limits.traffic_bytes);
    }

    pub(super) fn exceeded_traffic(&self) -> bool {
        self.outgoing.exceeded()
    }

    /// What the call did, and what it keeps.
    pub(super) fn into_parts(self) -> (Vec<Use>, BTreeMap<String, Vec<u8>>) {
        let uses = std::mem::take(&mut *self.uses.0.lock().unwrap_or_else(PoisonError::into_inner));
        (uses, self.kept)
    }

    /// Whether the permission was granted. Noted either way.
    fn may(&self, permission: &Permission, what: impl Into<String>) -> bool {
        let granted = self.granted.contains(permission);
        self.uses.note(permission, what.into(), granted);
        granted
    }

    pub(super) fn deployments(&self) -> Result<Vec<DeploymentState>, String> {
        match self.may(&Permission::ReadDeployments, "read all deployments") {
            true => self.control.deployments(),
            false => Err(not_granted(&Permission::ReadDeployments)),
        }
    }

    pub(super) fn restart(&self, deployment: &str) -> Result<(), String> {
        match self.may(&Permission::ActOnDeployments, format!("restart '{deployment}'")) {
            true => self.control.restart(deployment),
            false => Err(not_granted(&Permission::ActOnDeployments)),
        }
    }

    pub(super) fn scale(&self, deployment: &str, workload: &str, replicas: u32) -> Result<(), String> {
        let what = format!("scale '{workload}' of '{deployment}' to {replicas}");
        match self.may(&Permission::ActOnDeployments, what) {
            true => self.control.scale(deployment, workload, replicas),
            false => Err(not_granted(&Permission::ActOnDeployments)),
        }
    }
}

fn not_granted(permission: &Permission) -> String {
    format!("the permission '{permission}' was not granted")
}

/// The hosts and ports that requests may go to; a setting that holds no URL allows none.
fn origins(granted: &BTreeSet<Permission>, settings: &BTreeMap<String, String>) -> Vec<Origin> {
    let hosts = granted.iter().filter_map(|permission| match permission {
        Permission::Http(host) => Some((permission.clone(), host)),
        _ => None,
    });
    hosts
        .filter_map(|(permission, host)| match host {
            HttpHost::Named { host, port } => Some(Origin { permission, host: host.clone(), port: *port }),
            HttpHost::Setting(name) => {
                let url: ::http::Uri = settings.get(name)?.parse().ok()?;
                let host = url.host()?.to_ascii_lowercase();
                Some(Origin { permission, host, port: url.port_u16() })
            }
        })
        .collect()
}

/// Where requests may go, and by which permission.
#[derive(Clone)]
struct Origin {
    permission: Permission,
    host: String,
    /// None: the scheme's own.
    port: Option<u16>,
}

impl Origin {
    fn holds(&self, host: &str, port: u16, scheme_port: u16) -> bool {
        self.host == host && self.port.unwrap_or(scheme_port) == port
    }
}

/// How long is left until then.
fn left(deadline: Instant) -> Duration {
    deadline.saturating_duration_since(Instant::now())
}
