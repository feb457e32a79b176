//! The layers of a language model, one after the other.

use serde_json::Value;

use super::attention::{self, Mixed, hidden};
use super::cache::{Cache, Reach};
use super::config::Config;
use super::feed_forward::{self, Fed};
use super::module::{Kind, Modules, Spread};
use super::{Layer, Unreadable, recurrent};

/// What a layer does with other tokens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mixer {
    Heads {
        reach: Reach,
        /// Heads that share a key and a value, where the layer says so by itself.
        group: Option<u64>,
    },
    Latent {
        is_indexed: bool,
    },
    Compressed {
        ratio: u64,
    },
    DeltaNet,
    DeltaAttention,
    Mamba,
    Mamba2,
    Convolution,
    Nothing,
}

/// All layers, with their modules.
pub(super) fn layers(config: Config<'_>, modules: &mut Modules) -> Result<Vec<Layer>, Unreadable> {
    if let Some(kinds) = pattern(config) {
        let kinds = kinds.into_iter().enumerate();
        return kinds.map(|(at, kind)| one_of_pattern(config, at as u64, kind, modules)).collect();
    }
    let count = config.layers(&["num_hidden_layers", "n_layer", "n_layers", "num_layers"])?;
    (0..count).map(|at| one(config, at, count, modules)).collect()
}

/// A layer of attention and a feed-forward network.
fn one(config: Config<'_>, at: u64, count: u64, modules: &mut Modules) -> Result<Layer, Unreadable> {
    let name = format!("layers.{at}");
    let mixer = mixer(config, at)?;
    let mut mixed = mix(config, &name, mixer, modules)?;
    // The last layers of Gemma read what earlier ones keep.
    if at + config.count_or(&["num_kv_shared_layers"], 0)? >= count && mixed.cache != Cache::Nothing {
        mixed.cache = Cache::Nothing;
    }
    let fed = feed(config, &name, at, modules)?;
    norms(config, &name, modules)?;
    per_layer_inputs(config, &name, modules)?;
    Ok(Layer::of(mixed, fed))
}

fn mix(config: Config<'_>, name: &str, mixer: Mixer, modules: &mut Modules) -> Result<Mixed, Unreadable> {
    let attention = format!("{name}.self_attn");
    match mixer {
        Mixer::Heads { reach, group } => attention::heads(config, &attention, (reach, group), modules),
        Mixer::Latent { is_indexed } => attention::latent(config, &attention, is_indexed, modules),
        Mixer::Compressed { ratio } => attention::compressed(config, &attention, ratio, modules),
        Mixer::DeltaNet => recurrent::delta_net(config, &format!("{name}.linear_attn"), modules),
        Mixer::DeltaAttention => recurrent::delta_attention(config, &attention, modules),
        Mixer::Mamba => recurrent::mamba(config, &format!("{name}.mamba"), modules),
        Mixer::Mamba2 => recurrent::mamba2(config, &format!("{name}.mixer"), modules),
        Mixer::Convolution => recurrent::convolution(config, &format!("{name}.conv"), modules),
        Mixer::Nothing => Ok(Mixed { cache: Cache::Nothing, width: 0 }),
    }
}

fn feed(config: Config<'_>, name: &str, at: u64, modules: &mut Modules) -> Result<Fed, Unreadable> {
    let network = format!("{name}.mlp");
    let is_routed = feed_forward::is_routed(config, at)?;
    // Gemma 4 has both in one layer, side by side.
    let has_both = config.is("enable_moe_block");
    let mut fed = Fed::default();
    if is_routed {
        fed = feed_forward::routed(config, if has_both { name } else { &network }, modules)?;
    }
    if !is_routed || has_both {
        let width = feed_forward::dense_width(config, at)?;
        fed.width += feed_forward::dense(config, &network, width, modules)?.width;
    }
    Ok(fed)
}

/// The kinds of layers of Nemotron-H, by letters or by words.
fn pattern(config: Config<'_>) -> Option<Vec<&str>> {
    if let Some(letters) = config.text("hybrid_override_pattern") {
        let starts = letters.char_indices().take(1000);
        return Some(starts.map(|(at, letter)| &letters[at..at + letter.len_utf8()]).collect());
    }
    config.texts(&["layers_block_type"]).filter(|_| config.text("model_type") == Some("nemotron_h"))
}

/// A layer of Nemotron-H, which is one thing alone: Mamba, attention, a network or experts.
fn one_of_pattern(
    config: Config<'_>,
    at: u64,
    kind: &str,
    modules: &mut Modules,
) -> Result<Layer, Unreadable> {
    let name = format!("layers.{at}.mixer");
    modules.other(format!("layers.{at}.norm"), hidden(config)?);
    let nothing = Mixed { cache: Cache::Nothing, width: 0 };
    match kind {
        "M" | "mamba" => Ok(Layer::of(recurrent::mamba2(config, &name, modules)?, Fed::default())),
        "*" | "attention" => {
            let mixed = attention::heads(config, &name, (Reach::Whole, None), modules)?;
            Ok(Layer::of(mixed, Fed::default()))
        }
        "E" | "moe" => Ok(Layer::of(nothing, feed_forward::routed(config, &name, modules)?)),
        "-" | "mlp" => {
            let width = feed_forward::dense_width(config, at)?;
            Ok(Layer::of(nothing, feed_forward::dense(config, &name, width, modules)?))
        }
        other => Err(Unreadable::UnknownLayer(other.into())),
    }
}

/// The mixer of the layer with this number, by whatever says it.
fn mixer(config: Config<'_>, at: u64) -> Result<Mixer, Unreadable> {
    let index = usize::try_from(at).unwrap_or(usize::MAX);
    if let Some(ratios) = config.numbers(&["compress_ratios"]) {
        return Ok(Mixer::Compressed { ratio: ratios.get(index).copied().unwrap_or(0) });
    }
    if let Some(linear) = config.section(&["linear_attn_config"])
        && linear.numbers(&["kda_layers"]).is_some_and(|layers| layers.contains(&(at + 1)))
    {
        return Ok(Mixer::DeltaAttention);
    }
    if let Some(block) =
        config.value(&["block_configs"]).and_then(Value::as_array).and_then(|blocks| blocks.get(index))
    {
        let attention = Config::of(block)?.section(&["attention"]).ok_or(Unreadable::Missing("attention"))?;
        return match attention.count(&["n_heads_in_group"])? {
            _ if attention.is("no_op") => Ok(Mixer::Nothing),
            group => Ok(Mixer::Heads { reach: Reach::Whole, group }),
        };
    }
    let named = config.texts(&["layer_types", "layers_block_type"]);
    if let Some(kind) = named.as_ref().and_then(|kinds| kinds.get(index)) {
        match *kind {
            "linear_attention" => return Ok(Mixer::DeltaNet),
            "conv" => return Ok(Mixer::Convolution),
            "mamba" => return Ok(mamba_of(config)),
            "full_attention"
            | "attention"
            | "global"
            | "sliding_attention"
            | "chunked_attention"
            | "deepseek_sparse_attention" => {}
            other => return Err(Unreadable::UnknownLayer(other.into())),
        }
    } else if let Some(interval) = config.count(&["full_attention_interval"])? {
        if !(at + 1).is_multiple_of(interval.max(1)) {
            return Ok(Mixer::DeltaNet);
        }
    } else if let Some(period) = config.count(&["attn_layer_period"])? {
        if at % period.max(1) != config.count_or(&["attn_layer_offset"], 0)? {
            return Ok(mamba_of(config));
        }
    } else if config.text("model_type").is_some_and(|model| model.contains("mamba")) {
        return Ok(mamba_of(config));
    }
    if config.value(&["kv_lora_rank"]).is_some() {
        let kinds = config.texts(&["indexer_types"]);
        let is_indexed = kinds.is_none_or(|kinds| kinds.get(index) == Some(&"full"));
        return Ok(Mixer::Latent { is_indexed });
    }
    let reach = reach(config, at, named.and_then(|kinds| kinds.get(index).copied()))?;
    Ok(Mixer::Heads { reach, group: None })
}

fn mamba_of(config: Config<'_>) -> Mixer {
    let has_heads = config.value(&["mamba_num_heads", "mamba_n_heads", "num_heads"]).is_some();
    if has_heads { Mixer::Mamba2 } else { Mixer::Mamba }
}

/// How far the attention of a layer looks back.
fn reach(config: Config<'_>, at: u64, kind: Option<&str>) -> Result<Reach, Unreadable> {
    let window = config.tokens(&["sliding_window", "attention_chunk_size"])?;
    let Some(window) = window.filter(|window| *window > 0) else { return Ok(Reach::Whole) };
    let index = usize::try_from(at).unwrap_or(usize::MAX);
    let model = config.text("model_type").unwrap_or_default();
    let is_window = match kind {
        Some(kind) => matches!(kind, "sliding_attention" | "chunked_attention"),
        None if config.value(&["hybrid_layer_pattern"]).is_some() => {
            config.numbers(&["hybrid_layer_pattern"]).and_then(|each| each.get(index).copied()) == Some(1)
        }
        // Qwen 2 has a window, and says whether it uses it.
        None if config.value(&["use_sliding_window"]).is_some() => {
            config.is("use_sliding_window") && at >= config.count_or(&["max_window_layers"], 0)?
        }
        None => match config.count(&["sliding_window_pattern"])? {
            Some(pattern) => !(at + 1).is_multiple_of(pattern.max(1)),
            None if model == "gemma2" || model == "gpt_oss" => at.is_multiple_of(2),
            None if model.starts_with("gemma3") => !(at + 1).is_multiple_of(6),
            None if model.starts_with("llama4") || model == "cohere2" => !(at + 1).is_multiple_of(4),
            None => true,
        },
    };
    Ok(if is_window { Reach::Window(window) } else { Reach::Whole })
}

fn norms(config: Config<'_>, name: &str, modules: &mut Modules) -> Result<(), Unreadable> {
    let model = config.text("model_type").unwrap_or_default();
    let each = match model {
        _ if model.starts_with("gemma4") && config.is("enable_moe_block") => 7,
        _ if model.starts_with("gemma2") || model.starts_with("gemma3") || model.starts_with("gemma4") => 4,
        "glm4" => 4,
        // With a bias each.
        _ if config.value(&["layer_norm_epsilon", "layer_norm_eps"]).is_some() && model != "nemotron_h" => 4,
        "cohere" | "cohere2" => 1,
        _ => 2,
    };
    modules.other(format!("{name}.norms"), each * hidden(config)?);
    // DeepSeek V4 mixes several streams of hidden states before each half of a layer.
    if let Some(streams) = config.count(&["hc_mult"])? {
        let mixes = (2 + streams) * streams;
        modules.other(format!("{name}.hc"), 2 * (mixes * (streams * hidden(config)? + 1) + 3));
    }
    Ok(())
}

/// What Gemma gives each layer of each token, from a second table of the vocabulary.
fn per_layer_inputs(config: Config<'_>, name: &str, modules: &mut Modules) -> Result<(), Unreadable> {
    let width = config.count_or(&["hidden_size_per_layer_input"], 0)?;
    if width > 0 {
        let hidden = hidden(config)?;
        modules.linear(format!("{name}.per_layer_input_gate"), width, hidden);
        modules.linear(format!("{name}.per_layer_projection"), hidden, width);
        modules.other(format!("{name}.post_per_layer_input_norm"), hidden);
    }
    Ok(())
}

/// The vocabulary going in and coming out, and what is before the first layer and after the last one.
pub(super) fn ends(config: Config<'_>, is_tied: bool, modules: &mut Modules) -> Result<u64, Unreadable> {
    let hidden = hidden(config)?;
    let vocabulary = config.needed(&["vocab_size"])?;
    let matrix = [vocabulary, hidden];
    modules.add("embed_tokens".into(), Kind::Embedding, matrix, 1, Spread::Even);
    if !is_tied {
        modules.add("lm_head".into(), Kind::Head, matrix, 1, Spread::Even);
    }
    let width = config.count_or(&["hidden_size_per_layer_input"], 0)?;
    if width > 0 {
        let count = config.layers(&["num_hidden_layers"])?;
        let rows = config.count_or(&["vocab_size_per_layer_input"], vocabulary)?;
        let table = [rows, count * width];
        modules.add("embed_tokens_per_layer".into(), Kind::Embedding, table, 1, Spread::Even);
        modules.linear("per_layer_model_projection".into(), count * width, hidden);
        modules.other("per_layer_projection_norm".into(), width);
    }
    modules.other("norm".into(), hidden);
    if let Some(streams) = config.count(&["hc_mult"])? {
        modules.other("hc_head".into(), streams * (streams * hidden + 1) + 1);
    }
    Ok(vocabulary)
}
