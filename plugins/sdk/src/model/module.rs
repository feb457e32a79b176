//! The weights of a model, module by module, as its checkpoint names them.

use super::bits::Bits;

/// What a module is, by which servers decide whether they quantise and split it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A matrix of a layer.
    Linear,
    /// The matrix of one expert of many, of which a token is given to a few.
    Expert,
    /// The vectors of the vocabulary, and of positions.
    Embedding,
    /// The matrix that makes logits of the last layer's output.
    Head,
    /// What is never quantised: norms, biases, routers, convolutions.
    Other,
    /// A tower that sees or hears.
    Tower,
}

/// How tensor parallelism spreads a module.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Spread {
    /// Evenly over all GPUs.
    Even,
    /// Evenly over at most that many, such as KV heads; beyond, GPUs hold copies.
    AtMost(u64),
    /// Whole on each GPU.
    Copied,
}

/// Matrices of one name and shape.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Module {
    /// Its path in the checkpoint, without `model` and `language_model`: `layers.3.self_attn.q_proj`.
    pub name: String,
    /// What it is.
    pub kind: Kind,
    /// Rows of each matrix: what comes out.
    pub rows: u64,
    /// Columns of each matrix: what goes in.
    pub columns: u64,
    /// How many there are: one for each expert.
    pub copies: u64,
    /// How it is spread.
    pub spread: Spread,
    /// What its checkpoint keeps each weight with; none: 16 bits.
    pub bits: Option<Bits>,
}

impl Module {
    /// The number of its weights.
    pub fn weights(&self) -> u64 {
        self.copies.saturating_mul(self.rows.saturating_mul(self.columns))
    }

    /// The weights of it that each of `gpus` GPUs holds.
    pub(crate) fn weights_of_each(&self, gpus: u64) -> u64 {
        let parts = match self.spread {
            Spread::Even => gpus,
            Spread::AtMost(parts) => gpus.min(parts),
            Spread::Copied => 1,
        };
        self.weights().div_ceil(parts.max(1))
    }
}

/// Collects the modules of one part of a model.
pub(super) struct Modules {
    pub(super) list: Vec<Module>,
}

impl Modules {
    pub(super) fn new() -> Self {
        Self { list: Vec::new() }
    }

    pub(super) fn add(
        &mut self,
        name: String,
        kind: Kind,
        [rows, columns]: [u64; 2],
        copies: u64,
        spread: Spread,
    ) {
        if rows > 0 && columns > 0 && copies > 0 {
            self.list.push(Module { name, kind, rows, columns, copies, spread, bits: None });
        }
    }

    /// A matrix that all GPUs share evenly.
    pub(super) fn linear(&mut self, name: String, rows: u64, columns: u64) {
        self.add(name, Kind::Linear, [rows, columns], 1, Spread::Even);
    }

    /// A matrix that every GPU holds.
    pub(super) fn copied(&mut self, name: String, rows: u64, columns: u64) {
        self.add(name, Kind::Linear, [rows, columns], 1, Spread::Copied);
    }

    /// Weights that stay as they are, on each GPU.
    pub(super) fn other(&mut self, name: String, weights: u64) {
        self.add(name, Kind::Other, [weights, 1], 1, Spread::Copied);
    }

    /// Weights that stay as they are, shared by all GPUs.
    pub(super) fn shared(&mut self, name: String, weights: u64) {
        self.add(name, Kind::Other, [weights, 1], 1, Spread::Even);
    }
}
