//! Whether a language model fits the memory of a target's GPUs: its weights and the KV cache of one whole request against what
//! there is, said with the arithmetic.
//!
//! The weights are spread evenly over all GPUs. The KV cache holds a key and a value for each layer, KV head and token
//! (`2 × layers × kv_heads × head_dim` values a token); the layers are spread over the nodes (pipeline parallelism) and the KV
//! heads over the GPUs of one (tensor parallelism), where more GPUs than KV heads hold copies.

use serde::Deserialize;

use crate::bindings::template::{Facts, GpuPool, Problem};

const MIB: u64 = 1 << 20;
/// On each GPU for activations, CUDA graphs and communication, in MiB.
const BESIDE_MIB: u64 = 2048;
/// Numbers of GPUs that are tried where none is asked for.
const GPU_COUNTS: [u32; 4] = [1, 2, 4, 8];
/// What the names of quantised copies end with.
const COPIES: [&str; 6] = ["-AWQ", "-GPTQ-Int4", "-GPTQ-Int8", "-FP8", "-GGUF", "-quantized.w4a16"];

/// What the size of a model depends on, as its `config.json` and its model card have it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
pub struct Model {
    /// Weights, in millions.
    pub parameters_millions: u64,
    /// The number of layers: `num_hidden_layers` of its `config.json`.
    pub layers: u64,
    /// The attention heads of a layer: `num_attention_heads`.
    pub heads: u64,
    /// The key-value heads of a layer: `num_key_value_heads`.
    pub kv_heads: u64,
    /// `head_dim`, or `hidden_size / num_attention_heads`.
    pub head_dim: u64,
    /// The longest context, in tokens: `max_position_embeddings`.
    pub context_tokens: u64,
}

/// Model, millions of weights, layers, heads, KV heads, dimension of a head, longest context.
const KNOWN: [(&str, [u64; 6]); 20] = [
    ("google/gemma-2-27b-it", [27_227, 46, 32, 16, 128, 8192]),
    ("google/gemma-2-9b-it", [9242, 42, 16, 8, 256, 8192]),
    ("meta-llama/Llama-3.1-405B-Instruct", [405_853, 126, 128, 8, 128, 131_072]),
    ("meta-llama/Llama-3.1-70B-Instruct", [70_554, 80, 64, 8, 128, 131_072]),
    ("meta-llama/Llama-3.1-8B-Instruct", [8030, 32, 32, 8, 128, 131_072]),
    ("meta-llama/Llama-3.2-1B-Instruct", [1236, 16, 32, 8, 64, 131_072]),
    ("meta-llama/Llama-3.2-3B-Instruct", [3213, 28, 24, 8, 128, 131_072]),
    ("meta-llama/Llama-3.3-70B-Instruct", [70_554, 80, 64, 8, 128, 131_072]),
    ("mistralai/Mistral-7B-Instruct-v0.3", [7248, 32, 32, 8, 128, 32_768]),
    ("mistralai/Mistral-Small-24B-Instruct-2501", [23_572, 40, 32, 8, 128, 32_768]),
    ("mistralai/Mixtral-8x7B-Instruct-v0.1", [46_703, 32, 32, 8, 128, 32_768]),
    ("Qwen/Qwen2.5-0.5B-Instruct", [494, 24, 14, 2, 64, 32_768]),
    ("Qwen/Qwen2.5-14B-Instruct", [14_770, 48, 40, 8, 128, 32_768]),
    ("Qwen/Qwen2.5-32B-Instruct", [32_764, 64, 40, 8, 128, 32_768]),
    ("Qwen/Qwen2.5-72B-Instruct", [72_706, 80, 64, 8, 128, 32_768]),
    ("Qwen/Qwen2.5-7B-Instruct", [7616, 28, 28, 4, 128, 32_768]),
    ("Qwen/Qwen3-235B-A22B", [235_094, 94, 64, 4, 128, 40_960]),
    ("Qwen/Qwen3-30B-A3B", [30_532, 48, 32, 4, 128, 40_960]),
    ("Qwen/Qwen3-32B", [32_762, 64, 64, 8, 128, 40_960]),
    ("Qwen/Qwen3-8B", [8191, 36, 32, 8, 128, 40_960]),
];

impl Model {
    /// The model of this name on Hugging Face, or the one that it is a quantised copy of.
    pub fn known(name: &str) -> Option<Self> {
        let original = COPIES.iter().find_map(|copy| name.strip_suffix(copy)).unwrap_or(name);
        let (_, facts) = KNOWN.iter().find(|(known, _)| known.eq_ignore_ascii_case(original))?;
        let [parameters_millions, layers, heads, kv_heads, head_dim, context_tokens] = *facts;
        Some(Self { parameters_millions, layers, heads, kv_heads, head_dim, context_tokens })
    }
}

/// What a server of a model is to hold in the memory of its GPUs.
#[derive(Debug, Clone, Copy)]
pub struct Need<'a> {
    /// What the model is called in a plan's notes.
    pub name: &'a str,
    /// What its size depends on.
    pub model: Model,
    /// Hundredths of a bit for each weight: 1600 for bf16.
    pub weight_centibits: u64,
    /// Bits of each value in the KV cache.
    pub kv_bits: u64,
    /// The longest request.
    pub context_tokens: u64,
    /// Of each GPU's memory, what the server takes, in percent.
    pub memory_percent: u64,
}

/// What GPUs are asked for.
#[derive(Debug, Clone, Copy)]
pub struct Wish<'a> {
    /// Their kind; none: whichever is enough.
    pub gpu: Option<&'a str>,
    /// How many on each node; none: as many as are enough.
    pub gpus: Option<u32>,
    /// How many nodes.
    pub nodes: u32,
}

/// GPUs that are enough.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fit {
    /// The kind of the GPUs, as the target calls it.
    pub kind: String,
    /// How many on each node.
    pub gpus: u32,
    /// The memory of each, in MiB.
    pub memory_mib: u32,
    /// How many tokens the KV cache has room for.
    pub tokens: u64,
    /// Why they are enough, for people.
    pub arithmetic: String,
}

/// What each GPU holds and has, in MiB.
struct Share {
    weights: u64,
    token_bytes: u64,
    context: u64,
    has: u64,
}

impl Share {
    fn needs(&self) -> u64 {
        self.weights + self.context + BESIDE_MIB
    }

    /// How many tokens of KV cache there is room for.
    fn tokens(&self) -> u64 {
        self.has.saturating_sub(self.weights + BESIDE_MIB) * MIB / self.token_bytes.max(1)
    }
}

impl Need<'_> {
    /// The fewest GPUs of the target that are enough, of those with the least memory; or why none are.
    pub fn place(&self, target: &Facts, wish: Wish<'_>) -> Result<Fit, Problem> {
        let pools: Vec<_> = pools(target, wish)?;
        let mut tried: Option<(&GpuPool, u32)> = None;
        let mut found: Option<(&GpuPool, u32)> = None;
        for pool in &pools {
            let counts = wish.gpus.map_or(GPU_COUNTS.to_vec(), |count| vec![count]);
            let there_are = |count: &u32| wish.gpus.is_some() || *count <= per_node(pool);
            for count in counts.into_iter().filter(there_are).filter(|count| self.divides(*count)) {
                let less = |(other, other_count): &(&GpuPool, u32)| {
                    (count, pool.memory_mib) < (*other_count, other.memory_mib)
                };
                if self.fits(pool, count, wish.nodes) && found.as_ref().is_none_or(less) {
                    found = Some((pool, count));
                }
                let memory = |(pool, count): (&GpuPool, u32)| u64::from(pool.memory_mib) * u64::from(count);
                if tried.is_none_or(|other| memory((pool, count)) > memory(other)) {
                    tried = Some((pool, count));
                }
            }
        }
        let (pool, gpus) = match (found, tried) {
            (Some(found), _) => found,
            (None, Some((pool, count))) => return Err(self.too_much(pool, count, wish)),
            (None, None) => {
                let heads = self.model.heads;
                return Err(Problem::with(
                    "/gpus",
                    format!(
                        "the {heads} attention heads of {} cannot be spread evenly over the GPUs asked for",
                        self.name
                    ),
                ));
            }
        };
        let share = self.share(pool.memory_mib, gpus, wish.nodes);
        Ok(Fit {
            kind: pool.kind.clone(),
            gpus,
            memory_mib: pool.memory_mib,
            tokens: share.tokens(),
            arithmetic: self.arithmetic(pool, gpus, wish.nodes),
        })
    }

    fn divides(&self, gpus: u32) -> bool {
        gpus > 0 && self.model.heads.is_multiple_of(u64::from(gpus))
    }

    fn fits(&self, pool: &GpuPool, gpus: u32, nodes: u32) -> bool {
        let share = self.share(pool.memory_mib, gpus, nodes);
        share.needs() <= share.has
    }

    /// The weights of the whole model, in MiB.
    pub fn weights_mib(&self) -> u64 {
        (self.model.parameters_millions * 1_000_000 * self.weight_centibits).div_ceil(800 * MIB)
    }

    /// The KV cache of the longest request, in MiB.
    pub fn cache_mib(&self) -> u64 {
        (self.token_bytes() * self.context_tokens).div_ceil(MIB)
    }

    /// The KV cache of one token, in bytes.
    fn token_bytes(&self) -> u64 {
        2 * self.model.layers * self.model.kv_heads * self.model.head_dim * self.kv_bits / 8
    }

    fn share(&self, memory_mib: u32, gpus: u32, nodes: u32) -> Share {
        let (gpus, nodes) = (u64::from(gpus.max(1)), u64::from(nodes.max(1)));
        let token_bytes = self.token_bytes().div_ceil(gpus.min(self.model.kv_heads.max(1)) * nodes);
        Share {
            weights: self.weights_mib().div_ceil(gpus * nodes),
            token_bytes,
            context: (token_bytes * self.context_tokens).div_ceil(MIB),
            has: u64::from(memory_mib) * self.memory_percent / 100,
        }
    }

    fn arithmetic(&self, pool: &GpuPool, gpus: u32, nodes: u32) -> String {
        let Model { layers, kv_heads, head_dim, .. } = self.model;
        let share = self.share(pool.memory_mib, gpus, nodes);
        let bits = match self.weight_centibits % 100 {
            0 => (self.weight_centibits / 100).to_string(),
            part => format!("{}.{part:02}", self.weight_centibits / 100),
        };
        format!(
            "weights {} million × {bits} bit = {} MiB, {} on each GPU; KV cache 2 × {layers} layers × {kv_heads} heads × \
             {head_dim} × {} bit = {} bytes a token, {} MiB on each for {} tokens; {BESIDE_MIB} MiB beside them; together \
             {} MiB of the {} MiB that are {} % of {} MiB",
            self.model.parameters_millions,
            self.weights_mib(),
            share.weights,
            self.kv_bits,
            self.token_bytes(),
            share.context,
            self.context_tokens,
            share.needs(),
            share.has,
            self.memory_percent,
            pool.memory_mib,
        )
    }

    fn too_much(&self, pool: &GpuPool, gpus: u32, wish: Wish<'_>) -> Problem {
        let share = self.share(pool.memory_mib, gpus, wish.nodes);
        let over = if wish.nodes > 1 { format!(" on each of {} nodes", wish.nodes) } else { String::new() };
        let enough =
            GPU_COUNTS.into_iter().find(|count| self.divides(*count) && self.fits(pool, *count, wish.nodes));
        let mut ways = Vec::new();
        ways.extend(enough.map(|count| format!("{count} GPUs{over} would be enough")));
        if share.tokens() > 0 {
            ways.push(format!("a context_tokens of {} would fit", share.tokens()));
        }
        if ways.is_empty() {
            ways.push("weights of fewer bits, more nodes or GPUs with more memory would help".into());
        }
        let ways = ways.join("; ");
        let parameter = if wish.gpus.is_some() { "/gpus" } else { "/model" };
        Problem::with(
            parameter,
            format!(
                "{} does not fit {gpus} × {}{over}: {}; {ways}",
                self.name,
                pool.kind,
                self.arithmetic(pool, gpus, wish.nodes)
            ),
        )
    }
}

/// The pools that a wish leaves, whose memory is known.
fn pools<'a>(target: &'a Facts, wish: Wish<'_>) -> Result<Vec<&'a GpuPool>, Problem> {
    let named: Vec<_> =
        target.gpu_pools.iter().filter(|pool| wish.gpu.is_none_or(|kind| pool.kind == kind)).collect();
    let has = match target.gpu_pools.as_slice() {
        [] => "it has none".into(),
        pools => {
            let each =
                pools.iter().map(|pool| format!("{} × {} on {} nodes", pool.total, pool.kind, pool.nodes));
            format!("it has {}", each.collect::<Vec<_>>().join(", "))
        }
    };
    if named.is_empty() {
        let message = match wish.gpu {
            Some(kind) => format!("target '{}' has no GPUs of kind '{kind}': {has}", target.name),
            None => format!("target '{}' has no GPUs", target.name),
        };
        return Err(Problem::with("/gpu", message));
    }
    let known: Vec<_> = named.iter().copied().filter(|pool| pool.memory_mib > 0).collect();
    if known.is_empty() {
        return Err(Problem::with(
            "/gpu",
            format!(
                "nobody knows how much memory a {} of target '{}' has; the target's setting gpu_memory_mib can say it",
                named[0].kind, target.name
            ),
        ));
    }
    let enough =
        |pool: &&GpuPool| pool.nodes >= wish.nodes && wish.gpus.is_none_or(|count| per_node(pool) >= count);
    let suits: Vec<_> = known.into_iter().filter(enough).collect();
    if suits.is_empty() {
        let count = wish.gpus.map_or("a GPU".into(), |count| format!("{count} GPUs"));
        return Err(Problem::with(
            if wish.gpus.is_some() { "/gpus" } else { "/nodes" },
            format!("target '{}' has no {} nodes with {count} each: {has}", target.name, wish.nodes),
        ));
    }
    Ok(suits)
}

fn per_node(pool: &GpuPool) -> u32 {
    pool.total.div_ceil(pool.nodes.max(1))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bindings::template::EngineKind;

    fn target() -> Facts {
        let pool = |kind: &str, memory_mib, total, nodes| GpuPool {
            kind: kind.into(),
            memory_mib,
            total,
            free: 0,
            nodes,
        };
        Facts {
            name: "lab".into(),
            engine: EngineKind::Slurm,
            runtimes: Vec::new(),
            gpu_pools: vec![pool("h100", 81_920, 16, 2), pool("l4", 24_576, 4, 1)],
            architecture: "x86_64".into(),
        }
    }

    fn need(name: &str, weight_centibits: u64, context_tokens: u64) -> Need<'_> {
        let model = Model::known(name).unwrap();
        Need { name, model, weight_centibits, kv_bits: 16, context_tokens, memory_percent: 90 }
    }

    const ANY: Wish<'_> = Wish { gpu: None, gpus: None, nodes: 1 };

    #[test]
    fn the_smallest_that_is_enough_is_taken() {
        let place = |name, bits, context, wish| {
            let fit = need(name, bits, context).place(&target(), wish).unwrap();
            (fit.kind, fit.gpus)
        };
        assert_eq!(place("meta-llama/Llama-3.2-1B-Instruct", 1600, 8192, ANY), ("l4".into(), 1));
        assert_eq!(place("meta-llama/Llama-3.1-8B-Instruct", 1600, 131_072, ANY), ("h100".into(), 1));
        assert_eq!(place("meta-llama/Llama-3.3-70B-Instruct", 1600, 32_768, ANY), ("h100".into(), 4));
        assert_eq!(place("meta-llama/Llama-3.3-70B-Instruct", 800, 32_768, ANY), ("h100".into(), 2));
        let two_nodes = Wish { nodes: 2, ..ANY };
        assert_eq!(place("meta-llama/Llama-3.1-405B-Instruct", 1600, 8192, two_nodes), ("h100".into(), 8));
        // 28 heads go on 4 GPUs and not on 8.
        let four = Wish { gpus: Some(4), ..ANY };
        assert_eq!(place("Qwen/Qwen2.5-7B-Instruct-AWQ", 450, 8192, four), ("l4".into(), 4));
    }

    #[test]
    fn what_does_not_fit_is_refused_with_the_arithmetic() {
        let two = Wish { gpu: Some("h100"), gpus: Some(2), nodes: 1 };
        let problem =
            need("meta-llama/Llama-3.3-70B-Instruct", 1600, 32_768).place(&target(), two).unwrap_err();
        assert_eq!(problem.parameter.as_deref(), Some("/gpus"));
        assert_eq!(
            problem.message,
            "meta-llama/Llama-3.3-70B-Instruct does not fit 2 × h100: weights 70554 million × 16 bit = 134572 MiB, 67286 on \
             each GPU; KV cache 2 × 80 layers × 8 heads × 128 × 16 bit = 327680 bytes a token, 5120 MiB on each for 32768 \
             tokens; 2048 MiB beside them; together 74454 MiB of the 73728 MiB that are 90 % of 81920 MiB; 4 GPUs would be \
             enough; a context_tokens of 28121 would fit"
        );
        let fits = need("meta-llama/Llama-3.3-70B-Instruct", 1600, 28_121).place(&target(), two).unwrap();
        assert_eq!(fits.tokens, 28_121);
        let refused =
            |wish| need("meta-llama/Llama-3.1-405B-Instruct", 1600, 8192).place(&target(), wish).unwrap_err();
        assert!(
            refused(ANY)
                .message
                .contains("weights of fewer bits, more nodes or GPUs with more memory would help")
        );
        assert!(
            refused(Wish { gpu: Some("b200"), ..ANY })
                .message
                .contains("it has 16 × h100 on 2 nodes, 4 × l4")
        );
        assert!(refused(Wish { nodes: 3, ..ANY }).message.contains("no 3 nodes with a GPU each"));
        let eight = Wish { gpus: Some(8), ..ANY };
        let problem = need("Qwen/Qwen2.5-7B-Instruct", 1600, 8192).place(&target(), eight).unwrap_err();
        assert!(problem.message.contains("28 attention heads"), "{}", problem.message);
    }
}
