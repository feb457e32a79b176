//! llama.cpp: an OpenAI-compatible server of quantised language models, on GPUs or on processors alone.

use chandlery_sdk::llm::HTTP;
use chandlery_sdk::prelude::*;
use chandlery_sdk::sizing::{Model, Need, Wish};

const IMAGE: &str = "ghcr.io/ggml-org/llama.cpp";
/// Beside weights and cache, on a machine without GPUs, in MiB.
const BESIDE_MIB: u64 = 2048;

#[derive(Deserialize)]
struct Parameters {
    model: String,
    model_facts: Option<Model>,
    repository: String,
    quantisation: Quantisation,
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

#[derive(Clone, Copy, Deserialize)]
#[allow(non_camel_case_types)]
enum Quantisation {
    Q4_K_M,
    Q5_K_M,
    Q6_K,
    Q8_0,
    F16,
}

impl Quantisation {
    /// Its name, and hundredths of a bit for each weight, as `llama-quantize` says of Llama 3 8B.
    fn facts(self) -> (&'static str, u64) {
        match self {
            Quantisation::Q4_K_M => ("Q4_K_M", 489),
            Quantisation::Q5_K_M => ("Q5_K_M", 570),
            Quantisation::Q6_K => ("Q6_K", 656),
            Quantisation::Q8_0 => ("Q8_0", 850),
            Quantisation::F16 => ("F16", 1600),
        }
    }
}

struct LlamaCpp;

impl Template for LlamaCpp {
    type Parameters = Parameters;

    fn plan(request: Request<Parameters>) -> Result<Plan, Vec<Problem>> {
        let Request { parameters, target, .. } = request;
        let model = parameters.model_facts.or_else(|| Model::known(&parameters.model)).ok_or_else(|| {
            let message =
                format!("the size of '{}' is not known here; say it in model_facts", parameters.model);
            vec![Problem::with("/model_facts", message)]
        })?;
        let (quantisation, weight_centibits) = parameters.quantisation.facts();
        let context_tokens = parameters.context_tokens * parameters.parallel;
        let need = Need {
            name: &parameters.model,
            model,
            weight_centibits,
            kv_bits: 16,
            context_tokens,
            memory_percent: 95,
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
            .option("-hf", format_args!("{}:{quantisation}", parameters.repository))
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
        let needs_mib = need.weights_mib() + need.cache_mib() + BESIDE_MIB;
        let memory_mib = parameters.memory_mib.unwrap_or(u32::try_from(needs_mib).unwrap_or(u32::MAX));
        let arithmetic = if with_gpus {
            let wish = Wish { gpu: parameters.gpu.as_deref(), gpus: parameters.gpus, nodes: 1 };
            let fit = need.place(&target, wish).map_err(|problem| vec![problem])?;
            server = server.gpus([fit.kind.clone()], fit.gpus).resources(parameters.cpu_millis, memory_mib);
            format!("{} × {}: {}.", fit.gpus, fit.kind, fit.arithmetic)
        } else {
            let sum = format!(
                "weights {} MiB, KV cache {} MiB for {context_tokens} tokens, {BESIDE_MIB} MiB beside them: {needs_mib} MiB",
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
