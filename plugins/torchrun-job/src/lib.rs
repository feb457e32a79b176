//! A PyTorch training script under torchrun: a process for each GPU, on one node or several.

use chandlery_sdk::prelude::*;
use chandlery_sdk::{Platform, kinds_that_run};

const IMAGE: &str = "pytorch/pytorch:2.15.0-cuda13.0-cudnn9-runtime";
/// What an environment has where nothing else is asked for. Since 2.15, PyTorch is built with CUDA 13 alone
/// (<https://github.com/pytorch/pytorch/issues/190385>).
const TORCH: &str = "torch==2.15.0";

#[derive(Deserialize)]
struct Parameters {
    script: String,
    arguments: Vec<String>,
    gpu: Option<String>,
    gpus: u32,
    nodes: u32,
    retries: u32,
    cpu_millis: Option<u32>,
    memory_mib: Option<u32>,
    checkpoints: Option<String>,
    cache_mib: u32,
    secrets: Vec<String>,
    python: Python,
    requirements: Vec<String>,
    image: Option<String>,
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Python {
    Image,
    Requirements,
    Target,
}

impl Parameters {
    /// The kinds of GPUs that its PyTorch runs on. Whoever names an image or requirements knows what these run on.
    fn kinds(&self, target: &Facts) -> Result<Vec<String>, Vec<Problem>> {
        let is_usual = match self.python {
            Python::Image => self.image.is_none(),
            Python::Requirements => self.requirements.iter().any(|requirement| requirement == TORCH),
            Python::Target => false,
        };
        match is_usual {
            true => kinds_that_run("PyTorch 2.15", &[Platform::Cuda], self.gpu.as_deref(), target),
            false => Ok(self.gpu.clone().into_iter().collect()),
        }
    }
}

struct TorchrunJob;

impl Template for TorchrunJob {
    type Parameters = Parameters;

    fn plan(request: Request<Parameters>) -> Result<Plan, Vec<Problem>> {
        let Request { parameters, target, deployment } = request;
        let kinds = parameters.kinds(&target)?;
        let (runtime, needed, what) = match parameters.python {
            Python::Image => {
                let image = parameters.image.unwrap_or_else(|| IMAGE.into());
                (Runtime::Container(image), RuntimeKind::Container, "containers")
            }
            Python::Requirements => {
                (Runtime::Python(parameters.requirements), RuntimeKind::Python, "Python environments")
            }
            Python::Target => (Runtime::Host, RuntimeKind::Host, "programs of its own"),
        };
        if !target.can(needed) {
            let message = format!("target '{}' runs no {what}; choose another Python", target.name);
            return Err(vec![Problem::with("/python", message)]);
        }
        let torchrun = Command::new("torchrun")
            .option("--nnodes", parameters.nodes)
            .option("--nproc-per-node", parameters.gpus)
            .args(["--node-rank", "$(CHANDLERY_NODE_RANK)"])
            .option("--max-restarts", parameters.retries)
            .args(["--rdzv-backend", "c10d"])
            .option("--rdzv-id", deployment)
            .args(["--rdzv-endpoint", "$(CHANDLERY_LEADER_ADDRESS):$(PEERS_PORT)"]);
        let command = match parameters.script.strip_prefix("-m ") {
            Some(module) => torchrun.arg("-m").positional("/script", module)?,
            None => torchrun.positional("/script", &parameters.script)?,
        };
        let command = command.users_own(parameters.arguments);
        let mut trainer = Workload::job("trainer", runtime)
            .command(command)
            .gpus(kinds, parameters.gpus * parameters.nodes)
            .nodes(parameters.nodes)
            .peers_port("peers", 29400, "PEERS_PORT")
            .resources(
                parameters.cpu_millis.unwrap_or(8000 * parameters.gpus),
                parameters.memory_mib.unwrap_or(65_536 * parameters.gpus),
            )
            .model_cache("cache", "/cache", parameters.cache_mib, "HF_HOME")
            .grace(60);
        if let Some(volume) = parameters.checkpoints {
            trainer = trainer.shared_volume("checkpoints", "/checkpoints", &volume, "CHECKPOINTS");
        }
        for secret in parameters.secrets {
            trainer = trainer.secret_env(secret.to_uppercase().replace('-', "_"), secret);
        }
        Ok(Plan::of([trainer])
            .note(format!("Nodes: {}; processes on each: {}.", parameters.nodes, parameters.gpus)))
    }
}

chandlery_sdk::export_template!(TorchrunJob);
