//! Hugging Face's Text Embeddings Inference: embeddings, rerankers and classifiers.

mod own;

use chandlery_sdk::llm::{HTTP, model_of};
use chandlery_sdk::prelude::*;
use chandlery_sdk::sizing::Reading;
use chandlery_sdk::{Added, Value, chip_of};

use own::OWN;

const IMAGE: &str = "ghcr.io/huggingface/text-embeddings-inference";
const VERSION: &str = "1.9.4";
/// The image for each architecture, by the kinds of GPUs that have it: one for all of Turing, Ampere and Hopper, and one for each of
/// the others.
const ARCHITECTURES: [(&[&str], &str); 5] = [
    (
        &[
            "t4",
            "rtx6000",
            "a100",
            "a100-80gb",
            "a30",
            "a10",
            "a10g",
            "a40",
            "rtx3090",
            "h100",
            "h200",
            "h20",
            "gh200",
        ],
        "cuda-",
    ),
    (&["l4", "l40", "l40s", "rtx4090"], "89-"),
    (&["b200", "gb200"], "100-"),
    (&["rtx5090", "rtxpro6000"], "120-"),
    (&["gb10"], "121-"),
];
/// For the program itself, on processors alone, in MiB.
const PROGRAM_MIB: u64 = 1024;

#[derive(Deserialize)]
struct Parameters {
    model: String,
    model_config: Option<Value>,
    gpu: Option<String>,
    max_batch_tokens: u64,
    replicas: u32,
    port: u16,
    cpu_millis: u32,
    memory_mib: Option<u32>,
    gated: bool,
    revision: Option<String>,
    served_name: Option<String>,
    image: Option<String>,
    #[serde(flatten)]
    added: Added,
}

struct TextEmbeddingsInference;

impl Template for TextEmbeddingsInference {
    type Parameters = Parameters;

    fn plan(request: Request<Parameters>) -> Result<Plan, Vec<Problem>> {
        let Request { parameters, target, .. } = request;
        let model =
            model_of(&parameters.model, parameters.model_config.as_ref()).map_err(|problem| vec![problem])?;
        let reading = Reading {
            model: &model,
            batch_tokens: parameters.max_batch_tokens,
            weight_bytes: if parameters.gpu.is_some() { 2 } else { 4 },
            has_flash_attention: true,
        };
        let (weights_mib, batch_mib) = (reading.weights_mib(), reading.batch_mib());
        let needs_mib = reading.needs_mib();
        let arithmetic = format!(
            "weights {weights_mib} MiB, a batch of {} tokens {batch_mib} MiB, with the program {needs_mib} MiB",
            parameters.max_batch_tokens
        );
        if let Some(gpu) = &parameters.gpu {
            must_fit(gpu, reading, &arithmetic, &target)?;
        }
        let architecture = match &parameters.gpu {
            None if target.architecture == "aarch64" => "cpu-arm64-",
            None => "cpu-",
            Some(gpu) => architecture(gpu, parameters.image.is_some())?,
        };
        let usual = format!("{IMAGE}:{architecture}{VERSION}");
        let runtime = match target.can(RuntimeKind::Container) {
            true => Runtime::Container(parameters.image.clone().unwrap_or(usual)),
            false => Runtime::Host,
        };
        let weights_mib = u32::try_from(weights_mib).unwrap_or(u32::MAX);
        let usual = reading.weights_mib() + reading.batch_mib() + PROGRAM_MIB;
        let memory_mib = parameters.memory_mib.unwrap_or(u32::try_from(usual).unwrap_or(u32::MAX));
        let mut server = Workload::service("server", runtime)
            .resources(parameters.cpu_millis, memory_mib)
            .replicas(parameters.replicas)
            .env("BIND", target.bind())
            .model_cache("models", "/data", weights_mib.saturating_mul(2), "HUGGINGFACE_HUB_CACHE")
            .http_port(HTTP, parameters.port, "PORT")
            .ready_when_http(HTTP, "/health", 1800);
        if let Some(gpu) = &parameters.gpu {
            server = server.gpus([gpu], 1);
        }
        if parameters.gated {
            server = server.secret_env("HF_TOKEN", "hf-token");
        }
        let server = parameters.added.to(server, parameters.command(), &OWN)?;
        let plan = Plan::of([server])
            .note(format!("Memory: {arithmetic}."))
            .note("Ask it: curl http://ADDRESS/embed -H content-type:application/json -d '{\"inputs\":\"a text\"}'")
            .note("Metrics for Prometheus: http://ADDRESS/metrics.");
        Ok(parameters.added.notes(&OWN).into_iter().fold(plan, Plan::note))
    }
}

impl Parameters {
    fn command(&self) -> Command {
        let said = [("--revision", &self.revision), ("--served-model-name", &self.served_name)];
        let command = Command::new("text-embeddings-router")
            .option("--model-id", &self.model)
            .args(["--hostname", "$(BIND)", "--port", "$(PORT)"])
            .option("--max-batch-tokens", self.max_batch_tokens);
        let said = said.into_iter().filter_map(|(flag, value)| Some((flag, value.as_ref()?)));
        said.fold(command, |command, (flag, value)| command.option(flag, value))
    }
}

fn must_fit(gpu: &str, reading: Reading<'_>, arithmetic: &str, target: &Facts) -> Result<(), Vec<Problem>> {
    let Some(pool) = target.gpu_pools.iter().find(|pool| pool.kind == gpu) else {
        let message = format!("target '{}' has no GPUs of kind '{gpu}'", target.name);
        return Err(vec![Problem::with("/gpu", message)]);
    };
    let memory_mib = u64::from(pool.memory_mib);
    if memory_mib > 0 && !reading.fits(memory_mib) {
        let counted_on = Reading::counted_on_mib(memory_mib);
        let message =
            format!("{gpu} has {memory_mib} MiB, of which {counted_on} are counted on: {arithmetic}");
        return Err(vec![Problem::with("/max_batch_tokens", message)]);
    }
    Ok(())
}

fn architecture(gpu: &str, is_named: bool) -> Result<&'static str, Vec<Problem>> {
    let chip = chip_of(gpu);
    let found = ARCHITECTURES.iter().find(|(kinds, _)| kinds.contains(&chip)).map(|(_, prefix)| *prefix);
    match found {
        Some(prefix) => Ok(prefix),
        None if is_named => Ok(""),
        None => Err(vec![Problem::with("/image", format!("no image for {gpu} is known here; name one"))]),
    }
}

chandlery_sdk::export_template!(TextEmbeddingsInference);
