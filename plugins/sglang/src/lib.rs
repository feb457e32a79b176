//! SGLang: an OpenAI-compatible server of language models.

use chandlery_sdk::llm::{KvCache, Llm, Weights};
use chandlery_sdk::prelude::*;
use chandlery_sdk::sizing::Server;

const VERSION: &str = "0.5.23";

struct Sglang;

impl Template for Sglang {
    type Parameters = Llm;

    fn plan(request: Request<Llm>) -> Result<Plan, Vec<Problem>> {
        let llm = &request.parameters;
        let usual = format!("lmsysorg/sglang:v{VERSION}");
        let image = llm.image.as_deref().unwrap_or(&usual);
        let runtime = request.target.container_or_python(image, &[&format!("sglang[all]=={VERSION}")])?;
        let server = Server::Sglang { share: llm.memory_percent.map(|percent| percent * 10) };
        let placed = llm.place(&request.target, server, runtime, "/health")?;
        let mut command = Command::from(["python3", "-m", "sglang.launch_server"])
            .option("--model-path", &llm.model)
            .args(["--host", "$(BIND)", "--port", "$(PORT)"])
            .option("--tp-size", placed.fit.gpus)
            .option("--context-length", placed.context_tokens)
            .arg("--enable-metrics");
        if let Some(percent) = llm.memory_percent {
            command = command
                .option("--mem-fraction-static", format_args!("{}.{:02}", percent / 100, percent % 100));
        }
        // One that is quantised says so itself.
        if llm.weights == Weights::Fp8 {
            command = command.option("--quantization", "fp8");
        }
        if llm.kv_cache == KvCache::Fp8 {
            command = command.option("--kv-cache-dtype", "fp8_e4m3");
        }
        if llm.nodes > 1 {
            // The nodes find each other at port 20000.
            command = command
                .option("--pp-size", llm.nodes)
                .option("--nnodes", llm.nodes)
                .args(["--node-rank", "$(CHANDLERY_NODE_RANK)"])
                .args(["--dist-init-addr", "$(CHANDLERY_LEADER_ADDRESS):20000"]);
        }
        Ok(placed.plan(command))
    }
}

chandlery_sdk::export_template!(Sglang);
