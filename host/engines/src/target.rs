//! What an engine is opened with.

use chandlery_package::plan::EngineKind;
use chandlery_package::wire::host::Prices;
use serde_json::Value;

/// A target as an engine is opened for it.
pub struct TargetSpec {
    /// The target's name.
    pub name: String,
    /// The engine that its deployments run on.
    pub engine: EngineKind,
    /// JSON in the form that the engine reads.
    pub settings: Value,
    /// What it costs by the hour.
    pub prices: Prices,
    /// What opens it, unsealed: a token or a kubeconfig.
    pub credential: Option<String>,
}
