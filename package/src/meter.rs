//! What workloads count beside time. A meter in a plugin's manifest names a counter that its workloads show to Prometheus; hosts
//! read it from every replica, and report how much it has grown.

mod exposition;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::Unit;

pub use exposition::{Exposed, ExpositionError, expose};

/// How much of anything one usage event may count.
pub const COUNT_MAX: u64 = 10_000_000_000_000;
/// How many series of its meters one replica may show.
pub const SERIES_MAX: usize = 1000;

/// The most meters of a plugin.
pub(crate) const METERS_MAX: usize = 20;
/// The longest name of a series, path or label, in bytes.
const TEXT_BYTES_MAX: usize = 200;
/// The longest name of a plan's port, in bytes.
const PORT_BYTES_MAX: usize = 15;
/// The most labels that a meter may ask for.
const LABELS_MAX: usize = 20;

/// A counter that a workload shows in the text format of Prometheus, and what it counts.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Meter {
    /// What it counts: a word that a price can be set by, such as `tokens`. Meters of the same unit are added up.
    pub unit: Unit,
    /// The port of the plan that shows it; workloads without such a port are not asked.
    pub port: String,
    /// Where it is shown, from the `/` on.
    #[serde(default = "metrics")]
    pub path: String,
    /// The name of its series, as it is shown: `vllm:generation_tokens_total`. All series of this name are added up.
    pub series: String,
    /// Only series with these labels.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub labels: BTreeMap<String, String>,
}

fn metrics() -> String {
    "/metrics".into()
}

impl Meter {
    /// Refuses what no server can show, and what would be read at another place than it seems.
    pub(crate) fn check(&self) -> Result<(), &'static str> {
        let is_port = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
        let is_path = |b: u8| b.is_ascii_graphic() && !matches!(b, b'#' | b'\\');
        let is_text = |text: &str| text.len() <= TEXT_BYTES_MAX && !text.chars().any(char::is_control);
        if !matches!(self.unit, Unit::Reported(_)) {
            return Err("hosts meter hours themselves: name another unit, such as 'tokens'");
        }
        if self.port.is_empty() || self.port.len() > PORT_BYTES_MAX || !self.port.bytes().all(is_port) {
            return Err("the port is the name of a port in the plan, such as 'http'");
        }
        if !self.path.starts_with('/') || self.path.len() > TEXT_BYTES_MAX || !self.path.bytes().all(is_path)
        {
            return Err("the path begins with '/', and has no spaces");
        }
        if !is_series(&self.series) || self.series.len() > TEXT_BYTES_MAX {
            return Err("the series is a name of Prometheus, such as 'vllm:generation_tokens_total'");
        }
        if self.labels.len() > LABELS_MAX {
            return Err("it asks for more than 20 labels");
        }
        match self.labels.iter().all(|(name, value)| is_label(name) && is_text(name) && is_text(value)) {
            true => Ok(()),
            false => Err("a label is a name of Prometheus, such as 'model_name', and a line of text"),
        }
    }
}

/// `series{label="value"} at port/path`, for people.
impl fmt::Display for Meter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { port, path, series, labels, .. } = self;
        write!(f, "{} at {port}{path}", series_text(series, labels))
    }
}

/// A series with its labels in the one order that tells it from others.
fn series_text(series: &str, labels: &BTreeMap<String, String>) -> String {
    let escaped = |value: &str| value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n");
    let labels: Vec<_> =
        labels.iter().map(|(name, value)| format!("{name}=\"{}\"", escaped(value))).collect();
    match labels.is_empty() {
        true => series.to_owned(),
        false => format!("{series}{{{}}}", labels.join(",")),
    }
}

/// What meters count, each unit once.
pub fn units(meters: &[Meter]) -> BTreeSet<&Unit> {
    meters.iter().map(|meter| &meter.unit).collect()
}

/// Whether this can be the name of a series, by <https://prometheus.io/docs/concepts/data_model/#metric-names-and-labels>.
fn is_series(text: &str) -> bool {
    let first = |c: char| c.is_ascii_alphabetic() || matches!(c, '_' | ':');
    text.starts_with(first) && text.chars().all(|c| first(c) || c.is_ascii_digit())
}

fn is_label(text: &str) -> bool {
    is_series(text) && !text.contains(':')
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    pub(crate) fn meter() -> Meter {
        Meter {
            unit: "tokens".parse().unwrap(),
            port: "http".into(),
            path: metrics(),
            series: "vllm:generation_tokens_total".into(),
            labels: BTreeMap::new(),
        }
    }

    #[test]
    fn what_no_server_shows_or_hosts_meter_themselves_is_refused() {
        assert_eq!(meter().check(), Ok(()));
        assert_eq!(meter().to_string(), "vllm:generation_tokens_total at http/metrics");
        let changes: [fn(&mut Meter); 15] = [
            |m| m.unit = "gpu-hour".parse().unwrap(),
            |m| m.unit = "deployment-hour".parse().unwrap(),
            |m| m.port = String::new(),
            |m| m.port = "127.0.0.1:80".into(),
            |m| m.port = "x".repeat(PORT_BYTES_MAX + 1),
            |m| m.path = "metrics".into(),
            |m| m.path = "@example.com/".into(),
            |m| m.path = "/a b".into(),
            |m| m.path = "/a\r\nHost: b".into(),
            |m| m.path = "/a#b".into(),
            |m| m.series = String::new(),
            |m| m.series = "1_total".into(),
            |m| m.series = "a{b=\"c\"}".into(),
            |m| m.labels = [("a:b".to_owned(), "c".to_owned())].into(),
            |m| m.labels = [("a".to_owned(), "\n".to_owned())].into(),
        ];
        for (index, change) in changes.into_iter().enumerate() {
            let mut changed = meter();
            change(&mut changed);
            assert!(changed.check().is_err(), "change {index}: {changed:?}");
        }
    }
}
