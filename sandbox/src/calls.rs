//! The calls of plugins as Prometheus counts them: how they ended and how long they took.

use std::time::Duration;

use chandlery_package::Release;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Registry, Unit};

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

/// The calls of a sandbox: how often, how they ended and how long they took.
pub(crate) struct Calls {
    ended: Family<Ended, Counter>,
    seconds: Family<Of, Histogram, fn() -> Histogram>,
}

impl Default for Calls {
    fn default() -> Self {
        Self { ended: Family::default(), seconds: Family::new_with_constructor(|| Histogram::new(SECONDS)) }
    }
}

impl Calls {
    pub(crate) fn register(&self, registry: &mut Registry) {
        registry.register("plugin_calls", "Calls of plugins, by how they ended", self.ended.clone());
        registry.register_with_unit(
            "plugin_call",
            "How long calls took",
            Unit::Seconds,
            self.seconds.clone(),
        );
    }

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
}
