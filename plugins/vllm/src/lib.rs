//! vLLM: an OpenAI-compatible server of language models.

use chandlery_sdk::llm::{KvCache, Llm, Weights};
use chandlery_sdk::prelude::*;
use chandlery_sdk::sizing::{Server, Vllm as Version};

const VERSION: &str = "0.33.0";
/// Of each GPU, what it takes where nothing else is said.
const SHARE_PERCENT: u64 = 90;
/// The first node serves, the others only compute: adds each node's own flags to the command after the number of nodes. The
/// nodes find each other at port 29500.
const OVER_NODES: &str = "nodes=$1; shift; [ \"$CHANDLERY_NODE_RANK\" = 0 ] || set -- \"$@\" --headless; \
    exec \"$@\" --pipeline-parallel-size \"$nodes\" --nnodes \"$nodes\" --node-rank \"$CHANDLERY_NODE_RANK\" \
    --master-addr \"$CHANDLERY_LEADER_ADDRESS\" --master-port 29500";

struct Vllm;

impl Template for Vllm {
    type Parameters = Llm;

    fn plan(request: Request<Llm>) -> Result<Plan, Vec<Problem>> {
        let llm = &request.parameters;
        let usual = format!("vllm/vllm-openai:v{VERSION}");
        let image = llm.image.as_deref().unwrap_or(&usual);
        let runtime = request.target.container_or_python(image, &[&format!("vllm=={VERSION}")])?;
        let percent = llm.memory_percent.unwrap_or(SHARE_PERCENT);
        let server = Server::Vllm(Version::v0_33(percent));
        let placed = llm.place(&request.target, server, runtime, "/health")?;
        let mut command = Command::new("vllm")
            .arg("serve")
            .positional("/model", &llm.model)?
            .args(["--host", "$(BIND)", "--port", "$(PORT)"])
            .option("--tensor-parallel-size", placed.fit.gpus)
            .option("--max-model-len", placed.context_tokens)
            .option("--gpu-memory-utilization", format_args!("{}.{:02}", percent / 100, percent % 100));
        // One that is quantised says so itself.
        if llm.weights == Weights::Fp8 {
            command = command.option("--quantization", "fp8");
        }
        if llm.kv_cache == KvCache::Fp8 {
            command = command.option("--kv-cache-dtype", "fp8");
        }
        if let Some(requests) = placed.requests_max() {
            command = command.option("--max-num-seqs", requests);
        }
        if llm.nodes > 1 {
            let shell = Command::from(["sh", "-c", OVER_NODES, "vllm"]);
            command = shell.positional("/nodes", llm.nodes)?.then(command);
        }
        Ok(placed.plan(command))
    }
}

chandlery_sdk::export_template!(Vllm);
