//! Sends what deployments use to the registry, until it is acknowledged; the engines meter it.

use std::time::Duration;

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

/// Sends what waits. An answer that is lost makes the next round send the same events again, which the registry knows.
pub async fn send(db: &SqlitePool, registry: &RegistryClient) -> Result<(), Error> {
    loop {
        let events = usage::waiting(db, BATCH_EVENTS).await?;
        if events.is_empty() {
            return Ok(());
        }
        let receipt = registry.send_usage(&events).await?;
        for refused in &receipt.refused {
            tracing::error!(event = %refused.id, reason = refused.reason, "the registry refused usage");
        }
        usage::acknowledge(db, &events, &receipt.refused).await?;
    }
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
