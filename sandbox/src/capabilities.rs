//! What an integration may do. Every use is checked against what was granted, and noted for the audit.

pub(super) mod http;
pub(super) mod keyvalue;
mod origin;
pub(super) mod secrets;
mod uses;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Instant;

use chandlery_package::{Permission, SecretName};

use self::http::Outgoing;
use self::uses::Uses;
use crate::control::{Control, DeploymentState};
use crate::limits::Limits;

pub use self::uses::Use;

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
        (self.uses.take(), self.kept)
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
