//! Layers that keep a state of fixed size of what they have seen: Mamba, gated delta nets and their kin.

use super::Unreadable;
use super::attention::{Mixed, hidden};
use super::cache::Cache;
use super::config::Config;
use super::module::Modules;

/// A gated delta net, of Qwen3-Next and Qwen3.5.
pub(super) fn delta_net(config: Config<'_>, name: &str, modules: &mut Modules) -> Result<Mixed, Unreadable> {
    let hidden = hidden(config)?;
    let heads = config.needed(&["linear_num_value_heads"])?;
    let head_value = config.needed(&["linear_value_head_dim"])?;
    let head_key = config.needed(&["linear_key_head_dim"])?;
    let (keys, values) = (config.needed(&["linear_num_key_heads"])? * head_key, heads * head_value);
    let kernel = config.needed(&["linear_conv_kernel_dim"])?;
    modules.linear(format!("{name}.in_proj_qkv"), 2 * keys + values, hidden);
    modules.linear(format!("{name}.in_proj_z"), values, hidden);
    modules.linear(format!("{name}.in_proj_a"), heads, hidden);
    modules.linear(format!("{name}.in_proj_b"), heads, hidden);
    modules.linear(format!("{name}.out_proj"), hidden, values);
    modules.shared(format!("{name}.conv1d"), (2 * keys + values) * kernel + 2 * heads);
    modules.other(format!("{name}.norm"), head_value);
    let cache = state(config, (2 * keys + values) * (kernel - 1), heads * head_value * head_key);
    Ok(Mixed { cache, width: 2 * (2 * keys + values) + 2 * values })
}

/// Mamba 2, of Nemotron-H, Granite 4 and Falcon-H1.
pub(super) fn mamba2(config: Config<'_>, name: &str, modules: &mut Modules) -> Result<Mixed, Unreadable> {
    let hidden = hidden(config)?;
    let heads = config.needed(&["mamba_num_heads", "mamba_n_heads", "num_heads"])?;
    let head = config.needed(&["mamba_head_dim", "mamba_d_head", "head_dim"])?;
    let groups = config.count_or(&["n_groups", "mamba_n_groups"], 1)?;
    let states = config.needed(&["ssm_state_size", "mamba_d_state", "state_size"])?;
    let kernel = config.needed(&["conv_kernel", "mamba_d_conv"])?;
    let inner = heads * head;
    let convolved = inner + 2 * groups * states;
    modules.linear(format!("{name}.in_proj"), inner + convolved + heads, hidden);
    modules.linear(format!("{name}.out_proj"), hidden, inner);
    let bias = u64::from(config.is_or("use_conv_bias", config.is_or("mamba_conv_bias", true)));
    modules.shared(format!("{name}.conv1d"), convolved * (kernel + bias) + 3 * heads + inner);
    let cache = state(config, convolved * (kernel - 1), inner * states);
    Ok(Mixed { cache, width: 2 * (inner + convolved) })
}

/// Mamba, of Jamba and Falcon-Mamba.
pub(super) fn mamba(config: Config<'_>, name: &str, modules: &mut Modules) -> Result<Mixed, Unreadable> {
    let hidden = hidden(config)?;
    let inner = config.count_or(&["intermediate_size"], 2 * hidden)?;
    let inner = config.count(&["mamba_expand"])?.map_or(inner, |expand| expand * hidden);
    let states = config.needed(&["mamba_d_state", "state_size"])?;
    let kernel = config.needed(&["mamba_d_conv", "conv_kernel"])?;
    let rank = config.count_or(&["mamba_dt_rank", "time_step_rank"], hidden.div_ceil(16))?;
    modules.linear(format!("{name}.in_proj"), 2 * inner, hidden);
    modules.linear(format!("{name}.x_proj"), rank + 2 * states, inner);
    modules.linear(format!("{name}.dt_proj"), inner, rank);
    modules.linear(format!("{name}.out_proj"), hidden, inner);
    modules.shared(format!("{name}.conv1d"), inner * (kernel + 1 + states + 2));
    let cache = state(config, inner * (kernel - 1), inner * states);
    Ok(Mixed { cache, width: 4 * inner })
}

/// Kimi's delta attention.
pub(super) fn delta_attention(
    config: Config<'_>,
    name: &str,
    modules: &mut Modules,
) -> Result<Mixed, Unreadable> {
    let of = config.section(&["linear_attn_config"]).ok_or(Unreadable::Missing("linear_attn_config"))?;
    let hidden = hidden(config)?;
    let (heads, head) = (of.needed(&["num_heads"])?, of.needed(&["head_dim"])?);
    let kernel = of.needed(&["short_conv_kernel_size"])?;
    let inner = heads * head;
    for matrix in ["q_proj", "k_proj", "v_proj"] {
        modules.linear(format!("{name}.{matrix}"), inner, hidden);
    }
    modules.copied(format!("{name}.f_a_proj"), head, hidden);
    modules.linear(format!("{name}.f_b_proj"), inner, head);
    if of.is("use_full_rank_gate") {
        modules.linear(format!("{name}.g_proj"), inner, hidden);
    } else {
        modules.copied(format!("{name}.g_a_proj"), head, hidden);
        modules.linear(format!("{name}.g_b_proj"), inner, head);
    }
    modules.linear(format!("{name}.b_proj"), heads, hidden);
    modules.linear(format!("{name}.o_proj"), hidden, inner);
    modules.shared(format!("{name}.conv1d"), inner * (3 * kernel + 1) + heads);
    modules.other(format!("{name}.o_norm"), head);
    let cache = Cache::State { numbers: 3 * inner * (kernel - 1), bytes: 4 * inner * head };
    Ok(Mixed { cache, width: 6 * inner })
}

/// A short convolution, of LFM2.
pub(super) fn convolution(
    config: Config<'_>,
    name: &str,
    modules: &mut Modules,
) -> Result<Mixed, Unreadable> {
    let hidden = hidden(config)?;
    let kernel = config.needed(&["conv_L_cache"])?;
    modules.linear(format!("{name}.in_proj"), 3 * hidden, hidden);
    modules.linear(format!("{name}.out_proj"), hidden, hidden);
    modules.shared(format!("{name}.conv"), hidden * kernel);
    let cache = Cache::State { numbers: hidden * (kernel - 1), bytes: 0 };
    Ok(Mixed { cache, width: 4 * hidden })
}

/// What a convolution has seen last, as the model computes, and a state, as the config says.
fn state(config: Config<'_>, convolved: u64, states: u64) -> Cache {
    let kept = config.text("mamba_ssm_dtype").or_else(|| config.text("mamba_ssm_cache_dtype"));
    let bytes = if kept == Some("float32") { 4 } else { 2 };
    Cache::State { numbers: convolved, bytes: states.saturating_mul(bytes) }
}
