//! The hosts of customers: each signs what it reports, continues where it was, and now and then lies, which has to be named.

use anyhow::{Result, ensure};
use chandlery_package::chain::{Chain, Head};
use chandlery_package::wire::{HostChain, HostKey, IncidentKind, UsageEvent, UsageReport};
use chandlery_package::{Digest, PrivateKey};
use jiff::Timestamp;
use rand::RngExt as _;
use reqwest::Method;
use serde_json::{Value, json};

use super::Market;
use super::requests::refused;

/// What each customer calls its host.
const NAME: &str = "h";
const KEY: &str = "/api/v1/hosts/h/key";
const USAGE: &str = "/api/v1/hosts/h/usage";

/// A host as it is on its own machine.
pub(super) struct Host {
    chain: Chain,
    key: PrivateKey,
    /// Up to where it has reported.
    head: Head,
    /// What it has reported last, and from where; none: nothing yet.
    last: Option<(Head, Vec<UsageEvent>)>,
    /// When the registry had heard of it before the first report.
    heard_at: Timestamp,
}

impl Host {
    fn report(&self, before: Head, events: &[UsageEvent]) -> UsageReport {
        self.chain.report(&self.key, before, self.heard_at, events.to_vec())
    }

    /// The place after these events.
    fn after(&self, before: Head, events: &[UsageEvent]) -> Head {
        self.chain.segment(&self.report(before, events)).head()
    }
}

impl Market {
    /// The host of a customer, which registers its key when it first has something to report.
    async fn host(&mut self, index: usize) -> Result<&mut Host> {
        if self.customers[index].host.is_none() {
            let (key, token) = (PrivateKey::generate(), self.customers[index].token.clone());
            let new = json!(HostKey { key: key.public() });
            let known: HostChain =
                serde_json::from_value(self.require(&token, Method::PUT, KEY, new).await?)?;
            let chain = Chain { registry: known.registry, account: known.account, host: NAME.into() };
            let (head, heard_at) = (chain.start(), known.heard_at);
            self.customers[index].host = Some(Host { chain, key, head, last: None, heard_at });
        }
        let host = self.customers[index].host.as_mut();
        host.ok_or_else(|| anyhow::anyhow!("customer {index} has no host"))
    }

    /// Reports what was used. What was reported last may come again.
    pub(super) async fn report(&mut self, index: usize, events: &[Value]) -> Result<()> {
        let events: Vec<UsageEvent> =
            events.iter().filter_map(|event| serde_json::from_value(event.clone()).ok()).collect();
        if events.is_empty() {
            return Ok(());
        }
        let comes_again = self.random.random_ratio(1, 10);
        let host = self.host(index).await?;
        let before = host.head;
        let again = host.last.clone().filter(|_| comes_again);
        let repeated = again.map(|(before, events)| json!(host.report(before, &events)));
        let (report, after) = (json!(host.report(before, &events)), host.after(before, &events));
        let token = self.customers[index].token.clone();
        if let Some(repeated) = repeated {
            self.require(&token, Method::POST, USAGE, repeated).await?;
        }
        if self.attempt("usage reports", &token, Method::POST, USAGE, report).await?.is_some() {
            let host = self.host(index).await?;
            (host.head, host.last) = (after, Some((before, events)));
        }
        if self.random.random_ratio(1, 25) {
            self.lies_of_host(index).await?;
        }
        Ok(())
    }

    /// A host leaves something out, says something else than before, or is somebody else: it is refused by name, and nothing of it
    /// counts.
    async fn lies_of_host(&mut self, index: usize) -> Result<()> {
        let kind = self.random.random_range(0..5);
        let host = self.host(index).await?;
        let Some((before, events)) = host.last.clone() else { return Ok(()) };
        let (head, last) = (host.head, before.sequence);
        let (report, said) = match kind {
            0 => {
                let ahead = Head { sequence: head.sequence + 1, hash: head.hash };
                (host.report(ahead, &events), (IncidentKind::Skipped, head.sequence + 1))
            }
            1 => {
                let mut less = events;
                less[0].replica_millis = 0;
                less[0].deployment = "of-another".into();
                (host.report(before, &less), (IncidentKind::Forked, last + 1))
            }
            2 => {
                let moved = Head { hash: Digest::of("something else"), ..head };
                (host.report(moved, &events), (IncidentKind::Rewritten, head.sequence))
            }
            3 => {
                let heard_at = Timestamp::UNIX_EPOCH;
                let old = host.chain.report(&host.key, head, heard_at, Vec::new());
                (old, (IncidentKind::Replayed, head.sequence))
            }
            _ => {
                let report = host.chain.report(&PrivateKey::generate(), head, host.heard_at, events);
                let first = report.first;
                (report, (IncidentKind::Unsigned, first))
            }
        };
        let token = self.customers[index].token.clone();
        let answer = self.ask(&token, &Method::POST, USAGE, &json!(report)).await?;
        let word = if said.0 == IncidentKind::Skipped { "usage-gap" } else { "usage-refused" };
        if !answer.body["type"].as_str().is_some_and(|found| found.ends_with(word)) {
            return Err(refused(&Method::POST, USAGE, &answer));
        }
        let chain = self.chain_of(index).await?;
        let is_named = chain.incidents.iter().any(|kept| (kept.kind, kept.sequence) == said);
        ensure!(is_named, "{said:?} of customer-{index} is not named: {chain:?}");
        ensure!((chain.sequence, chain.head) == (head.sequence, head.hash), "{said:?} has changed {chain:?}");
        self.count("lies of hosts");
        Ok(())
    }

    /// What the registry has of a customer's host.
    async fn chain_of(&mut self, index: usize) -> Result<HostChain> {
        let token = self.customers[index].token.clone();
        let chains = self.list(&token, "/api/v1/usage-hosts").await?;
        let own = chains.into_iter().find(|chain| chain["host"] == NAME);
        Ok(serde_json::from_value(own.unwrap_or_default())?)
    }

    /// The registry is as far with each host as the host itself.
    pub(super) async fn hosts_agree(&mut self) -> Result<()> {
        for index in 0..self.customers.len() {
            let Some(head) = self.customers[index].host.as_ref().map(|host| host.head) else { continue };
            let chain = self.chain_of(index).await?;
            ensure!(
                (chain.sequence, chain.head) == (head.sequence, head.hash),
                "seed {}: the host of customer-{index} is at {head:?}, and the registry has {chain:?}",
                self.scenario.seed
            );
        }
        Ok(())
    }
}
