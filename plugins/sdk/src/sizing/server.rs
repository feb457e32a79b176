//! What servers take of a GPU beside weights and cache, by the formulas of their own sources.

use crate::model::{Model, Tower};

pub(super) const MIB: u64 = 1 << 20;

/// A server of language models, and what of its version memory depends on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Server {
    /// vLLM: takes a share of each GPU, measures what one batch needs in it, and keeps the rest for the cache.
    Vllm(Vllm),
    /// SGLang: keeps weights and cache in a share of each GPU, and computes in what is left.
    Sglang {
        /// The share, in thousandths; none: by its own formula.
        share: Option<u64>,
    },
    /// llama.cpp: spreads whole layers over the GPUs, and allocates what it needs.
    LlamaCpp,
}

/// What of vLLM's version and settings memory depends on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Vllm {
    /// Of each GPU, what it takes, in thousandths.
    pub share: u64,
    /// Tokens that it computes at once; none: by the GPU's memory.
    pub batched_tokens: Option<u64>,
    /// Requests that it answers at once; none: by the GPU's memory.
    pub sequences: Option<u64>,
    /// Bytes for each word of the vocabulary and request while it samples.
    pub logit_bytes: u64,
    /// Whether what its captured graphs take is inside its share.
    pub counts_graphs: bool,
    /// On each GPU for code and for workspaces of kernels, in MiB.
    pub kernels_mib: u64,
}

impl Vllm {
    /// vLLM 0.33 with a share of so many percent.
    ///
    /// `v1/sample`: logits of 16 bits, as 32, their softmax and as many random numbers: 14 bytes. FlashInfer's workspace is 394
    /// MiB (`VLLM_FLASHINFER_WORKSPACE_BUFFER_SIZE`), and its logs since 0.7 say 160 to 430 MiB "non-torch" for code.
    pub const fn v0_33(percent: u64) -> Self {
        let share = percent * 10;
        Self {
            share,
            batched_tokens: None,
            sequences: None,
            logit_bytes: 14,
            counts_graphs: true,
            kernels_mib: 640,
        }
    }
}

/// One kind of GPU, as CUDA sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Gpu<'a> {
    /// Its name, in lower case: `h100`, `a100`.
    pub kind: &'a str,
    /// Memory that programs can have, in MiB.
    pub memory_mib: u64,
}

/// What is taken on each GPU beside weights and cache, in bytes, and of what.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Beside {
    /// What one batch is computed in.
    pub activations: u64,
    /// Graphs that are captured, with what the largest is computed in.
    pub graphs: u64,
    /// Code and workspaces.
    pub kernels: u64,
}

impl Beside {
    pub(super) fn bytes(&self) -> u64 {
        self.activations + self.graphs + self.kernels
    }
}

/// What the driver keeps of the memory that it reports, in MiB: H100 report 81,559 and CUDA sees 81,121; RTX 4090 24,564 and 24,105.
pub(super) const DRIVER_MIB: u64 = 512;
/// On each GPU for CUDA's context, and between GPUs for NCCL's buffers, in MiB: outside vLLM's share since 0.7.1.
const CONTEXT_MIB: u64 = 512;
const NCCL_MIB: u64 = 512;

/// How the GPUs of a node share a model.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Split {
    /// GPUs that share each layer.
    pub(super) tensor: u64,
    /// Copies of all but the experts, which they share.
    pub(super) data: u64,
    /// Whether each GPU holds some experts whole, rather than a part of each.
    pub(super) has_whole_experts: bool,
}

impl Split {
    /// So many GPUs that share each layer.
    pub(super) fn tensor(gpus: u64) -> Self {
        Self { tensor: gpus, data: 1, has_whole_experts: false }
    }

    /// GPUs that share the experts.
    pub(super) fn of_experts(self) -> u64 {
        self.tensor * self.data
    }
}

impl Server {
    /// Of a GPU's memory, what the server keeps everything in, in bytes.
    pub(super) fn has(self, gpu: Gpu<'_>, gpus: u64, model: &Model) -> u64 {
        let all = gpu.memory_mib * MIB;
        let outside = (CONTEXT_MIB + if gpus > 1 { NCCL_MIB } else { 0 }) * MIB;
        match self {
            // What is outside of a share of nearly everything comes out of it after all.
            Server::Vllm(vllm) => (all / 1000 * vllm.share).min(all.saturating_sub(outside)),
            Server::Sglang { share } => {
                let share = share.unwrap_or_else(|| sglang_share(gpu, gpus, model));
                all.saturating_sub(outside) / 1000 * share
            }
            Server::LlamaCpp => all.saturating_sub(CONTEXT_MIB * MIB),
        }
    }

    /// Tokens that are computed at once on such a GPU.
    pub(super) fn batched_tokens(self, gpu: Gpu<'_>) -> u64 {
        match self {
            Server::Vllm(vllm) => vllm.batched_tokens.unwrap_or(batch(gpu).0),
            Server::Sglang { .. } => sglang_chunk(gpu),
            // n_ubatch
            Server::LlamaCpp => 512,
        }
    }

    /// Requests that are answered at once on such a GPU.
    pub(super) fn sequences(self, gpu: Gpu<'_>) -> u64 {
        match self {
            Server::Vllm(vllm) => vllm.sequences.unwrap_or(batch(gpu).1),
            Server::Sglang { .. } | Server::LlamaCpp => 1,
        }
    }

    /// What is taken beside weights and cache on each GPU.
    pub(super) fn beside(self, model: &Model, gpu: Gpu<'_>, split: Split) -> Beside {
        let tokens = self.batched_tokens(gpu);
        let gpus = split.tensor;
        match self {
            Server::Vllm(vllm) => {
                let forward = forward(model, tokens, split);
                let logits = self.sequences(gpu).min(tokens)
                    * model.vocabulary
                    * (vllm.logit_bytes + if gpus > 1 { 2 } else { 0 });
                let logits = if model.writes { logits + tokens * model.hidden * 2 } else { 0 };
                let seen = model.towers.iter().map(|tower| encoder(tower, tokens, gpus)).max().unwrap_or(0);
                let graphs = if vllm.counts_graphs { graphs(model, self.sequences(gpu), split) } else { 0 };
                let kernels = vllm.kernels_mib * MIB;
                Beside { activations: forward.max(logits).max(seen), graphs, kernels }
            }
            // Its share leaves the room for all of this.
            Server::Sglang { .. } => Beside::default(),
            Server::LlamaCpp => {
                let logits = tokens * model.vocabulary * 4;
                Beside {
                    activations: forward(model, tokens, Split::tensor(1)).max(logits) + logits / 8,
                    ..Beside::default()
                }
            }
        }
    }
}

/// `get_batch_defaults` of vLLM's `engine/arg_utils.py`, for its API server: tokens and requests at once.
fn batch(gpu: Gpu<'_>) -> (u64, u64) {
    match gpu.memory_mib >> 10 {
        160.. => (16_384, 1024),
        70.. if !gpu.kind.contains("a100") => (8192, 1024),
        _ => (2048, 256),
    }
}

/// `handle_gpu_memory_settings` of SGLang's `arg_groups/memory_hook.py`, for prefill in chunks.
fn sglang_chunk(gpu: Gpu<'_>) -> u64 {
    match gpu.memory_mib >> 10 {
        160.. => 16_384,
        60.. => 8192,
        20.. => 4096,
        _ => 2048,
    }
}

/// The same: what SGLang leaves for activations and graphs, as the share that is left, in thousandths.
fn sglang_share(gpu: Gpu<'_>, gpus: u64, model: &Model) -> u64 {
    let is_many = gpus >= 4;
    let largest_batch = match gpu.memory_mib >> 10 {
        160.. => 512,
        60.. => {
            if is_many {
                512
            } else {
                256
            }
        }
        35.. => {
            if is_many {
                160
            } else {
                32
            }
        }
        20.. => {
            if is_many {
                160
            } else {
                48
            }
        }
        _ => 8,
    };
    let is_latent =
        model.layers.iter().any(|layer| matches!(layer.cache, crate::model::Cache::Latent { .. }));
    // About thirty sizes of prefill are captured at 8 MiB each; what MLA's take is more, and the same for all.
    let prefill = if is_latent { 1536 } else { 240 };
    let mut left = 512 + sglang_chunk(gpu) * 3 / 2 + gpus * 1024 / 8 + largest_batch * 2 + prefill;
    if gpu.memory_mib > 60 << 10 {
        left = left.max(10 << 10);
    }
    // What sees takes a tenth less for the cache.
    let share = gpu.memory_mib.saturating_sub(left) * 1000 / gpu.memory_mib.max(1);
    if model.towers.is_empty() { share } else { share * 95 / 100 }
}

/// What one pass over `tokens` takes: the stream between layers twice, once as it is and once normed, and the widest part of a
/// layer. A network's inputs and what comes of them are there at once; so are those of experts (`workspace_shapes` of vLLM's
/// `TritonExperts`), to which the tokens of all copies come (`allgather_reducescatter`, its usual `--all2all-backend`).
pub(super) fn forward(model: &Model, tokens: u64, split: Split) -> u64 {
    let widest = model.layers.iter().map(|layer| {
        let attention = layer.attention / split.tensor;
        let network = (layer.network + layer.network / 2) / split.tensor;
        let routed = layer.routed.map_or(0, |routed| {
            let parts = if split.has_whole_experts { 1 } else { split.of_experts() };
            let width = routed.width.div_ceil(parts);
            split.data * routed.experts * (width.max(model.hidden) + (2 * width).max(model.hidden))
        });
        attention.max(network + routed)
    });
    tokens.saturating_mul(2 * model.hidden + widest.max().unwrap_or(0)) * 2
}

/// What a tower takes for as many of the largest items as one batch has room for: what comes, the stream between layers as it is and
/// normed, positions, the widest part of a layer, and the vectors that it hands over.
fn encoder(tower: &Tower, tokens: u64, gpus: u64) -> u64 {
    let items = (tokens / tower.tokens.max(1)).max(1);
    let tokens = items * tower.tokens;
    let patches = tokens * tower.patches;
    (patches * (tower.pixels + 3 * tower.hidden + tower.width / gpus) + tokens * tower.out) * 2
}

/// Graphs of up to 512 tokens, `[1, 2, 4]`, every 8th to 256 and every 16th beyond, in pieces and whole: at least 1 MiB each
/// (`profile_cudagraph_memory`), and once what the largest is computed in.
fn graphs(model: &Model, sequences: u64, split: Split) -> u64 {
    let largest = (sequences * 2).min(512);
    let sizes = 3 + largest.min(256) / 8 + largest.saturating_sub(256) / 16;
    2 * sizes * MIB + forward(model, largest, split)
}
