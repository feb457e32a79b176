//! What Text Embeddings Inference takes: a model that reads texts at once and keeps nothing of them.

use crate::model::{Kind, Model};

use super::server::{DRIVER_MIB, MIB, Split, forward};
use super::share::MARGIN_PERCENT;

/// On a GPU for CUDA's context and for code, in MiB.
const KERNELS_MIB: u64 = 640;

/// A model that reads batches of texts.
#[derive(Debug, Clone, Copy)]
pub struct Reading<'a> {
    /// What it is made of.
    pub model: &'a Model,
    /// Tokens of a batch.
    pub batch_tokens: u64,
    /// Bytes of each weight: 2 on GPUs, 4 on processors.
    pub weight_bytes: u64,
    /// Whether attention never holds all scores at once. The images for Turing do: FlashAttention is off there, since it is not exact
    /// enough on them (`USE_FLASH_ATTENTION` in TEI's readme).
    pub has_flash_attention: bool,
}

impl Reading<'_> {
    /// All weights but those of a head, which it does not load, in MiB.
    pub fn weights_mib(&self) -> u64 {
        let modules = self.model.modules.iter().filter(|module| module.kind != Kind::Head);
        let weights: u64 = modules.map(|module| module.weights()).sum();
        weights.saturating_mul(self.weight_bytes).div_ceil(MIB)
    }

    /// What one batch is computed in, in MiB. TEI tries the largest one when it starts.
    pub fn batch_mib(&self) -> u64 {
        let pass = forward(self.model, self.batch_tokens, Split::tensor(1)) * self.weight_bytes / 2;
        (pass + self.scores()).div_ceil(MIB)
    }

    /// The scores of every token with every other one of its text, of the longest texts that a batch has room for: as they are,
    /// masked, and as shares of one.
    fn scores(&self) -> u64 {
        if self.has_flash_attention {
            return 0;
        }
        let tokens = self.batch_tokens.min(self.model.context_tokens).max(1);
        let texts = (self.batch_tokens / tokens).max(1);
        let all = u128::from(texts * self.model.heads) * u128::from(tokens) * u128::from(tokens);
        u64::try_from(all * u128::from(3 * self.weight_bytes)).unwrap_or(u64::MAX)
    }

    /// What it comes to on a GPU, in MiB.
    pub fn needs_mib(&self) -> u64 {
        self.weights_mib().saturating_add(self.batch_mib()).saturating_add(KERNELS_MIB)
    }

    /// Whether it fits a GPU whose driver reports so much memory, in MiB.
    pub fn fits(&self, memory_mib: u64) -> bool {
        self.needs_mib() <= Self::counted_on_mib(memory_mib)
    }

    /// Of the memory that a driver reports, what is counted on, in MiB: all but what the driver keeps and the margin.
    pub fn counted_on_mib(memory_mib: u64) -> u64 {
        memory_mib.saturating_sub(DRIVER_MIB) * (100 - MARGIN_PERCENT) / 100
    }
}
