//! Layers that look at other tokens: their matrices, and what they keep.

use super::Unreadable;
use super::cache::{Cache, Reach};
use super::config::Config;
use super::module::{Kind, Modules, Spread};

/// What a layer of attention adds to a model, and takes while it computes.
pub(super) struct Mixed {
    pub(super) cache: Cache,
    /// Numbers of a token that tensor parallelism splits: queries, keys, values and what comes of them.
    pub(super) width: u64,
}

/// Heads that each have a query, and share keys and values in groups (MHA, GQA, MQA).
pub(super) fn heads(
    config: Config<'_>,
    name: &str,
    (reach, group): (Reach, Option<u64>),
    modules: &mut Modules,
) -> Result<Mixed, Unreadable> {
    let model = config.text("model_type").unwrap_or_default();
    let is_window = reach != Reach::Whole;
    let hidden = hidden(config)?;
    let heads = number_of_heads(config)?;
    // MiMo and Gemma 4 have other heads in windows than beyond.
    let (mut kv_heads, mut key, mut value) = (kv_heads(config, heads)?, head(config)?, 0);
    if let Some(group) = group {
        kv_heads = (heads / group.max(1)).max(1);
    }
    let is_shared_key = config.is("attention_k_eq_v") && !is_window;
    if is_window {
        kv_heads = config.count_or(&["swa_num_key_value_heads"], kv_heads)?;
        key = config.count_or(&["swa_head_dim"], key)?;
        value = config.count_or(&["swa_v_head_dim"], 0)?;
    } else {
        key = config.count_or(&["global_head_dim"], key)?;
        if is_shared_key {
            kv_heads = config.count_or(&["num_global_key_value_heads"], kv_heads)?;
        }
    }
    if value == 0 {
        value = config.count_or(&["v_head_dim"], key)?;
    }
    let is_gated = config.is("attn_output_gate") || config.is("attention_output_gate");
    let queries = heads * key * if is_gated { 2 } else { 1 };
    let some = Spread::AtMost(kv_heads);
    modules.linear(format!("{name}.q_proj"), queries, hidden);
    modules.add(format!("{name}.k_proj"), Kind::Linear, [kv_heads * key, hidden], 1, some);
    if !is_shared_key {
        modules.add(format!("{name}.v_proj"), Kind::Linear, [kv_heads * value, hidden], 1, some);
    }
    modules.linear(format!("{name}.o_proj"), hidden, heads * value);
    // Qwen 2 has biases without saying so, and GLM and Qwen none on what comes out.
    let says = config.is("attention_bias") || config.is("use_qkv_bias") || config.is("qkv_bias");
    if says || model.starts_with("qwen2") {
        modules.shared(format!("{name}.bias"), queries + kv_heads * (key + value));
    }
    if config.is("attention_bias") && !model.starts_with("glm") {
        modules.other(format!("{name}.o_proj.bias"), hidden);
    }
    modules.other(format!("{name}.norms"), norms_of_heads(config, heads, kv_heads, key));
    let has_sinks = model == "gpt_oss" || (is_window && config.is("add_swa_attention_sink_bias"));
    modules.shared(format!("{name}.sinks"), if has_sinks { heads } else { 0 });
    let cache = Cache::Heads { heads: kv_heads, numbers: key + value, reach };
    Ok(Mixed { cache, width: queries + kv_heads * (key + value) + heads * value })
}

/// Weights that norm queries and keys.
fn norms_of_heads(config: Config<'_>, heads: u64, kv_heads: u64, key: u64) -> u64 {
    let model = config.text("model_type").unwrap_or_default();
    let over_all = config.text("qk_norm_type") == Some("per_layer") || model.starts_with("olmo");
    if over_all || model == "minimax_m2" {
        return (heads + kv_heads) * key;
    }
    let each_head = model.starts_with("qwen3") || model.starts_with("gemma3") || model.starts_with("gemma4");
    let says = config.is("use_qk_norm") && !model.starts_with("llama4");
    if each_head || says { 2 * key } else { 0 }
}

/// Keys and values of all heads, made of one compressed vector (MLA of DeepSeek V2 and V3), perhaps with an indexer that chooses
/// tokens (V3.2).
pub(super) fn latent(
    config: Config<'_>,
    name: &str,
    is_indexed: bool,
    modules: &mut Modules,
) -> Result<Mixed, Unreadable> {
    let hidden = hidden(config)?;
    let heads = number_of_heads(config)?;
    let rank = config.needed(&["kv_lora_rank"])?;
    let rope = config.needed(&["qk_rope_head_dim"])?;
    let key = config.needed(&["qk_nope_head_dim"])?;
    let value = config.needed(&["v_head_dim"])?;
    let queries = heads * (key + rope);
    let query_rank = config.count_or(&["q_lora_rank"], 0)?;
    if query_rank == 0 {
        modules.linear(format!("{name}.q_proj"), queries, hidden);
    } else {
        modules.copied(format!("{name}.q_a_proj"), query_rank, hidden);
        modules.other(format!("{name}.q_a_layernorm"), query_rank);
        modules.linear(format!("{name}.q_b_proj"), queries, query_rank);
    }
    modules.copied(format!("{name}.kv_a_proj_with_mqa"), rank + rope, hidden);
    modules.other(format!("{name}.kv_a_layernorm"), rank);
    modules.linear(format!("{name}.kv_b_proj"), heads * (key + value), rank);
    modules.linear(format!("{name}.o_proj"), hidden, heads * value);
    let mut index_bytes = 0;
    if let Some(index) = config.count(&["index_head_dim"])?
        && is_indexed
    {
        let index_heads = config.needed(&["index_n_heads"])?;
        modules.copied(format!("{name}.indexer.wq_b"), index_heads * index, query_rank);
        modules.copied(format!("{name}.indexer.wk"), index, hidden);
        modules.other(format!("{name}.indexer.k_norm"), 2 * index);
        modules.other(format!("{name}.indexer.weights_proj"), index_heads * hidden);
        index_bytes = index_entry_bytes(index);
    }
    let cache = Cache::Latent { numbers: rank + rope, index_bytes };
    Ok(Mixed { cache, width: queries + heads * (key + value) + heads * value })
}

/// What an indexer keeps of a token: 8 bits a number, and a 32-bit scale for every 128 of them.
fn index_entry_bytes(numbers: u64) -> u64 {
    numbers + 4 * numbers.div_ceil(128)
}

/// One key that is the value as well, compressed along the sequence (DeepSeek V4): near tokens by themselves, and one vector for
/// every `ratio` before them, of which an indexer chooses where the ratio is small.
pub(super) fn compressed(
    config: Config<'_>,
    name: &str,
    ratio: u64,
    modules: &mut Modules,
) -> Result<Mixed, Unreadable> {
    let hidden = hidden(config)?;
    let heads = number_of_heads(config)?;
    let (head, rope) = (head(config)?, config.needed(&["qk_rope_head_dim"])?);
    let query_rank = config.needed(&["q_lora_rank"])?;
    let (groups, rank) = (config.needed(&["o_groups"])?, config.needed(&["o_lora_rank"])?);
    modules.copied(format!("{name}.q_a_proj"), query_rank, hidden);
    modules.linear(format!("{name}.q_b_proj"), heads * head, query_rank);
    modules.copied(format!("{name}.kv_proj"), head, hidden);
    modules.linear(format!("{name}.o_a_proj"), groups * rank, heads * head / groups);
    modules.linear(format!("{name}.o_b_proj"), hidden, groups * rank);
    modules.other(format!("{name}.norms"), query_rank + head + heads);
    let mut index_bytes = 0;
    if ratio > 0 {
        // A vector that overlaps with the one before is made of twice the numbers.
        let overlaps = ratio == 4;
        let made_of = if overlaps { 2 } else { 1 };
        modules.copied(format!("{name}.compressor.kv_proj"), made_of * head, hidden);
        modules.copied(format!("{name}.compressor.gate_proj"), made_of * head, hidden);
        modules.other(format!("{name}.compressor.norms"), made_of * head * ratio + head);
        if overlaps {
            let index = config.needed(&["index_head_dim"])?;
            let index_heads = config.needed(&["index_n_heads"])?;
            modules.copied(format!("{name}.indexer.kv_proj"), made_of * index, hidden);
            modules.copied(format!("{name}.indexer.gate_proj"), made_of * index, hidden);
            modules.copied(format!("{name}.indexer.q_b_proj"), index_heads * index, query_rank);
            modules.other(format!("{name}.indexer.weights_proj"), index_heads * hidden);
            modules.other(format!("{name}.indexer.norms"), made_of * index * ratio + index);
            index_bytes = index_entry_bytes(index);
        }
    }
    let window = config.tokens(&["sliding_window"])?.unwrap_or(128);
    // 8 bits a number and a scale for every 64; the rotated ones keep 16 bits.
    let vector_bytes = (head - rope.min(head)) + (head - rope.min(head)).div_ceil(64) + 2 * rope;
    let cache = Cache::Compressed { vector_bytes, window, ratio, index_bytes };
    Ok(Mixed { cache, width: 2 * heads * head + groups * rank })
}

pub(super) fn hidden(config: Config<'_>) -> Result<u64, Unreadable> {
    config.needed(&["hidden_size", "n_embd", "d_model", "dim"])
}

pub(super) fn number_of_heads(config: Config<'_>) -> Result<u64, Unreadable> {
    config.needed(&["num_attention_heads", "n_head", "n_heads", "decoder_attention_heads"])
}

fn kv_heads(config: Config<'_>, heads: u64) -> Result<u64, Unreadable> {
    let usual = if config.is("multi_query") { 1 } else { heads };
    Ok(config.count_or(&["num_key_value_heads", "n_head_kv", "num_kv_heads"], usual)?.max(1))
}

pub(super) fn head(config: Config<'_>) -> Result<u64, Unreadable> {
    let usual = hidden(config)? / number_of_heads(config)?;
    config.count_or(&["head_dim", "attention_head_dim"], usual)
}
