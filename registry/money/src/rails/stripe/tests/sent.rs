//! A payout by Stripe is paid once, whatever is lost between: what Stripe has sent is not returned, and what it has not is not lost.

use std::sync::Arc;

use axum::http::StatusCode;
use chandlery_package::wire::{NewSettlement, OwedRequest, PayoutState, RequestState, SettlementWay};
use chandlery_stripe::Stripe;
use jiff::SignedDuration;

use super::super::refused::settle;
use super::*;
use crate::payouts::{self, run};
use crate::rails::outbox;
use crate::sharing;
use crate::testing::{approve, operator};

/// When the payout is approved: what was earned is on hold no more.
fn then() -> Timestamp {
    at("2026-03-01T00:00:00Z")
}

/// Books in which payout 1 is approved and goes by Stripe, and that Stripe.
async fn approved() -> (tempfile::TempDir, Finance, Stripe) {
    let (folder, mut finance) = sharing_market().await;
    let stripe = Stripe::serve("sk_1").await.unwrap();
    let by_stripe = Processor { url: stripe.url().into(), key: "sk_1".into(), ..processor() };
    finance.processor = Some(Arc::new(by_stripe));
    let db = &finance.db;
    let profile = r#"{"rail": {"kind": "stripe", "account": "acct_1"}}"#;
    sqlx::query(
        "insert into payout_profiles (partner, version, body, changed_by, changed_at, approved_by)
         values ('acme', 1, $1, 'operator', '', 'operator')",
    )
    .bind(profile)
    .execute(db.read())
    .await
    .unwrap();
    let customer = begin(&finance, 1, Bought::Plugin).await;
    tell(&finance, "evt_paid", &paid(1)).await;
    sharing::release_matured(db, then()).await.unwrap();
    let (actor, acme) = (Actor::machine(), "acme".parse().unwrap());
    let payout = payouts::propose(db, &actor, &operator(), &acme, Currency::Usd, then()).await.unwrap();
    approve(db, &actor, &customer.parse().unwrap(), payout.id, then()).await.unwrap();
    assert_eq!(payout.id, 1);
    (folder, finance, stripe)
}

async fn state(finance: &Finance) -> PayoutState {
    run::find(&mut finance.db.read().acquire().await.unwrap(), 1).await.unwrap().state
}

async fn owed(finance: &Finance) -> Vec<OwedRequest> {
    outbox::list(&finance.db, &Paging::first(10)).await.unwrap().items
}

/// What an error says; empty: there was none.
fn said<T>(done: Result<T, crate::Error>) -> String {
    done.err().map(|error| error.to_string()).unwrap_or_default()
}

async fn sends(finance: &Finance) -> String {
    let processor = finance.processor.as_deref();
    said(rails::send(&finance.db, &Actor::machine(), processor, None, then()).await)
}

async fn returns(finance: &Finance) -> String {
    said(rails::return_payout(finance, &Actor::machine(), 1, then()).await)
}

async fn changes(finance: &Finance, change: &'static str) {
    sqlx::query(change).execute(finance.db.read()).await.unwrap();
}

/// What is on its way may still arrive, in real time: here it has.
async fn lands(finance: &Finance) {
    changes(finance, "update processor_outbox set in_flight_until = '1970-01-01T00:00:00.000000Z'").await;
}

async fn undecided(finance: &Finance) -> Vec<String> {
    let mut db = finance.db.snapshot().await.unwrap();
    crate::books::invariants::check(&mut db).await.unwrap().undecided
}

fn transfers(stripe: &Stripe) -> usize {
    stripe.with(|account| account.each("transfers").count())
}

/// Stripe makes the transfer, and nobody hears of it.
async fn is_made(finance: &Finance, stripe: &Stripe) {
    let payout = run::find(&mut finance.db.read().acquire().await.unwrap(), 1).await.unwrap();
    let made = json!({ "amount": payout.sent.minor(), "currency": "usd", "destination": "acct_1",
                       "transfer_group": "PAYOUT-1", "metadata": { "payout": "1" } });
    stripe.with(|account| account.transfer(made));
}

/// It is refused as often as it may be.
async fn is_refused_too_often(finance: &Finance, stripe: &Stripe) {
    stripe.refuse_to_make("transfers", Some((StatusCode::BAD_REQUEST, "resource_missing")));
    assert!(sends(finance).await.contains("transfers cannot be made"));
    changes(finance, "update processor_outbox set refusals = 79").await;
    assert!(sends(finance).await.contains("transfers cannot be made"));
    assert_eq!(owed(finance).await[0].state, RequestState::Refused);
}

#[tokio::test]
async fn what_was_sent_and_not_answered_is_neither_sent_again_nor_returned() {
    let (_folder, finance, stripe) = approved().await;
    stripe.refuse(Some("it is down"));
    assert!(sends(&finance).await.contains("it is down"));
    is_made(&finance, &stripe).await;
    let on_its_way = returns(&finance).await;
    assert!(on_its_way.contains("is on its way"), "{on_its_way}");
    lands(&finance).await;
    let unknown = returns(&finance).await;
    assert!(unknown.contains("has to say first"), "{unknown}");
    assert_eq!(state(&finance).await, PayoutState::Approved);
    stripe.refuse(None);
    let is_sent = returns(&finance).await;
    assert!(is_sent.contains("after all, as tr_1"), "{is_sent}");
    assert_eq!((state(&finance).await, transfers(&stripe)), (PayoutState::Sent, 1));
    assert_eq!(owed(&finance).await, []);
    assert_eq!(faults(&finance.db).await, Vec::<String>::new());
}

#[tokio::test]
async fn a_second_try_asks_first_though_the_clock_stands_still() {
    let (_folder, finance, stripe) = approved().await;
    stripe.refuse(Some("it is down"));
    assert!(sends(&finance).await.contains("it is down"));
    is_made(&finance, &stripe).await;
    stripe.refuse(None);
    assert_eq!(sends(&finance).await, "");
    assert_eq!((state(&finance).await, transfers(&stripe)), (PayoutState::Sent, 1));
}

#[tokio::test]
async fn a_try_of_which_nothing_was_written_down_is_asked_about_too() {
    let (_folder, finance, stripe) = approved().await;
    stripe.refuse(Some("it is down"));
    assert!(sends(&finance).await.contains("it is down"));
    changes(&finance, "update processor_outbox set tries = 0").await;
    is_made(&finance, &stripe).await;
    stripe.refuse(None);
    assert_eq!(sends(&finance).await, "");
    assert_eq!((state(&finance).await, transfers(&stripe)), (PayoutState::Sent, 1));
}

#[tokio::test]
async fn what_is_no_certain_refusal_is_asked_for_without_end() {
    let (_folder, finance, stripe) = approved().await;
    for (index, status) in [401, 403, 408, 409, 429, 500, 503].into_iter().enumerate() {
        let status = StatusCode::from_u16(status).unwrap();
        stripe.refuse_to_make("transfers", Some((status, "x")));
        assert!(!sends(&finance).await.is_empty(), "{status}");
        changes(&finance, "update processor_outbox set tries = tries + 100, refusals = 79").await;
        // By the key of the last one, it would be answered as that was.
        changes(&finance, "update processor_outbox set generation = generation + 1").await;
        let [waits] = owed(&finance).await.try_into().unwrap();
        assert_eq!((waits.state, waits.tries), (RequestState::Waits, 101 * (index as i64 + 1)), "{status}");
    }
    assert_eq!(undecided(&finance).await, Vec::<String>::new());
}

#[tokio::test]
async fn what_is_refused_too_often_is_returned_once_stripe_has_said_that_it_has_not_sent_it() {
    let (_folder, mut finance, stripe) = approved().await;
    is_refused_too_often(&finance, &stripe).await;
    let parked = sends(&finance).await;
    assert!(
        parked.contains("is sent no more") && parked.contains("`chandlery payouts return 1`"),
        "{parked}"
    );
    assert_eq!(undecided(&finance).await, [parked]);
    let processor = finance.processor.take();
    let unknown = returns(&finance).await;
    assert!(unknown.contains("`--stripe-key`"), "{unknown}");
    finance.processor = processor;
    assert_eq!((returns(&finance).await, state(&finance).await), (String::new(), PayoutState::Returned));
    assert_eq!((owed(&finance).await, undecided(&finance).await), (vec![], vec![]));
    stripe.refuse_to_make("transfers", None);
    rails::catch_up_with_processor(&finance, then() + SignedDuration::from_hours(48)).await.unwrap();
    assert_eq!(transfers(&stripe), 0);
    assert_eq!(faults(&finance.db).await, Vec::<String>::new());
}

#[tokio::test]
async fn what_is_sent_again_is_sent_by_another_key() {
    let (_folder, finance, stripe) = approved().await;
    is_refused_too_often(&finance, &stripe).await;
    stripe.refuse_to_make("transfers", None);
    let new = NewSettlement { request: "transfer:payout-1".into(), way: SettlementWay::Again };
    let mut write = finance.db.write().await.unwrap();
    settle(&mut write, &Actor::machine(), &new, finance.hold_days, then()).await.unwrap();
    write.commit().await.unwrap();
    assert_eq!(sends(&finance).await, "");
    assert_eq!((state(&finance).await, transfers(&stripe)), (PayoutState::Sent, 1));
}

#[tokio::test]
async fn a_transfer_of_what_was_paid_in_another_way_is_no_open_item_and_forgotten_when_stripe_has_said_so() {
    for is_sent in [true, false] {
        let (_folder, finance, stripe) = approved().await;
        is_refused_too_often(&finance, &stripe).await;
        if is_sent {
            is_made(&finance, &stripe).await;
        }
        payouts::confirm(&finance.db, &Actor::machine(), 1, "BY-HAND", None, then()).await.unwrap();
        assert_eq!(undecided(&finance).await, Vec::<String>::new());
        assert_eq!(
            outbox::count_undecided(&mut finance.db.read().acquire().await.unwrap()).await.unwrap(),
            0
        );
        let after = async |hours: i64| {
            let later = then() + SignedDuration::from_hours(hours);
            rails::catch_up_with_processor(&finance, later).await.unwrap();
            owed(&finance).await.len()
        };
        stripe.refuse(Some("it is down"));
        assert_eq!(after(24).await, 1);
        stripe.refuse(None);
        assert_eq!(after(48).await, 0);
        let (id,): (Option<String>,) = sqlx::query_as("select remote_id from processor_outbox")
            .fetch_one(finance.db.read())
            .await
            .unwrap();
        assert_eq!(id.as_deref(), is_sent.then_some("tr_1"));
    }
}
