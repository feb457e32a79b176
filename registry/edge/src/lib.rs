//! What the routes of all the registry's rooms share: extractors that refuse in the registry's own words, and errors as answers.

mod answer;
mod error;
mod extract;

pub use answer::answer;
pub use error::{Error, KINDS, TOO_LARGE};
pub use extract::{Json, Path, Query};

/// The largest body of a request that is not a push, in bytes.
pub const BODY_BYTES_MAX: usize = 1 << 20;
