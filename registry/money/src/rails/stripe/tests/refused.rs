//! What Stripe refuses to give back becomes credit, or goes by the bank, and never twice: whatever it was refused for.

use std::sync::Arc;

use axum::http::StatusCode;
use chandlery_package::wire::{NewSettlement, RequestKind, RequestState, SettlementWay};
use jiff::SignedDuration;

use super::super::refused::settle;
use super::*;
use crate::rails::outbox;

/// What is given back of the price, and refused.
const PART: i64 = 3_333;

enum Step {
    /// Stripe refuses the refund by this word.
    Refuses(&'static str),
    /// Stripe tells something.
    Tells((&'static str, Value)),
    /// An operator settles it; whether that is done.
    Settles(SettlementWay, bool),
}

async fn refuses(finance: &Finance, code: &str) {
    sqlx::query("update processor_outbox set refused = $1")
        .bind(code)
        .execute(finance.db.read())
        .await
        .unwrap();
}

async fn settles(finance: &Finance, request: &str, way: SettlementWay) -> bool {
    let new = NewSettlement { request: request.into(), way };
    let mut write = finance.db.write().await.unwrap();
    match settle(&mut write, &Actor::machine(), &new, finance.hold_days, now()).await {
        Ok(_) => write.commit().await.is_ok(),
        Err(_) => false,
    }
}

#[tokio::test]
async fn what_is_refused_is_the_customers_once() {
    use SettlementWay::{Bank, Credit};
    use Step::{Refuses, Settles, Tells};
    let disputed = |status: &str| Tells(dispute(1, PRICE, status, &[1500]));
    // What is at the processor, the customer's credit and at the bank by then; nothing is ever lost.
    for (name, steps, holds) in [
        ("credit", vec![Refuses("charge_not_refundable"), Settles(Credit, true)], (9679, -PART, 0)),
        ("bank", vec![Refuses("charge_not_refundable"), Settles(Bank, true)], (9679, 0, -PART)),
        ("not refused", vec![Settles(Credit, false), Settles(Bank, false)], (9679 - PART, 0, 0)),
        ("once", vec![Refuses("x"), Settles(Credit, true), Settles(Bank, false)], (9679, -PART, 0)),
        (
            "given back at Stripe before",
            vec![
                Refuses("charge_already_refunded"),
                Tells(charge(1, PRICE)),
                Settles(Bank, false),
                Settles(Credit, true),
            ],
            (-320, 0, 0),
        ),
        (
            "given back at Stripe, and told after",
            vec![Refuses("charge_already_refunded"), Settles(Credit, true), Tells(charge(1, PRICE))],
            (-320, 0, 0),
        ),
        (
            "a part given back at Stripe, too",
            vec![Refuses("charge_not_refundable"), Tells(charge(1, 5000)), Settles(Credit, true)],
            (9679 - 5000, -PART, 0),
        ),
        (
            "and told after",
            vec![Refuses("charge_not_refundable"), Settles(Credit, true), Tells(charge(1, 5000))],
            (9679 - 5000, -PART, 0),
        ),
        (
            "disputed and lost",
            vec![
                Refuses("charge_disputed"),
                Settles(Credit, false),
                disputed("needs_response"),
                Settles(Credit, false),
                disputed("lost"),
                Settles(Credit, true),
            ],
            (-320 - 1500, 0, 0),
        ),
        (
            "disputed and won",
            vec![
                Refuses("charge_disputed"),
                disputed("needs_response"),
                disputed("won"),
                Settles(Bank, true),
            ],
            (9679 - 1500, 0, -PART),
        ),
    ] {
        let (_folder, finance) = sharing_market().await;
        let customer = begin(&finance, 1, Bought::Plugin).await;
        tell(&finance, "evt_paid", &paid(1)).await;
        let amount = Money::new(PART, Currency::Usd).unwrap();
        let new = NewRefund { key: "r".into(), amount, line: None, reason: String::new(), as_credit: false };
        rails::refund(&finance, &Actor::machine(), 1, &new, now()).await.unwrap();
        let all = async || outbox::list(&finance.db, &Paging::first(10)).await.unwrap().items;
        assert_eq!(all().await[0].state, RequestState::Waits, "{name}");
        let mut is_settled = false;
        for (index, step) in steps.into_iter().enumerate() {
            match step {
                Refuses(code) => {
                    refuses(&finance, code).await;
                    assert_eq!(all().await[0].state, RequestState::Refused, "{name}");
                }
                Tells(told) => tell(&finance, &format!("evt_{index}"), &told).await,
                Settles(way, is_done) => {
                    assert_eq!(settles(&finance, "refund:r", way).await, is_done, "{name}, {index}");
                    is_settled |= is_done;
                }
            }
            assert_eq!(faults(&finance.db).await, Vec::<String>::new(), "{name}, {index}");
        }
        assert_eq!(all().await.is_empty(), is_settled, "{name}");
        assert!(!settles(&finance, "refund:s", Credit).await, "{name}: nobody has asked for that");
        let found = held(&finance, &customer).await;
        let of = |account: &str| found.get(account).copied().unwrap_or(0);
        assert_eq!((of(PROCESSOR), of(CREDIT), of("assets:bank")), holds, "{name}: {found:?}");
        assert_eq!((of("expenses:bad debt"), of(HELD)), (0, 0), "{name}: {found:?}");
    }
}

/// Books that owe a part of a payment to be given back, and the Stripe that has the payment, where nobody has paid yet.
async fn owed() -> (tempfile::TempDir, Finance, chandlery_stripe::Stripe, Processor) {
    let (folder, finance) = sharing_market().await;
    let stripe = chandlery_stripe::Stripe::serve("sk_1").await.unwrap();
    let processor = Processor { url: stripe.url().into(), key: "sk_1".into(), ..processor() };
    let form = [("amount", PRICE.to_string()), ("currency", "usd".into())];
    assert_eq!(processor.post("payment_intents", "k", &form).await.unwrap().id().unwrap(), "pi_1");
    begin(&finance, 1, Bought::Plugin).await;
    tell(&finance, "evt_paid", &paid(1)).await;
    let amount = Money::new(PART, Currency::Usd).unwrap();
    let new = NewRefund { key: "r".into(), amount, line: None, reason: String::new(), as_credit: false };
    rails::refund(&finance, &Actor::machine(), 1, &new, now()).await.unwrap();
    (folder, finance, stripe, processor)
}

/// Sends what is owed, as often as this, to a Stripe that has given something back by itself; what is then listed as owed.
async fn sends(times: usize, given: i64, metadata: Value) -> Vec<(RequestState, i64, String)> {
    let (_folder, finance, stripe, processor) = owed().await;
    stripe.refuse(Some("it is down"));
    let send = async || {
        let actor = Actor::machine();
        let _ = outbox::send_one(&finance.db, &actor, &processor, RequestKind::Refund, "r", now()).await;
    };
    send().await;
    stripe.refuse(None);
    assert!(stripe.with(|account| account.pay("pi_1") && account.refund("pi_1", given, metadata).is_some()));
    for _ in 0..times {
        send().await;
    }
    let sent = stripe.with(|account| account.all("refunds").len());
    assert_eq!(sent, 1, "nothing is given back beside it");
    let owed = outbox::list(&finance.db, &Paging::first(10)).await.unwrap().items;
    owed.into_iter().map(|one| (one.state, one.tries, one.reason)).collect()
}

#[tokio::test]
async fn what_stripe_has_no_more_is_refused_after_the_first_try() {
    for (given, code) in [(PRICE, "charge_already_refunded"), (PRICE - PART + 1, "amount_too_large")] {
        let owed = sends(2, given, json!({})).await;
        let [(RequestState::Refused, 2, reason)] = owed.as_slice() else { panic!("{owed:?}") };
        assert!(reason.contains(code), "{reason}");
    }
    // Its own refund, of which the answer was lost, is no other's.
    assert_eq!(sends(1, PART, json!({ "refund": "r" })).await, []);
}

#[tokio::test]
async fn what_was_not_taken_is_sent_again_by_the_clock_of_the_money() {
    let (_folder, mut finance, stripe, processor) = owed().await;
    finance.processor = Some(Arc::new(processor));
    assert!(stripe.with(|account| account.pay("pi_1")));
    stripe.refuse(Some("it is down"));
    rails::catch_up_with_processor(&finance, now()).await.unwrap();
    stripe.refuse(None);
    for (seconds, sent) in [(0, 0), (9, 0), (10, 1), (3600, 1)] {
        let then = now() + SignedDuration::from_secs(seconds);
        rails::catch_up_with_processor(&finance, then).await.unwrap();
        assert_eq!(stripe.with(|account| account.each("refunds").count()), sent, "after {seconds} s");
        let owed = outbox::list(&finance.db, &Paging::first(10)).await.unwrap().items;
        assert_eq!(owed.is_empty(), sent == 1, "after {seconds} s: {owed:?}");
    }
}

#[tokio::test]
async fn what_is_refused_too_often_is_sent_no_more_until_an_operator_says_so() {
    let (_folder, mut finance, stripe, processor) = owed().await;
    finance.processor = Some(Arc::new(processor));
    assert!(stripe.with(|account| account.pay("pi_1")));
    stripe.refuse_to_make("refunds", Some((StatusCode::BAD_REQUEST, "balance_insufficient")));
    let nearly = "update processor_outbox set tries = 78, refusals = 78";
    sqlx::query(nearly).execute(finance.db.read()).await.unwrap();
    let state_after = async |hours: i64| {
        let then = now() + SignedDuration::from_hours(hours);
        rails::catch_up_with_processor(&finance, then).await.unwrap();
        let owed = outbox::list(&finance.db, &Paging::first(10)).await.unwrap().items;
        owed.first().map(|one| (one.state, one.tries))
    };
    let undecided = async || {
        let mut db = finance.db.snapshot().await.unwrap();
        crate::books::invariants::check(&mut db).await.unwrap().undecided
    };
    assert_eq!(state_after(1).await, Some((RequestState::Waits, 79)));
    assert_eq!(undecided().await, Vec::<String>::new());
    assert_eq!(state_after(3).await, Some((RequestState::Refused, 80)));
    let [named]: [String; 1] = undecided().await.try_into().unwrap();
    assert!(named.contains("`chandlery books requests settle 'refund:r' --as again`"), "{named}");
    stripe.refuse_to_make("refunds", None);
    assert_eq!(state_after(30).await, Some((RequestState::Refused, 80)));
    assert!(settles(&finance, "refund:r", SettlementWay::Again).await);
    assert_eq!(state_after(30).await, None);
    assert_eq!(stripe.with(|account| account.each("refunds").count()), 1);
    assert_eq!(undecided().await, Vec::<String>::new());
    assert_eq!(faults(&finance.db).await, Vec::<String>::new());
}

#[tokio::test]
async fn a_transfer_that_is_refused_is_nobodys_credit_and_forgotten_with_its_payout() {
    let (_folder, mut finance) = sharing_market().await;
    finance.processor = Some(Arc::new(processor()));
    sqlx::query(
        "insert into processor_outbox (key, kind, about, destination, currency, minor, owed_at, due_at, tries, reason, refused)
         values ('transfer:payout-7', 'transfer', '7', 'acct_1', 'USD', 5000, '2026-01-01T00:00:00.000000Z',
                 '2026-01-01T00:00:00.000000Z', 80, 'no such account', 'refused_too_often')",
    )
    .execute(finance.db.read())
    .await
    .unwrap();
    for way in [SettlementWay::Credit, SettlementWay::Bank] {
        assert!(!settles(&finance, "transfer:payout-7", way).await, "{way:?}");
    }
    // There is no payout that it could send, and it is forgotten once Stripe says that it has not.
    rails::catch_up_with_processor(&finance, now()).await.unwrap();
    assert_eq!(outbox::list(&finance.db, &Paging::first(10)).await.unwrap().items.len(), 1);
    let stripe = chandlery_stripe::Stripe::serve("sk_1").await.unwrap();
    finance.processor =
        Some(Arc::new(Processor { url: stripe.url().into(), key: "sk_1".into(), ..processor() }));
    let later = now() + SignedDuration::from_hours(1);
    rails::catch_up_with_processor(&finance, later).await.unwrap();
    assert_eq!(outbox::list(&finance.db, &Paging::first(10)).await.unwrap().items, []);
}

#[tokio::test]
async fn what_was_given_back_after_all_is_not_given_in_another_way() {
    for is_made in [true, false] {
        let (_folder, mut finance, stripe, processor) = owed().await;
        assert!(stripe.with(|account| account.pay("pi_1")));
        refuses(&finance, "refused_too_often").await;
        let new = NewSettlement { request: "refund:r".into(), way: SettlementWay::Credit };
        let may_not = async |finance: &Finance| {
            let asked = outbox::must_not_be_made(finance, &Actor::machine(), &new, now()).await;
            asked.err().map(|error| error.to_string()).unwrap_or_default()
        };
        let said = may_not(&finance).await;
        assert!(said.contains("`--stripe-key`"), "{said}");
        finance.processor = Some(Arc::new(processor));
        stripe.refuse(Some("it is down"));
        let said = may_not(&finance).await;
        assert!(said.contains("has to say first") && said.contains("it is down"), "{said}");
        stripe.refuse(None);
        if is_made {
            let made = json!({ "refund": "r" });
            assert!(stripe.with(|account| account.refund("pi_1", PART, made).is_some()));
            let said = may_not(&finance).await;
            assert!(said.contains("after all, as re_1"), "{said}");
        } else {
            assert_eq!(may_not(&finance).await, "");
        }
        assert_eq!(settles(&finance, "refund:r", SettlementWay::Credit).await, !is_made);
        assert_eq!(outbox::list(&finance.db, &Paging::first(10)).await.unwrap().items, []);
        assert_eq!(faults(&finance.db).await, Vec::<String>::new());
    }
}

#[tokio::test]
async fn what_is_on_its_way_is_not_decided() {
    let (_folder, finance, ..) = owed().await;
    refuses(&finance, "x").await;
    for (until, is_settled) in [("9999-01-01T00:00:00.000000Z", false), ("1970-01-01T00:00:00.000000Z", true)]
    {
        sqlx::query("update processor_outbox set in_flight_until = $1")
            .bind(until)
            .execute(finance.db.read())
            .await
            .unwrap();
        assert_eq!(settles(&finance, "refund:r", SettlementWay::Credit).await, is_settled, "{until}");
    }
}

#[tokio::test]
async fn all_that_is_due_is_sent_however_much_it_is() {
    let (_folder, mut finance, stripe, processor) = owed().await;
    finance.processor = Some(Arc::new(processor));
    assert!(stripe.with(|account| account.pay("pi_1")));
    for number in 0..120 {
        sqlx::query(
            "insert into processor_outbox (key, kind, about, destination, currency, minor, owed_at, due_at, tries, reason)
             select 'refund:r' || $1, kind, about, destination, currency, 1, owed_at, due_at, tries, reason
             from processor_outbox where key = 'refund:r'",
        )
        .bind(number)
        .execute(finance.db.read())
        .await
        .unwrap();
    }
    rails::catch_up_with_processor(&finance, now()).await.unwrap();
    assert_eq!(stripe.with(|account| account.each("refunds").count()), 121);
    // What is not taken is due later, so that this ends.
    sqlx::query("update processor_outbox set answered_at = null").execute(finance.db.read()).await.unwrap();
    stripe.refuse(Some("it is down"));
    rails::catch_up_with_processor(&finance, now()).await.unwrap();
    let owed = outbox::list(&finance.db, &Paging::first(200)).await.unwrap().items;
    assert!(owed.iter().all(|one| one.tries == 2 && one.due_at > now()), "{owed:?}");
}
