//! How a watch of a kind of objects fares, and when one that broke off is begun again.

use std::time::Duration;

use backon::{BackoffBuilder as _, ExponentialBackoff, ExponentialBuilder};
use kube::api::DynamicObject;
use kube::runtime::utils::Backoff;
use kube::runtime::watcher;

use super::answers::watch_words;

const WATCH_AGAIN_MAX: Duration = Duration::from_secs(5);

/// How watching a kind fares.
#[derive(Debug, Clone, Default)]
pub(super) struct Watch {
    /// Whether all that there was is known.
    pub is_complete: bool,
    pub trouble: Option<String>,
}

impl Watch {
    pub fn note(&mut self, target: &str, event: watcher::Result<watcher::Event<DynamicObject>>) {
        match event {
            Ok(event) => {
                self.is_complete |= matches!(event, watcher::Event::InitDone);
                self.trouble = None;
            }
            Err(error) => {
                tracing::debug!(%error, target, "a watch broke off, and is begun again");
                self.trouble = Some(watch_words(target, &error));
            }
        }
    }
}

/// Whether what a watch was to go on from is forgotten.
pub(super) fn is_gone(error: &watcher::Error) -> bool {
    matches!(error, watcher::Error::WatchStartFailed(kube::Error::Api(status)) if status.code == 410)
}

/// The waits before a watch is begun again: half a second, doubled up to [`WATCH_AGAIN_MAX`]. The usual one of half a minute
/// would show a cluster as it was long after it is back.
pub(super) struct BackOff(ExponentialBackoff);

impl Default for BackOff {
    fn default() -> Self {
        let builder = ExponentialBuilder::new().with_min_delay(Duration::from_millis(500));
        Self(builder.with_max_delay(WATCH_AGAIN_MAX).without_max_times().build())
    }
}

impl Iterator for BackOff {
    type Item = Duration;

    fn next(&mut self) -> Option<Duration> {
        self.0.next()
    }
}

impl Backoff for BackOff {
    fn reset(&mut self) {
        *self = Self::default();
    }
}
