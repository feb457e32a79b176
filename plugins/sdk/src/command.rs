//! A program and its words. A command is a list from the beginning: no text is ever split into words, so a value with spaces
//! stays one word, and a value never becomes a flag.

use std::fmt::Display;

use crate::bindings::template::Problem;

/// The program of a workload and its arguments.
///
/// What the author writes is `&'static str`, which `format!` cannot make; there `$(NAME)` stands for an environment variable.
/// What a parameter says goes in as a value: one word, in which `$(NAME)` stands for itself.
///
/// ```ignore
/// let command = Command::new("vllm").arg("serve").positional("/model", &model)?.arg("--port").arg("$(PORT)");
/// let command = command.option("--max-model-len", 4096);
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Command(Vec<String>);

impl Command {
    /// The program alone.
    pub fn new(program: &'static str) -> Self {
        Self(vec![program.into()])
    }

    /// Adds a word of the author's own, in which `$(NAME)` stands for an environment variable.
    pub fn arg(mut self, word: &'static str) -> Self {
        self.0.push(word.into());
        self
    }

    /// Adds several words of the author's own.
    pub fn args(self, words: impl IntoIterator<Item = &'static str>) -> Self {
        words.into_iter().fold(self, Self::arg)
    }

    /// Adds a flag and its value: two words, or `flag=value` where the value begins with a dash and would be read as a flag.
    pub fn option(mut self, flag: &'static str, value: impl Display) -> Self {
        let value = literal(&value.to_string());
        if value.starts_with('-') {
            self.0.push(format!("{flag}={value}"));
        } else {
            self.0.extend([flag.into(), value]);
        }
        self
    }

    /// Adds a value that stands alone. One that begins with a dash would be read as a flag: it is a problem with the parameter
    /// of this JSON Pointer.
    pub fn positional(mut self, parameter: &str, value: impl Display) -> Result<Self, Vec<Problem>> {
        let value = literal(&value.to_string());
        if value.starts_with('-') {
            let message = format!("'{value}' begins with a dash and would be read as a flag");
            return Err(vec![Problem::with(parameter, message)]);
        }
        self.0.push(value);
        Ok(self)
    }

    /// Adds words that the user wrote for a program of their own, each as it is: flags stay flags, and `$(NAME)` stands for an
    /// environment variable. Only for what comes after that program's name.
    pub fn users_own(mut self, words: impl IntoIterator<Item = String>) -> Self {
        self.0.extend(words);
        self
    }

    /// Adds words that the user writes for this program, each literally: flags stay flags, and nothing is expanded.
    pub fn literals(mut self, words: &[String]) -> Self {
        self.0.extend(words.iter().map(|word| literal(word)));
        self
    }

    /// Adds all words of another command, which this one runs.
    pub fn then(mut self, inner: Command) -> Self {
        self.0.extend(inner.0);
        self
    }

    pub(crate) fn words(&self) -> &[String] {
        &self.0
    }

    pub(crate) fn into_words(self) -> Vec<String> {
        self.0
    }
}

impl<const N: usize> From<[&'static str; N]> for Command {
    fn from(words: [&'static str; N]) -> Self {
        Self(words.map(String::from).to_vec())
    }
}

/// A value in which nothing is expanded: engines read `$$` as `$`, as Kubernetes does.
pub(crate) fn literal(value: &str) -> String {
    value.replace('$', "$$")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hostile_value_is_one_word_and_no_flag() {
        let long = "x".repeat(100_000);
        let values = [
            "evil/repo --trust-remote-code --host 0.0.0.0",
            "/models/My Model",
            "a\nb",
            "a\0b",
            "'\"`;|&",
            "$(HF_TOKEN)",
            "$$(HF_TOKEN)",
            "",
            &long,
        ];
        for value in values {
            let words = Command::new("serve").option("--model", value).into_words();
            assert_eq!(words.len(), 3, "{value:?}");
            assert_eq!(words[2].replace("$$", "$"), value);
            assert!(!words[2].replace("$$", "").contains("$("), "{value:?}");
            let words = Command::new("serve").positional("/model", value).map(Command::into_words);
            assert_eq!(words.map(|words| words.len()).ok(), Some(2), "{value:?}");
        }
    }

    #[test]
    fn a_leading_dash_is_joined_or_refused() {
        let words = Command::new("serve").option("--model", "--trust-remote-code").into_words();
        assert_eq!(words, ["serve", "--model=--trust-remote-code"]);
        assert!(Command::new("serve").positional("/model", "--trust-remote-code").is_err());
    }
}
