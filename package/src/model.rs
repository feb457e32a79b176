//! Names of models that a host keeps records of: `Qwen/Qwen3-8B`, or a path that its targets have.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::name::text_form;

const BYTES_MAX: usize = 200;
/// What a name matches: what Hugging Face and folders are called, without spaces.
const PATTERN: &str = "^[A-Za-z0-9_/][A-Za-z0-9_./:@+-]*$";

/// A text that is no name of a model.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "'{0}' is no name of a model: use letters, digits and _ . / : @ + - such as Qwen/Qwen3-8B, at most {BYTES_MAX} of them"
)]
pub struct ModelNameError(String);

/// What a model is called, as templates are told: its name on a hub, or a path.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ModelName(String);

impl ModelName {
    /// The name itself.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for ModelName {
    type Err = ModelNameError;

    fn from_str(text: &str) -> Result<Self, ModelNameError> {
        let is_word = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
        let starts_well = text.bytes().next().is_some_and(|byte| is_word(byte) || byte == b'/');
        let is_name = text.bytes().all(|byte| is_word(byte) || b"./:@+-".contains(&byte));
        match starts_well && is_name && text.len() <= BYTES_MAX {
            true => Ok(Self(text.into())),
            false => Err(ModelNameError(text.chars().take(BYTES_MAX).collect())),
        }
    }
}

impl fmt::Display for ModelName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

text_form!(ModelName, pattern: PATTERN, bytes_max: BYTES_MAX);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_one_of_a_hub_or_a_path() {
        for text in ["Qwen/Qwen3-8B", "/models/own_v2.1", "gpt2", "acme/own:main"] {
            assert_eq!(text.parse::<ModelName>().map(|name| name.to_string()).as_deref(), Ok(text));
        }
        for text in ["", "-x", "a b", "a\nb", "a?b", "é", &"a".repeat(BYTES_MAX + 1)] {
            assert!(text.parse::<ModelName>().is_err(), "{text}");
        }
    }
}
