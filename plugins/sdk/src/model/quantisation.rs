//! How a checkpoint keeps its weights, as its config says: with how many bits, and which modules are left as they were.

use serde_json::Value;

use super::Unreadable;
use super::bits::Bits;
use super::config::Config;
use super::module::{Kind, Module};
use super::pattern::Named;

/// How a checkpoint is quantised.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Quantisation {
    /// What its config calls it: `fp8`, `compressed-tensors`, `awq`.
    pub method: String,
    /// What matrices of layers and experts have where nothing else is said; none: they stay as they were.
    linear: Option<Bits>,
    experts: Option<Bits>,
    /// What is said of some modules.
    some: Named<Bits>,
    /// Modules that are left as they were.
    kept: Named<()>,
    /// Bits of each number in the KV cache, where the checkpoint says so.
    pub kv_bits: Option<u64>,
}

impl Quantisation {
    /// What the `quantization_config` of a config says; none: there is none.
    pub(super) fn read(config: Config<'_>) -> Result<Option<Self>, Unreadable> {
        // The last is what ModelOpt writes into a file of its own, `hf_quant_config.json`.
        let names = ["quantization_config", "compression_config", "quantization"];
        let text = config.section(&["text_config", "llm_config"]);
        let said = config.section(&names).or_else(|| text.and_then(|text| text.section(&names)));
        let Some(said) = said else { return Ok(None) };
        let method = said.text("quant_method").unwrap_or("modelopt");
        let mut read = match method {
            "fp8" | "fbgemm_fp8" | "modelopt_fp8" => Self::all(method, Bits::FP8),
            "mxfp4" => Self { linear: None, ..Self::all(method, Bits::MXFP4) },
            "awq" | "awq_marlin" => Self::all(method, in_groups(said, 4, said.is_or("zero_point", true))?),
            "gptq" | "gptq_marlin" | "auto-round" | "auto_round" | "intel/auto-round" => {
                Self::all(method, in_groups(said, 4, !said.is_or("sym", true))?)
            }
            "bitsandbytes" => Self::all(method, bitsandbytes(said)),
            "compressed-tensors" => groups(said, method)?,
            "modelopt" | "modelopt_fp4" | "modelopt_mixed" => modelopt(said, method)?,
            "quark" => quark(said, method)?,
            other => return Err(Unreadable::UnknownQuantisation(other.into())),
        };
        for list in [
            "modules_to_not_convert",
            "ignored_layers",
            "ignore",
            "exclude_modules",
            "exclude",
            "llm_int8_skip_modules",
        ] {
            for name in said.texts(&[list]).unwrap_or_default() {
                read.kept.add(name, ());
            }
        }
        // GPTQ says `-:` before what it leaves out.
        if let Some(dynamic) = said.section(&["dynamic"]) {
            for name in dynamic.names().filter_map(|name| name.strip_prefix("-:")) {
                read.kept.add(&format!("re:{name}"), ());
            }
        }
        if let (true, Some(bits)) = (said.is("lm_head"), read.linear) {
            read.some.add("lm_head", bits);
        }
        // DeepSeek V4 keeps its experts in 4 bits beside 8 for everything else.
        if config.text("expert_dtype") == Some("fp4") && method == "fp8" {
            read.experts = Some(Bits::MXFP4);
        }
        let scheme =
            said.section(&["kv_cache_scheme"]).map(|scheme| scheme.count(&["num_bits"])).transpose()?;
        let named = said.text("kv_cache_quant_algo").map(|_| 8);
        read.kv_bits = scheme.flatten().or(named).filter(|bits| *bits == 8 || *bits == 4);
        Ok(Some(read))
    }

    /// What a server keeps a module with that quantises a checkpoint while it loads it; none: as it was.
    pub(crate) fn while_loading(module: &Module) -> Option<Bits> {
        matches!(module.kind, Kind::Linear | Kind::Expert).then_some(Bits::FP8)
    }

    fn all(method: &str, bits: Bits) -> Self {
        let (linear, experts) = (Some(bits), Some(bits));
        Self { method: method.into(), linear, experts, some: Named::new(), kept: Named::new(), kv_bits: None }
    }

    /// What a module is kept with; none: as it was.
    pub(super) fn bits(&self, module: &Module) -> Option<Bits> {
        let usual = match module.kind {
            Kind::Linear => self.linear,
            Kind::Expert => self.experts,
            Kind::Head => None,
            Kind::Embedding | Kind::Other | Kind::Tower => return None,
        };
        match self.kept.get(&module.name) {
            Some(()) => None,
            None => self.some.get(&module.name).or(usual),
        }
    }

    /// Whether experts are in MXFP4, which kernels pad.
    pub(crate) fn has_mxfp4_experts(&self) -> bool {
        self.experts == Some(Bits::MXFP4)
    }
}

/// Groups of weights with a scale of 16 bits, and perhaps a zero point.
fn in_groups(said: Config<'_>, usual: u64, has_zeros: bool) -> Result<Bits, Unreadable> {
    let bits = said.count_or(&["bits", "w_bit"], usual)?.clamp(1, 16);
    // A group of -1 is a whole row.
    let group = said.value(&["group_size", "q_group_size"]).and_then(Value::as_u64).unwrap_or(0);
    Ok(Bits::in_groups(bits, group, if has_zeros { 16 + bits } else { 16 }))
}

fn bitsandbytes(said: Config<'_>) -> Bits {
    match () {
        () if said.is("load_in_8bit") => Bits(8002),
        // A scale of 32 bits for every 64 weights, or of 8 and what they have in common.
        () if said.is("bnb_4bit_use_double_quant") => Bits(4127),
        () => Bits(4500),
    }
}

/// The bits of `weights` in a group of compressed-tensors and ModelOpt.
fn weights_of(group: Config<'_>) -> Result<Option<Bits>, Unreadable> {
    let Some(weights) = group.section(&["weights"]) else { return Ok(None) };
    let bits = weights.count_or(&["num_bits"], 8)?.clamp(1, 16);
    let size = weights.value(&["group_size"]).and_then(Value::as_u64).unwrap_or(0);
    let is_float = weights.text("type") == Some("float");
    Ok(Some(match (is_float, bits, size) {
        (true, 4, 32) => Bits::MXFP4,
        (true, 4, _) => Bits::NVFP4,
        (true, 8, 0) => Bits::FP8,
        (true, 8, _) => Bits::in_groups(8, size.max(1), 8),
        (_, bits, 0) => Bits(bits * 1000 + 2),
        (_, bits, size) => {
            Bits::in_groups(bits, size, if weights.is_or("symmetric", true) { 16 } else { 16 + bits })
        }
    }))
}

/// Groups of modules, each with its weights: all linear ones, or those that it names.
fn groups(said: Config<'_>, method: &str) -> Result<Quantisation, Unreadable> {
    let mut read = Quantisation { linear: None, experts: None, ..Quantisation::all(method, Bits::FP8) };
    let groups = said.section(&["config_groups"]).ok_or(Unreadable::Missing("config_groups"))?;
    for (_, group) in groups.sections() {
        let Some(bits) = weights_of(group)? else { continue };
        for target in group.texts(&["targets"]).unwrap_or_default() {
            if target == "Linear" {
                (read.linear, read.experts) = (Some(bits), Some(bits));
            } else {
                read.some.add(target, bits);
            }
        }
    }
    Ok(read)
}

fn modelopt(said: Config<'_>, method: &str) -> Result<Quantisation, Unreadable> {
    let said = said.section(&["quantization"]).unwrap_or(said);
    let algorithm = said.text("quant_algo").unwrap_or_default();
    let mut read = match bits_of_algorithm(algorithm) {
        Some(bits) => Quantisation::all(method, bits),
        None if said.section(&["config_groups"]).is_some() => groups(said, method)?,
        None => Quantisation { linear: None, experts: None, ..Quantisation::all(method, Bits::FP8) },
    };
    // A module by itself stands before any group.
    if let Some(layers) = said.section(&["quantized_layers"]) {
        read.some = Named::new();
        for (name, layer) in layers.sections() {
            if let Some(bits) = layer.text("quant_algo").and_then(bits_of_algorithm) {
                read.some.add(name, bits);
            }
        }
    }
    Ok(read)
}

fn bits_of_algorithm(algorithm: &str) -> Option<Bits> {
    Some(match algorithm {
        _ if algorithm.contains("NVFP4") => Bits::NVFP4,
        _ if algorithm.contains("MXFP4") => Bits::MXFP4,
        _ if algorithm.contains("MXFP8") => Bits::in_groups(8, 32, 8),
        _ if algorithm.starts_with("FP8") => Bits::FP8,
        _ if algorithm.starts_with("W4A") => Bits::in_groups(4, 128, 16),
        _ if algorithm.starts_with("W8A") => Bits(8002),
        _ => return None,
    })
}

fn quark(said: Config<'_>, method: &str) -> Result<Quantisation, Unreadable> {
    let global = said.section(&["global_quant_config"]).and_then(|global| global.section(&["weight"]));
    let kind = global.and_then(|weight| weight.text("dtype")).unwrap_or_default();
    let bits = match kind {
        "fp4" => Bits::MXFP4,
        "fp8_e4m3" | "int8" => Bits::FP8,
        "int4" | "uint4" => Bits::in_groups(4, 128, 20),
        other => return Err(Unreadable::UnknownQuantisation(format!("quark's {other}"))),
    };
    Ok(Quantisation::all(method, bits))
}
