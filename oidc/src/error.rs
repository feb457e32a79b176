//! Why nobody is signed in.

/// The longest part of what a provider says of itself that is repeated, in characters.
const SAID_CHARS_MAX: usize = 300;

/// Why nobody is signed in; its text says what happened.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The provider did not answer in time, or answered that it cannot.
    #[error("the provider cannot be asked: {0}")]
    Unreachable(String),
    /// The provider knows neither the client nor the code.
    #[error("the provider refuses: {0}")]
    Refused(String),
    /// What the provider says of itself, or of the person, does not hold.
    #[error("the provider's answer does not hold: {0}")]
    Invalid(String),
}

/// The beginning of a text that a provider chose, without what is not to be shown.
pub(crate) fn short(said: impl ToString) -> String {
    said.to_string().chars().filter(|letter| !letter.is_control()).take(SAID_CHARS_MAX).collect()
}
