//! Whether a model fits the memory of a target's GPUs, said with the terms that it comes to.
//!
//! Weights are counted module by module, as their checkpoint keeps them and as the server spreads them over GPUs; the cache layer
//! by layer, as each keeps what it has seen; and what the server takes beside them by the formulas of its own source. Layers are
//! spread over the nodes (pipeline parallelism), and each layer over the GPUs of one (tensor parallelism).

mod adapters;
mod reading;
mod server;
mod share;

pub use adapters::Adapters;
pub use reading::Reading;
pub use server::{Beside, Gpu, Server, Vllm};
pub use share::{Need, Share, Weights};

use crate::bindings::template::{Facts, GpuPool, Problem};
use crate::gpu::is_slice;
use server::DRIVER_MIB;

const MIB: u64 = 1 << 20;
/// Numbers of GPUs that are tried where none is asked for.
const GPU_COUNTS: [u32; 4] = [1, 2, 4, 8];
/// The most GPUs on a node that a form takes.
const GPUS_MAX: u32 = 64;
/// Of the states that there is room for, by what is reckoned, how many are counted on.
const STATES_SURE_PERCENT: u64 = 80;

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
    /// What each of them holds.
    pub share: Share,
    /// Requests at once beyond which the server would not start, since each has a state of fixed size; none: no such bound.
    pub requests_max: Option<u64>,
    /// Why they are enough, for people.
    pub arithmetic: String,
}

impl Need<'_> {
    /// The fewest GPUs of the target that are enough, of those with the least memory; or why none are.
    pub fn place(&self, target: &Facts, wish: Wish<'_>) -> Result<Fit, Problem> {
        let mut tried: Option<(&GpuPool, u32)> = None;
        let mut found: Option<(&GpuPool, u32)> = None;
        for pool in pools(target, wish)? {
            let counts = self.counts(pool, wish).into_iter();
            for count in counts.filter(|count| nodes_with(target, &pool.kind, *count) >= wish.nodes) {
                let less = |(other, other_count): &(&GpuPool, u32)| {
                    (count, pool.memory_mib) < (*other_count, other.memory_mib)
                };
                if self.share_of(pool, count, wish.nodes).fits() && found.as_ref().is_none_or(less) {
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
                let even = (1..=GPUS_MAX).filter(|count| self.spreads(*count)).map(|count| count.to_string());
                let message = format!(
                    "the {} attention heads of {} cannot be spread evenly over the GPUs asked for; over {} they can",
                    self.model.heads,
                    self.name,
                    even.collect::<Vec<_>>().join(", ")
                );
                return Err(Problem::with("/gpus", message));
            }
        };
        let share = self.share_of(pool, gpus, wish.nodes);
        Ok(Fit {
            kind: pool.kind.clone(),
            gpus,
            memory_mib: pool.memory_mib,
            requests_max: self.requests_max(&share, pool),
            arithmetic: arithmetic(&share),
            share,
        })
    }

    /// vLLM gives every request a state, and refuses to start where there is no room for as many as it would answer at once.
    fn requests_max(&self, share: &Share, pool: &GpuPool) -> Option<u64> {
        let kind = pool.kind.to_lowercase();
        let wanted = self.server.sequences(Gpu { kind: &kind, memory_mib: u64::from(pool.memory_mib) });
        let sure = share.states? * STATES_SURE_PERCENT / 100;
        (sure < wanted).then_some(sure.max(1))
    }

    /// The numbers of a pool's GPUs that are tried, which the model can be spread over.
    fn counts(&self, pool: &GpuPool, wish: Wish<'_>) -> Vec<u32> {
        let counts = match (wish.gpus, self.server) {
            (Some(count), _) => vec![count],
            (None, Server::LlamaCpp) => (1..=per_node(pool)).collect(),
            (None, _) => self.usual_counts().filter(|count| *count <= per_node(pool)).collect(),
        };
        counts.into_iter().filter(|count| self.spreads(*count)).collect()
    }

    /// So many for each copy of the model.
    fn usual_counts(&self) -> impl Iterator<Item = u32> {
        GPU_COUNTS.into_iter().map(|count| count * self.data_parallel.max(1))
    }

    fn spreads(&self, gpus: u32) -> bool {
        let copies = self.data_parallel.max(1);
        let evenly = || gpus.is_multiple_of(copies) && self.model.spreads_over(u64::from(gpus / copies));
        gpus > 0 && (self.server == Server::LlamaCpp || evenly())
    }

    fn share_of(&self, pool: &GpuPool, gpus: u32, nodes: u32) -> Share {
        let memory_mib = u64::from(pool.memory_mib).saturating_sub(DRIVER_MIB);
        self.share(Gpu { kind: &pool.kind.to_lowercase(), memory_mib }, gpus, nodes)
    }

    fn too_much(&self, pool: &GpuPool, gpus: u32, wish: Wish<'_>) -> Problem {
        let share = self.share_of(pool, gpus, wish.nodes);
        let over = if wish.nodes > 1 { format!(" on each of {} nodes", wish.nodes) } else { String::new() };
        let enough = self
            .usual_counts()
            .filter(|count| *count == 1 || !is_slice(&pool.kind))
            .find(|count| self.spreads(*count) && self.share_of(pool, *count, wish.nodes).fits());
        let mut ways = Vec::new();
        ways.extend(enough.map(|count| format!("{count} GPUs{over} would be enough")));
        let tokens = self.longest(pool, gpus, wish.nodes);
        if tokens > 0 {
            ways.push(format!("a context_tokens of {tokens} would fit"));
        }
        if ways.is_empty() {
            ways.push("a checkpoint of fewer bits, more nodes or GPUs with more memory would help".into());
        }
        let parameter = if wish.gpus.is_some() { "/gpus" } else { "/model" };
        Problem::with(
            parameter,
            format!(
                "{} does not fit {gpus} × {}{over}: {}; {}",
                self.name,
                pool.kind,
                arithmetic(&share),
                ways.join("; ")
            ),
        )
    }

    /// The longest request that would fit, in tokens, to the nearest 256; 0: none does.
    fn longest(&self, pool: &GpuPool, gpus: u32, nodes: u32) -> u64 {
        let fits = |blocks: u64| {
            let shorter = Need { context_tokens: blocks * 256, ..*self };
            shorter.share_of(pool, gpus, nodes).fits()
        };
        let (mut low, mut high) = (0, self.context_tokens / 256);
        while low < high {
            let middle = (low + high).div_ceil(2);
            if fits(middle) { low = middle } else { high = middle - 1 }
        }
        low * 256
    }
}

/// What each GPU holds, for people.
fn arithmetic(share: &Share) -> String {
    let mib = |bytes: u64| bytes.div_ceil(MIB);
    let parts = |parts: &[(&str, u64)]| {
        let there = parts.iter().filter(|(_, bytes)| *bytes > 0);
        there.map(|(name, bytes)| format!("{name} {}", mib(*bytes))).collect::<Vec<_>>().join(", ")
    };
    let weights = parts(&[
        ("layers", share.layers),
        ("experts", share.experts),
        ("embeddings and head", share.vocabulary),
        ("towers", share.towers),
        ("adapters", share.adapters),
    ]);
    let beside = parts(&[
        ("activations", share.beside.activations),
        ("graphs", share.beside.graphs),
        ("kernels", share.beside.kernels),
    ]);
    let beside = if beside.is_empty() { String::new() } else { format!("; beside them {beside}") };
    format!(
        "on each GPU weights {} MiB ({weights}){beside}; cache {} MiB for {} tokens; margin {}; together {} MiB of the {} MiB \
         that the server keeps",
        mib(share.weights()),
        mib(share.context),
        share.context_tokens,
        mib(share.margin()),
        mib(share.needs()),
        share.has / MIB,
    )
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
    let enough = |pool: &&GpuPool| {
        let count = wish.gpus.unwrap_or(1);
        per_node(pool) >= count && nodes_with(target, &pool.kind, count) >= wish.nodes
    };
    let is_of_slices = known.iter().any(|pool| is_slice(&pool.kind));
    let suits: Vec<_> = known.into_iter().filter(enough).collect();
    if suits.is_empty() {
        let count = wish.gpus.map_or("a GPU".into(), |count| format!("{count} GPUs"));
        let why = match wish.gpus.is_some_and(|count| count > 1) && is_of_slices {
            true => ", and a replica can have one slice of a GPU on each node",
            false => "",
        };
        return Err(Problem::with(
            if wish.gpus.is_some() { "/gpus" } else { "/nodes" },
            format!("target '{}' has no {} nodes with {count} each: {has}{why}", target.name, wish.nodes),
        ));
    }
    Ok(suits)
}

/// The nodes of a kind of GPU that have so many of it, in whichever pools they are.
fn nodes_with(target: &Facts, kind: &str, count: u32) -> u32 {
    let fitting = target.gpu_pools.iter().filter(|pool| pool.kind == kind && per_node(pool) >= count);
    fitting.fold(0, |sum, pool| sum.saturating_add(pool.nodes))
}

/// The GPUs of one node of a pool that a replica can have: pools are of like nodes. Of nodes that differ, at least one has as many.
fn per_node(pool: &GpuPool) -> u32 {
    let all = pool.total.div_ceil(pool.nodes.max(1));
    if is_slice(&pool.kind) { all.min(1) } else { all }
}

#[cfg(test)]
mod tests;
