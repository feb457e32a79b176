//! llama.cpp: an OpenAI-compatible server of quantised language models, on GPUs or on processors alone.

mod own;

use chandlery_sdk::llm::HTTP;
use chandlery_sdk::model::{Gguf, Model};
use chandlery_sdk::prelude::*;
use chandlery_sdk::sizing::{Fit, Need, Server, Weights, Wish};
use chandlery_sdk::{Added, Platform, Value};

use own::OWN;

const IMAGE: &str = "ghcr.io/ggml-org/llama.cpp";
/// Of the builds, one that has an image of each kind: not every build has.
const BUILD: &str = "b11312";
/// For the program itself, on a machine without GPUs, in MiB.
const PROGRAM_MIB: u64 = 1024;

#[derive(Deserialize)]
struct Parameters {
    model: String,
    model_config: Option<Value>,
    quantisation: Gguf,
    context_tokens: u64,
    parallel: u64,
    gpu: Option<String>,
    gpus: Option<u32>,
    replicas: u32,
    port: u16,
    cpu_millis: u32,
    memory_mib: Option<u32>,
    gated: bool,
    served_name: Option<String>,
    start_minutes: u32,
    image: Option<String>,
    #[serde(flatten)]
    added: Added,
}

/// What the GGUFs of a repository were made of: one model, which is sized and served.
fn model_of(parameters: &Parameters) -> Result<Model, Vec<Problem>> {
    let name = &parameters.model;
    let found = match &parameters.model_config {
        Some(config) => Model::read(config).map_err(|why| format!("the config.json of '{name}' cannot be read: {why}")),
        None => Model::known_gguf(name).ok_or_else(|| {
            format!(
                "no record is known here of what '{name}' was made of: give the config.json of that model, as in --set \
                 model_config=@config.json"
            )
        }),
    };
    found.map_err(|message| vec![Problem::with("/model_config", message)])
}

struct LlamaCpp;

impl Template for LlamaCpp {
    type Parameters = Parameters;

    fn plan(request: Request<Parameters>) -> Result<Plan, Vec<Problem>> {
        let Request { parameters, target, .. } = request;
        let model = model_of(&parameters)?;
        let need = Need {
            name: &parameters.model,
            model: &model,
            weights: Weights::Gguf(parameters.quantisation),
            kv_bits: 16,
            context_tokens: parameters.context_tokens * parameters.parallel,
            server: Server::LlamaCpp,
            data_parallel: 1,
            expert_parallel: false,
            adapters: None,
        };
        let fit = parameters.fit(&need, &target)?;
        let (memory_mib, arithmetic) = parameters.memory(&need, fit.as_ref())?;
        let runtime = match target.can(RuntimeKind::Container) {
            true => Runtime::Container(parameters.image(fit.as_ref())),
            false => Runtime::Host,
        };
        let command = parameters.command(&runtime, &need, fit.is_some());
        let mut server = Workload::service("server", runtime)
            .resources(parameters.cpu_millis, memory_mib)
            .replicas(parameters.replicas)
            .env("BIND", target.bind())
            .model_cache("models", "/models", mib(need.weights_mib() * 3 / 2), "LLAMA_CACHE")
            .http_port(HTTP, parameters.port, "PORT")
            .ready_when_http(HTTP, "/health", parameters.start_minutes * 60);
        if let Some(fit) = fit {
            server = server.gpus([fit.kind], fit.gpus);
        }
        if parameters.gated {
            server = server.secret_env("HF_TOKEN", "hf-token");
        }
        let server = parameters.added.to(server, command, &OWN)?;
        let plan = Plan::of([server])
            .note(arithmetic)
            .note("Ask it: curl http://ADDRESS/v1/models; the API is OpenAI's, under http://ADDRESS/v1.")
            .note("Metrics for Prometheus: http://ADDRESS/metrics.");
        Ok(parameters.added.notes(&OWN).into_iter().fold(plan, Plan::note))
    }
}

impl Parameters {
    /// GPUs that are enough; none: it runs on processors alone.
    fn fit(&self, need: &Need<'_>, target: &Facts) -> Result<Option<Fit>, Vec<Problem>> {
        if self.gpus.unwrap_or(u32::from(!target.gpu_pools.is_empty())) == 0 {
            return Ok(None);
        }
        let wish = Wish { gpu: self.gpu.as_deref(), gpus: self.gpus, nodes: 1 };
        need.place(target, wish).map(Some).map_err(|problem| vec![problem])
    }

    /// The memory of the machine in MiB, and the sum for people. Without GPUs, all of the model has to fit it.
    fn memory(&self, need: &Need<'_>, fit: Option<&Fit>) -> Result<(u32, String), Vec<Problem>> {
        let beside_mib = need.beside_mib() + PROGRAM_MIB;
        let needs_mib = need.weights_mib() + need.cache_mib() + beside_mib;
        let memory_mib = self.memory_mib.unwrap_or(mib(needs_mib));
        if let Some(fit) = fit {
            return Ok((memory_mib, format!("{} × {}: {}.", fit.gpus, fit.kind, fit.arithmetic)));
        }
        let sum = format!(
            "weights {} MiB, KV cache {} MiB for {} tokens, {beside_mib} MiB beside them: {needs_mib} MiB",
            need.weights_mib(),
            need.cache_mib(),
            need.context_tokens
        );
        if u64::from(memory_mib) < needs_mib {
            let message = format!("{} does not fit {memory_mib} MiB: {sum}", self.model);
            return Err(vec![Problem::with("/memory_mib", message)]);
        }
        Ok((memory_mib, format!("On processors alone: {sum}.")))
    }

    /// The image for what the model is placed on. That for CUDA is built with CUDA 12, which knows GPUs before Turing, too.
    fn image(&self, fit: Option<&Fit>) -> String {
        let usual = match fit.map(|fit| Platform::of(&fit.kind)) {
            None => "server",
            Some(Platform::Rocm) => "server-rocm",
            Some(Platform::Cuda | Platform::CudaBeforeTuring) => "server-cuda",
        };
        self.image.clone().unwrap_or_else(|| format!("{IMAGE}:{usual}-{BUILD}"))
    }

    fn command(&self, runtime: &Runtime, need: &Need<'_>, has_gpus: bool) -> Command {
        let program = if *runtime == Runtime::Host { "llama-server" } else { "/app/llama-server" };
        let command = Command::new(program)
            .option("-hf", format_args!("{}:{}", self.model, self.quantisation.name()))
            .args(["--host", "$(BIND)", "--port", "$(PORT)"])
            .option("--ctx-size", need.context_tokens)
            .option("--parallel", self.parallel)
            .args(["--n-gpu-layers", if has_gpus { "999" } else { "0" }, "--metrics"]);
        match &self.served_name {
            Some(name) => command.option("--alias", name),
            None => command,
        }
    }
}

fn mib(mib: u64) -> u32 {
    u32::try_from(mib).unwrap_or(u32::MAX)
}

chandlery_sdk::export_template!(LlamaCpp);
