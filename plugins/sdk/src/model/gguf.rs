//! Weights of a GGUF: `llama-quantize` keeps each kind of tensor with bits of its own.

use super::bits::Bits;
use super::module::{Kind, Module};

/// How the tensors of a GGUF are kept, by the name of the mixture.
///
/// By `llama_tensor_get_type` of llama.cpp's `src/llama-quant.cpp`, with the sizes of blocks in `ggml-common.h`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Deserialize)]
#[allow(missing_docs, non_camel_case_types)]
pub enum Gguf {
    Q2_K,
    Q3_K_S,
    Q3_K_M,
    Q3_K_L,
    IQ4_XS,
    IQ4_NL,
    Q4_0,
    Q4_1,
    Q4_K_S,
    Q4_K_M,
    Q5_0,
    Q5_1,
    Q5_K_S,
    Q5_K_M,
    Q6_K,
    Q8_0,
    MXFP4,
    F16,
    BF16,
}

const Q2_K: Bits = Bits(2625);
const Q3_K: Bits = Bits(3438);
const IQ4_XS: Bits = Bits(4250);
const IQ4_NL: Bits = Bits(4500);
const Q4_0: Bits = Bits(4500);
const Q4_1: Bits = Bits(5000);
const Q5_0: Bits = Bits(5500);
const Q5_1: Bits = Bits(6000);
const Q4_K: Bits = Bits(4500);
const Q5_K: Bits = Bits(5500);
const Q6_K: Bits = Bits(6563);
const Q8_0: Bits = Bits(8500);
const F16: Bits = Bits(16_000);
const F32: Bits = Bits(32_000);

impl Gguf {
    /// Its name, as in the name of a file.
    pub fn name(self) -> String {
        format!("{self:?}")
    }

    /// What a module of one of `layers` layers is kept with, in a model whose head is tied to its embeddings or not.
    pub(crate) fn bits(self, module: &Module, layers: u64, is_tied: bool) -> Bits {
        match module.kind {
            // Norms and routers stay exact.
            Kind::Other => F32,
            Kind::Tower => F16,
            Kind::Head => self.head(),
            Kind::Embedding if is_tied => self.head(),
            Kind::Embedding => self.base(),
            // Experts of a checkpoint in MXFP4 stay so, and everything else is in 8 bits.
            Kind::Linear if self == Self::MXFP4 => Q8_0,
            Kind::Linear | Kind::Expert => self.matrix(module, layers),
        }
    }

    fn base(self) -> Bits {
        match self {
            Self::Q2_K => Q2_K,
            Self::Q3_K_S | Self::Q3_K_M | Self::Q3_K_L => Q3_K,
            Self::IQ4_XS => IQ4_XS,
            Self::IQ4_NL => IQ4_NL,
            Self::Q4_0 => Q4_0,
            Self::Q4_1 => Q4_1,
            Self::Q5_0 => Q5_0,
            Self::Q5_1 => Q5_1,
            Self::Q4_K_S | Self::Q4_K_M => Q4_K,
            Self::Q5_K_S | Self::Q5_K_M => Q5_K,
            Self::Q6_K => Q6_K,
            Self::Q8_0 => Q8_0,
            Self::MXFP4 => Bits::MXFP4,
            Self::F16 | Self::BF16 => F16,
        }
    }

    fn head(self) -> Bits {
        match self {
            Self::Q8_0 | Self::MXFP4 => Q8_0,
            Self::F16 | Self::BF16 => F16,
            _ => Q6_K,
        }
    }

    fn matrix(self, module: &Module, layers: u64) -> Bits {
        let is = |matrix: &str| module.name.ends_with(matrix);
        let (value, down) = (is("v_proj"), is("down_proj"));
        let has_more = has_more_bits(layer(&module.name), layers);
        match self {
            Self::Q4_K_M if (value || down) && has_more => Q6_K,
            Self::Q5_K_M if (value || down) && has_more => Q6_K,
            Self::Q4_K_S if value && layer(&module.name) < 4 => Q5_K,
            Self::Q4_K_S if down && layer(&module.name) < layers / 8 => Q5_K,
            Self::IQ4_XS | Self::IQ4_NL if value => Q5_K,
            Self::IQ4_XS | Self::IQ4_NL if down && layer(&module.name) < layers / 8 => Q5_K,
            Self::Q3_K_L if value || down || is("o_proj") => Q5_K,
            Self::Q3_K_M if value && layer(&module.name) < 2 => Q5_K,
            Self::Q3_K_M if value || down || is("o_proj") => Q4_K,
            Self::Q2_K if value => Q4_K,
            Self::Q2_K if down || is("o_proj") => Q3_K,
            _ => self.base(),
        }
    }
}

/// `use_more_bits`: the first and the last eighth of the layers, and every third between.
fn has_more_bits(layer: u64, layers: u64) -> bool {
    let eighth = layers / 8;
    layer < eighth || layer >= 7 * layers / 8 || (layer - eighth) % 3 == 2
}

fn layer(name: &str) -> u64 {
    let number = name.split('.').skip_while(|part| *part != "layers").nth(1);
    number.and_then(|number| number.parse().ok()).unwrap_or(0)
}
