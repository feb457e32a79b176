//! SGLang: an OpenAI-compatible server of language models.

mod own;

use chandlery_sdk::llm::{KvCache, Llm, Placed, Program, Weights};
use chandlery_sdk::prelude::*;
use chandlery_sdk::sizing::{Adapters, Server};

use own::OWN;

const VERSION: &str = "0.5.23";

struct Sglang;

impl Template for Sglang {
    type Parameters = Llm;

    fn plan(request: Request<Llm>) -> Result<Plan, Vec<Problem>> {
        let llm = &request.parameters;
        let program = Program {
            name: &format!("SGLang {VERSION}"),
            cuda: &format!("lmsysorg/sglang:v{VERSION}"),
            // Its tags name the version of ROCm and the generation of the GPU, too, and change with both.
            rocm: None,
            wheel: &format!("sglang[all]=={VERSION}"),
            server: Server::Sglang { share: llm.memory_percent.map(|percent| percent * 10) },
            health: "/health",
            key_variable: "API_KEY",
        };
        let mut placed = llm.place(&request.target, program)?;
        if llm.nodes > 1 {
            placed.workload = placed.workload.peers_port("peers", 20000, "PEERS_PORT");
        }
        let command = command(llm, &placed);
        placed.plan(command, llm, &OWN)
    }
}

/// The command on each node of a replica.
fn command(llm: &Llm, placed: &Placed) -> Command {
    let mut command = Command::from(["python3", "-m", "sglang.launch_server"])
        .option("--model-path", &llm.model)
        .args(["--host", "$(BIND)", "--port", "$(PORT)"])
        .option("--tp-size", placed.tensor_parallel)
        .option("--context-length", placed.context_tokens)
        .arg("--enable-metrics");
    if let Some(percent) = llm.memory_percent {
        command =
            command.option("--mem-fraction-static", format_args!("{}.{:02}", percent / 100, percent % 100));
    }
    // One that is quantised says so itself.
    if llm.weights == Weights::Fp8 {
        command = command.option("--quantization", "fp8");
    }
    if llm.kv_cache == KvCache::Fp8 {
        command = command.option("--kv-cache-dtype", "fp8_e4m3");
    }
    if llm.data_parallel > 1 {
        command = command.option("--dp-size", llm.data_parallel);
    }
    if llm.expert_parallel {
        command = command.option("--ep-size", placed.tensor_parallel);
    }
    if let Some(Adapters { slots, rank }) = placed.adapters {
        command = command
            .arg("--enable-lora")
            .option("--max-loras-per-batch", slots)
            .option("--max-lora-rank", rank)
            .arg("--lora-paths")
            .literals(&llm.lora);
    }
    if llm.api_key {
        command = command.arg("--api-key=$(API_KEY)");
    }
    command = llm.flags(command);
    if llm.nodes > 1 {
        command = command
            .option("--pp-size", llm.nodes)
            .option("--nnodes", llm.nodes)
            .args(["--node-rank", "$(CHANDLERY_NODE_RANK)"])
            .args(["--dist-init-addr", "$(CHANDLERY_LEADER_ADDRESS):$(PEERS_PORT)"]);
    }
    command
}

chandlery_sdk::export_template!(Sglang);
