//! Room for LoRA adapters: a server keeps as much on each GPU for every adapter as the largest one takes, from its start on.

use crate::model::{Kind, Module, Spread};

use super::server::Split;

/// The ends of the names of matrices whose input GPUs share, rather than their output (row parallel).
const INPUT_IS_SHARED: [&str; 3] = ["o_proj", "down_proj", "out_proj"];
/// Bytes of each number of an adapter, whatever the model's are kept with.
const NUMBER_BYTES: u64 = 2;

/// Adapters that a server has room for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Adapters {
    /// How many each GPU holds at once.
    pub slots: u64,
    /// The largest rank of one.
    pub rank: u64,
}

impl Adapters {
    /// What they take beside a module on each GPU, in bytes: each a matrix from its input to `rank` numbers, and one from these to its
    /// output (`create_lora_weights` of vLLM's `lora/layers/base_linear.py`, `LoRAMemoryPool` of SGLang's `lora/mem_pool.py`). Where
    /// GPUs share what goes in or what comes out, each has its part of that one matrix and all of the other; the vectors of the
    /// vocabulary are whole on each.
    pub(super) fn bytes(self, module: &Module, split: Split) -> u64 {
        let (copies, gpus) = match module.kind {
            Kind::Linear => (module.copies, split.tensor),
            Kind::Expert if split.has_whole_experts => (module.copies.div_ceil(split.of_experts()), 1),
            Kind::Expert => (module.copies, split.of_experts()),
            Kind::Embedding | Kind::Head => (module.copies, 1),
            Kind::Other | Kind::Tower => return 0,
        };
        let parts = match module.spread {
            Spread::Even => gpus,
            Spread::AtMost(parts) => gpus.min(parts),
            Spread::Copied => 1,
        };
        let (mut output, mut input) = (module.rows, module.columns);
        match INPUT_IS_SHARED.iter().any(|end| module.name.ends_with(end)) {
            true => input = input.div_ceil(parts.max(1)),
            false => output = output.div_ceil(parts.max(1)),
        }
        let numbers = self.rank.saturating_mul(input.saturating_add(output)).saturating_mul(copies);
        numbers.saturating_mul(self.slots).saturating_mul(NUMBER_BYTES)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Model;

    /// Llama-3.1-8B: 32 layers of q and o (4096 × 4096), k and v (1024 × 4096), gate, up and down (14,336 × 4096), 128,256 words.
    #[test]
    fn one_adapter_takes_rank_times_what_goes_in_and_out() {
        let model = Model::known("meta-llama/Llama-3.1-8B-Instruct").unwrap();
        let of = |slots, gpus| {
            let adapters = Adapters { slots, rank: 16 };
            model.modules.iter().map(|module| adapters.bytes(module, Split::tensor(gpus))).sum::<u64>()
        };
        let layer = 2 * (4096 + 4096) + 2 * (1024 + 4096) + 3 * (14_336 + 4096);
        let ends = 2 * (128_256 + 4096);
        assert_eq!(of(1, 1), (32 * layer + ends) * 16 * 2);
        assert_eq!(of(4, 1), 4 * of(1, 1));
        let half = (4096 + 2048) * 2 + 2 * (512 + 4096) + 3 * (7168 + 4096);
        assert_eq!(of(1, 2), (32 * half + ends) * 16 * 2, "one side of each is shared");
    }
}
