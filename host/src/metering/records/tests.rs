use std::collections::BTreeMap;

use super::*;
use crate::db::Db;

fn chain(registry: &str) -> Chain {
    Chain { registry: registry.into(), account: "globex".parse().unwrap(), host: "host-1".into() }
}

async fn used(db: &Db, number: u128) {
    let event = UsageEvent {
        id: uuid::Uuid::from_u128(number),
        deployment: "web".into(),
        release: "acme:serving@1.0.0".parse().unwrap(),
        from: "2026-10-01T00:00:00Z".parse().unwrap(),
        to: "2026-10-01T01:00:00Z".parse().unwrap(),
        replica_millis: 1,
        gpu_millis: 2,
        units: BTreeMap::new(),
        corrects: None,
    };
    sqlx::query("insert into usage_events (id, body) values ($1, $2)")
        .bind(Text(event.id))
        .bind(Json(&event))
        .execute(db.pool())
        .await
        .unwrap();
}

async fn acknowledged(db: &Db) {
    sqlx::query("update usage_events set sent = 1").execute(db.pool()).await.unwrap();
}

/// The numbers that the next batch has, and its last record.
async fn next(db: &Db, chain: &Chain, head: Head, from: u64) -> Option<(Vec<u64>, Head)> {
    let batch = unsent(db.pool(), chain, head, from, 2).await.unwrap()?;
    let first = batch.before.sequence + 1;
    assert_eq!(batch.last.sequence + 1 - first, batch.events.len() as u64);
    let mut at = batch.before;
    for event in &batch.events {
        at = at.then(&event_digest(&chain.account, event));
    }
    assert_eq!(at, batch.last, "each record is bound to the one before");
    Some(((first..=batch.last.sequence).collect(), batch.last))
}

#[tokio::test]
async fn each_event_has_one_number_for_good_and_is_sent_from_where_the_registry_is() {
    let folder = tempfile::tempdir().unwrap();
    let db = Db::open(&folder.path().join("host.db")).await.unwrap();
    let chain = chain("example.com/log");
    let start = chain.start();
    for number in [1, 2, 3] {
        used(&db, number).await;
    }
    for limit in [2, 2, 9] {
        extend(db.pool(), &chain, start, limit).await.unwrap();
    }
    let (numbers, second) = next(&db, &chain, start, 1).await.unwrap();
    assert_eq!(numbers, [1, 2]);
    let (numbers, third) = next(&db, &chain, second, 3).await.unwrap();
    assert_eq!(numbers, [3]);
    // The answer was lost: they are sent again, as they were.
    assert_eq!(next(&db, &chain, third, 1).await.unwrap(), (vec![1, 2], second));
    acknowledged(&db).await;
    assert_eq!(next(&db, &chain, third, 1).await, None);
    // The registry has lost the last one.
    assert_eq!(next(&db, &chain, second, 1).await.unwrap(), (vec![3], third));
    must_be_known(db.pool(), &chain, second).await.unwrap();
    let other = Head { hash: Digest::of("x"), ..second };
    assert!(matches!(must_be_known(db.pool(), &chain, other).await, Err(Error::Forked(2))));
    // What the registry has more than an old data folder is not said again: the next number is after it.
    let ahead = Head { sequence: 7, hash: Digest::of("seven") };
    must_be_known(db.pool(), &chain, ahead).await.unwrap();
    used(&db, 4).await;
    extend(db.pool(), &chain, ahead, 9).await.unwrap();
    let (numbers, _) = next(&db, &chain, ahead, 1).await.unwrap();
    assert_eq!(numbers, [8]);
    // Another registry has a chain of its own, of what was not sent to any.
    let elsewhere = super::Chain { registry: "other.example/log".into(), ..chain.clone() };
    extend(db.pool(), &elsewhere, elsewhere.start(), 9).await.unwrap();
    let (numbers, _) = next(&db, &elsewhere, elsewhere.start(), 1).await.unwrap();
    assert_eq!(numbers, [1]);
}
