//! What follows attention in a layer: one wide network, or experts of which each token is given to a few.

use serde_json::Value;

use super::Unreadable;
use super::attention::hidden;
use super::config::Config;
use super::module::{Kind, Modules, Spread};

/// Experts that a token is given to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Routed {
    /// How many for each token.
    pub experts: u64,
    /// The width of each.
    pub width: u64,
}

/// What a feed-forward network takes while it computes.
#[derive(Default)]
pub(super) struct Fed {
    /// Numbers of a token in the widest network that all tokens pass; its two halves where it is gated.
    pub(super) width: u64,
    pub(super) routed: Option<Routed>,
}

const EXPERTS: &[&str] =
    &["n_routed_experts", "num_experts", "num_local_experts", "moe_num_experts", "n_experts"];

/// Models whose networks have no gate: two matrices and not three.
const WITHOUT_GATE: &[&str] = &[
    "bert",
    "roberta",
    "xlm-roberta",
    "mpnet",
    "distilbert",
    "gpt2",
    "gpt_neox",
    "gptj",
    "gpt_bigcode",
    "opt",
    "bloom",
    "falcon",
    "phi",
    "starcoder2",
    "nemotron",
    "nemotron_h",
    "whisper",
    "mpt",
];

pub(super) fn has_experts(config: Config<'_>) -> Result<bool, Unreadable> {
    Ok(config.count_or(EXPERTS, 0)? > 0)
}

/// Whether the layer with this number, from 0, has experts.
pub(super) fn is_routed(config: Config<'_>, layer: u64) -> Result<bool, Unreadable> {
    if !has_experts(config)? || config.value(&["enable_moe_block"]) == Some(&Value::Bool(false)) {
        return Ok(false);
    }
    let at = usize::try_from(layer).unwrap_or(usize::MAX);
    if let Some(types) = config.texts(&["mlp_layer_types"]) {
        return Ok(types.get(at).is_none_or(|kind| *kind != "dense"));
    }
    if let Some(each) = config.numbers(&["moe_layer_freq"]) {
        return Ok(each.get(at) == Some(&1));
    }
    if config.numbers(&["mlp_only_layers"]).is_some_and(|dense| dense.contains(&layer)) {
        return Ok(false);
    }
    if let Some(routed) = config.numbers(&["moe_layers"]) {
        return Ok(routed.contains(&layer));
    }
    let dense =
        config.count_or(&["first_k_dense_replace", "moe_layer_start_index", "num_dense_layers"], 0)?;
    let end = config.count(&["moe_layer_end_index"])?.unwrap_or(u64::MAX);
    let step = config.count_or(&["interleave_moe_layer_step", "decoder_sparse_step"], 1)?;
    // Jamba counts from an offset.
    if let Some(period) = config.count(&["expert_layer_period"])? {
        let offset = config.count_or(&["expert_layer_offset"], 0)?;
        return Ok(layer % period.max(1) == offset);
    }
    Ok(layer >= dense && layer <= end && (layer + 1).is_multiple_of(step.max(1)))
}

/// One network that all tokens pass.
pub(super) fn dense(
    config: Config<'_>,
    name: &str,
    width: u64,
    modules: &mut Modules,
) -> Result<Fed, Unreadable> {
    let hidden = hidden(config)?;
    network(config, name, width, hidden, modules);
    if config.is("mlp_bias") {
        modules.other(format!("{name}.bias"), 2 * width + hidden);
    }
    Ok(Fed { width: width * inputs(config), routed: None })
}

/// The width of the networks of layers without experts.
pub(super) fn dense_width(config: Config<'_>, layer: u64) -> Result<u64, Unreadable> {
    let names =
        ["intermediate_size_mlp", "dense_intermediate_size", "intermediate_size", "n_inner", "ffn_dim"];
    // Nemotron's search gives each layer a width of its own, in multiples of the hidden size.
    let blocks = config.value(&["block_configs"]).and_then(Value::as_array);
    if let Some(block) = blocks.and_then(|blocks| blocks.get(usize::try_from(layer).ok()?)) {
        return searched_width(Config::of(block)?, hidden(config)?);
    }
    if let Some(each) = config.numbers(&["intermediate_size"]) {
        let width = usize::try_from(layer).ok().and_then(|at| each.get(at).copied());
        return width.filter(|width| *width < 1 << 22).ok_or(Unreadable::Missing("intermediate_size"));
    }
    Ok(config.count(&names)?.unwrap_or(4 * hidden(config)?))
}

fn searched_width(block: Config<'_>, hidden: u64) -> Result<u64, Unreadable> {
    let network = block.section(&["ffn"]).ok_or(Unreadable::Missing("ffn"))?;
    if network.is("no_op") {
        return Ok(0);
    }
    if let Some(width) = network.count(&["intermediate_size"])? {
        return Ok(width);
    }
    let times = network.value(&["ffn_mult"]).and_then(Value::as_f64).unwrap_or(4.0).clamp(0.0, 64.0);
    // As DeciLM's own code has it: two thirds, since there is a gate, in whole multiples of 256.
    let width = (2.0 * times * hidden as f64 / 3.0) as u64;
    Ok(width.div_ceil(256) * 256)
}

/// Experts, the router that chooses among them, and what all tokens pass beside them.
pub(super) fn routed(config: Config<'_>, name: &str, modules: &mut Modules) -> Result<Fed, Unreadable> {
    let model = config.text("model_type").unwrap_or_default();
    let hidden = hidden(config)?;
    let experts = config.needed(EXPERTS)?;
    let width = config.needed(&[
        "moe_intermediate_size",
        "expert_ffn_hidden_size",
        "intermediate_size",
        "ffn_hidden_size",
    ])?;
    let chosen = config.count_or(
        &[
            "num_experts_per_tok",
            "num_experts_per_token",
            "top_k_experts",
            "experts_per_token",
            "moe_topk",
            "moe_k",
        ],
        1,
    )?;
    // Some experts work on fewer numbers, which all tokens are brought to before and back from after.
    let latent = config.count_or(&["moe_latent_size", "routed_expert_hidden_size"], 0)?;
    modules.linear(format!("{name}.fc1_latent_proj"), latent, hidden);
    modules.linear(format!("{name}.fc2_latent_proj"), hidden, latent);
    let inner = if latent > 0 { latent } else { hidden };
    let expert = |matrix: &str| format!("{name}.experts.{matrix}");
    if inputs(config) == 2 {
        modules.add(expert("gate_proj"), Kind::Expert, [width, inner], experts, Spread::Even);
    }
    modules.add(expert("up_proj"), Kind::Expert, [width, inner], experts, Spread::Even);
    modules.add(expert("down_proj"), Kind::Expert, [inner, width], experts, Spread::Even);
    modules.other(format!("{name}.router"), experts * hidden);
    if model == "gpt_oss" {
        modules.shared(expert("bias"), experts * (2 * width + hidden));
        modules.other(format!("{name}.router.bias"), experts);
    }
    if model.starts_with("gemma4") {
        modules.other(format!("{name}.router.scale"), experts + hidden);
    }
    let shared = shared_width(config, width)?;
    if shared > 0 {
        network(config, &format!("{name}.shared_experts"), shared, hidden, modules);
        // Qwen weighs what its shared expert says.
        let is_weighed =
            config.value(&["shared_expert_intermediate_size"]).is_some() && model.starts_with("qwen");
        modules.other(format!("{name}.shared_expert_gate"), if is_weighed { hidden } else { 0 });
    }
    Ok(Fed { width: shared * inputs(config), routed: Some(Routed { experts: chosen, width }) })
}

/// The width of what all tokens pass beside the experts.
fn shared_width(config: Config<'_>, expert: u64) -> Result<u64, Unreadable> {
    let named =
        ["shared_expert_intermediate_size", "moe_shared_expert_intermediate_size", "share_expert_dim"];
    if let Some(width) = config.count(&named)? {
        return Ok(width);
    }
    if config.text("model_type").is_some_and(|model| model.starts_with("llama4")) {
        return Ok(expert);
    }
    let experts =
        config.count_or(&["n_shared_experts", "num_shared_experts", "moe_num_shared_experts"], 0)?;
    Ok(experts * config.count_or(&["shared_intermediate_size"], expert)?)
}

fn network(config: Config<'_>, name: &str, width: u64, hidden: u64, modules: &mut Modules) {
    if inputs(config) == 2 {
        modules.linear(format!("{name}.gate_proj"), width, hidden);
    }
    modules.linear(format!("{name}.up_proj"), width, hidden);
    modules.linear(format!("{name}.down_proj"), hidden, width);
}

/// How many matrices take a network's input: two where one is the gate of the other.
fn inputs(config: Config<'_>) -> u64 {
    let model = config.text("model_type").unwrap_or_default();
    if WITHOUT_GATE.contains(&model) { 1 } else { 2 }
}
