//! A template tried without a host: in a sandbox of its own, against facts that stand for a target.

use std::path::Path;

use chandlery_host::Error;
use chandlery_package::parameters::{self, Misfit};
use chandlery_package::plan::{EngineKind, Facts, GpuPool, Plan, PlanProblem, RuntimeKind};
use chandlery_package::{Component, Manifest};
use chandlery_sandbox::{Limits, Plugin, Request, Sandbox, SandboxError, Worker};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::project::Built;
use crate::failure::{Failure, Result};
use crate::words;

/// What a template makes of a request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// A plan that the contract allows.
    Plan(Plan),
    /// What stands in the way.
    Problems(Vec<PlanProblem>),
}

/// A template, ready to be asked.
pub struct Trial {
    sandbox: Sandbox,
    template: Plugin,
    manifest: Manifest,
}

impl Trial {
    /// Compiles without optimisation, which is the quickest.
    pub fn new(built: &Built) -> Result<Self> {
        let sandbox = Sandbox::unoptimised(Limits::default()).map_err(no_sandbox)?;
        Self::on(sandbox, &built.component, &built.bytes)
    }

    /// Compiles as a host does; the sandbox's compiled code goes into this folder.
    pub fn as_on_a_host(built: &Built, cache: &Path) -> Result<Self> {
        let sandbox = Sandbox::new(cache, Limits::default(), Worker::Here).map_err(no_sandbox)?;
        Self::on(sandbox, &built.component, &built.bytes)
    }

    fn on(sandbox: Sandbox, component: &Component, bytes: &[u8]) -> Result<Self> {
        let template = sandbox.load(component, bytes).map_err(to_its_author)?;
        Ok(Self { sandbox, template, manifest: component.manifest.clone() })
    }

    /// Asks for a plan, as a host does for a deployment that is called like the plugin.
    pub fn ask(&self, parameters: &Value, target: &Facts) -> Result<Outcome> {
        let parameters = match parameters::complete(&self.manifest, parameters) {
            Ok(parameters) => parameters.to_string(),
            Err(Misfit { problems, .. }) => return Ok(Outcome::Problems(problems)),
        };
        let deployment = self.manifest.name.name.to_string();
        match self.sandbox.plan(&self.template, &Request { deployment, parameters, target: target.clone() }) {
            Ok(plan) => Ok(Outcome::Plan(plan)),
            Err(SandboxError::Problems { problems, .. }) => Ok(Outcome::Problems(problems)),
            Err(error) => Err(to_its_author(error)),
        }
    }
}

/// Why a plugin failed, with what its author does about it.
fn to_its_author(error: SandboxError) -> Failure {
    let remedy = match &error {
        SandboxError::TooManyCalls { .. } | SandboxError::CircuitOpen { .. } | SandboxError::Busy => None,
        SandboxError::Trapped { .. } => Some(
            "compare each field of the answer, its name and its type, with the contract in the folder `wit`: what differs ends a \
             plugin in JavaScript like this; in Rust look for an index or a division, too",
        ),
        _ => Some("mend the plugin's source; `chandlery dev` tries it again at every save"),
    };
    let failure = Failure::from(Error::from(error));
    match remedy {
        Some(remedy) => failure.remedy(remedy),
        None => failure,
    }
}

fn no_sandbox(error: impl std::fmt::Display) -> Failure {
    Failure::of(format!("the sandbox could not be made: {error:#}"))
}

/// The facts of a target: `local`, `slurm` or `kubernetes` as they usually are, or what this file says.
pub fn facts(target: &str, folder: &Path) -> Result<Facts> {
    let gpus = || vec![GpuPool { kind: "h100".into(), memory_mib: 81_559, total: 16, free: 8, nodes: 2 }];
    let usual = |engine, runtimes: &[RuntimeKind], gpu_pools| {
        let (name, runtimes, architecture) = (target.into(), runtimes.to_vec(), "x86_64".into());
        Ok(Facts { name, engine, runtimes, gpu_pools, architecture })
    };
    match target {
        "local" => usual(EngineKind::Local, &[RuntimeKind::Python, RuntimeKind::Host], Vec::new()),
        "slurm" => usual(EngineKind::Slurm, &[RuntimeKind::Python, RuntimeKind::Host], gpus()),
        "kubernetes" => usual(EngineKind::Kubernetes, &[RuntimeKind::Container], gpus()),
        _ => {
            let path = folder.join(target);
            let refused = |reason: String| {
                Failure::new(&words::NO_SUCH_FACTS, format!("{}: {reason}", path.display())).remedy(
                    "name local, slurm or kubernetes, or a TOML file with the fields of `facts` in the contract",
                )
            };
            let text = std::fs::read_to_string(&path).map_err(|error| refused(error.to_string()))?;
            toml::from_str(&text).map_err(|error| refused(error.to_string()))
        }
    }
}
