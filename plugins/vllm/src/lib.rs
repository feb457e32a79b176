//! vLLM: an OpenAI-compatible server of language models.

mod own;

use chandlery_sdk::llm::{KvCache, Llm, Placed, Program, Weights};
use chandlery_sdk::prelude::*;
use chandlery_sdk::sizing::{Adapters, Server, Vllm as Version};

use own::OWN;

const VERSION: &str = "0.33.0";
/// Of each GPU, what it takes where nothing else is said.
const SHARE_PERCENT: u64 = 90;
/// The first node serves, the others only compute: adds each node's own flags to the command after the number of nodes.
const OVER_NODES: &str = "nodes=$1; shift; [ \"$CHANDLERY_NODE_RANK\" = 0 ] || set -- \"$@\" --headless; \
    exec \"$@\" --pipeline-parallel-size \"$nodes\" --nnodes \"$nodes\" --node-rank \"$CHANDLERY_NODE_RANK\" \
    --master-addr \"$CHANDLERY_LEADER_ADDRESS\" --master-port \"$PEERS_PORT\"";

struct Vllm;

impl Template for Vllm {
    type Parameters = Llm;

    fn plan(request: Request<Llm>) -> Result<Plan, Vec<Problem>> {
        let llm = &request.parameters;
        let percent = llm.memory_percent.unwrap_or(SHARE_PERCENT);
        let rocm = format!("vllm/vllm-openai-rocm:v{VERSION}");
        let program = Program {
            name: &format!("vLLM {VERSION}"),
            cuda: &format!("vllm/vllm-openai:v{VERSION}"),
            rocm: Some(&rocm),
            wheel: &format!("vllm=={VERSION}"),
            server: Server::Vllm(Version::v0_33(percent)),
            health: "/health",
            key_variable: "VLLM_API_KEY",
        };
        let mut placed = llm.place(&request.target, program)?;
        if llm.nodes > 1 || llm.data_parallel > 1 {
            placed.workload = placed.workload.peers_port("peers", 29500, "PEERS_PORT");
        }
        let command = command(llm, &placed, percent)?;
        placed.plan(command, llm, &OWN)
    }
}

/// The command on each node of a replica.
fn command(llm: &Llm, placed: &Placed, percent: u64) -> Result<Command, Vec<Problem>> {
    let mut command = Command::new("vllm")
        .arg("serve")
        .positional("/model", &llm.model)?
        .args(["--host", "$(BIND)", "--port", "$(PORT)"])
        .option("--tensor-parallel-size", placed.tensor_parallel)
        .option("--max-model-len", placed.context_tokens)
        .option("--gpu-memory-utilization", format_args!("{}.{:02}", percent / 100, percent % 100));
    // One that is quantised says so itself.
    if llm.weights == Weights::Fp8 {
        command = command.option("--quantization", "fp8");
    }
    // E5M2 would turn FlashAttention 3 off on Hopper.
    if llm.kv_cache == KvCache::Fp8 {
        command = command.option("--kv-cache-dtype", "fp8_e4m3");
    }
    if let Some(requests) = placed.requests_max() {
        command = command.option("--max-num-seqs", requests);
    }
    if llm.data_parallel > 1 {
        command = command
            .option("--data-parallel-size", llm.data_parallel)
            .args(["--data-parallel-rpc-port", "$(PEERS_PORT)"]);
    }
    if llm.expert_parallel {
        command = command.arg("--enable-expert-parallel");
    }
    if let Some(Adapters { slots, rank }) = placed.adapters {
        command = command
            .arg("--enable-lora")
            .option("--max-loras", slots)
            .option("--max-lora-rank", rank)
            .arg("--lora-modules")
            .literals(&llm.lora);
    }
    if llm.tool_call_parser.is_some() {
        command = command.arg("--enable-auto-tool-choice");
    }
    command = llm.flags(command);
    if llm.nodes > 1 {
        let shell = Command::from(["sh", "-c", OVER_NODES, "vllm"]);
        command = shell.positional("/nodes", llm.nodes)?.then(command);
    }
    Ok(command)
}

chandlery_sdk::export_template!(Vllm);
