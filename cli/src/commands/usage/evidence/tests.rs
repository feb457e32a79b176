use std::collections::BTreeMap;

use chandlery_package::wire::{ChainState, ChargedClose, ChargedLine};
use chandlery_package::{Offer, PrivateKey};
use serde_json::json;

use super::*;

const REGISTRY: &str = "example.com/log";

fn event(number: u128, hour: i64, gpus: u64) -> UsageEvent {
    let from = "2026-10-02T00:00:00Z".parse::<Timestamp>().unwrap() + SignedDuration::from_hours(hour);
    UsageEvent {
        id: uuid::Uuid::from_u128(number),
        deployment: "web".into(),
        release: "acme:serving@1.0.0".parse().unwrap(),
        from,
        to: from + SignedDuration::from_hours(1),
        replica_millis: 3_600_000,
        gpu_millis: gpus * 3_600_000,
        units: BTreeMap::new(),
        corrects: None,
    }
}

/// A month of 3 GPU-hours at 0.50 USD, which a host has signed in two reports, and of which the first hour was corrected.
fn evidence() -> Evidence {
    let (account, key): (Namespace, _) = ("globex".parse().unwrap(), PrivateKey::generate());
    let chain = Chain { registry: REGISTRY.into(), account: account.clone(), host: "h".into() };
    let heard_at: Timestamp = "2026-10-02T09:00:00Z".parse().unwrap();
    let all = [event(1, 0, 8), event(2, 1, 2), event(3, 2, 1)];
    let first = chain.segment(&chain.report(&key, chain.start(), heard_at, all[..2].to_vec()));
    // It says the last one again, since an answer was lost.
    let again = first.begin().then(&first.digests[0]);
    let second = chain.segment(&chain.report(&key, again, heard_at, all[1..].to_vec()));
    let mut tree = Tree::default();
    let mut records = Vec::new();
    for event in all {
        let digest = event_digest(&account, &event);
        tree.push(digest.bytes()).unwrap();
        let corrected_by = (event.gpu_millis == 8 * 3_600_000).then(|| uuid::Uuid::from_u128(2));
        records.push(UsageRecord {
            digest,
            event: Some(event),
            host: Some("h".into()),
            corrected_by,
            late: false,
        });
    }
    let (root, month) = (tree.root().unwrap(), "2026-10".parse().unwrap());
    let usd = |minor: i64| json!({ "minor": minor, "currency": "USD" });
    let offer: Offer = serde_json::from_value(json!({
        "price": { "kind": "metered", "unit": "gpu-hour", "steps": [{ "price": "0.50 USD" }] },
    }))
    .unwrap();
    let order = Order {
        reference: "CH-1".into(),
        customer: account.clone(),
        plugin: "acme:serving".parse().unwrap(),
        offer,
        discount: "0%".parse().unwrap(),
        due: None,
        referrer: None,
        ordered_at: "2026-10-01T00:00:00Z".parse().unwrap(),
        ended_at: None,
        paid_at: None,
        invoice: None,
        refunded: false,
        dispute: None,
    };
    let amount: Money = serde_json::from_value(usd(150)).unwrap();
    let line = ChargedLine { invoice: 7, quantity: "3.000 gpu-hour".into(), amount };
    let close = ChargedClose { closed: month, used: 3 * 3_600_000, charged: amount, lines: vec![line] };
    Evidence {
        account: account.clone(),
        month,
        records,
        roots: vec![UsageRoot { account: account.clone(), month, records: 3, root, log_index: 41 }],
        logged: vec![LoggedUsage { index: 41, account: account.clone(), month, root }],
        hosts: vec![HostChain {
            registry: REGISTRY.into(),
            account,
            host: "h".into(),
            key: key.public(),
            sequence: 3,
            head: second.head().hash,
            heard_at,
            state: ChainState::Reporting,
            incidents: Vec::new(),
        }],
        segments: vec![first, second],
        charges: vec![UsageCharge { order, month, closes: vec![close] }],
    }
}

#[test]
fn what_agrees_is_not_named() {
    assert_eq!(evidence().differences(), Vec::<String>::new());
    // To whoever sells something else, the rest is digests.
    let mut partner = evidence();
    partner.charges.clear();
    for record in &mut partner.records {
        (record.event, record.host, record.corrected_by) = (None, None, None);
    }
    assert_eq!(partner.differences(), Vec::<String>::new());
    // What came after the close is in the next root, and charged with it.
    let mut later = evidence();
    let event = event(9, 3, 5);
    let digest = event_digest(&later.account, &event);
    later.records.push(UsageRecord {
        digest,
        event: Some(event),
        host: None,
        corrected_by: None,
        late: true,
    });
    assert_eq!(later.differences(), Vec::<String>::new());
    assert_eq!((later.late(), later.unsigned()), (1, 1));
}

#[test]
fn what_does_not_agree_is_named() {
    type Change = fn(&mut Evidence);
    let cases: [(&str, Change); 13] = [
        ("is not what its digest says", |it| it.records[1].event.as_mut().unwrap().gpu_millis += 1),
        ("do not make the root at entry 41", |it| drop(it.records.pop())),
        ("is there twice", |it| it.records.push(it.records[2].clone())),
        ("the log has no such root", |it| it.logged[0].root = Digest::of("x")),
        ("at entry 43, which is not shown", |it| {
            let root = it.logged[0].root;
            it.logged.push(LoggedUsage { index: 43, account: it.account.clone(), month: it.month, root });
        }),
        ("the log has no root of the use", |it| it.logged.clear()),
        ("host h has not signed its records 1 to 2", |it| it.segments[0].digests[0] = Digest::of("x")),
        ("host h has no key", |it| it.hosts.clear()),
        ("is not what host h has signed", |it| drop(it.segments.pop())),
        ("charged by 4.000 gpu-hour, but the records say 3.000", |it| {
            it.charges[0].closes[0].used = 4 * 3_600_000;
        }),
        ("1.60 USD was charged, but 3.000 gpu-hour cost 1.50", |it| {
            let close = &mut it.charges[0].closes[0];
            close.charged = close.charged.with_minor(160).unwrap();
        }),
        ("invoice 7 has lines of 1.51 USD, not of 1.50", |it| {
            let line = &mut it.charges[0].closes[0].lines[0];
            line.amount = line.amount.with_minor(151).unwrap();
        }),
        ("invoice 7 says 13.000 gpu-hour, and 3.000", |it| {
            it.charges[0].closes[0].lines[0].quantity = "13.000 gpu-hour".into();
        }),
    ];
    for (what, change) in cases {
        let mut changed = evidence();
        change(&mut changed);
        let found = changed.differences();
        assert!(found.iter().any(|difference| difference.contains(what)), "{what}: {found:?}");
    }
}

#[test]
fn segments_that_do_not_follow_each_other_are_named() {
    let mut gap = evidence();
    let (host, key) = (gap.hosts[0].host.clone(), PrivateKey::generate());
    let chain = Chain { registry: REGISTRY.into(), account: gap.account.clone(), host };
    gap.hosts[0].key = key.public();
    let heard_at = gap.hosts[0].heard_at;
    let report =
        |before, number| chain.segment(&chain.report(&key, before, heard_at, vec![event(number, 0, 1)]));
    let first = report(chain.start(), 1);
    let skips = report(Head { sequence: 5, ..first.head() }, 2);
    let other = report(Head { hash: Digest::of("x"), ..first.head() }, 3);
    for segment in [skips, other] {
        gap.segments = vec![first.clone(), segment];
        let found = gap.differences();
        assert!(found.iter().any(|it| it.contains("do not continue record 1")), "{found:?}");
    }
}
