//! What templates that serve language models share: their parameters, and the workload without its command.

use serde::Deserialize;
use serde_json::Value;

use crate::bindings::plan::{Plan, Runtime, Workload};
use crate::bindings::template::{EngineKind, Facts, GpuPool, Problem, RuntimeKind};
use crate::gpu::is_shared;
use crate::model::Model;
use crate::sizing::{self, Adapters, Fit, Need, Server, Wish};
use crate::{Added, Command, Own, Platform};

/// The port that requests come to.
pub const HTTP: &str = "http";
/// The secret that whoever asks a server for something must give.
const API_KEY: &str = "llm-api-key";
/// What a context is at most, where none is asked for: whole contexts of new models fill any GPU.
const USUAL_CONTEXT_TOKENS: u64 = 32_768;

/// What to do about a kind of GPU that no known image is built for.
const OWN_IMAGE: &str = "name an image that is built for it";

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
    /// How many copies of the model the GPUs of a node hold, which answer by turns.
    pub data_parallel: u32,
    /// Whether each GPU holds some experts whole, rather than a part of each.
    pub expert_parallel: bool,
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
    /// The commit, tag or branch of its repository; none: the branch `main`.
    pub revision: Option<String>,
    /// What requests call it; none: its name.
    pub served_name: Option<String>,
    /// By which of the server's parsers calls of tools are read from what the model writes; none: they are not.
    pub tool_call_parser: Option<String>,
    /// By which of the server's parsers what the model thinks is told from what it answers; none: it is not.
    pub reasoning_parser: Option<String>,
    /// LoRA adapters that requests may name instead of the model, each as `name=source`, whose source is what a model's is.
    pub lora: Vec<String>,
    /// The largest rank of an adapter.
    pub lora_rank: u64,
    /// How many adapters each GPU holds at once; none: all.
    pub lora_slots: Option<u64>,
    /// Whether the server runs code that the model's repository brings.
    pub trust_remote_code: bool,
    /// Whether requests must bring the secret `llm-api-key`.
    pub api_key: bool,
    /// How long the first start may take, with its download.
    pub start_minutes: u32,
    /// The image; none: the usual one.
    pub image: Option<String>,
    /// What is added to the template's own command and environment.
    #[serde(flatten)]
    pub added: Added,
}

/// The program of a server, and what of it a plan depends on.
#[derive(Debug, Clone, Copy)]
pub struct Program<'a> {
    /// What it is called, with its version.
    pub name: &'a str,
    /// The image for NVIDIA's GPUs since Turing.
    pub cuda: &'a str,
    /// The image for AMD's GPUs; none: it is not known how that of this version is called.
    pub rocm: Option<&'a str>,
    /// The requirement of PyPI, whose wheels are for NVIDIA's GPUs since Turing.
    pub wheel: &'a str,
    /// What memory depends on.
    pub server: Server,
    /// The path that answers when it is ready.
    pub health: &'a str,
    /// The environment variable that holds the key which requests must bring.
    pub key_variable: &'a str,
}

/// A model with a place to run.
pub struct Placed {
    /// What runs, but for its command.
    pub workload: Workload,
    /// The GPUs that it fits on.
    pub fit: Fit,
    /// How many of them share each layer.
    pub tensor_parallel: u32,
    /// The longest request.
    pub context_tokens: u64,
    /// The LoRA adapters that each GPU has room for; none: none are served.
    pub adapters: Option<Adapters>,
}

impl Llm {
    /// The workload of this server on the target: GPUs that are enough, a cache for the weights, an HTTP port whose number is
    /// in `PORT`, ready when it answers.
    pub fn place(&self, target: &Facts, program: Program<'_>) -> Result<Placed, Vec<Problem>> {
        let model = model_of(&self.model, self.model_config.as_ref()).map_err(|problem| vec![problem])?;
        let need = self.need(&model, program.server)?;
        let target = program.suited(target, self).map_err(|problem| vec![problem])?;
        let wish = Wish { gpu: self.gpu.as_deref(), gpus: self.gpus, nodes: self.nodes };
        let fit = need.place(&target, wish).map_err(|problem| vec![problem])?;
        let image = self.image.as_deref().unwrap_or(program.image(&fit.kind));
        let runtime = target.container_or_python(image, &[program.wheel])?;
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
            .ready_when_http(HTTP, program.health, self.start_minutes * 60)
            .grace(30);
        if self.gated {
            workload = workload.secret_env("HF_TOKEN", "hf-token");
        }
        if self.api_key {
            workload = workload.secret_env(program.key_variable, API_KEY);
        }
        let tensor_parallel = fit.gpus / self.data_parallel;
        let Need { context_tokens, adapters, .. } = need;
        Ok(Placed { workload, fit, tensor_parallel, context_tokens, adapters })
    }

    /// What has to be placed, where the parameters agree with the model and with each other.
    fn need<'a>(&'a self, model: &'a Model, server: Server) -> Result<Need<'a>, Vec<Problem>> {
        let refuse = |parameter: &str, message: String| Err(vec![Problem::with(parameter, message)]);
        let context_tokens = self.context_tokens.unwrap_or(model.context_tokens.min(USUAL_CONTEXT_TOKENS));
        if context_tokens > model.context_tokens {
            let message = format!("{} reads at most {} tokens", self.model, model.context_tokens);
            return refuse("/context_tokens", message);
        }
        if self.data_parallel > 1 && self.nodes > 1 {
            let message = "copies of a model share one node here; set replicas for more of them".into();
            return refuse("/data_parallel", message);
        }
        if let Some(gpus) = self.gpus.filter(|gpus| !gpus.is_multiple_of(self.data_parallel)) {
            let message =
                format!("{gpus} GPUs cannot be shared evenly by {} copies of a model", self.data_parallel);
            return refuse("/data_parallel", message);
        }
        if self.expert_parallel && model.layers.iter().all(|layer| layer.routed.is_none()) {
            return refuse("/expert_parallel", format!("{} has no experts: leave it out", self.model));
        }
        let said = model.quantisation.as_ref().and_then(|how| how.kv_bits);
        Ok(Need {
            name: &self.model,
            model,
            weights: self.weights(model)?,
            kv_bits: if self.kv_cache == KvCache::Fp8 { 8 } else { said.unwrap_or(16) },
            context_tokens,
            server,
            data_parallel: self.data_parallel,
            expert_parallel: self.expert_parallel,
            adapters: self.adapters(server)?,
        })
    }

    /// The adapters that there is room for.
    fn adapters(&self, server: Server) -> Result<Option<Adapters>, Vec<Problem>> {
        let names: Vec<_> = self.lora.iter().filter_map(|adapter| Some(adapter.split_once('=')?.0)).collect();
        let served = self.served_name.as_deref().unwrap_or(&self.model);
        let taken = |(at, name): (usize, &&str)| *name == served || names[..at].contains(name);
        if let Some(name) = names.iter().enumerate().find(|place| taken(*place)).map(|(_, name)| name) {
            let message =
                format!("'{name}' is the name of another adapter, or of the model: requests name one");
            return Err(vec![Problem::with("/lora", message)]);
        }
        // To SGLang, the model without any is one of them.
        let bare = u64::from(matches!(server, Server::Sglang { .. }));
        let slots = self.lora_slots.unwrap_or(names.len() as u64) + bare;
        Ok((!names.is_empty()).then_some(Adapters { slots, rank: self.lora_rank }))
    }

    /// The command with the flags that servers agree on.
    pub fn flags(&self, command: Command) -> Command {
        let said = [
            ("--revision", &self.revision),
            ("--served-model-name", &self.served_name),
            ("--tool-call-parser", &self.tool_call_parser),
            ("--reasoning-parser", &self.reasoning_parser),
        ];
        let said = said.into_iter().filter_map(|(flag, value)| Some((flag, value.as_ref()?)));
        let command = said.fold(command, |command, (flag, value)| command.option(flag, value));
        if self.trust_remote_code { command.arg("--trust-remote-code") } else { command }
    }

    /// What to know before one agrees to this.
    fn warnings(&self) -> impl Iterator<Item = String> {
        let code = self.trust_remote_code.then(|| {
            let which = match &self.revision {
                Some(revision) => format!("as it is at the revision {revision}"),
                None => "as it is whenever the server starts: name a revision that you have read".into(),
            };
            format!(
                "Warning: trust_remote_code runs code that the repository {} brings, {which}. That code sees what the server sees: \
                 its secrets, its requests and the network.",
                self.model
            )
        });
        code.into_iter()
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

impl Program<'_> {
    /// The target without GPUs that the program does not run on; or why it runs on none that are asked for.
    fn suited(&self, target: &Facts, asked: &Llm) -> Result<Facts, Problem> {
        let in_image = target.can(RuntimeKind::Container);
        let why_not = |pool: &GpuPool| match Platform::of(&pool.kind) {
            // It takes its share of the whole, whoever else is there.
            _ if is_shared(&pool.kind) && asked.memory_percent.is_none() => Some((
                "takes its share of a whole GPU, and this kind is given to several at once",
                "name it by gpu, with your part of it as memory_percent",
            )),
            // Whoever names an image knows what it runs on.
            _ if in_image && asked.image.is_some() => None,
            Platform::Cuda => None,
            Platform::CudaBeforeTuring => {
                Some(("is built for Turing and later, and not for this kind", OWN_IMAGE))
            }
            Platform::Rocm if !in_image => {
                Some(("is on PyPI for NVIDIA's GPUs alone, and this target runs no containers", OWN_IMAGE))
            }
            Platform::Rocm if self.rocm.is_some() => None,
            Platform::Rocm => Some(("has no image for AMD's GPUs that is known here", OWN_IMAGE)),
        };
        let is_asked = |pool: &&GpuPool| asked.gpu.as_ref().is_none_or(|kind| *kind == pool.kind);
        let runs: Vec<_> = target.gpu_pools.iter().filter(|pool| why_not(pool).is_none()).cloned().collect();
        let refused = target.gpu_pools.iter().filter(is_asked).find_map(|pool| Some((pool, why_not(pool)?)));
        match refused {
            Some((pool, (why, instead))) if !runs.iter().any(|pool| is_asked(&pool)) => {
                let message =
                    format!("{} {why}: {}; choose another kind of GPU, or {instead}", self.name, pool.kind);
                Err(Problem::with("/gpu", message))
            }
            _ => Ok(Facts { gpu_pools: runs, ..target.clone() }),
        }
    }

    fn image(&self, kind: &str) -> &str {
        match (Platform::of(kind), self.rocm) {
            (Platform::Rocm, Some(rocm)) => rocm,
            _ => self.cuda,
        }
    }
}

impl Placed {
    /// Requests at once beyond which the server would not start; none: no such bound.
    pub fn requests_max(&self) -> Option<u64> {
        self.fit.requests_max
    }

    /// The plan of this server, started by this command and what is added to it, with what to know of it.
    pub fn plan(self, command: Command, llm: &Llm, own: &Own) -> Result<Plan, Vec<Problem>> {
        let Fit { kind, gpus, share, arithmetic, .. } = &self.fit;
        let tokens = share.tokens();
        let of = if llm.data_parallel > 1 { " of each copy" } else { "" };
        let asked = match llm.api_key {
            true => format!(" -H \"Authorization: Bearer $KEY\", where KEY is your secret {API_KEY}"),
            false => String::new(),
        };
        let adapters = (!llm.lora.is_empty()).then(|| {
            let names = llm.lora.iter().filter_map(|adapter| adapter.split('=').next());
            format!(
                "Adapters, up to rank {}, which requests name as the model: {}.",
                llm.lora_rank,
                names.collect::<Vec<_>>().join(", ")
            )
        });
        let notes = [
            format!("{gpus} × {kind} on each node: {arithmetic}."),
            format!(
                "The KV cache{of} has room for {tokens} tokens: {} requests of {} tokens at once.",
                tokens / self.context_tokens.max(1),
                self.context_tokens
            ),
            format!(
                "Ask it: curl http://ADDRESS/v1/models{asked}; the API is OpenAI's, under http://ADDRESS/v1."
            ),
            "Metrics for Prometheus: http://ADDRESS/metrics.".into(),
        ];
        let workload = llm.added.to(self.workload, command, own)?;
        let notes = llm.warnings().chain(notes).chain(adapters).chain(llm.added.notes(own));
        Ok(notes.fold(Plan::of([workload]), Plan::note))
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

#[cfg(test)]
mod tests;
