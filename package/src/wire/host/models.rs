//! Records of models: what their `config.json` says, by which templates size them.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::ToSchema;

use crate::Digest;
use crate::model::ModelName;

/// A model's `config.json`, to be kept.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct NewModel {
    /// The file's content, as its publisher has it; at most 1 MiB of JSON.
    pub config: Map<String, Value>,
}

/// A record of a model.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ModelInfo {
    /// What templates are told that the model is called.
    pub name: ModelName,
    /// The digest of the record as it is kept: as JSON, without spaces.
    pub digest: Digest,
    /// When it was kept.
    pub added_at: Timestamp,
}

/// A record of a model, with what it says.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ModelRecord {
    /// What it is.
    #[serde(flatten)]
    pub info: ModelInfo,
    /// The model's `config.json`.
    pub config: Map<String, Value>,
}
