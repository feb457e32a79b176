//! What documents say of commands is made from their definitions, or held to them.

mod examples;
mod reference;
mod remedies;

use std::path::{Path, PathBuf};

/// The repository's root.
fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}
