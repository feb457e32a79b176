//! `/metrics` in Prometheus's text format: the calls of plugins, how they ended and how long they took.

use std::time::Duration;

use chandlery_package::Release;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Registry, Unit};

use crate::Error;

/// The bounds of how long a call took, in seconds.
const SECONDS: [f64; 10] = [0.000_05, 0.000_1, 0.000_25, 0.001, 0.005, 0.025, 0.1, 0.5, 2.5, 10.0];

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Ended {
    plugin: String,
    function: &'static str,
    outcome: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Of {
    plugin: String,
    function: &'static str,
}

/// The calls of a sandbox.
pub(crate) struct Calls {
    registry: Registry,
    ended: Family<Ended, Counter>,
    seconds: Family<Of, Histogram, fn() -> Histogram>,
}

impl Default for Calls {
    fn default() -> Self {
        let mut registry = Registry::with_prefix("chandlery");
        let ended = Family::default();
        registry.register("plugin_calls", "Calls of plugins, by how they ended", ended.clone());
        let seconds: Family<_, _, fn() -> _> = Family::new_with_constructor(|| Histogram::new(SECONDS));
        registry.register_with_unit("plugin_call", "How long calls took", Unit::Seconds, seconds.clone());
        Self { registry, ended, seconds }
    }
}

impl Calls {
    /// Counts a call.
    pub(crate) fn ended(
        &self,
        release: &Release,
        function: &'static str,
        outcome: &'static str,
        took: Duration,
    ) {
        let plugin = release.plugin.to_string();
        self.seconds.get_or_create(&Of { plugin: plugin.clone(), function }).observe(took.as_secs_f64());
        self.ended.get_or_create(&Ended { plugin, function, outcome }).inc();
    }

    /// What was counted.
    pub(crate) fn text(&self) -> Result<String, Error> {
        let mut text = String::new();
        encode(&mut text, &self.registry).map_err(|error| Error::Damaged(error.to_string()))?;
        Ok(text)
    }
}
