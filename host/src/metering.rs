//! Sends what deployments use to the registry, until it is acknowledged; the engines meter it.

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use chandlery_package::wire::{RefusedUsage, UsageEvent};
use sqlx::SqlitePool;

use crate::engines::{self, usage};
use crate::installs::{self, RegistryClient};

pub use crate::engines::usage::{meter, metered};

const BATCH_EVENTS: i64 = 500;

/// Why usage waits to be sent.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The registry did not take it.
    #[error(transparent)]
    Registry(#[from] installs::Error),
    /// It cannot be read or marked as sent.
    #[error(transparent)]
    Engines(#[from] engines::Error),
}

/// Sends what waits. An answer that is lost makes the next round send the same events again, which the registry knows. What it
/// refuses for good is not sent again, and what it may take later is, in the next round.
pub async fn send(db: &SqlitePool, registry: &RegistryClient) -> Result<(), Error> {
    loop {
        let events = usage::waiting(db, BATCH_EVENTS).await?;
        if events.is_empty() {
            return Ok(());
        }
        let receipt = registry.send_usage(&events).await?;
        let (later, refused): (Vec<_>, Vec<_>) =
            receipt.refused.into_iter().partition(|refused| refused.retry);
        for (reason, count) in by_reason(&refused) {
            tracing::error!(
                events = count,
                reason,
                "the registry refused usage for good: it is not sent again"
            );
        }
        let later: HashMap<_, _> = later.into_iter().map(|refused| (refused.id, refused.reason)).collect();
        let (waiting, done): (Vec<UsageEvent>, Vec<UsageEvent>) =
            events.into_iter().partition(|event| later.contains_key(&event.id));
        usage::acknowledge(db, &done, &refused).await?;
        if let Some(reason) = waiting.first().and_then(|event| later.get(&event.id)) {
            tracing::warn!(events = waiting.len(), reason, "the registry takes usage later");
            return Ok(());
        }
    }
}

/// How many events were refused for each reason.
fn by_reason(refused: &[RefusedUsage]) -> BTreeMap<&str, usize> {
    let mut counts = BTreeMap::new();
    for refused in refused {
        *counts.entry(refused.reason.as_str()).or_default() += 1;
    }
    counts
}

/// Meters and sends for ever, at this interval.
pub(crate) async fn run(db: SqlitePool, registry: Option<RegistryClient>, every: Duration) {
    let mut interval = tokio::time::interval(every);
    interval.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        interval.tick().await;
        if let Err(error) = meter(&db).await {
            tracing::error!(%error, "usage could not be metered");
        }
        if let Some(registry) = registry.as_ref().filter(|registry| registry.has_account())
            && let Err(error) = send(&db, registry).await
        {
            tracing::warn!(%error, "usage waits to be sent");
        }
    }
}
