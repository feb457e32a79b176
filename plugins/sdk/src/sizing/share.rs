//! One model on GPUs of one kind: what each of them holds, and how many tokens there is room for.

use crate::model::{Gguf, Keeping, Kind, Model, Module, Pool, Quantisation};

use super::adapters::Adapters;
use super::server::{Beside, Gpu, MIB, Server, Split};

/// What an answer may be wrong by, in percent of what the server has: the terms are formulas, and the GPU's own are a few percent
/// off them either way.
pub(super) const MARGIN_PERCENT: u64 = 5;

/// How weights are kept where they are served.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Weights {
    /// As the checkpoint has them.
    AsTheyAre,
    /// With 8 bits, by the server while it loads a checkpoint of 16.
    Fp8,
    /// In a GGUF.
    Gguf(Gguf),
}

/// A model to be served.
#[derive(Debug, Clone, Copy)]
pub struct Need<'a> {
    /// What it is called in notes.
    pub name: &'a str,
    /// What it is made of.
    pub model: &'a Model,
    /// How its weights are kept.
    pub weights: Weights,
    /// Bits of each number of a key or value.
    pub kv_bits: u64,
    /// The longest request, in tokens.
    pub context_tokens: u64,
    /// By which server, in which version.
    pub server: Server,
    /// Copies of it on each node, which answer by turns; 1: there is one.
    pub data_parallel: u32,
    /// Whether each GPU holds some experts whole, rather than a part of each.
    pub expert_parallel: bool,
    /// The LoRA adapters that there is room for; none: it is served as it is.
    pub adapters: Option<Adapters>,
}

/// What each GPU holds, in bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Share {
    /// Matrices of layers, with what belongs to them.
    pub layers: u64,
    /// Experts of all layers.
    pub experts: u64,
    /// Embeddings and head.
    pub vocabulary: u64,
    /// Towers that see and hear.
    pub towers: u64,
    /// Adapters beside all of these.
    pub adapters: u64,
    /// What the server takes beside weights and cache.
    pub beside: Beside,
    /// The cache of the longest request.
    pub context: u64,
    /// What the server keeps all of this in.
    pub has: u64,
    /// The longest request, in tokens.
    pub context_tokens: u64,
    /// States of fixed size that the cache has room for where the model keeps such, and vLLM counts one for each request.
    pub states: Option<u64>,
}

impl Share {
    /// All weights, in bytes.
    pub fn weights(&self) -> u64 {
        self.layers + self.experts + self.vocabulary + self.towers + self.adapters
    }

    /// What may come to it, since all of this is reckoned, in bytes.
    pub fn margin(&self) -> u64 {
        self.has / 100 * MARGIN_PERCENT
    }

    /// What it comes to, margin included, in bytes.
    pub fn needs(&self) -> u64 {
        self.weights() + self.beside.bytes() + self.context + self.margin()
    }

    /// Whether there is room for all of it.
    pub fn fits(&self) -> bool {
        self.needs() <= self.has
    }

    /// What is left for caches, in bytes.
    pub fn cache(&self) -> u64 {
        self.has.saturating_sub(self.weights() + self.beside.bytes())
    }

    /// Tokens that the cache has room for, as vLLM counts them: how many of the longest requests, times their length.
    pub fn tokens(&self) -> u64 {
        let tokens =
            u128::from(self.cache()) * u128::from(self.context_tokens) / u128::from(self.context.max(1));
        u64::try_from(tokens).unwrap_or(u64::MAX)
    }
}

impl Need<'_> {
    /// What each GPU holds, where the `gpus` of a node share the copies of the model and its layers are spread over `nodes`.
    pub fn share(&self, gpu: Gpu<'_>, gpus: u32, nodes: u32) -> Share {
        let (mut gpus, mut stages) =
            (u64::from((gpus / self.data_parallel.max(1)).max(1)), u64::from(nodes.max(1)));
        if self.server == Server::LlamaCpp {
            // Whole layers, whatever the number of GPUs.
            (gpus, stages) = (1, gpus * stages);
        }
        let split = self.split(gpus);
        let layers = self.model.layers.len() as u64;
        let stage = |bytes: u64| of_stage(bytes, layers, stages);
        let mut share = Share {
            layers: 0,
            experts: 0,
            vocabulary: 0,
            towers: 0,
            adapters: 0,
            beside: self.server.beside(self.model, gpu, split),
            context: stage(self.context_bytes(gpu, gpus)),
            has: self.server.has(gpu, split.of_experts(), self.model),
            context_tokens: self.context_tokens,
            states: None,
        };
        let mut ends = (0, 0);
        for module in &self.model.modules {
            let bytes = self.module_bytes(module, split);
            share.adapters += self.adapters.map_or(0, |adapters| adapters.bytes(module, split));
            match module.kind {
                Kind::Embedding => ends.0 += bytes,
                Kind::Head => ends.1 += bytes,
                Kind::Tower => share.towers += bytes,
                Kind::Expert => share.experts += bytes,
                Kind::Linear | Kind::Other => share.layers += bytes,
            }
        }
        // The first GPUs hold the embeddings, and the last ones the head, which a tied model has twice then.
        share.vocabulary = match stages {
            1 => ends.0 + ends.1,
            _ => ends.0.max(ends.1),
        };
        share.layers = stage(share.layers);
        share.experts = stage(share.experts);
        share.adapters = stage(share.adapters);
        share.states = self.states(share.cache(), gpus);
        share
    }

    /// How GPUs share the model, where so many share each layer. The copies of vLLM share their experts (`flatten_tp_across_dp_and_pcp`
    /// of its `FusedMoEParallelConfig`); those of SGLang are servers of their own (`--dp-size`).
    fn split(&self, tensor: u64) -> Split {
        let data =
            if matches!(self.server, Server::Vllm(_)) { u64::from(self.data_parallel.max(1)) } else { 1 };
        Split { tensor, data, has_whole_experts: self.expert_parallel }
    }

    /// How many states there is room for in so many bytes: the blocks of one pool, each as large as the states of a group.
    fn states(&self, cache: u64, gpus: u64) -> Option<u64> {
        let keeping = Keeping { gpus, bits: self.kv_bits, batched_tokens: 0 };
        let of = |wanted| self.model.layers.iter().filter(move |layer| layer.cache.pool() == Some(wanted));
        let state = of(Pool::State).map(|layer| layer.cache.bytes(1, keeping)).max()?;
        let group = of(Pool::Whole).count().min(of(Pool::State).count()).max(1);
        Some(cache / (state * group as u64).max(1))
    }

    /// All weights of the model, in MiB.
    pub fn weights_mib(&self) -> u64 {
        let bytes: u64 =
            self.model.modules.iter().map(|module| self.module_bytes(module, Split::tensor(1))).sum();
        bytes.div_ceil(MIB)
    }

    /// The cache of the longest request, on one device, in MiB.
    pub fn cache_mib(&self) -> u64 {
        self.context_bytes(Gpu { kind: "", memory_mib: 0 }, 1).div_ceil(MIB)
    }

    /// What is computed in on processors alone, in MiB.
    pub fn beside_mib(&self) -> u64 {
        self.server
            .beside(self.model, Gpu { kind: "", memory_mib: 0 }, Split::tensor(1))
            .bytes()
            .div_ceil(MIB)
    }

    /// The bytes of a module on each GPU.
    fn module_bytes(&self, module: &Module, split: Split) -> u64 {
        let weights = match module.kind {
            Kind::Expert if split.has_whole_experts => module
                .copies
                .div_ceil(split.of_experts())
                .saturating_mul(module.rows.saturating_mul(module.columns)),
            Kind::Expert => module.weights_of_each(split.of_experts()),
            _ => module.weights_of_each(split.tensor),
        };
        let sixteen = weights.saturating_mul(2);
        match self.weights {
            Weights::Gguf(gguf) => {
                gguf.bits(module, self.model.layers.len() as u64, self.model.is_tied).bytes(weights)
            }
            Weights::Fp8 => Quantisation::while_loading(module).map_or(sixteen, |bits| bits.bytes(weights)),
            Weights::AsTheyAre => {
                let how = self.model.quantisation.as_ref();
                let is_padded =
                    module.kind == Kind::Expert && how.is_some_and(Quantisation::has_mxfp4_experts);
                let weights = if is_padded { padded(module, split) } else { weights };
                let bytes = module.bits.map_or(sixteen, |bits| bits.bytes(weights));
                // vLLM and SGLang keep the matrix that makes keys and values of a latent vector a second time, turned round and
                // with 16 bits, since decoding multiplies queries by it instead (`process_weights_after_loading` of MLA).
                let absorbed = if module.name.ends_with("kv_b_proj") { sixteen } else { 0 };
                bytes + absorbed
            }
        }
    }

    /// The cache of the longest request, in bytes on each GPU.
    ///
    /// vLLM keeps layers of several kinds in groups of one size, as large as the smallest kind (`_get_kv_cache_groups_uniform_page_size`),
    /// and fills the last group of each kind up.
    fn context_bytes(&self, gpu: Gpu<'_>, gpus: u64) -> u64 {
        let batched_tokens = self.server.batched_tokens(gpu);
        let keeping = Keeping { gpus, bits: self.kv_bits, batched_tokens };
        let mut pools: Vec<(Pool, u64, u64)> = Vec::new();
        for layer in &self.model.layers {
            let Some(pool) = layer.cache.pool() else { continue };
            let bytes = layer.cache.bytes(self.context_tokens, keeping);
            match pools.iter_mut().find(|(kind, ..)| *kind == pool) {
                Some((_, count, sum)) => (*count, *sum) = (*count + 1, sum.saturating_add(bytes)),
                None => pools.push((pool, 1, bytes)),
            }
        }
        let fewest = pools.iter().map(|(_, count, _)| *count).min().unwrap_or(1);
        let most = pools.iter().map(|(_, count, _)| *count).max().unwrap_or(1);
        let size = if most * 4 < fewest * 5 { most } else { fewest };
        let is_grouped = matches!(self.server, Server::Vllm(_));
        let filled = pools.iter().map(|(_, count, bytes)| {
            let places = if is_grouped { count.div_ceil(size) * size } else { *count };
            bytes / count * places
        });
        filled.sum()
    }
}

/// The weights of experts in MXFP4 whose kernels want whole blocks: 128 numbers of a hidden layer, on each GPU, and 256 of what goes
/// in (`mxfp4_round_up_hidden_size_and_intermediate_size` of vLLM).
fn padded(module: &Module, split: Split) -> u64 {
    let is_down = module.name.ends_with("down_proj");
    let (hidden, width) = if is_down { (module.rows, module.columns) } else { (module.columns, module.rows) };
    let (copies, parts) = match split.has_whole_experts {
        true => (module.copies.div_ceil(split.of_experts()), 1),
        false => (module.copies, split.of_experts()),
    };
    let width = width.div_ceil(parts).next_multiple_of(128);
    copies.saturating_mul(hidden.next_multiple_of(256).saturating_mul(width))
}

/// Of what all layers have, what the largest of so many stages has.
fn of_stage(bytes: u64, layers: u64, stages: u64) -> u64 {
    if stages <= 1 {
        return bytes;
    }
    let layers = layers.max(1);
    let stage = u128::from(bytes) * u128::from(layers.div_ceil(stages)) / u128::from(layers);
    u64::try_from(stage).unwrap_or(u64::MAX)
}
