//! What an operator asks of a registry.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// What of the stored content is garbage.
#[derive(Debug, Clone, Serialize, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub struct GarbageQuery {
    /// What was pushed later is left alone.
    pub older_than_seconds: u32,
}

/// What a collection of garbage removed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Garbage {
    /// Uploads that were given up.
    pub uploads: u64,
    /// Blobs that no manifest of their repository names.
    pub blobs: u64,
    /// Contents that are part of no repository.
    pub contents: u64,
}
