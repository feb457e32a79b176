//! Where things are deployed, and the secrets that are handed on there.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use crate::plan::EngineKind;
use crate::{Money, SecretName};

/// What a target costs: for each kind of GPU and for `cpu`, a core, by the hour.
pub type Prices = BTreeMap<String, Money>;

/// A target to be added.
#[derive(Clone, Serialize, Deserialize, ToSchema)]
pub struct NewTarget {
    /// What runs there.
    pub engine: EngineKind,
    /// A JSON object in the form that the engine reads.
    #[serde(default)]
    pub settings: Value,
    /// What opens it, kept sealed: a token or a kubeconfig. None: what it was, or none.
    #[serde(default)]
    pub credential: Option<String>,
    /// What it costs by the hour.
    #[serde(default)]
    #[schema(value_type = BTreeMap<String, Money>)]
    pub prices: Prices,
}

/// A target and what was found when it was looked at last.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Target {
    /// What it is called on this host.
    pub name: String,
    /// What runs there.
    pub engine: EngineKind,
    /// A JSON object in the form that the engine reads.
    pub settings: Value,
    /// Whether a credential is kept for it.
    pub has_credential: bool,
    /// What it costs by the hour.
    #[schema(value_type = BTreeMap<String, Money>)]
    pub prices: Prices,
    /// The names of the deployments on it.
    pub deployments: Vec<String>,
    /// How long the last look at it took, in milliseconds; none: there was none yet.
    pub pass_millis: Option<u64>,
    /// Why it does not answer.
    pub trouble: Option<String>,
    /// What it lacks, and so every replica on it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub warning: Option<String>,
}

/// A secret's value, on its way in: it never comes out again.
#[derive(Clone, Serialize, Deserialize, ToSchema)]
pub struct NewSecret {
    /// The text that is handed on in the secret's place.
    pub value: String,
}

/// A secret, without its value.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SecretInfo {
    /// The name by which plugins ask for it.
    pub name: SecretName,
    /// When it was last set.
    pub updated_at: Timestamp,
}
