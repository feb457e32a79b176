//! The same use gives the same books, in whatever order it came, and however often.

mod contracts;
mod hostile;

use std::collections::BTreeMap;

use chandlery_accounts::Actor;
use chandlery_package::wire::{
    AccountBalance, CorrectionState, MonthClose, Order, Paging, RefusedUsage, UsageEvent, UsageReceipt,
};
use chandlery_package::{Money, Month};
use jiff::SignedDuration;
use rand::rngs::StdRng;
use rand::seq::SliceRandom as _;
use rand::{RngExt as _, SeedableRng as _};

use crate::billing::usage::corrections;
use crate::billing::{UsageBounds, invoices, order, receive};
use crate::books::close;
use crate::testing::{at, faults, market, operator};
use crate::{Finance, ledger, sharing};
use chandlery_store::Db;
use chandlery_store::time;

const OFFER: &str = r#"{"price": {"kind": "metered", "unit": "gpu-hour", "free": 1,
    "steps": [{"up_to": 20, "price": "0.777777 USD"}, {"price": "0.333333 USD"}]}, "trial_days": 0}"#;
const CUSTOMERS: [&str; 3] = ["globex", "initech", "umbrella"];

fn event(random: &mut StdRng, month: Month) -> UsageEvent {
    let from = month.first_moment() + SignedDuration::from_secs(random.random_range(0..27 * 24 * 3600));
    let millis = random.random_range(1..9_000_000);
    UsageEvent {
        id: uuid::Builder::from_random_bytes(random.random()).into_uuid(),
        deployment: format!("d{}", random.random_range(0..3)),
        release: "acme:serving@1.0.0".parse().unwrap(),
        from,
        to: from + SignedDuration::from_millis(millis),
        replica_millis: millis as u64,
        gpu_millis: millis as u64 * 2,
        units: BTreeMap::new(),
        corrects: None,
    }
}

/// An hour of so many GPUs from a moment on.
fn hour(from: &str, gpus: u64) -> UsageEvent {
    let from = at(from);
    UsageEvent {
        id: uuid::Uuid::now_v7(),
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

async fn send(finance: &Finance, customer: &str, events: &[UsageEvent]) -> UsageReceipt {
    let bounds = UsageBounds { now: finance.clock.now(), days: finance.usage_days };
    receive(&finance.db, &customer.parse().unwrap(), events, bounds).await.unwrap()
}

async fn set_clock(finance: &Finance, now: &str) {
    finance.clock.set(&finance.db, at(now)).await.unwrap();
}

async fn place(finance: &Finance, customer: &str) -> Order {
    let new = serde_json::from_value(serde_json::json!({ "plugin": "acme:serving" })).unwrap();
    let actor = Actor::machine();
    order(&finance.db, &actor, &customer.parse().unwrap(), &new, finance.clock.now()).await.unwrap()
}

async fn close_month(finance: &Finance, month: &str) -> MonthClose {
    let now = finance.clock.now();
    let month = month.parse().unwrap();
    close(&finance.db, &Actor::machine(), finance.hold_days, month, &operator(), now).await.unwrap()
}

/// Confirms or refuses every correction that waits.
async fn decide_all(finance: &Finance, confirmed: bool) {
    let now = finance.clock.now();
    let held = corrections::corrections(&finance.db, None, &Paging::first(1000)).await.unwrap().items;
    for held in held.iter().filter(|held| held.state == CorrectionState::Pending) {
        let (db, machine) = (&finance.db, Actor::machine());
        corrections::decide(db, &machine, &operator(), held.event.id, confirmed, now).await.unwrap();
    }
}

/// What a customer was invoiced, and what of it was given back, in minor units.
async fn owed(finance: &Finance, customer: &str) -> (i64, i64) {
    let all = invoices(&finance.db, &customer.parse().unwrap(), &Paging::first(1000)).await.unwrap().items;
    all.iter()
        .fold((0, 0), |(net, back), invoice| (net + invoice.net.minor(), back + invoice.refunded.minor()))
}

/// Every balance, and every line of every invoice, without the references that chance has made.
async fn books(db: &Db) -> (Vec<AccountBalance>, Vec<(String, Money)>) {
    let balances = ledger::balances(&mut db.read().acquire().await.unwrap(), None).await.unwrap();
    let mut lines = Vec::new();
    for customer in CUSTOMERS {
        for invoice in invoices(db, &customer.parse().unwrap(), &Paging::first(1000)).await.unwrap().items {
            lines.extend(
                invoice
                    .lines
                    .into_iter()
                    .map(|line| (format!("{customer} {}", line.description), line.amount)),
            );
        }
    }
    (balances.into_iter().filter(|held| !held.balance.is_zero()).collect(), lines)
}

async fn live(all: &[(usize, UsageEvent)], batch: usize, late: &[(usize, UsageEvent)]) -> Finance {
    let (folder, finance) = market(&CUSTOMERS, OFFER).await;
    // Deleted with the process: what is open in it is still read.
    std::mem::forget(folder);
    set_clock(&finance, "2026-01-01T00:00:00Z").await;
    for customer in CUSTOMERS {
        place(&finance, customer).await;
    }
    set_clock(&finance, "2026-02-02T00:00:00Z").await;
    for some in all.chunks(batch) {
        for (customer, name) in CUSTOMERS.iter().enumerate() {
            let own: Vec<_> =
                some.iter().filter(|(whose, _)| *whose == customer).map(|(_, event)| event.clone()).collect();
            let receipt = send(&finance, name, &own).await;
            assert!(receipt.refused.is_empty(), "{receipt:?}");
        }
    }
    decide_all(&finance, true).await;
    close_month(&finance, "2026-01").await;
    for (customer, event) in late {
        send(&finance, CUSTOMERS[*customer], std::slice::from_ref(event)).await;
    }
    decide_all(&finance, true).await;
    set_clock(&finance, "2026-03-02T00:00:00Z").await;
    close_month(&finance, "2026-02").await;
    assert_eq!(faults(&finance.db).await, Vec::<String>::new());
    finance
}

#[tokio::test]
async fn the_same_use_gives_the_same_books_in_any_order_and_however_often() {
    let mut random = StdRng::seed_from_u64(5);
    let mut all: Vec<_> =
        (0..120).map(|index| (index % 3, event(&mut random, "2026-01".parse().unwrap()))).collect();
    // Some of it is corrected, once less was used and once more; some comes after the month was closed.
    for index in [3, 17, 40] {
        let (customer, wrong) = all[index].clone();
        let id = uuid::Builder::from_random_bytes(random.random()).into_uuid();
        let gpu_millis = wrong.gpu_millis * [0, 3][index % 2];
        all.push((customer, UsageEvent { id, gpu_millis, corrects: Some(wrong.id), ..wrong }));
    }
    let late: Vec<_> =
        (0..6).map(|index| (index % 3, event(&mut random, "2026-01".parse().unwrap()))).collect();
    let once = live(&all, 1000, &late).await;
    let expected = books(&once.db).await;
    assert!(expected.1.len() >= 6, "{expected:?}");

    let mut twice = all.clone();
    twice.extend(all[..60].to_vec());
    twice.shuffle(&mut random);
    let mut late_twice = [late.clone(), late].concat();
    late_twice.shuffle(&mut random);
    let other = live(&twice, 7, &late_twice).await;
    assert_eq!(books(&other.db).await, expected);
}

#[tokio::test]
async fn what_was_used_less_is_credited_and_what_came_late_is_added_to_the_month_it_was_used_in() {
    let heavy = hour("2026-01-05T00:00:00Z", 100);
    let less = UsageEvent {
        id: uuid::Uuid::now_v7(),
        gpu_millis: 11 * 3_600_000,
        corrects: Some(heavy.id),
        ..heavy.clone()
    };
    let finance = live(&[(0, heavy)], 10, &[(0, less)]).await;
    let invoices =
        invoices(&finance.db, &"globex".parse().unwrap(), &Paging::first(1000)).await.unwrap().items;
    // 20 hours at 0.777777 and 79 at 0.333333; then 10 at 0.777777: the difference is taken off what is due.
    let [invoice] = &invoices[..] else { panic!("{invoices:?}") };
    assert_eq!((invoice.net.minor(), invoice.refunded.minor()), (4189, 4189 - 778));
    let (again,): (i64,) =
        sqlx::query_as("select count(*) from ratings natural join orders where customer = 'globex'")
            .fetch_one(finance.db.read())
            .await
            .unwrap();
    assert_eq!(again, 3, "January twice, February once");
    let closed: Vec<(String,)> = sqlx::query_as("select at from ledger_transactions where kind = 'sale'")
        .fetch_all(finance.db.read())
        .await
        .unwrap();
    assert_eq!(closed[0].0, time(at("2026-01-31T23:59:59.999999Z")));
}

#[tokio::test]
async fn what_a_lost_dispute_has_given_back_is_not_credited_again() {
    let heavy = hour("2026-01-28T00:00:00Z", 100);
    let finance = live(&[(0, heavy.clone())], 10, &[]).await;
    let globex = "globex".parse().unwrap();
    let invoice = invoices(&finance.db, &globex, &Paging::first(1)).await.unwrap().items.remove(0);
    let payment = chandlery_package::wire::NewPayment { bank_reference: "B-1".into(), amount: invoice.total };
    let now = finance.clock.now();
    crate::billing::record_invoice_payment(
        &finance.db,
        &Actor::machine(),
        finance.hold_days,
        invoice.number,
        &payment,
        now,
    )
    .await
    .unwrap();
    let sale = invoice.lines[0].sale.unwrap();
    let mut write = crate::testing::writing(&finance.db).await;
    let fee = Money::zero(invoice.net.currency());
    sharing::open_dispute(&mut write, "dp", sale, invoice.net, fee, now).await.unwrap();
    sharing::close_dispute(&mut write, "dp", false, now).await.unwrap();
    write.commit().await.unwrap();
    let less =
        UsageEvent { id: uuid::Uuid::now_v7(), gpu_millis: 3_600_000, corrects: Some(heavy.id), ..heavy };
    assert_eq!(send(&finance, "globex", &[less]).await.held, 1);
    decide_all(&finance, true).await;
    set_clock(&finance, "2026-04-02T00:00:00Z").await;
    close_month(&finance, "2026-03").await;
    let (notes,): (i64,) =
        sqlx::query_as("select count(*) from refunds").fetch_one(finance.db.read()).await.unwrap();
    assert_eq!(notes, 0);
    assert_eq!(faults(&finance.db).await, Vec::<String>::new());
}

#[tokio::test]
async fn a_wrong_event_does_not_hold_up_the_others_of_its_batch() {
    let mut random = StdRng::seed_from_u64(13);
    let (_folder, finance) = market(&CUSTOMERS, OFFER).await;
    set_clock(&finance, "2026-02-02T00:00:00Z").await;
    let [good, mut nameless, mut backwards] =
        std::array::from_fn(|_| event(&mut random, "2026-01".parse().unwrap()));
    nameless.deployment = "web\0".into();
    (backwards.from, backwards.to) = (backwards.to, backwards.from);
    let receipt = send(&finance, CUSTOMERS[0], &[nameless.clone(), good, backwards.clone()]).await;
    let refused: Vec<_> = receipt.refused.iter().map(|refused| refused.id).collect();
    assert_eq!((receipt.accepted, refused), (1, vec![nameless.id, backwards.id]));
}
