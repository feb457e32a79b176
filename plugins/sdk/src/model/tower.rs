//! What turns images and sounds into vectors that a language model reads: encoders with a projection.

use super::Unreadable;
use super::config::Config;
use super::module::{Kind, Modules, Spread};

/// A tower, as far as the memory that it computes in depends on it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tower {
    /// `vision` or `audio`.
    pub sense: &'static str,
    /// Tokens that the language model reads of the largest item.
    pub tokens: u64,
    /// Patches that one such token is made of.
    pub patches: u64,
    /// Numbers of a patch as it comes: its pixels, or what was made of a sound.
    pub pixels: u64,
    /// The hidden size of a patch.
    pub hidden: u64,
    /// The width of what a layer makes of a patch, before it comes back to the hidden size.
    pub width: u64,
    /// Numbers that the language model is handed for each token.
    pub out: u64,
}

/// Tokens of the largest image of models that take images of any size: Qwen's image processors have `max_pixels` of 16,384 merged
/// patches, which is what vLLM's log calls the encoder's budget. It stands in `preprocessor_config.json`, not here.
const IMAGE_TOKENS: u64 = 16_384;
/// Tokens of Whisper's 30 seconds.
const SOUND_TOKENS: u64 = 1500;

/// The towers of a model whose language model has this hidden size.
pub(super) fn towers(config: Config<'_>, text: u64, modules: &mut Modules) -> Result<Vec<Tower>, Unreadable> {
    let mut towers = Vec::new();
    if let Some(vision) = config.section(&["vision_config", "vision_encoder_config", "vit_config"]) {
        towers.push(vision_tower(vision, config, text, modules)?);
    }
    if let Some(audio) = config.section(&["audio_config", "audio_encoder_config"]) {
        towers.push(audio_tower(audio, text, modules)?);
    }
    Ok(towers)
}

/// What a tower that sees is made of.
struct Sight<'a> {
    vision: Config<'a>,
    config: Config<'a>,
    family: &'a str,
    hidden: u64,
    /// Patches along each side that become one token.
    merge: u64,
    /// Numbers that the language model is handed for each token, and how many layers hand them.
    out: u64,
    deep: u64,
}

fn vision_tower(
    vision: Config<'_>,
    config: Config<'_>,
    text: u64,
    modules: &mut Modules,
) -> Result<Tower, Unreadable> {
    let sight = Sight {
        vision,
        config,
        family: config.text("model_type").unwrap_or_default(),
        // Qwen 2 VL calls the hidden size of the language model `hidden_size` here.
        hidden: vision.needed(&["embed_dim", "vt_hidden_size", "hidden_size"])?,
        merge: merge(vision, config)?,
        out: vision.count_or(&["out_hidden_size", "text_hidden_size"], text)?,
        deep: vision.numbers(&["deepstack_visual_indexes"]).map_or(0, |each| each.len() as u64),
    };
    let layers = vision.layers(&["depth", "num_hidden_layers", "vt_num_hidden_layers", "num_layers"])?;
    let pixels = sight.pixels()?;
    add("visual.blocks", layers * sight.layer()?, Spread::Even, modules);
    add("visual.patch_embed", sight.patches(pixels)?, Spread::Copied, modules);
    add("visual.merger", sight.merger(), Spread::Even, modules);
    let (hidden, inputs) = (sight.hidden, sight.inputs());
    Ok(Tower {
        sense: "vision",
        tokens: sight.tokens()?,
        patches: sight.patches_of_token()?,
        pixels,
        hidden,
        width: (6 * hidden).max((inputs + 1) * sight.width()?),
        out: sight.out * (1 + sight.deep),
    })
}

impl Sight<'_> {
    fn is(&self, family: &str) -> bool {
        self.family.starts_with(family)
    }

    fn inputs(&self) -> u64 {
        if self.is("qwen2_5_vl") || self.is("gemma4") || self.is("pixtral") { 2 } else { 1 }
    }

    fn has_biases(&self) -> bool {
        !(self.is("gemma4") || self.is("pixtral"))
    }

    fn width(&self) -> Result<u64, Unreadable> {
        let usual = self.vision.count_or(&["mlp_ratio"], 4)? * self.hidden;
        self.vision.count_or(&["intermediate_size", "vt_intermediate_size"], usual)
    }

    fn layer(&self) -> Result<u64, Unreadable> {
        let (hidden, inputs, width) = (self.hidden, self.inputs(), self.width()?);
        let matrices = 4 * hidden * hidden + (inputs + 1) * hidden * width;
        let biases = if self.has_biases() { 4 * hidden + inputs * width + hidden } else { 0 };
        let norms = match () {
            // Two more, and those of queries and keys.
            () if self.is("gemma4") => 4 * hidden + 2 * hidden / self.heads()?,
            () if inputs == 2 => 2 * hidden,
            () => 4 * hidden,
        };
        Ok(matrices + biases + norms)
    }

    fn heads(&self) -> Result<u64, Unreadable> {
        self.vision.needed(&["num_attention_heads", "num_heads"])
    }

    /// Numbers of a patch.
    fn pixels(&self) -> Result<u64, Unreadable> {
        let frames = self.vision.count_or(&["temporal_patch_size"], 1)?;
        let colours = self.vision.count_or(&["in_channels", "in_chans", "num_channels"], 3)?;
        let patch = self.vision.count_or(&["patch_size"], 14)?;
        Ok(colours * frames * patch * patch)
    }

    /// Patches along each side of an image of fixed size; 0: images have any size.
    fn grid(&self) -> Result<u64, Unreadable> {
        let patch = self.vision.count_or(&["patch_size"], 14)?;
        Ok(self.vision.count_or(&["image_size"], 0)? / patch.max(1))
    }

    /// What makes patches of pixels, and says where they are.
    fn patches(&self, pixels: u64) -> Result<u64, Unreadable> {
        let sides = self.vision.count_or(&["init_pos_emb_height"], 0)?
            * self.vision.count_or(&["init_pos_emb_width"], 0)?;
        let named = self.vision.count_or(&["num_position_embeddings"], sides)?
            + 2 * self.vision.count_or(&["position_embedding_size"], 0)?;
        let positions = if named == 0 { self.grid()?.pow(2) } else { named };
        let bias = if self.family == "qwen2_vl" || self.inputs() == 2 { 0 } else { self.hidden };
        Ok(self.hidden * pixels + bias + positions * self.hidden)
    }

    /// What makes tokens of patches, with the norms before it.
    fn merger(&self) -> u64 {
        let (hidden, out) = (self.hidden, self.out);
        let merged = hidden * self.merge * self.merge;
        let network = merged * merged + merged + merged * out + out;
        match () {
            () if self.is("gemma4") => hidden * out,
            () if self.is("gemma") => hidden * out + 3 * hidden,
            () if self.is("qwen2_5_vl") => network + hidden,
            () if self.is("kimi") => network + 4 * hidden,
            () => network + 2 * hidden + self.deep * (network + 2 * merged),
        }
    }

    fn tokens(&self) -> Result<u64, Unreadable> {
        // Gemma and its like pool each image to so many.
        if let Some(tokens) = self.vision.count(&["default_output_length"])? {
            return Ok(tokens);
        }
        if let Some(tokens) = self.config.count(&["mm_tokens_per_image"])? {
            return Ok(tokens);
        }
        Ok(match self.grid()? / self.merge.max(1) {
            0 => IMAGE_TOKENS,
            side => side * side,
        })
    }

    fn patches_of_token(&self) -> Result<u64, Unreadable> {
        let side = self.vision.count_or(&["pooling_kernel_size"], self.merge)?.clamp(1, 16);
        Ok(side * side)
    }
}

/// How many patches along each side become one token.
fn merge(vision: Config<'_>, config: Config<'_>) -> Result<u64, Unreadable> {
    if let Some(kernel) = vision.numbers(&["merge_kernel_size"]) {
        return Ok(kernel.first().copied().unwrap_or(1).clamp(1, 16));
    }
    if let Some(merge) = vision.count(&["spatial_merge_size"])?.or(config.count(&["spatial_merge_size"])?) {
        return Ok(merge.clamp(1, 16));
    }
    // InternVL and Llama 4 shuffle pixels, by a ratio below one.
    let ratio = config.value(&["downsample_ratio"]).or(vision.value(&["pixel_shuffle_ratio"]));
    let shuffled = ratio.and_then(serde_json::Value::as_f64).filter(|ratio| *ratio > 0.05 && *ratio < 1.0);
    Ok(shuffled.map_or(1, |ratio| (1.0 / ratio).round() as u64))
}

fn audio_tower(audio: Config<'_>, text: u64, modules: &mut Modules) -> Result<Tower, Unreadable> {
    let hidden = audio.needed(&["d_model", "hidden_size"])?;
    let layers = audio.layers(&["encoder_layers", "num_hidden_layers"])?;
    let width = audio.count_or(&["encoder_ffn_dim", "intermediate_size"], 4 * hidden)?;
    let layer = 4 * hidden * hidden + 3 * hidden + 2 * hidden * width + hidden + width + 4 * hidden;
    let tokens = audio.count_or(&["max_source_positions"], SOUND_TOKENS)?;
    let bins = audio.count_or(&["num_mel_bins"], 128)?;
    let convolutions = 3 * hidden * bins + 3 * hidden * hidden + 2 * hidden;
    add("audio_tower", layers * layer + convolutions + (tokens + 2) * hidden, Spread::Copied, modules);
    let out = audio.count_or(&["output_dim"], text)?;
    add("audio_tower.proj", hidden * out + out, Spread::Copied, modules);
    let transient = (6 * hidden).max(2 * width);
    Ok(Tower { sense: "audio", tokens, patches: 1, pixels: 2 * bins, hidden, width: transient, out })
}

fn add(name: &str, weights: u64, spread: Spread, modules: &mut Modules) {
    modules.add(name.into(), Kind::Tower, [weights, 1], 1, spread);
}
