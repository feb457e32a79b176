//! Orders one after the other: what was agreed holds from its acceptance to its end, and what nobody agreed to is charged to nobody.

use chandlery_package::wire::{NewPayment, NewRefund};

use super::*;
use crate::billing::rating::unlicensed;
use crate::billing::{end_order, record_payment};
use crate::rails::refund;

const DEARER: &str = r#"{"price": {"kind": "metered", "unit": "gpu-hour", "free": 5,
    "steps": [{"price": "2.00 USD"}]}, "trial_days": 30}"#;

async fn set_price(finance: &Finance, version: i64, since: &str, offer: &str, customer: &str) {
    sqlx::query(
        "insert into prices (plugin, version, since, offer, customer) values ('acme:serving', $1, $2, $3, nullif($4, ''))",
    )
    .bind(version)
    .bind(time(at(since)))
    .bind(offer)
    .bind(customer)
    .execute(finance.db.read())
    .await
    .unwrap();
}

#[tokio::test]
async fn use_is_charged_to_the_order_that_stood_and_operators_learn_of_the_rest() {
    let (_folder, finance) = market(&CUSTOMERS, OFFER).await;
    set_clock(&finance, "2026-01-10T00:00:00Z").await;
    let first = place(&finance, "globex").await;
    set_clock(&finance, "2026-01-20T00:00:00Z").await;
    let globex = "globex".parse().unwrap();
    end_order(&finance.db, &globex, &first.reference, finance.clock.now()).await.unwrap();
    set_clock(&finance, "2026-02-02T00:00:00Z").await;
    // Before, while and after the order stood; somebody else never ordered.
    let days = ["2026-01-05", "2026-01-12", "2026-01-25"];
    let all = days.map(|day| hour(&format!("{day}T00:00:00Z"), 11));
    assert_eq!(send(&finance, "globex", &all).await.accepted, 3);
    send(&finance, "initech", &[hour("2026-01-05T00:00:00Z", 3)]).await;
    close_month(&finance, "2026-01").await;
    assert_eq!((owed(&finance, "globex").await, owed(&finance, "initech").await), ((778, 0), (0, 0)));
    let listed = unlicensed::list(&finance.db, &Paging::first(10)).await.unwrap().items;
    let listed: Vec<_> =
        listed.iter().map(|used| (used.account.as_str(), used.events, used.gpu_millis / 3_600_000)).collect();
    assert_eq!(listed, [("globex", 2, 22), ("initech", 1, 3)]);
    // Ordered again, it is charged again, and what comes late is charged to the order that stood then.
    let second = place(&finance, "globex").await;
    assert_ne!(second.reference, first.reference);
    let [late, next] = ["2026-01-15T00:00:00Z", "2026-02-02T00:00:00Z"].map(|from| hour(from, 10));
    set_clock(&finance, "2026-02-03T00:00:00Z").await;
    assert_eq!(send(&finance, "globex", &[late, next]).await.accepted, 2);
    set_clock(&finance, "2026-03-02T00:00:00Z").await;
    close_month(&finance, "2026-02").await;
    // January: 20 hours that are not free, 1556 less 778 before; February: 9.
    assert_eq!(owed(&finance, "globex").await, (1556 + 700, 0));
    assert_eq!(faults(&finance.db).await, Vec::<String>::new());
}

#[tokio::test]
async fn another_price_holds_from_its_acceptance_and_begins_no_month_anew() {
    let (_folder, finance) = market(&CUSTOMERS, OFFER).await;
    set_clock(&finance, "2026-01-01T00:00:00Z").await;
    let mut first = Vec::new();
    for customer in ["globex", "initech"] {
        first.push(place(&finance, customer).await.reference);
    }
    set_price(&finance, 2, "2026-01-10T00:00:00Z", DEARER, "globex").await;
    set_clock(&finance, "2026-01-15T00:00:00Z").await;
    let second = place(&finance, "globex").await;
    assert_eq!((second.offer.trial_days, second.ended_at), (0, None), "a trial is given once");
    assert_ne!(second.reference, first[0]);
    assert_eq!(place(&finance, "globex").await, second);
    assert_eq!(place(&finance, "initech").await.reference, first[1], "it was offered to another");
    set_clock(&finance, "2026-02-02T00:00:00Z").await;
    let both = [hour("2026-01-12T00:00:00Z", 11), hour("2026-01-16T00:00:00Z", 1)];
    assert_eq!(send(&finance, "globex", &both).await.accepted, 2);
    close_month(&finance, "2026-01").await;
    // 10 hours at 0.777777; the one after them is not among the first 5 of the month, which would be free.
    assert_eq!(owed(&finance, "globex").await, (778 + 200, 0));
    assert_eq!(faults(&finance.db).await, Vec::<String>::new());
}

#[tokio::test]
async fn what_is_paid_once_and_given_back_can_be_bought_again() {
    const ONCE: &str = r#"{"price": {"kind": "once", "amount": {"minor": 10000, "currency": "USD"}}}"#;
    let (_folder, finance) = market(&CUSTOMERS, ONCE).await;
    set_clock(&finance, "2026-01-10T00:00:00Z").await;
    let (db, hold, now, machine) = (&finance.db, finance.hold_days, finance.clock.now(), Actor::machine());
    let mut references = Vec::new();
    for round in 0..2 {
        let order = place(&finance, "globex").await;
        assert_eq!(place(&finance, "globex").await.reference, order.reference, "it can still be paid");
        let payment = NewPayment { bank_reference: format!("B-{round}"), amount: order.due.unwrap() };
        let paid = record_payment(db, &machine, hold, &order.reference, &payment, now).await.unwrap();
        for (part, minor) in [(1, 100), (2, 9900)] {
            assert_eq!(place(&finance, "globex").await.reference, order.reference, "it is paid");
            let amount = Money::new(minor, payment.amount.currency()).unwrap();
            let (key, reason) = (format!("R-{round}-{part}"), "it did not work".into());
            let back = NewRefund { key, amount, line: None, reason, as_credit: false };
            refund(&finance, &machine, paid.invoice.unwrap(), &back, now).await.unwrap();
        }
        references.push(order.reference);
    }
    assert_ne!(references[0], references[1]);
    assert_eq!(faults(&finance.db).await, Vec::<String>::new());
}

#[tokio::test]
async fn ordering_again_and_again_gives_no_trial_and_comes_to_an_end() {
    let (_folder, finance) = market(&CUSTOMERS, DEARER).await;
    set_clock(&finance, "2026-01-01T00:00:00Z").await;
    let globex = "globex".parse().unwrap();
    let new = serde_json::from_value(serde_json::json!({ "plugin": "acme:serving" })).unwrap();
    for number in 0..20 {
        let made = order(&finance.db, &Actor::machine(), &globex, &new, finance.clock.now()).await.unwrap();
        assert_eq!(made.offer.trial_days, if number == 0 { 30 } else { 0 });
        end_order(&finance.db, &globex, &made.reference, finance.clock.now()).await.unwrap();
    }
    let refused =
        order(&finance.db, &Actor::machine(), &globex, &new, finance.clock.now()).await.unwrap_err();
    assert!(refused.to_string().contains("was ordered 20 times within 30 days"), "{refused}");
    set_clock(&finance, "2026-02-02T00:00:00Z").await;
    place(&finance, "globex").await;
}

#[tokio::test]
async fn late_use_is_shared_by_the_policy_of_when_it_was_used() {
    let (_folder, finance) = market(&CUSTOMERS, OFFER).await;
    set_clock(&finance, "2026-01-01T00:00:00Z").await;
    place(&finance, "globex").await;
    sqlx::query(
        r#"insert into share_policies (version, since, body)
           values (2, '2026-02-01T00:00:00.000000Z', '{"commission":[{"rate":"50%"}],"services":"15%"}')"#,
    )
    .execute(finance.db.read())
    .await
    .unwrap();
    set_clock(&finance, "2026-02-02T00:00:00Z").await;
    close_month(&finance, "2026-01").await;
    set_clock(&finance, "2026-02-03T00:00:00Z").await;
    let both = [hour("2026-01-28T00:00:00Z", 2), hour("2026-02-02T00:00:00Z", 2)];
    assert_eq!(send(&finance, "globex", &both).await.accepted, 2);
    set_clock(&finance, "2026-03-02T00:00:00Z").await;
    close_month(&finance, "2026-02").await;
    let shared: Vec<(i64, String)> = sqlx::query_as("select policy, sold_at from sales order by id")
        .fetch_all(finance.db.read())
        .await
        .unwrap();
    let end = time(at("2026-02-28T23:59:59.999999Z"));
    assert_eq!(shared, [(1, end.clone()), (2, end)]);
    assert_eq!(faults(&finance.db).await, Vec::<String>::new());
}

#[tokio::test]
async fn a_month_with_two_policies_is_shared_by_both() {
    let (_folder, finance) = market(&CUSTOMERS, OFFER).await;
    set_clock(&finance, "2026-01-01T00:00:00Z").await;
    place(&finance, "globex").await;
    sqlx::query(
        r#"insert into share_policies (version, since, body)
           values (2, '2026-01-16T00:00:00.000000Z', '{"commission":[{"rate":"50%"}],"services":"15%"}')"#,
    )
    .execute(finance.db.read())
    .await
    .unwrap();
    set_clock(&finance, "2026-02-02T00:00:00Z").await;
    let [three, eight] = [hour("2026-01-10T00:00:00Z", 3), hour("2026-01-20T00:00:00Z", 8)];
    assert_eq!(send(&finance, "globex", &[three, eight.clone()]).await.accepted, 2);
    close_month(&finance, "2026-01").await;
    // 10 hours at 0.777777, as 3 to 8.
    let shared: Vec<(i64, i64)> = sqlx::query_as("select policy, gross_minor from sales order by id")
        .fetch_all(finance.db.read())
        .await
        .unwrap();
    assert_eq!(shared, [(1, 212), (2, 566)]);
    assert_eq!(owed(&finance, "globex").await, (778, 0));
    // All of the eight hours less takes some off both lines.
    let none = UsageEvent { id: uuid::Uuid::now_v7(), gpu_millis: 0, corrects: Some(eight.id), ..eight };
    assert_eq!(send(&finance, "globex", &[none]).await.held, 1);
    decide_all(&finance, true).await;
    set_clock(&finance, "2026-03-02T00:00:00Z").await;
    close_month(&finance, "2026-02").await;
    assert_eq!(owed(&finance, "globex").await, (778, 778 - 156));
    assert_eq!(faults(&finance.db).await, Vec::<String>::new());
}

/// What has no rate is named, and set aside until it has one; the others are charged.
#[tokio::test]
async fn a_missing_exchange_rate_is_named_and_stops_its_order_alone() {
    let (_folder, finance) = market(&CUSTOMERS, OFFER).await;
    let policy =
        r#"{"commission": [{"up_to": "1000.00 USD", "rate": "0%"}, {"rate": "15%"}], "services": "15%"}"#;
    sqlx::query("update share_policies set body = $1").bind(policy).execute(finance.db.read()).await.unwrap();
    let in_euros = OFFER.replace("USD", "EUR");
    set_price(&finance, 2, "2026-01-01T00:00:00Z", &in_euros, "initech").await;
    set_clock(&finance, "2026-01-02T00:00:00Z").await;
    for customer in ["globex", "initech"] {
        place(&finance, customer).await;
    }
    set_clock(&finance, "2026-02-02T00:00:00Z").await;
    for customer in ["globex", "initech"] {
        send(&finance, customer, &[hour("2026-01-12T00:00:00Z", 11)]).await;
    }
    let closed = close_month(&finance, "2026-01").await;
    let [why] = closed.left_out.as_slice() else { panic!("{closed:?}") };
    for says in
        ["no rate from EUR to USD for 2026-01-31", "the charge of acme:serving to initech for 2026-01 needs"]
    {
        assert!(why.contains(says), "{why}");
    }
    assert_eq!((owed(&finance, "globex").await, owed(&finance, "initech").await), ((778, 0), (0, 0)));
    sqlx::query(
        "insert into fx_rates (base, quote, day, numerator, denominator) values ('EUR', 'USD', '2026-01-01', 11, 10)",
    )
    .execute(finance.db.read())
    .await
    .unwrap();
    set_clock(&finance, "2026-03-02T00:00:00Z").await;
    assert_eq!(close_month(&finance, "2026-02").await.left_out, Vec::<String>::new());
    assert_eq!((owed(&finance, "globex").await, owed(&finance, "initech").await), ((778, 0), (778, 0)));
    assert_eq!(faults(&finance.db).await, Vec::<String>::new());
}
