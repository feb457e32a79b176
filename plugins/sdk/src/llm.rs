//! What templates that serve language models share: their parameters, and the workload without its command.

use serde::Deserialize;
use serde_json::Value;

use crate::Command;
use crate::bindings::plan::{Plan, Runtime, Workload};
use crate::bindings::template::{EngineKind, Facts, Problem, RuntimeKind};
use crate::model::Model;
use crate::sizing::{self, Fit, Need, Server, Wish};

/// The port that requests come to.
pub const HTTP: &str = "http";
/// What a context is at most, where none is asked for: whole contexts of new models fill any GPU.
const USUAL_CONTEXT_TOKENS: u64 = 32_768;

/// How the weights are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Weights {
    /// As the checkpoint has them.
    Auto,
    /// With 8 bits, by the server while it loads a checkpoint of 16.
    Fp8,
}

/// How the KV cache is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum KvCache {
    /// As the checkpoint says, or with 16 bits.
    Auto,
    /// 8 bits a value.
    Fp8,
}

/// The parameters of a server of language models.
#[derive(Debug, Clone, Deserialize)]
pub struct Llm {
    /// Its name on Hugging Face, or a path.
    pub model: String,
    /// Its `config.json`, where its record does not ship with the SDK.
    pub model_config: Option<Value>,
    /// How the weights are kept.
    pub weights: Weights,
    /// How the KV cache is kept.
    pub kv_cache: KvCache,
    /// The longest request; none: the model's, up to 32,768.
    pub context_tokens: Option<u64>,
    /// The kind of GPU; none: whichever is enough.
    pub gpu: Option<String>,
    /// How many on each node; none: as many as are enough.
    pub gpus: Option<u32>,
    /// How many nodes each replica spans.
    pub nodes: u32,
    /// How many replicas.
    pub replicas: u32,
    /// Of each GPU's memory, what the server takes, in percent; none: by its own formula.
    pub memory_percent: Option<u64>,
    /// The number of the port that it serves at.
    pub port: u16,
    /// Processor time of each replica, in thousandths of a core, on each node; none: four cores for each GPU.
    pub cpu_millis: Option<u32>,
    /// Memory of each replica on each node; none: 16 GiB and 8 GiB for each GPU.
    pub memory_mib: Option<u32>,
    /// Disk that is kept for weights; none: twice what they need.
    pub cache_mib: Option<u32>,
    /// Whether Hugging Face asks who wants the model.
    pub gated: bool,
    /// How long the first start may take, with its download.
    pub start_minutes: u32,
    /// The image; none: the usual one.
    pub image: Option<String>,
}

/// A model with a place to run.
pub struct Placed {
    /// What runs, but for its command.
    pub workload: Workload,
    /// The GPUs that it fits on.
    pub fit: Fit,
    /// The longest request.
    pub context_tokens: u64,
}

impl Llm {
    /// The workload of this server on the target: GPUs that are enough, a cache for the weights, an HTTP port whose number is
    /// in `PORT`, ready when `health` answers.
    pub fn place(
        &self,
        target: &Facts,
        server: Server,
        runtime: Runtime,
        health: &str,
    ) -> Result<Placed, Vec<Problem>> {
        let model = model_of(&self.model, self.model_config.as_ref()).map_err(|problem| vec![problem])?;
        let context_tokens = self.context_tokens.unwrap_or(model.context_tokens.min(USUAL_CONTEXT_TOKENS));
        if context_tokens > model.context_tokens {
            let message = format!("{} reads at most {} tokens", self.model, model.context_tokens);
            return Err(vec![Problem::with("/context_tokens", message)]);
        }
        let said = model.quantisation.as_ref().and_then(|how| how.kv_bits);
        let need = Need {
            name: &self.model,
            model: &model,
            weights: self.weights(&model)?,
            kv_bits: if self.kv_cache == KvCache::Fp8 { 8 } else { said.unwrap_or(16) },
            context_tokens,
            server,
        };
        let wish = Wish { gpu: self.gpu.as_deref(), gpus: self.gpus, nodes: self.nodes };
        let fit = need.place(target, wish).map_err(|problem| vec![problem])?;
        let weights_mib = u32::try_from(need.weights_mib()).unwrap_or(u32::MAX);
        let mut workload = Workload::service("server", runtime)
            .resources(
                self.cpu_millis.unwrap_or(4000 * fit.gpus),
                self.memory_mib.unwrap_or(16_384 + 8192 * fit.gpus),
            )
            .gpus([fit.kind.clone()], fit.gpus * self.nodes)
            .nodes(self.nodes)
            .replicas(self.replicas)
            .env("BIND", target.bind())
            .model_cache(
                "models",
                "/models",
                self.cache_mib.unwrap_or(weights_mib.saturating_mul(2)),
                "HF_HOME",
            )
            .http_port(HTTP, self.port, "PORT")
            .ready_when_http(HTTP, health, self.start_minutes * 60)
            .grace(30);
        if self.gated {
            workload = workload.secret_env("HF_TOKEN", "hf-token");
        }
        Ok(Placed { workload, fit, context_tokens })
    }

    /// How the server keeps the weights: a checkpoint that is quantised cannot be quantised once more.
    fn weights(&self, model: &Model) -> Result<sizing::Weights, Vec<Problem>> {
        match (&model.quantisation, self.weights) {
            (_, Weights::Auto) => Ok(sizing::Weights::AsTheyAre),
            (None, Weights::Fp8) => Ok(sizing::Weights::Fp8),
            (Some(how), Weights::Fp8) => {
                let message = format!(
                    "the checkpoint of {} is quantised already, by {}: leave weights at auto",
                    self.model, how.method
                );
                Err(vec![Problem::with("/weights", message)])
            }
        }
    }
}

/// What a model is made of: by the `config.json` that is given, or by the record of its name that ships with the SDK.
pub fn model_of(name: &str, config: Option<&Value>) -> Result<Model, Problem> {
    if let Some(config) = config {
        let refuse = |why| {
            Problem::with("/model_config", format!("the config.json of '{name}' cannot be read: {why}"))
        };
        return Model::read(config).map_err(refuse);
    }
    Model::known(name).ok_or_else(|| {
        let message = format!(
            "no record of '{name}' is known here: give its config.json, as in --set model_config=@config.json"
        );
        Problem::with("/model_config", message)
    })
}

impl Placed {
    /// Requests at once beyond which the server would not start; none: no such bound.
    pub fn requests_max(&self) -> Option<u64> {
        self.fit.requests_max
    }

    /// The plan of this server, started by this command, with what to know of where it runs and how it is asked.
    pub fn plan(self, command: Command) -> Plan {
        let Fit { kind, gpus, share, arithmetic, .. } = &self.fit;
        let tokens = share.tokens();
        let notes = [
            format!("{gpus} × {kind} on each node: {arithmetic}."),
            format!(
                "The KV cache has room for {tokens} tokens: {} requests of {} tokens at once.",
                tokens / self.context_tokens.max(1),
                self.context_tokens
            ),
            "Ask it: curl http://ADDRESS/v1/models; the API is OpenAI's, under http://ADDRESS/v1.".into(),
            "Metrics for Prometheus: http://ADDRESS/metrics.".into(),
        ];
        notes.into_iter().fold(Plan::of([self.workload.command(command)]), Plan::note)
    }
}

impl Facts {
    /// Where a server listens: on this machine for this machine alone, since the host forwards requests.
    pub fn bind(&self) -> &'static str {
        if self.engine == EngineKind::Local { "127.0.0.1" } else { "0.0.0.0" }
    }

    /// Whether the target runs such programs.
    pub fn can(&self, runtime: RuntimeKind) -> bool {
        self.runtimes.contains(&runtime)
    }

    /// The container image where the target runs containers, else a Python environment of these requirements.
    pub fn container_or_python(&self, image: &str, requirements: &[&str]) -> Result<Runtime, Vec<Problem>> {
        match () {
            () if self.can(RuntimeKind::Container) => Ok(Runtime::Container(image.into())),
            () if self.can(RuntimeKind::Python) && !requirements.is_empty() => {
                Ok(Runtime::Python(requirements.iter().map(|requirement| (*requirement).into()).collect()))
            }
            () => Err(vec![Problem::of(format!(
                "target '{}' runs neither containers nor Python environments",
                self.name
            ))]),
        }
    }
}
