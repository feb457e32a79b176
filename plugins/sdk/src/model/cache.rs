//! What a layer keeps of the tokens that it has seen.

/// How far back a layer looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reach {
    /// To the first token.
    Whole,
    /// This many tokens.
    Window(u64),
}

/// What one layer keeps for one sequence.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cache {
    /// Nothing: it looks at no other token, or reads what another layer keeps.
    Nothing,
    /// A key and a value for each KV head and token.
    Heads {
        /// How many heads.
        heads: u64,
        /// Numbers in a key and a value together.
        numbers: u64,
        /// How far back.
        reach: Reach,
    },
    /// One compressed vector a token, which every GPU holds whole (MLA).
    Latent {
        /// Numbers in it: `kv_lora_rank + qk_rope_head_dim`.
        numbers: u64,
        /// Bytes of what an indexer keeps beside it; 0: there is none.
        index_bytes: u64,
    },
    /// Compressed vectors of 8 bits: one for each token of a window, and one for every `ratio` tokens before.
    Compressed {
        /// Bytes of a vector.
        vector_bytes: u64,
        /// Tokens of the window.
        window: u64,
        /// Tokens that one vector stands for; 0: nothing is kept beyond the window.
        ratio: u64,
        /// Bytes of what an indexer keeps beside each vector.
        index_bytes: u64,
    },
    /// A state of fixed size, shared by all GPUs, whatever the length.
    State {
        /// Numbers that are kept as the model computes.
        numbers: u64,
        /// Bytes that are kept beside them.
        bytes: u64,
    },
}

/// As what caches of one length are counted together: a server gives a pool of blocks to each.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Pool {
    Whole,
    Window(u64),
    State,
}

/// How a server keeps caches.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Keeping {
    /// GPUs that share a layer.
    pub(crate) gpus: u64,
    /// Bits of each number of a key or value.
    pub(crate) bits: u64,
    /// Tokens that are computed at once, which a window holds beside its own.
    pub(crate) batched_tokens: u64,
}

impl Cache {
    pub(crate) fn pool(&self) -> Option<Pool> {
        match self {
            Cache::Nothing => None,
            Cache::Heads { reach: Reach::Window(window), .. } => Some(Pool::Window(*window)),
            Cache::Heads { .. } | Cache::Latent { .. } | Cache::Compressed { .. } => Some(Pool::Whole),
            Cache::State { .. } => Some(Pool::State),
        }
    }

    /// Bytes on each GPU for one sequence of `tokens`.
    pub(crate) fn bytes(&self, tokens: u64, keeping: Keeping) -> u64 {
        match *self {
            Cache::Nothing => 0,
            Cache::Heads { heads, numbers, reach } => {
                let seen = match reach {
                    Reach::Whole => tokens,
                    Reach::Window(window) => tokens.min(window.saturating_add(keeping.batched_tokens)),
                };
                let heads = heads.div_ceil(keeping.gpus.min(heads).max(1));
                (heads * numbers * keeping.bits / 8).saturating_mul(seen)
            }
            Cache::Latent { numbers, index_bytes } => {
                (numbers * keeping.bits / 8 + index_bytes).saturating_mul(tokens)
            }
            Cache::Compressed { vector_bytes, window, ratio, index_bytes } => {
                let near = tokens.min(window.saturating_add(keeping.batched_tokens)) * vector_bytes;
                near + tokens.checked_div(ratio).unwrap_or(0).saturating_mul(vector_bytes + index_bytes)
            }
            Cache::State { numbers, bytes } => {
                numbers.saturating_mul(2).saturating_add(bytes).div_ceil(keeping.gpus)
            }
        }
    }
}
