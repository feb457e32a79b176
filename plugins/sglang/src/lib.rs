//! SGLang: an OpenAI-compatible server of language models.

use chandlery_sdk::llm::{KvCache, Llm, Weights};
use chandlery_sdk::prelude::*;

const VERSION: &str = "0.5.23";
/// Where the nodes of a replica find each other.
const RENDEZVOUS_PORT: u16 = 20_000;

struct Sglang;

impl Template for Sglang {
    type Parameters = Llm;

    fn plan(request: Request<Llm>) -> Result<Plan, Vec<Problem>> {
        let llm = &request.parameters;
        let usual = format!("lmsysorg/sglang:v{VERSION}");
        let image = llm.image.as_deref().unwrap_or(&usual);
        let runtime = request.target.container_or_python(image, &[&format!("sglang[all]=={VERSION}")])?;
        let placed = llm.place(&request.target, runtime, "/health")?;
        let mut words = format!(
            "python3 -m sglang.launch_server --model-path {} --host $(BIND) --port $(PORT) --tp-size {} \
             --context-length {} --mem-fraction-static {}.{:02} --enable-metrics",
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
            words += " --kv-cache-dtype fp8_e5m2";
        }
        if llm.nodes > 1 {
            words += &format!(
                " --pp-size {0} --nnodes {0} --node-rank $(CHANDLERY_NODE_RANK) \
                 --dist-init-addr $(CHANDLERY_LEADER_ADDRESS):{RENDEZVOUS_PORT}",
                llm.nodes
            );
        }
        Ok(placed.plan(words.split(' ')))
    }
}

chandlery_sdk::export_template!(Sglang);
