//! Sends what deployments use to the registry, signed by this host, until it is acknowledged; the engines meter it.

mod records;

use std::collections::{BTreeMap, HashMap};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use chandlery_package::chain::{Chain, Head};
use chandlery_package::wire::{HostChain, RefusedUsage, UsageEvent, UsageReceipt, UsageReport};
use chandlery_package::{Namespace, PrivateKey};
use sqlx::SqlitePool;
use tokio::sync::Mutex;

use crate::engines::{self, usage};
use crate::installs::{self, RegistryClient};
use crate::system::{self, write_whole};

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
    /// The registry has other records of this host than the host itself.
    #[error(
        "record {0} is not what the registry has of this host: somebody else has its key, or its data folder is an old one"
    )]
    Forked(u64),
}

impl From<sqlx::Error> for Error {
    fn from(error: sqlx::Error) -> Self {
        Self::Engines(error.into())
    }
}

/// Tells a registry what this host has used, and that it is there.
#[derive(Clone)]
pub(crate) struct Reporter {
    db: SqlitePool,
    registry: RegistryClient,
    /// What this host calls itself.
    host: String,
    key: Arc<PrivateKey>,
    /// How far the registry has heard of this host, where that is known. One report at a time: each continues the one before.
    turn: Arc<Mutex<Option<HostChain>>>,
}

impl Reporter {
    /// The reporter of a host of this name, whose key is in this file.
    pub fn open(
        db: SqlitePool,
        registry: RegistryClient,
        host: String,
        key: &Path,
    ) -> Result<Self, system::Error> {
        let key = Arc::new(read_or_make_key(key)?);
        Ok(Self { db, registry, host, key, turn: Arc::default() })
    }

    /// Sends what waits. An answer that is lost makes the next round send the same records again, which the registry knows. What it
    /// refuses for good is not sent again, and what it may take later is, in the next round.
    pub async fn send(&self) -> Result<(), Error> {
        let mut turn = self.turn.lock().await;
        if !self.registry.has_account() || usage::waiting(&self.db, 1).await?.is_empty() {
            return Ok(());
        }
        // What goes wrong leaves nothing known, so that the registry is asked again.
        let known = match turn.take() {
            Some(known) => Some(known),
            None => self.known().await?,
        };
        match known {
            Some(known) => *turn = Some(self.send_signed(known).await?),
            None => self.send_unsigned().await?,
        }
        Ok(())
    }

    /// Tells the registry that this host is there, whatever waits to be sent.
    pub async fn be_heard(&self) -> Result<(), Error> {
        let mut turn = self.turn.lock().await;
        *turn = None;
        let Some(known) = self.known().await? else { return Ok(()) };
        let (chain, head) = self.place(&known);
        records::must_be_known(&self.db, &chain, head).await?;
        let report = chain.report(&self.key, head, known.heard_at, Vec::new());
        self.report(&report).await?;
        *turn = Some(known);
        Ok(())
    }

    /// Speaks for another account from now on, by a token of it, and never in the middle of a report; gives the token before.
    pub async fn speak_for(&self, token: Option<String>) -> Option<String> {
        let mut turn = self.turn.lock().await;
        *turn = None;
        self.registry.show(token)
    }

    /// The account that it speaks for, at which this host is registered by that; none: the registry registers no hosts.
    pub async fn account(&self) -> Result<Option<Namespace>, installs::Error> {
        let known = self.registry.register_host(&self.host, self.key.public()).await?;
        Ok(known.map(|known| known.account))
    }

    /// How far the registry has heard of this host, by the key that it is told; none: it takes no signed usage.
    async fn known(&self) -> Result<Option<HostChain>, Error> {
        Ok(self.registry.register_host(&self.host, self.key.public()).await?)
    }

    fn place(&self, known: &HostChain) -> (Chain, Head) {
        let chain = Chain {
            registry: known.registry.clone(),
            account: known.account.clone(),
            host: self.host.clone(),
        };
        (chain, Head { sequence: known.sequence, hash: known.head })
    }

    async fn report(&self, report: &UsageReport) -> Result<UsageReceipt, Error> {
        Ok(self.registry.report_usage(&self.host, report).await?)
    }

    /// Sends what waits, and gives how far the registry has heard then.
    async fn send_signed(&self, mut known: HostChain) -> Result<HostChain, Error> {
        let (chain, mut head) = self.place(&known);
        records::must_be_known(&self.db, &chain, head).await?;
        // Records before this one were sent in this round.
        let mut from = 1;
        loop {
            records::extend(&self.db, &chain, head, BATCH_EVENTS).await?;
            let batch = records::unsent(&self.db, &chain, head, from, BATCH_EVENTS).await?;
            let Some(batch) = batch else {
                (known.sequence, known.head) = (head.sequence, head.hash);
                return Ok(known);
            };
            let report = chain.report(&self.key, batch.before, known.heard_at, batch.events);
            let receipt = self.report(&report).await?;
            if batch.last.sequence > head.sequence {
                head = batch.last;
            }
            from = batch.last.sequence.saturating_add(1);
            self.acknowledge(&report.events, receipt).await?;
        }
    }

    /// To a registry of an earlier version.
    async fn send_unsigned(&self) -> Result<(), Error> {
        loop {
            let events = usage::waiting(&self.db, BATCH_EVENTS).await?;
            if events.is_empty() {
                return Ok(());
            }
            let receipt = self.registry.send_usage(&events).await?;
            if !self.acknowledge(&events, receipt).await? {
                return Ok(());
            }
        }
    }

    /// Marks what was sent, and gives whether none of it waits to be sent again.
    async fn acknowledge(&self, events: &[UsageEvent], receipt: UsageReceipt) -> Result<bool, Error> {
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
            events.iter().cloned().partition(|event| later.contains_key(&event.id));
        usage::acknowledge(&self.db, &done, &refused).await?;
        if let Some(reason) = waiting.first().and_then(|event| later.get(&event.id)) {
            tracing::warn!(events = waiting.len(), reason, "the registry takes usage later");
        }
        Ok(waiting.is_empty())
    }
}

/// The key of this host, in a file that only its user can read; made where there is none.
fn read_or_make_key(path: &Path) -> Result<PrivateKey, system::Error> {
    let damaged =
        |error: chandlery_package::KeyError| system::Error::Damaged(format!("{}: {error}", path.display()));
    if !path.exists() {
        write_whole(path, PrivateKey::generate().to_pem().map_err(damaged)?.as_bytes())?;
    }
    let pem = std::fs::read_to_string(path).map_err(system::Error::io(path.display().to_string()))?;
    PrivateKey::from_pem(&pem).map_err(damaged)
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
pub(crate) async fn run(db: SqlitePool, reporter: Option<Reporter>, every: Duration) {
    let mut interval = tokio::time::interval(every);
    interval.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        interval.tick().await;
        if let Err(error) = meter(&db).await {
            tracing::error!(%error, "usage could not be metered");
        }
        if let Some(reporter) = &reporter
            && let Err(error) = reporter.send().await
        {
            tracing::warn!(%error, "usage waits to be sent");
        }
    }
}
