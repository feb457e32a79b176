//! Roots are of everything that came before a close, and what comes later is in the next one.

use std::collections::BTreeMap;

use chandlery_accounts::{Account, Actor};
use chandlery_package::wire::{UsageEvent, UsageRecord};
use jiff::SignedDuration;

use super::*;
use crate::Finance;
use crate::billing::usage::records;
use crate::billing::{UsageBounds, receive};
use crate::books::close;
use crate::testing::{at, faults, market, operator};

const OFFER: &str = r#"{"price": {"kind": "metered", "unit": "gpu-hour", "steps": [{"price": "0.50 USD"}]}}"#;

fn event(number: u128, from: &str) -> UsageEvent {
    UsageEvent {
        id: uuid::Uuid::from_u128(number),
        deployment: "web".into(),
        release: "acme:serving@1.0.0".parse().unwrap(),
        from: at(from),
        to: at(from) + SignedDuration::from_hours(1),
        replica_millis: 3_600_000,
        gpu_millis: 3_600_000,
        units: BTreeMap::new(),
        corrects: None,
    }
}

async fn send(finance: &Finance, account: &str, event: UsageEvent) {
    let bounds = UsageBounds { now: finance.clock.now(), days: finance.usage_days };
    let receipt = receive(&finance.db, &account.parse().unwrap(), &[event], bounds).await.unwrap();
    assert_eq!(receipt.accepted, 1, "{receipt:?}");
}

async fn close_at(finance: &Finance, now: &str, month: &str) {
    finance.clock.set(&finance.db, at(now)).await.unwrap();
    let (machine, month) = (Actor::machine(), month.parse().unwrap());
    close(&finance.db, &machine, finance.hold_days, month, &operator(), at(now)).await.unwrap();
}

/// An account's records of January, and their roots.
async fn january(finance: &Finance, account: &str) -> (Vec<UsageRecord>, Vec<UsageRoot>) {
    let (account, month) = (account.parse().unwrap(), "2026-01".parse().unwrap());
    let mut db = finance.db.snapshot().await.unwrap();
    let records = records::records(&mut db, &account, month, None, &Paging::first(1)).await.unwrap();
    let mut all = records.items;
    let mut next = records.next;
    while let Some(after) = next {
        let query = serde_json::json!({ "after": after, "limit": "1" });
        let paging = serde_json::from_value(query).unwrap();
        let page = records::records(&mut db, &account, month, None, &paging).await.unwrap();
        all.extend(page.items);
        next = page.next;
    }
    (all, list(&mut db, &account, month, &Paging::first(9)).await.unwrap().items)
}

fn root(records: &[UsageRecord]) -> Digest {
    let mut tree = Tree::default();
    for record in records.iter().filter(|record| !record.late) {
        tree.push(record.digest.bytes()).unwrap();
    }
    tree.root().unwrap()
}

#[tokio::test]
async fn what_comes_late_is_in_a_root_of_its_own() {
    let (_folder, finance) = market(&["globex", "initech"], OFFER).await;
    finance.clock.set(&finance.db, at("2026-01-20T00:00:00Z")).await.unwrap();
    for number in [3, 1, 2] {
        send(&finance, "globex", event(number, "2026-01-05T00:00:00Z")).await;
    }
    send(&finance, "initech", event(9, "2026-01-05T00:00:00Z")).await;
    let (records, roots) = january(&finance, "globex").await;
    assert!(roots.is_empty() && records.len() == 3 && records.iter().all(|record| record.late));
    close_at(&finance, "2026-02-01T00:00:00Z", "2026-01").await;
    let (records, roots) = january(&finance, "globex").await;
    assert_eq!((roots.len(), roots[0].records, roots[0].root), (1, 3, root(&records)));
    let ids: Vec<_> = records.iter().map(|record| record.event.as_ref().unwrap().id.as_u128()).collect();
    assert_eq!(ids, [1, 2, 3]);
    // At the very moment of the close, and yet after it.
    send(&finance, "globex", event(4, "2026-01-05T00:00:00Z")).await;
    let (records, roots) = january(&finance, "globex").await;
    assert_eq!((records[3].late, roots[0].root), (true, root(&records)));
    close_at(&finance, "2026-03-01T00:00:00Z", "2026-02").await;
    let (records, roots) = january(&finance, "globex").await;
    assert_eq!((roots.len(), roots[1].records, roots[1].root), (2, 4, root(&records)));
    assert_eq!(january(&finance, "initech").await.1.len(), 1, "nothing came late for it");
    assert_eq!(faults(&finance.db).await, Vec::<String>::new());
    sqlx::query("update usage_roots set root = 'another' where log_index = $1")
        .bind(roots[0].log_index as i64)
        .execute(finance.db.read())
        .await
        .unwrap();
    let said = format!(
        "the root of globex's use in 2026-01, entry {}, is not the one in the log",
        roots[0].log_index
    );
    assert_eq!(faults(&finance.db).await, [said]);
}

/// A seller is shown its own, and the digest of the rest; whoever has sold nothing, nothing.
#[tokio::test]
async fn who_reads_records_sees_its_own_business() {
    let (_folder, finance) = market(&["globex", "ann", "bob"], OFFER).await;
    let db = &finance.db;
    for sql in [
        "insert into namespaces (name, created_at) values ('other', '')",
        "insert into namespace_members (namespace, account, role) values ('acme', 'ann', 'owner'), ('other', 'bob', 'owner')",
    ] {
        sqlx::query(sql).execute(db.read()).await.unwrap();
    }
    let globex: Namespace = "globex".parse().unwrap();
    let reader = |name: &str, operator| Account {
        name: name.parse().unwrap(),
        operator,
        owes_factor: false,
        person: None,
    };
    for (name, operator) in [("globex", false), ("operator", true)] {
        assert_eq!(records::seen_by(db, &reader(name, operator), &globex).await.unwrap(), None, "{name}");
    }
    for name in ["ann", "bob"] {
        assert!(records::seen_by(db, &reader(name, false), &globex).await.is_err(), "{name}");
    }
    sqlx::query(
        "insert into sales (id, source, customer, seller, plugin, currency, gross_minor, commission_minor, policy, before_minor,
                            volume_minor, volume_currency, referred, sold_at, refunded_minor, commission_returned_minor,
                            disputed_minor)
         select 1, 'x', 'globex', 'acme', 'acme:serving', 'USD', 100, 15, (select min(version) from share_policies), 0,
                100, 'USD', 0, '2026-01-01T00:00:00.000000Z', 0, 0, 0",
    )
    .execute(db.read())
    .await
    .unwrap();
    let sold = records::seen_by(db, &reader("ann", false), &globex).await.unwrap().unwrap();
    assert_eq!(sold.into_iter().collect::<Vec<_>>(), ["acme"]);
    assert!(records::seen_by(db, &reader("bob", false), &globex).await.is_err());
    // Of an organisation, only those see its customers who see what it earns.
    for sql in [
        "insert into organisations (name, title, created_at, created_by) values ('ann', 'Ann', '', 'bob')",
        "insert into organisation_members (organisation, account, role, origin, since)
         values ('ann', 'bob', 'billing', 'invited', ''), ('ann', 'globex', 'admin', 'invited', '')",
    ] {
        sqlx::query(sql).execute(db.read()).await.unwrap();
    }
    for (person, sees) in [("bob", true), ("globex", false)] {
        let acting = Account { person: Some(person.parse().unwrap()), ..reader("ann", false) };
        assert_eq!(records::seen_by(db, &acting, &globex).await.is_ok(), sees, "{person}");
    }
}
