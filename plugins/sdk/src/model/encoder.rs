//! Models that are no decoders: BERT and its kin, which read a text at once, and Whisper, which writes what it heard.

use super::attention::Mixed;
use super::attention::{hidden, number_of_heads};
use super::cache::{Cache, Reach};
use super::config::Config;
use super::feed_forward::Fed;
use super::module::{Kind, Modules, Spread};
use super::{Layer, Unreadable};

/// Layers of BERT: everything has a bias, and nothing is kept.
pub(super) fn bert(config: Config<'_>, modules: &mut Modules) -> Result<Vec<Layer>, Unreadable> {
    let hidden = hidden(config)?;
    number_of_heads(config)?;
    let count = config.layers(&["num_hidden_layers", "n_layers"])?;
    let width = config.count_or(&["intermediate_size", "hidden_dim"], 4 * hidden)?;
    let rows = config.needed(&["vocab_size"])?
        + config.tokens(&["max_position_embeddings"])?.unwrap_or(512)
        + config.count_or(&["type_vocab_size"], 0)?;
    modules.add("embeddings".into(), Kind::Embedding, [rows, hidden], 1, Spread::Copied);
    modules.other("embeddings.LayerNorm".into(), 2 * hidden);
    modules.other("pooler".into(), hidden * hidden + hidden);
    let layer = |at| {
        let name = format!("encoder.layer.{at}");
        for matrix in ["query", "key", "value", "output"] {
            modules.linear(format!("{name}.attention.{matrix}"), hidden, hidden);
        }
        modules.linear(format!("{name}.intermediate"), width, hidden);
        modules.linear(format!("{name}.output"), hidden, width);
        modules.other(format!("{name}.biases"), 9 * hidden + width);
        Layer::of(nothing_kept(4 * hidden), Fed { width, routed: None })
    };
    Ok((0..count).map(layer).collect())
}

/// Whisper: an encoder of half a minute, and a decoder that looks at it and at what it wrote.
pub(super) fn whisper(config: Config<'_>, modules: &mut Modules) -> Result<Vec<Layer>, Unreadable> {
    let hidden = hidden(config)?;
    let heard = config.count_or(&["max_source_positions"], 1500)?;
    let written = config.count_or(&["max_target_positions"], 448)?;
    let bins = config.count_or(&["num_mel_bins"], 80)?;
    let width = config.count_or(&["encoder_ffn_dim"], 4 * hidden)?;
    // Keys have no bias.
    let attention = 4 * hidden * hidden + 3 * hidden + 2 * hidden;
    let network = 2 * hidden * width + width + hidden + 2 * hidden;
    let encoder = config.layers(&["encoder_layers"])?;
    modules.shared("encoder.layers".into(), encoder * (attention + network));
    modules.other("encoder.conv".into(), 3 * hidden * bins + 3 * hidden * hidden + 2 * hidden);
    modules.other("encoder.embed_positions".into(), heard * hidden + 2 * hidden);
    modules.other("decoder.embed_positions".into(), written * hidden + 2 * hidden);
    let rows = config.needed(&["vocab_size"])?;
    modules.add("decoder.embed_tokens".into(), Kind::Embedding, [rows, hidden], 1, Spread::Even);
    let count = config.layers(&["decoder_layers"])?;
    let heads = number_of_heads(config)?;
    let mut layers = Vec::new();
    for at in 0..count {
        modules.shared(format!("decoder.layers.{at}"), 2 * attention + network);
        let numbers = 2 * hidden / heads.max(1);
        let own = Cache::Heads { heads, numbers, reach: Reach::Whole };
        layers.push(Layer::of(Mixed { cache: own, width: 4 * hidden }, Fed { width, routed: None }));
        let of_sound = Cache::State { numbers: 2 * hidden * heard, bytes: 0 };
        layers.push(Layer::of(Mixed { cache: of_sound, width: 4 * hidden }, Fed::default()));
    }
    Ok(layers)
}

fn nothing_kept(width: u64) -> Mixed {
    Mixed { cache: Cache::Nothing, width }
}
