//! Hosts that lie, each named; and hosts whose answers are lost, with the same books.

use std::collections::BTreeMap;

use chandlery_package::PrivateKey;
use chandlery_package::wire::UsageEvent;
use jiff::SignedDuration;
use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};

use super::*;
use crate::Finance;
use crate::billing::{forget_host, receive, totals};
use crate::testing::{at, market};

const OFFER: &str = r#"{"price": {"kind": "metered", "unit": "gpu-hour", "steps": [{"price": "0.50 USD"}]}}"#;

/// A host of an account, as it is on its own machine.
struct Machine {
    chain: Chain,
    key: PrivateKey,
    /// The places of its records; first, before the first one.
    heads: Vec<Head>,
    events: Vec<UsageEvent>,
}

impl Machine {
    async fn register(finance: &Finance, account: &str, host: &str) -> Self {
        let registry = finance.log.origin().to_owned();
        let chain = Chain { registry, account: account.parse().unwrap(), host: host.into() };
        let machine =
            Self { heads: vec![chain.start()], events: Vec::new(), key: PrivateKey::generate(), chain };
        machine.known(finance).await.unwrap();
        machine
    }

    async fn known(&self, finance: &Finance) -> Result<HostChain, Error> {
        let (actor, key) = (Actor::machine(), self.key.public());
        let who = (&actor, &self.chain.account);
        register(&finance.db, &self.chain.registry, who, &self.chain.host, &key, finance.clock.now()).await
    }

    /// Uses an hour of so many GPUs in its own deployment.
    fn meter(&mut self, number: u128, gpus: u64) {
        let from = at("2026-01-05T00:00:00Z");
        let event = UsageEvent {
            id: uuid::Uuid::from_u128(number),
            deployment: format!("of-{}", self.chain.host),
            release: "acme:serving@1.0.0".parse().unwrap(),
            from,
            to: from + SignedDuration::from_hours(1),
            replica_millis: 3_600_000,
            gpu_millis: gpus * 3_600_000,
            units: BTreeMap::new(),
            corrects: None,
        };
        let digest = chandlery_package::chain::event_digest(&self.chain.account, &event);
        let next = self.heads[self.heads.len() - 1].then(&digest);
        self.heads.push(next);
        self.events.push(event);
    }

    /// The records after so many, up to so many, as the registry has told when it has heard of the host.
    fn report(&self, from: usize, to: usize, heard_at: Timestamp) -> UsageReport {
        self.chain.report(&self.key, self.heads[from], heard_at, self.events[from..to].to_vec())
    }
}

async fn send(
    finance: &Finance,
    account: &str,
    host: &str,
    report: &UsageReport,
) -> Result<UsageReceipt, Error> {
    let bounds = Bounds { now: finance.clock.now(), days: finance.usage_days };
    take(&finance.db, finance.log.origin(), &account.parse().unwrap(), host, report, bounds).await
}

async fn seen(finance: &Finance, account: &str, host: &str) -> HostChain {
    let mut db = finance.db.snapshot().await.unwrap();
    let account: Namespace = account.parse().unwrap();
    let (registry, now) = (finance.log.origin(), finance.clock.now());
    let page = list(&mut db, registry, Some(&account), &Paging::first(10), now).await.unwrap();
    page.items.into_iter().find(|chain| chain.host == host).unwrap()
}

async fn set_clock(finance: &Finance, now: &str) {
    finance.clock.set(&finance.db, at(now)).await.unwrap();
}

fn fault(refused: Result<UsageReceipt, Error>) -> (IncidentKind, u64) {
    match refused {
        Err(Error::Chain { fault, .. }) => (fault.kind, fault.sequence),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_host_that_lies_is_named_and_nothing_of_the_lie_counts() {
    let (_folder, finance) = market(&["globex", "initech"], OFFER).await;
    set_clock(&finance, "2026-01-06T00:00:00Z").await;
    let mut host = Machine::register(&finance, "globex", "h").await;
    let mut other = Machine::register(&finance, "globex", "other").await;
    let theirs = Machine::register(&finance, "initech", "h").await;
    for number in 1..=4 {
        host.meter(number, 1);
    }
    other.meter(90, 1);
    let now = finance.clock.now();
    assert_eq!(send(&finance, "globex", "h", &host.report(0, 2, now)).await.unwrap().accepted, 2);
    // The same again is known, and a part of it with what is new as well.
    assert_eq!(send(&finance, "globex", "h", &host.report(0, 2, now)).await.unwrap().known, 2);
    let receipt = send(&finance, "globex", "h", &host.report(1, 3, now)).await.unwrap();
    assert_eq!((receipt.known, receipt.accepted), (1, 1));
    let before = seen(&finance, "globex", "h").await;
    assert_eq!((before.sequence, before.head), (3, host.heads[3].hash));

    let mut lower = host_of(&host);
    for number in 1..=4 {
        lower.meter(number, 0);
    }
    let after_three = |head: Head| host.chain.report(&host.key, head, now, host.events[3..].to_vec());
    let moved = Head { hash: Digest::of("x"), ..host.heads[3] };
    for (what, account, name, report, said) in [
        ("skips", "globex", "h", after_three(Head { sequence: 4, ..moved }), (IncidentKind::Skipped, 4)),
        ("forks", "globex", "h", lower.report(0, 2, now), (IncidentKind::Forked, 1)),
        ("rewrites", "globex", "h", after_three(moved), (IncidentKind::Rewritten, 3)),
        ("says less, by its own key", "globex", "h", lower.report(3, 4, now), (IncidentKind::Rewritten, 3)),
        ("is another host", "globex", "other", host.report(0, 2, now), (IncidentKind::Unsigned, 1)),
        ("is of another host", "globex", "h", other.report(0, 1, now), (IncidentKind::Unsigned, 1)),
        ("is another account's", "initech", "h", host.report(0, 2, now), (IncidentKind::Unsigned, 1)),
        ("has another's key", "globex", "h", theirs.report(0, 0, now), (IncidentKind::Unsigned, 1)),
    ] {
        let refused = send(&finance, account, name, &report).await;
        assert_eq!(fault(refused), said, "{what}");
        let chain = seen(&finance, account, name).await;
        let found = chain.incidents.iter().any(|kept| (kept.kind, kept.sequence) == said);
        assert!(found, "{what}: {:?}", chain.incidents);
    }
    let after = seen(&finance, "globex", "h").await;
    assert_eq!((after.sequence, after.head), (3, before.head), "the chain is where it was");
    let used = totals(&finance.db, &host.chain.account, &Paging::first(10)).await.unwrap().items;
    assert_eq!((used.len(), used[0].events, used[0].gpu_millis, used[0].unsigned), (1, 3, 3 * 3_600_000, 0));
    // An honest one goes on.
    assert_eq!(send(&finance, "globex", "h", &host.report(3, 4, now)).await.unwrap().accepted, 1);

    // Another key never takes the place of the first.
    let thief = Machine { key: PrivateKey::generate(), ..host_of(&host) };
    assert!(
        matches!(thief.known(&finance).await, Err(Error::Chain { fault, .. }) if fault.kind == IncidentKind::OtherKey)
    );
    assert_eq!(host.known(&finance).await.unwrap().key, host.key.public());
}

/// The same host, with nothing metered.
fn host_of(host: &Machine) -> Machine {
    let key = PrivateKey::from_pem(&host.key.to_pem().unwrap()).unwrap();
    Machine { chain: host.chain.clone(), key, heads: vec![host.chain.start()], events: Vec::new() }
}

#[tokio::test]
async fn what_a_host_signs_for_is_said_by_it_alone() {
    let (_folder, finance) = market(&["globex"], OFFER).await;
    set_clock(&finance, "2026-01-06T00:00:00Z").await;
    let bounds = Bounds { now: finance.clock.now(), days: finance.usage_days };
    let mut host = Machine::register(&finance, "globex", "h").await;
    host.meter(1, 2);
    host.meter(2, 2);
    // Before the host says so, somebody says less under the id of its second event.
    let account = host.chain.account.clone();
    let less = UsageEvent { gpu_millis: 0, ..host.events[1].clone() };
    assert_eq!(receive(&finance.db, &account, &[less], bounds).await.unwrap().accepted, 1);
    let receipt = send(&finance, "globex", "h", &host.report(0, 2, bounds.now)).await.unwrap();
    assert_eq!((receipt.accepted, receipt.refused.len()), (1, 1));
    let incidents = seen(&finance, "globex", "h").await.incidents;
    assert_eq!((incidents[0].kind, incidents[0].sequence), (IncidentKind::OtherEvent, 2));
    // From then on, only the host speaks of its deployment.
    let more = UsageEvent { id: uuid::Uuid::from_u128(3), ..host.events[0].clone() };
    let elsewhere =
        UsageEvent { id: uuid::Uuid::from_u128(4), deployment: "by-hand".into(), ..host.events[0].clone() };
    let receipt = receive(&finance.db, &account, &[more, elsewhere], bounds).await.unwrap();
    assert_eq!(receipt.accepted, 1);
    assert_eq!(receipt.refused[0].reason, "'of-h' is a deployment of host h, which signs what it uses");
    let used = totals(&finance.db, &account, &Paging::first(10)).await.unwrap().items;
    let used: Vec<_> =
        used.iter().map(|used| (used.deployment.as_str(), used.events, used.unsigned)).collect();
    assert_eq!(used, [("by-hand", 1, 1), ("of-h", 2, 1)]);
}

#[tokio::test]
async fn a_host_that_stops_is_named_and_gets_no_licence_until_it_reports() {
    let (_folder, finance) = market(&["globex"], OFFER).await;
    set_clock(&finance, "2026-01-06T00:00:00Z").await;
    let host = Machine::register(&finance, "globex", "h").await;
    let (db, account) = (&finance.db, host.chain.account.clone());
    let may = async |name: &str| {
        let mut reader = db.read().acquire().await.unwrap();
        must_report(&mut reader, &account, name, finance.clock.now()).await.is_ok()
    };
    let beat = |heard_at| host.report(0, 0, heard_at);
    let first = beat(finance.clock.now());
    send(&finance, "globex", "h", &first).await.unwrap();
    assert!(may("h").await && may("new").await);
    set_clock(&finance, "2026-01-13T00:00:01Z").await;
    assert_eq!(seen(&finance, "globex", "h").await.state, ChainState::Silent);
    assert!(!may("h").await && may("new").await);
    // An old report does not stand for a new one, and neither does forgetting the host.
    let now = host.known(&finance).await.unwrap().heard_at;
    assert_eq!(now, at("2026-01-06T00:00:00Z"));
    set_clock(&finance, "2026-01-13T00:00:02Z").await;
    send(&finance, "globex", "h", &beat(now)).await.unwrap();
    assert!(may("h").await);
    assert_eq!(fault(send(&finance, "globex", "h", &first).await), (IncidentKind::Replayed, 0));
    set_clock(&finance, "2026-02-01T00:00:00Z").await;
    forget_host(db, &account, "h", finance.clock.now()).await.unwrap();
    assert_eq!(seen(&finance, "globex", "h").await.state, ChainState::Forgotten);
    assert!(!may("h").await);
    let (states, incidents) =
        count_hosts(&mut db.snapshot().await.unwrap(), finance.clock.now()).await.unwrap();
    assert_eq!((states, incidents), (vec![(ChainState::Forgotten, 1)], vec![(IncidentKind::Replayed, 1)]));
    let heard_at = host.known(&finance).await.unwrap().heard_at;
    send(&finance, "globex", "h", &beat(heard_at)).await.unwrap();
    assert_eq!(seen(&finance, "globex", "h").await.state, ChainState::Reporting);
}

/// Reports that are lost, repeated and sent in any order count each event once, whatever becomes of the answers.
#[tokio::test]
async fn losses_and_repeats_count_each_event_once() {
    for seed in crate::testing::seeds(8) {
        let mut random = StdRng::seed_from_u64(seed);
        let (_folder, finance) = market(&["globex"], OFFER).await;
        set_clock(&finance, "2026-01-06T00:00:00Z").await;
        let mut host = Machine::register(&finance, "globex", "h").await;
        let count = random.random_range(1..30_usize);
        for number in 0..count as u128 {
            host.meter(number, random.random_range(0..9));
        }
        let heard_at = finance.clock.now();
        for _ in 0..random.random_range(0..40) {
            let from = random.random_range(0..count);
            let to = random.random_range(from + 1..=count);
            let sequence = seen(&finance, "globex", "h").await.sequence;
            match send(&finance, "globex", "h", &host.report(from, to, heard_at)).await {
                Ok(receipt) => assert_eq!((receipt.accepted + receipt.known) as usize, to - from),
                Err(Error::Chain { fault, .. }) => {
                    assert_eq!((fault.kind, fault.sequence), (IncidentKind::Skipped, sequence + 1));
                    assert!(from as u64 > sequence, "seed {seed}");
                }
                Err(error) => panic!("seed {seed}: {error}"),
            }
        }
        // From where the registry is, to the end.
        let from = seen(&finance, "globex", "h").await.sequence as usize;
        send(&finance, "globex", "h", &host.report(from, count, heard_at)).await.ok();
        let chain = seen(&finance, "globex", "h").await;
        assert_eq!((chain.sequence as usize, chain.head), (count, host.heads[count].hash), "seed {seed}");
        let used = totals(&finance.db, &host.chain.account, &Paging::first(10)).await.unwrap().items;
        let gpus: u64 = host.events.iter().map(|event| event.gpu_millis).sum();
        assert_eq!((used[0].events as usize, used[0].gpu_millis), (count, gpus), "seed {seed}");
    }
}
