//! llama.cpp: an OpenAI-compatible server of quantised language models, on GPUs or on processors alone.

use chandlery_sdk::Value;
use chandlery_sdk::llm::HTTP;
use chandlery_sdk::model::{Gguf, Model};
use chandlery_sdk::prelude::*;
use chandlery_sdk::sizing::{Need, Server, Weights, Wish};

const IMAGE: &str = "ghcr.io/ggml-org/llama.cpp";
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
    start_minutes: u32,
    image: Option<String>,
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
        let context_tokens = parameters.context_tokens * parameters.parallel;
        let need = Need {
            name: &parameters.model,
            model: &model,
            weights: Weights::Gguf(parameters.quantisation),
            kv_bits: 16,
            context_tokens,
            server: Server::LlamaCpp,
        };
        let cache_mib = u32::try_from(need.weights_mib() * 3 / 2).unwrap_or(u32::MAX);
        let with_gpus = parameters.gpus.unwrap_or(u32::from(!target.gpu_pools.is_empty())) > 0;
        let usual = format!("{IMAGE}:{}", if with_gpus { "server-cuda" } else { "server" });
        let runtime = match target.can(RuntimeKind::Container) {
            true => Runtime::Container(parameters.image.unwrap_or(usual)),
            false => Runtime::Host,
        };
        let program = if runtime == Runtime::Host { "llama-server" } else { "/app/llama-server" };
        let command = Command::new(program)
            .option("-hf", format_args!("{}:{}", parameters.model, parameters.quantisation.name()))
            .args(["--host", "$(BIND)", "--port", "$(PORT)"])
            .option("--ctx-size", context_tokens)
            .option("--parallel", parameters.parallel)
            .args(["--n-gpu-layers", if with_gpus { "999" } else { "0" }, "--metrics"]);
        let mut server = Workload::service("server", runtime)
            .command(command)
            .replicas(parameters.replicas)
            .env("BIND", target.bind())
            .model_cache("models", "/models", cache_mib, "LLAMA_CACHE")
            .http_port(HTTP, parameters.port, "PORT")
            .ready_when_http(HTTP, "/health", parameters.start_minutes * 60);
        let beside_mib = need.beside_mib() + PROGRAM_MIB;
        let needs_mib = need.weights_mib() + need.cache_mib() + beside_mib;
        let memory_mib = parameters.memory_mib.unwrap_or(u32::try_from(needs_mib).unwrap_or(u32::MAX));
        let arithmetic = if with_gpus {
            let wish = Wish { gpu: parameters.gpu.as_deref(), gpus: parameters.gpus, nodes: 1 };
            let fit = need.place(&target, wish).map_err(|problem| vec![problem])?;
            server = server.gpus([fit.kind.clone()], fit.gpus).resources(parameters.cpu_millis, memory_mib);
            format!("{} × {}: {}.", fit.gpus, fit.kind, fit.arithmetic)
        } else {
            let sum = format!(
                "weights {} MiB, KV cache {} MiB for {context_tokens} tokens, {beside_mib} MiB beside them: {needs_mib} MiB",
                need.weights_mib(),
                need.cache_mib()
            );
            if u64::from(memory_mib) < needs_mib {
                let message = format!("{} does not fit {memory_mib} MiB: {sum}", parameters.model);
                return Err(vec![Problem::with("/memory_mib", message)]);
            }
            server = server.resources(parameters.cpu_millis, memory_mib);
            format!("On processors alone: {sum}.")
        };
        if parameters.gated {
            server = server.secret_env("HF_TOKEN", "hf-token");
        }
        Ok(Plan::of([server])
            .note(arithmetic)
            .note("Ask it: curl http://ADDRESS/v1/models; the API is OpenAI's, under http://ADDRESS/v1.")
            .note("Metrics for Prometheus: http://ADDRESS/metrics."))
    }
}

chandlery_sdk::export_template!(LlamaCpp);
