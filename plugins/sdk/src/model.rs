//! What a model is made of, read from its `config.json`: layers with what they keep of a text, weights by module, towers that see
//! and hear, and how the checkpoint is quantised.
//!
//! Nothing here knows a model by its name. What the config says is read by the names that Hugging Face's configurations have for
//! it, and where a family computes something that its config does not say, by its `model_type`. The numbers of weights are those
//! of the checkpoints, to the last one for most families: the tests compare them with what `transformers` builds.

mod attention;
mod bits;
mod cache;
mod config;
mod decoder;
mod encoder;
mod feed_forward;
mod gguf;
mod known;
mod module;
mod pattern;
mod quantisation;
mod recurrent;
mod tower;

use serde_json::Value;

pub use bits::Bits;
pub use cache::{Cache, Reach};
pub(crate) use cache::{Keeping, Pool};
pub use feed_forward::Routed;
pub use gguf::Gguf;
pub use module::{Kind, Module, Spread};
pub use quantisation::Quantisation;
pub use tower::Tower;

use attention::Mixed;
use config::Config;
use feed_forward::Fed;
use module::Modules;

/// More weights than any model has: what is beyond is no config but an attempt to overflow.
const WEIGHTS_MAX: u128 = 100_000_000_000_000;

/// Why a `config.json` cannot be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Unreadable {
    /// It is no JSON object.
    NoObject,
    /// Something that the size depends on is not there.
    Missing(&'static str),
    /// A number is negative, no whole number, or larger than any model has it.
    OutOfBounds {
        /// What it is called in the config.
        name: String,
        /// The most that it may be.
        most: u64,
    },
    /// A kind of layer that is not known here.
    UnknownLayer(String),
    /// A way to quantise that is not known here.
    UnknownQuantisation(String),
    /// More weights than any model has.
    TooLarge,
}

impl std::fmt::Display for Unreadable {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::NoObject => write!(f, "it is no JSON object"),
            Self::Missing(name) => write!(f, "it has no '{name}'"),
            Self::OutOfBounds { name, most } => write!(f, "its '{name}' is no whole number up to {most}"),
            Self::UnknownLayer(kind) => write!(f, "layers of the kind '{kind}' are not known here"),
            Self::UnknownQuantisation(method) => write!(f, "quantisation by '{method}' is not known here"),
            Self::TooLarge => write!(f, "it would have more than {WEIGHTS_MAX} weights"),
        }
    }
}

/// One layer, as far as memory depends on it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Layer {
    /// What it keeps of a text.
    pub cache: Cache,
    /// Numbers of one token that its attention makes.
    pub attention: u64,
    /// Numbers of one token in its feed-forward network, which all tokens pass.
    pub network: u64,
    /// Its experts, where it has them.
    pub routed: Option<Routed>,
}

impl Layer {
    fn of(mixed: Mixed, fed: Fed) -> Self {
        Self { cache: mixed.cache, attention: mixed.width, network: fed.width, routed: fed.routed }
    }
}

/// A model, as its `config.json` describes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Model {
    /// Its family: `llama`, `qwen3_5`.
    pub family: String,
    /// Its layers, first to last.
    pub layers: Vec<Layer>,
    /// All of its weights.
    pub modules: Vec<Module>,
    /// What sees and hears.
    pub towers: Vec<Tower>,
    /// Numbers of a token between two layers.
    pub hidden: u64,
    /// Heads of attention, over which tensor parallelism is spread; 0: it has none.
    pub heads: u64,
    /// Words in its vocabulary.
    pub vocabulary: u64,
    /// The longest text, in tokens.
    pub context_tokens: u64,
    /// Whether the head is the embeddings.
    pub is_tied: bool,
    /// Whether it writes, rather than reads a text at once.
    pub writes: bool,
    /// How its checkpoint is quantised; none: it is not.
    pub quantisation: Option<Quantisation>,
}

impl Model {
    /// The model that a `config.json` describes, or what about it cannot be read.
    pub fn read(config: &Value) -> Result<Self, Unreadable> {
        let whole = Config::of(config)?;
        let text = whole.section(&["text_config", "llm_config", "language_config", "thinker_config"]);
        let text = text.map_or(whole, |text| text.section(&["text_config"]).unwrap_or(text));
        let family = text.text("model_type").or(whole.text("model_type")).unwrap_or_default();
        let mut modules = Modules::new();
        let is_tied = is_tied(whole, text, family);
        let (layers, vocabulary, writes) = match family {
            "bert" | "roberta" | "xlm-roberta" | "mpnet" | "distilbert" | "camembert" | "electra" => {
                (encoder::bert(text, &mut modules)?, text.needed(&["vocab_size"])?, false)
            }
            "whisper" => (encoder::whisper(text, &mut modules)?, text.needed(&["vocab_size"])?, true),
            _ => {
                let layers = decoder::layers(text, &mut modules)?;
                let vocabulary = decoder::ends(text, is_tied, &mut modules)?;
                (layers, vocabulary, writes(whole))
            }
        };
        let hidden = attention::hidden(text)?;
        let towers = tower::towers(whole, hidden, &mut modules)?;
        let mut modules = modules.list;
        if modules.iter().map(|module| u128::from(module.weights())).sum::<u128>() > WEIGHTS_MAX {
            return Err(Unreadable::TooLarge);
        }
        let quantisation = Quantisation::read(whole)?;
        if let Some(how) = &quantisation {
            for module in &mut modules {
                module.bits = how.bits(module);
            }
        }
        Ok(Self {
            family: family.to_owned(),
            heads: attention::number_of_heads(text).unwrap_or(0),
            context_tokens: context_tokens(text)?,
            quantisation,
            layers,
            modules,
            towers,
            hidden,
            vocabulary,
            is_tied,
            writes,
        })
    }

    /// What the `config.json` of the model of this name on Hugging Face says of its size, where that ships with the SDK.
    pub fn record(name: &str) -> Option<Value> {
        known::config(name)
    }

    /// The model of this name on Hugging Face, where its record ships with the SDK.
    pub fn known(name: &str) -> Option<Self> {
        Self::read(&Self::record(name)?).ok()
    }

    /// The model that a repository of GGUFs was made of, by its name: `bartowski/Qwen2.5-7B-Instruct-GGUF`.
    pub fn known_gguf(repository: &str) -> Option<Self> {
        let name = repository.rsplit('/').next()?;
        let name = name.strip_suffix("-GGUF").or(name.strip_suffix("-gguf")).unwrap_or(name);
        Self::read(&known::config_of_any(name)?).ok()
    }

    /// Whether tensor parallelism spreads it over so many GPUs: heads evenly, and KV heads evenly or in as many copies.
    pub(crate) fn spreads_over(&self, gpus: u64) -> bool {
        let of_cache = self.layers.iter().all(|layer| match layer.cache {
            Cache::Heads { heads, .. } => heads.is_multiple_of(gpus) || gpus.is_multiple_of(heads.max(1)),
            _ => true,
        });
        gpus > 0 && of_cache && self.heads.is_multiple_of(gpus)
    }

    /// The number of all weights.
    pub fn weights(&self) -> u64 {
        self.modules.iter().map(Module::weights).sum()
    }
}

/// Whether the head is the embeddings. Families differ in what goes without saying.
fn is_tied(whole: Config<'_>, text: Config<'_>, family: &str) -> bool {
    let usual =
        family.starts_with("gemma") || matches!(family, "gpt2" | "cohere" | "cohere2" | "opt" | "bloom");
    text.is_or("tie_word_embeddings", whole.is_or("tie_word_embeddings", usual))
}

/// Whether its architecture has a head at all: embedders and rerankers have none.
fn writes(whole: Config<'_>) -> bool {
    let names = whole.texts(&["architectures"]).unwrap_or_default();
    names.is_empty()
        || names.iter().any(|name| name.contains("CausalLM") || name.contains("ConditionalGeneration"))
}

fn context_tokens(text: Config<'_>) -> Result<u64, Unreadable> {
    let names = [
        "max_position_embeddings",
        "n_positions",
        "max_sequence_length",
        "seq_length",
        "model_max_length",
        "max_target_positions",
    ];
    let tokens = text.tokens(&names)?.filter(|tokens| *tokens > 0).unwrap_or(2048);
    // RoBERTa's positions begin behind that of the padding.
    let is_padded = text.text("model_type").is_some_and(|model| model.contains("roberta"));
    Ok(if is_padded { tokens.saturating_sub(2).max(1) } else { tokens })
}

#[cfg(test)]
mod tests;
