//! Nothing that a customer reports stops, bends or backdates a close.

use proptest::prelude::*;

use super::*;
use crate::billing::rating::aside;
use crate::books::{due, invariants};

const DEAR: &str =
    r#"{"price": {"kind": "metered", "unit": "gpu-hour", "steps": [{"price": "999999999.00 USD"}]}}"#;

/// A market at the beginning of February, where everybody has had an order since the beginning of the year.
async fn february(offer: &str) -> (tempfile::TempDir, Finance) {
    let (folder, finance) = market(&CUSTOMERS, offer).await;
    set_clock(&finance, "2026-01-01T00:00:00Z").await;
    for customer in CUSTOMERS {
        place(&finance, customer).await;
    }
    set_clock(&finance, "2026-02-02T00:00:00Z").await;
    (folder, finance)
}

/// An event of a customer that lies.
fn lie(from: &str, to: &str, replica_millis: u64, gpu_millis: u64) -> UsageEvent {
    let (from, to) = (at(from), at(to));
    UsageEvent {
        id: uuid::Uuid::now_v7(),
        from,
        to,
        replica_millis,
        gpu_millis,
        ..hour("2026-01-05T00:00:00Z", 1)
    }
}

#[tokio::test]
async fn what_cannot_have_been_used_is_refused_and_months_begin_with_what_can() {
    let (_folder, finance) = february(OFFER).await;
    let largest = i64::MAX as u64;
    let lies = [
        lie("0001-06-01T00:00:00Z", "0001-06-01T01:00:00Z", 1000, 1000),
        lie("2020-06-01T00:00:00Z", "2020-06-01T01:00:00Z", 1000, 1000),
        lie("2030-01-01T00:00:00Z", "2030-01-01T01:00:00Z", 1000, 1000),
        lie("2026-01-05T00:00:00Z", "2026-01-05T01:00:00Z", largest, largest),
        lie("2026-01-06T00:00:00Z", "2026-01-06T01:00:00Z", largest, largest),
        lie("2026-01-05T00:00:00Z", "2026-01-05T00:00:01Z", 1000, 1000 * 3_600_000),
    ];
    let good = hour("2026-01-05T00:00:00Z", 11);
    let receipt = send(&finance, "globex", &[&lies[..], std::slice::from_ref(&good)].concat()).await;
    assert_eq!((receipt.accepted, receipt.refused.len()), (1, lies.len()), "{receipt:?}");
    let later: Vec<_> = receipt.refused.iter().filter(|refused| refused.retry).collect();
    assert!(matches!(later[..], [RefusedUsage { id, .. }] if *id == lies[2].id), "{later:?}");
    assert_eq!(due(&finance.db, finance.clock.now()).await.unwrap(), ["2026-01".parse::<Month>().unwrap()]);
    // One that was stored when anything was taken.
    sqlx::query(
        "insert into usage_events (id, account, month, deployment, plugin, version, from_at, to_at, replica_millis, gpu_millis,
                                   units, received_at)
         values ('old', 'globex', '0001-01', 'x', 'acme:serving', '1.0.0', '0001-01-01T00:00:00.000000Z',
                 '0001-01-01T00:00:00.000000Z', 1, 1, '', '2026-01-03T00:00:00.000000Z')",
    )
    .execute(finance.db.read())
    .await
    .unwrap();
    let months = due(&finance.db, finance.clock.now()).await.unwrap();
    assert_eq!((months.len(), months.last().copied()), (13, Some("2026-01".parse().unwrap())));
}

#[tokio::test]
async fn several_events_say_no_more_of_a_deployment_than_one_may() {
    const DAY: u64 = 24 * 3_600_000;
    let (_folder, finance) = february(OFFER).await;
    let full = |from: &str, to: &str| lie(from, to, 1000 * DAY, 0);
    let whole = || full("2026-01-05T00:00:00Z", "2026-01-06T00:00:00Z");
    let first = whole();
    let later = full("2026-01-05T12:00:00Z", "2026-01-06T12:00:00Z");
    for (sent, accepted, known, refused) in [
        // The same again is known, also where another one of the batch is too much.
        (vec![first.clone()], 1, 0, 0),
        (vec![first.clone(), whole()], 0, 1, 1),
        (vec![later], 0, 0, 1),
        // What is too much is refused as often as a batch has it.
        (vec![whole(); 2], 0, 0, 2),
        // Hosts round: an hour more is taken, and no more after that.
        (vec![lie("2026-01-05T00:00:00Z", "2026-01-05T01:00:00Z", 1000 * DAY / 24, 0)], 1, 0, 0),
        (vec![lie("2026-01-05T00:00:00Z", "2026-01-05T01:00:00Z", 1, 0)], 0, 0, 1),
        // Twice in one batch it is once.
        (vec![full("2026-01-07T00:00:00Z", "2026-01-08T00:00:00Z"); 2], 1, 1, 0),
        (vec![whole(), full("2026-01-09T00:00:00Z", "2026-01-10T00:00:00Z")], 1, 0, 1),
    ] {
        let receipt = send(&finance, "globex", &sent).await;
        let found = (receipt.accepted, receipt.known, receipt.refused.len());
        assert_eq!(found, (accepted, known, refused), "{receipt:?}");
        let told = receipt.refused.iter().all(|one| one.reason.contains("more than 1000 replicas on a day"));
        assert!(told && receipt.refused.iter().all(|one| !one.retry), "{receipt:?}");
    }
    // It is another deployment's, or another account's, to be used.
    let other = UsageEvent { deployment: "other".into(), ..whole() };
    assert_eq!(send(&finance, "globex", &[other]).await.accepted, 1);
    assert_eq!(send(&finance, "initech", &[whole()]).await.accepted, 1);
    // Two that are raised: by what would be too much, another one decides.
    let small = [0, 1].map(|_| lie("2026-01-11T00:00:00Z", "2026-01-12T00:00:00Z", DAY, 0));
    assert_eq!(send(&finance, "globex", &small).await.accepted, 2);
    let raised = small.clone().map(|event| UsageEvent {
        id: uuid::Uuid::now_v7(),
        replica_millis: 1000 * DAY,
        corrects: Some(event.id),
        ..event
    });
    let receipt = send(&finance, "globex", &raised).await;
    assert_eq!((receipt.accepted, receipt.held), (2, 1), "{receipt:?}");
}

#[tokio::test]
async fn a_customer_that_cannot_be_charged_is_set_aside_and_named_until_it_can() {
    let (_folder, finance) = february(DEAR).await;
    // 2,000 hours at 999,999,999 are more than can be charged.
    let dear = hour("2026-01-28T00:00:00Z", 1000);
    let more = hour("2026-01-28T02:00:00Z", 1000);
    assert_eq!(send(&finance, "globex", &[dear.clone(), more.clone()]).await.accepted, 2);
    assert_eq!(send(&finance, "initech", &[hour("2026-01-05T00:00:00Z", 1)]).await.accepted, 1);
    // An order that no version of the registry writes.
    sqlx::query("update orders set offer = '{}' where customer = 'umbrella'")
        .execute(finance.db.read())
        .await
        .unwrap();
    let closed = close_month(&finance, "2026-01").await;
    assert_eq!((closed.invoices.len(), closed.left_out.len()), (1, 2), "{closed:?}");
    assert!(closed.left_out[0].starts_with("the use of acme:serving by globex, 2026-01: order CH-"));
    assert!(closed.left_out[0].contains("is too much: the largest"), "{closed:?}");
    assert!(closed.left_out[1].starts_with("all use by umbrella, 2026-01: "), "{closed:?}");
    let mut db = finance.db.snapshot().await.unwrap();
    let found = invariants::check(&mut db).await.unwrap();
    assert_eq!((found.faults, found.set_aside), (Vec::new(), closed.left_out.clone()));
    let listed = aside::list(&mut db, &Paging::first(10)).await.unwrap().items;
    assert_eq!(listed.len(), 2);
    assert_eq!((listed[0].account.as_str(), listed[1].plugin.as_ref()), ("globex", None));
    drop(db);
    assert_eq!(owed(&finance, "initech").await, (99_999_999_900, 0));

    // It stays on the list, since when it was put there, and is charged once it can be.
    sqlx::query("update orders set offer = (select offer from orders where customer = 'globex') where customer = 'umbrella'")
        .execute(finance.db.read())
        .await
        .unwrap();
    set_clock(&finance, "2026-02-03T00:00:00Z").await;
    let less = |event: &UsageEvent, gpus: u64| UsageEvent {
        id: uuid::Uuid::now_v7(),
        gpu_millis: gpus * 3_600_000,
        corrects: Some(event.id),
        ..event.clone()
    };
    assert_eq!(send(&finance, "globex", &[less(&more, 0)]).await.held, 1);
    decide_all(&finance, true).await;
    set_clock(&finance, "2026-03-02T00:00:00Z").await;
    let closed = close_month(&finance, "2026-02").await;
    assert_eq!((closed.invoices.len(), closed.left_out.len()), (0, 1), "{closed:?}");
    let mut db = finance.db.snapshot().await.unwrap();
    let listed = aside::list(&mut db, &Paging::first(10)).await.unwrap().items;
    assert_eq!((listed.len(), listed[0].since), (1, at("2026-02-02T00:00:00Z")));
    drop(db);
    assert_eq!(send(&finance, "globex", &[less(&dear, 1)]).await.held, 1);
    decide_all(&finance, true).await;
    set_clock(&finance, "2026-04-02T00:00:00Z").await;
    let closed = close_month(&finance, "2026-03").await;
    assert_eq!((closed.invoices.len(), closed.left_out.len()), (1, 0), "{closed:?}");
    assert_eq!(owed(&finance, "globex").await, (99_999_999_900, 0));
    assert_eq!(faults(&finance.db).await, Vec::<String>::new());
}

#[tokio::test]
async fn less_counts_once_the_seller_agrees_and_more_at_once() {
    let (_folder, finance) = february(OFFER).await;
    let correct = |event: &UsageEvent, gpus: u64| UsageEvent {
        id: uuid::Uuid::now_v7(),
        gpu_millis: gpus * 3_600_000,
        corrects: Some(event.id),
        ..event.clone()
    };
    // 1,000 GPU-hours become none; refused, they stand.
    let [posted, agreed, raised, late] =
        ["05", "06", "07", "08"].map(|day| hour(&format!("2026-01-{day}T00:00:00Z"), 1000));
    let all = [posted.clone(), agreed.clone(), raised.clone()];
    assert_eq!(send(&finance, "globex", &all).await.accepted, 3);
    let (none, fewer, more, early) =
        (correct(&posted, 0), correct(&agreed, 0), correct(&raised, 1001), correct(&late, 0));
    // One that moves use to another time or deployment may lower what is owed, too.
    let mut moved = correct(&late, 1000);
    moved.deployment = "other".into();
    for _ in 0..2 {
        let receipt = send(&finance, "globex", &[none.clone(), more.clone(), early.clone()]).await;
        assert_eq!((receipt.held, receipt.refused.len()), (2, 0), "{receipt:?}");
    }
    // Another one for the same event is refused, and so is one whose id was used.
    let again = correct(&posted, 1);
    let taken = UsageEvent { gpu_millis: 5, ..none.clone() };
    let receipt = send(&finance, "globex", &[again, taken, moved, late.clone()]).await;
    assert_eq!((receipt.accepted, receipt.refused.len()), (1, 3), "{receipt:?}");
    let held = corrections::corrections(&finance.db, None, &Paging::first(10)).await.unwrap().items;
    assert!(held.iter().all(|held| held.state == CorrectionState::Pending), "{held:?}");
    assert_eq!(held.iter().map(|held| held.event.id).collect::<Vec<_>>(), [none.id, early.id]);
    assert_eq!(held[0].corrected.as_ref().unwrap().gpu_millis, 1000 * 3_600_000);
    decide_all(&finance, false).await;
    assert_eq!(send(&finance, "globex", &[fewer]).await.held, 1);
    // A seller sees what it sells; others see nothing.
    let initech = "initech".parse().unwrap();
    let seen = corrections::corrections(&finance.db, Some(&initech), &Paging::first(10)).await.unwrap();
    assert_eq!(seen.items, []);
    close_month(&finance, "2026-01").await;
    // 4,001 hours: 1 free, 20 at 0.777777, 3,980 at 0.333333; of which 1,000 go once the month is closed.
    assert_eq!(owed(&finance, "globex").await, (1556 + 132_667 - 1, 0));
    decide_all(&finance, true).await;
    set_clock(&finance, "2026-03-02T00:00:00Z").await;
    close_month(&finance, "2026-02").await;
    assert_eq!(owed(&finance, "globex").await.1, 33_333);
    assert_eq!(faults(&finance.db).await, Vec::<String>::new());
}

fn hostile_event() -> impl Strategy<Value = (i64, i64, u64, u64)> {
    let second = prop_oneof![-62_135_596_800_i64..253_402_200_000, 1_767_225_600_i64..1_769_990_400];
    let count =
        prop_oneof![Just(0_u64), Just(u64::MAX), Just(i64::MAX as u64), any::<u64>(), 0..4_000_000_000_u64];
    (second, prop_oneof![0..4000_i64, -100_000..100_000_000_i64], count.clone(), count)
}

proptest! {
    #![proptest_config(crate::testing::cases(12))]

    #[test]
    fn no_reports_stop_a_close_or_change_what_others_owe(
        hostile in proptest::collection::vec(hostile_event(), 1..60), correcting in any::<bool>(), dear in any::<bool>(),
    ) {
        let runtime = tokio::runtime::Runtime::new().unwrap();
        runtime.block_on(async {
            let (_folder, finance) = february(if dear { DEAR } else { OFFER }).await;
            let mut events: Vec<UsageEvent> = Vec::new();
            for (second, span, replica_millis, gpu_millis) in hostile {
                let from = jiff::Timestamp::from_second(second).unwrap();
                let to = jiff::Timestamp::from_second(second.saturating_add(span)).unwrap_or(from);
                let corrects = events.last().filter(|_| correcting).map(|last| last.id);
                let good = hour("2026-01-05T00:00:00Z", 1);
                events.push(UsageEvent { from, to, replica_millis, gpu_millis, corrects, ..good });
            }
            let receipt = send(&finance, "globex", &events).await;
            assert_eq!(receipt.accepted + receipt.refused.len() as u64, events.len() as u64);
            for customer in ["initech", "umbrella"] {
                send(&finance, customer, &[hour("2026-01-05T00:00:00Z", 2)]).await;
            }
            let now = finance.clock.now();
            assert_eq!(due(&finance.db, now).await.unwrap().last().copied(), Some("2026-01".parse().unwrap()));
            for month in due(&finance.db, now).await.unwrap() {
                close_month(&finance, &month.to_string()).await;
            }
            // An hour of two is free, or nothing is.
            let each = if dear { 2 * 99_999_999_900 } else { 78 };
            for customer in ["initech", "umbrella"] {
                assert_eq!(owed(&finance, customer).await, (each, 0));
            }
            assert_eq!(faults(&finance.db).await, Vec::<String>::new());
        });
    }
}
