//! vLLM: an OpenAI-compatible server of language models.

use chandlery_sdk::llm::{HTTP, KvCache, Llm, Weights};
use chandlery_sdk::prelude::*;

const VERSION: &str = "0.33.0";
/// Where the nodes of a replica find each other.
const RENDEZVOUS_PORT: u16 = 29_500;

struct Vllm;

impl Template for Vllm {
    type Parameters = Llm;

    fn plan(request: Request<Llm>) -> Result<Plan, Vec<Problem>> {
        let llm = &request.parameters;
        let usual = format!("vllm/vllm-openai:v{VERSION}");
        let image = llm.image.as_deref().unwrap_or(&usual);
        let runtime = request.target.container_or_python(image, &[&format!("vllm=={VERSION}")])?;
        let placed = llm.place(&request.target, runtime, "/health")?;
        let mut words = format!(
            "vllm serve {} --host $(BIND) --port $(PORT) --tensor-parallel-size {} --max-model-len {} \
             --gpu-memory-utilization {}.{:02}",
            llm.model,
            placed.fit.gpus,
            placed.context_tokens,
            llm.memory_percent / 100,
            llm.memory_percent % 100,
        );
        // Four-bit weights are quantised in their checkpoint, which says so itself.
        if llm.weights == Weights::Fp8 {
            words += " --quantization fp8";
        }
        if llm.kv_cache == KvCache::Fp8 {
            words += " --kv-cache-dtype fp8";
        }
        let mut words: Vec<String> = words.split(' ').map(String::from).collect();
        if llm.nodes > 1 {
            words = over_nodes(words, llm.nodes);
        }
        Ok(placed.plan(words))
    }
}

/// The first node serves, the others only compute.
fn over_nodes(words: Vec<String>, nodes: u32) -> Vec<String> {
    let script = format!(
        "[ \"$CHANDLERY_NODE_RANK\" = 0 ] || set -- \"$@\" --headless; exec \"$@\" --pipeline-parallel-size {nodes} \
         --nnodes {nodes} --node-rank \"$CHANDLERY_NODE_RANK\" --master-addr \"$CHANDLERY_LEADER_ADDRESS\" \
         --master-port {RENDEZVOUS_PORT}"
    );
    let shell = ["sh", "-c", &script, HTTP].map(String::from);
    shell.into_iter().chain(words).collect()
}

chandlery_sdk::export_template!(Vllm);
