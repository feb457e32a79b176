use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;

const KEY: &str = "-----BEGIN PRIVATE KEY-----
MC4CAQAwBQYDK2VwBCIEIAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f
-----END PRIVATE KEY-----
";

fn chain() -> Chain {
    Chain { registry: "example.com/log".into(), account: "globex".parse().unwrap(), host: "host-1".into() }
}

fn event(number: u128) -> UsageEvent {
    UsageEvent {
        id: uuid::Uuid::from_u128(number),
        deployment: "web".into(),
        release: "acme:serving@1.0.0".parse().unwrap(),
        from: "2026-10-01T00:00:00Z".parse().unwrap(),
        to: "2026-10-01T01:00:00.000001Z".parse().unwrap(),
        replica_millis: 3_600_000,
        gpu_millis: 7_200_000,
        units: BTreeMap::new(),
        corrects: None,
    }
}

fn heard(hour: i64) -> Timestamp {
    "2026-10-01T02:00:00Z".parse::<Timestamp>().unwrap() + SignedDuration::from_hours(hour)
}

/// What others must compute, in whatever language: made by another program from the description above.
#[test]
fn bytes_are_what_is_described() {
    let event = UsageEvent {
        id: "0198a3c2-6c1f-7d36-9d4e-0b9f3c1f6a11".parse().unwrap(),
        units: BTreeMap::from([("pages".into(), 3)]),
        ..event(0)
    };
    let (chain, key) = (chain(), PrivateKey::from_pem(KEY).unwrap());
    let digest = "sha256:237e4ec86eed7091a0c208a701e85fd307cde3ef70ffbc456c6c335ac06869be";
    assert_eq!(event_digest(&chain.account, &event).to_string(), digest);
    let start = "sha256:a4cf67f73918d4044662576e40d5412e62b0a9967595f80f2e0b48e6118894f3";
    assert_eq!(chain.start().hash.to_string(), start);
    let report = chain.report(&key, chain.start(), heard(0), vec![event]);
    let segment = chain.segment(&report);
    let hash = "sha256:072c9d6148336a459b8b9917afec725d74e0efbea467e11365c655247caff836";
    assert_eq!((segment.head().sequence, segment.head().hash.to_string()), (1, hash.into()));
    let signature =
        "FmkLcKJJYozyvlbDw8IA6UEPAc+lFXd7uSC5oBCFI50hu/VE2ndykc9OHRltntHjyU/DHWDEcS8sYU8Q/OKXAg==";
    assert_eq!(report.signature, signature);
    assert!(chain.is_signed(&key.public(), &segment));
}

#[test]
fn a_signature_is_for_one_key_registry_account_host_and_content() {
    let (chain, key) = (chain(), PrivateKey::generate());
    let report = chain.report(&key, chain.start(), heard(0), vec![event(1), event(2)]);
    let signed = chain.segment(&report);
    assert!(chain.is_signed(&key.public(), &signed));
    assert!(!chain.is_signed(&PrivateKey::generate().public(), &signed));
    for other in [
        Chain { registry: "other.example/log".into(), ..chain.clone() },
        Chain { account: "initech".parse().unwrap(), ..chain.clone() },
        Chain { host: "host-2".into(), ..chain.clone() },
    ] {
        // Events of another account have other digests, and what was signed names the account besides.
        assert!(!other.is_signed(&key.public(), &signed), "{other:?}");
        assert!(!other.is_signed(&key.public(), &other.segment(&report)), "{other:?}");
    }
    let mut less = report.clone();
    less.events[1].gpu_millis -= 1;
    let mut fewer = report.clone();
    fewer.events.pop();
    for changed in [
        less,
        fewer,
        UsageReport { first: 2, ..report.clone() },
        UsageReport { before: Digest::of("x"), ..report.clone() },
        UsageReport { heard_at: heard(1), ..report.clone() },
        UsageReport { signature: String::new(), ..report.clone() },
        UsageReport { signature: "!".into(), ..report },
    ] {
        assert!(!chain.is_signed(&key.public(), &chain.segment(&changed)), "{changed:?}");
    }
}

#[test]
fn what_does_not_continue_a_chain_is_named() {
    let (chain, key) = (chain(), PrivateKey::generate());
    let report = |before, hour, numbers: &[u128]| {
        let events = numbers.iter().map(|number| event(*number)).collect();
        chain.segment(&chain.report(&key, before, heard(hour), events))
    };
    let start = chain.start();
    let known = [report(start, 0, &[1, 2]), report(report(start, 0, &[1, 2]).head(), 1, &[3])];
    let (second, head) = (known[0].head(), known[1].head());
    let first = known[0].begin().then(&known[0].digests[0]);
    let elsewhere = Head { hash: Digest::of("x"), ..head };
    let ok = Ok::<u64, (IncidentKind, u64)>;
    for (what, sent, said) in [
        ("the next ones", report(head, 2, &[4, 5]), ok(2)),
        ("nothing new", report(head, 2, &[]), ok(0)),
        ("all of it again", report(start, 0, &[1, 2, 3]), ok(0)),
        ("a part of it again", report(first, 0, &[2]), ok(0)),
        ("what was lost, and more", report(first, 0, &[2, 3, 4, 5]), ok(2)),
        ("a skip", report(Head { sequence: 4, ..head }, 2, &[6]), Err((IncidentKind::Skipped, 4))),
        ("a skip of nothing", report(Head { sequence: 9, ..head }, 2, &[]), Err((IncidentKind::Skipped, 4))),
        ("a fork", report(second, 1, &[7]), Err((IncidentKind::Forked, 3))),
        ("a fork further on", report(start, 0, &[1, 2, 7, 8]), Err((IncidentKind::Forked, 3))),
        ("a fork from the first", report(start, 0, &[7]), Err((IncidentKind::Forked, 1))),
        ("a rewrite", report(elsewhere, 2, &[4]), Err((IncidentKind::Rewritten, 3))),
        (
            "a rewrite before",
            report(Head { hash: Digest::of("x"), ..first }, 0, &[2]),
            Err((IncidentKind::Rewritten, 1)),
        ),
        ("a rewrite, and nothing new", report(elsewhere, 2, &[]), Err((IncidentKind::Rewritten, 3))),
        ("an old report that it is there", report(head, 1, &[]), Err((IncidentKind::Replayed, 3))),
        ("one that was overtaken", report(second, 2, &[]), ok(0)),
        ("one of before", report(second, 1, &[]), Err((IncidentKind::Replayed, 2))),
        ("no number", UsageSegment { first: 0, ..report(start, 2, &[1]) }, Err((IncidentKind::Rewritten, 0))),
        (
            "the largest number",
            UsageSegment { first: u64::MAX, ..report(start, 2, &[1, 2]) },
            Err((IncidentKind::Skipped, 4)),
        ),
    ] {
        assert!(sent.first == 0 || sent.first == u64::MAX || chain.is_signed(&key.public(), &sent), "{what}");
        let judged =
            judge(head, heard(2), &known, &sent, heard(2)).map_err(|fault| (fault.kind, fault.sequence));
        assert_eq!(judged, said, "{what}");
    }
}

proptest! {
    /// Parts of any size, sent in any order, again and again, until nothing is missing: what is kept is the chain that was made.
    #[test]
    fn losses_and_repeats_make_the_same_chain(
        count in 1_usize..40,
        tries in proptest::collection::vec((0_usize..40, 1_usize..10), 0..200),
    ) {
        let (chain, key) = (chain(), PrivateKey::from_pem(KEY).unwrap());
        let all: Vec<UsageEvent> = (0..count as u128).map(event).collect();
        let mut heads = vec![chain.start()];
        for event in &all {
            let next = heads[heads.len() - 1].then(&event_digest(&chain.account, event));
            heads.push(next);
        }
        let (mut head, mut known) = (chain.start(), Vec::<UsageSegment>::new());
        for (from, size) in tries.into_iter().chain((0..count).map(|from| (from, 1))) {
            let from = from.min(count - 1);
            let some = all[from..(from + size).min(count)].to_vec();
            let sent = chain.segment(&chain.report(&key, heads[from], heard(0), some));
            let from_there: Vec<_> =
                known.iter().filter(|part| part.head().sequence >= sent.first).cloned().collect();
            match judge(head, heard(0), &from_there, &sent, heard(0)) {
                Ok(0) => {}
                Ok(_) => {
                    head = sent.head();
                    known.push(sent);
                }
                Err(fault) => prop_assert_eq!(
                    fault, Fault { kind: IncidentKind::Skipped, sequence: head.sequence + 1 }
                ),
            }
        }
        prop_assert_eq!(head, heads[count]);
    }
}
