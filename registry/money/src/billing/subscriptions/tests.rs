//! Two years of subscriptions, and the laws of their books.

mod ends;

use super::*;
use crate::billing::{invoices, record_invoice_payment};
use crate::ledger::{self, Account};
use crate::testing::{finance, operator};
use crate::{Finance, rails};
use chandlery_package::wire::{NewPayment, NewRefund, Paging};
use chandlery_package::{Currency, Money};
use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};

fn day(number: i64) -> Timestamp {
    let begin: Timestamp = "2026-01-31T12:00:00Z".parse().unwrap();
    begin.checked_add(SignedDuration::from_hours(24 * number)).unwrap()
}

fn usd(text: &str) -> Money {
    format!("{text} USD").parse().unwrap()
}

fn to(tier: Tier) -> NewSubscription {
    NewSubscription { tier, billed: Billed::Monthly }
}

async fn pay(db: &Db, hold_days: u32, number: i64, now: Timestamp) {
    let all = invoices(db, &operator(), &Paging::first(1000)).await.unwrap().items;
    let invoice = all.iter().find(|invoice| invoice.number == number).unwrap();
    let amount = invoice.total.minus(invoice.refunded).unwrap();
    let payment = NewPayment { bank_reference: format!("bank-{number}"), amount };
    record_invoice_payment(db, &Actor::machine(), hold_days, number, &payment, now).await.unwrap();
    record_invoice_payment(db, &Actor::machine(), hold_days, number, &payment, now).await.unwrap();
}

async fn balance(db: &Db, account: Account) -> i64 {
    let mut read = db.read().acquire().await.unwrap();
    ledger::balance(&mut read, &account, Currency::Usd).await.unwrap().minor()
}

#[tokio::test]
async fn an_unknown_state_of_an_invoice_is_an_error() {
    let (_folder, finance) = finance().await;
    change(&finance.db, &Actor::machine(), &operator(), &to(Tier::Developer), day(0)).await.unwrap();
    let mut write = finance.db.write().await.unwrap();
    sqlx::query("update invoices set state = 'lost' where number = 1").execute(&mut *write).await.unwrap();
    let error = periods::find(&mut write, 1).await.unwrap_err().to_string();
    let says = "'lost' is no state of an invoice: write open, paid, uncollectible";
    assert!(error.contains(says), "{error}");
}

#[tokio::test]
async fn a_trial_comes_once_and_more_is_had_at_once() {
    let (_folder, finance) = finance().await;
    let me = operator();
    let tried =
        try_out(&finance.db, &Actor::machine(), &me, &NewTrial { tier: Tier::Team }, day(0)).await.unwrap();
    assert_eq!((tried.tier, tried.deployments, tried.trial), (Tier::Team, Some(100), true));
    assert_eq!(tried.until, Some(day(30)));
    let over = subscription(&finance.db, &me, day(30)).await.unwrap();
    assert_eq!((over.tier, over.trial, over.trial_left), (Tier::Free, false, false));
    assert!(
        try_out(&finance.db, &Actor::machine(), &me, &NewTrial { tier: Tier::Enterprise }, day(31))
            .await
            .is_err()
    );

    let first = change(&finance.db, &Actor::machine(), &me, &to(Tier::Developer), day(40)).await.unwrap();
    assert_eq!((first.tier, first.due[0].number, first.due[0].total), (Tier::Developer, 1, usd("99.00")));
    // More is had when what there is was paid; what is left of it is credited to the cent.
    assert!(change(&finance.db, &Actor::machine(), &me, &to(Tier::Team), day(45)).await.is_err());
    pay(&finance.db, finance.hold_days, 1, day(46)).await;
    let more = change(&finance.db, &Actor::machine(), &me, &to(Tier::Team), day(50)).await.unwrap();
    // The period from the 12th of March has 31 days, of which 10 have passed: 31.93 of 99.00 are earned.
    assert_eq!((more.due[0].lines[1].amount, more.due[0].total), (usd("-67.07"), usd("431.93")));
    pay(&finance.db, finance.hold_days, 2, day(50)).await;
    assert_eq!(balance(&finance.db, Account::Deferred).await, -49_900);
    assert_eq!(balance(&finance.db, Account::Plans).await, -3193);

    // Less comes when what is invoiced is over, and can be thought better of.
    let less = change(&finance.db, &Actor::machine(), &me, &to(Tier::Free), day(60)).await.unwrap();
    assert_eq!((less.tier, less.then), (Tier::Team, Some(Tier::Free)));
    let stays = change(&finance.db, &Actor::machine(), &me, &to(Tier::Team), day(61)).await.unwrap();
    assert_eq!(stays.then, None);
    change(&finance.db, &Actor::machine(), &me, &to(Tier::Developer), day(62)).await.unwrap();
    let renewed = subscription(&finance.db, &me, day(82)).await.unwrap();
    assert_eq!(
        (renewed.tier, renewed.due[0].total, renewed.due[0].number),
        (Tier::Developer, usd("99.00"), 3)
    );
    assert_eq!(balance(&finance.db, Account::Plans).await, -53_093);

    // What is never paid ends, and is written off as far as it was earned.
    let ended = subscription(&finance.db, &me, day(200)).await.unwrap();
    assert_eq!((ended.tier, ended.due.len()), (Tier::Free, 0));
    assert_eq!(balance(&finance.db, Account::Receivable).await, 0);
    assert_eq!(balance(&finance.db, Account::Deferred).await, 0);
}

/// Gives back so much of an invoice, if so much is left.
async fn give_back(finance: &Finance, number: i64, amount: Money, now: Timestamp) -> Result<(), Error> {
    let key = format!("refund of {amount} at {now}");
    let new = NewRefund { key, amount, line: None, as_credit: false, reason: "it did not work".into() };
    let once = rails::refund(finance, &Actor::machine(), number, &new, now).await?;
    assert_eq!(rails::refund(finance, &Actor::machine(), number, &new, now).await?, once);
    Ok(())
}

#[tokio::test]
async fn what_was_given_back_of_a_period_is_neither_earned_nor_credited_again() {
    let (_folder, finance) = finance().await;
    let me = operator();
    change(&finance.db, &Actor::machine(), &me, &to(Tier::Developer), day(40)).await.unwrap();
    pay(&finance.db, finance.hold_days, 1, day(40)).await;
    // 10 of 31 days have passed: of half the price half as much is earned.
    give_back(&finance, 1, usd("49.50"), day(50)).await.unwrap();
    assert_eq!(balance(&finance.db, Account::Plans).await, -1596);
    assert_eq!(balance(&finance.db, Account::Deferred).await, -3354);
    laws(&finance.db, &me).await;
    give_back(&finance, 1, usd("40.00"), day(51)).await.unwrap();
    assert_eq!(balance(&finance.db, Account::Plans).await, -337);
    assert!(give_back(&finance, 1, usd("9.51"), day(52)).await.is_err());
    laws(&finance.db, &me).await;
    // 12 of 31 days of 9.50 are 3.67.
    let more = change(&finance.db, &Actor::machine(), &me, &to(Tier::Team), day(52)).await.unwrap();
    assert_eq!((more.due[0].lines[1].amount, more.due[0].total), (usd("-5.83"), usd("493.17")));
    // All of an invoice, which is not even paid: what it came instead of holds again until it is over.
    give_back(&finance, 2, usd("493.17"), day(53)).await.unwrap();
    let before = subscription(&finance.db, &me, day(54)).await.unwrap();
    assert_eq!((before.tier, before.due.len()), (Tier::Developer, 0));
    assert_eq!((before.state, before.until), (SubscriptionState::Ending, Some(day(71))));
    laws(&finance.db, &me).await;
    advance_all(&finance.db, day(200)).await.unwrap();
    let after = subscription(&finance.db, &me, day(200)).await.unwrap();
    assert_eq!((after.tier, after.due.len()), (Tier::Free, 0));
    laws(&finance.db, &me).await;
}

#[test]
fn the_thirty_first_stays_the_thirty_first() {
    let (mut from, anchor) = (day(0), day(0));
    let mut ends = Vec::new();
    for _ in 0..4 {
        from = next_period(anchor, from, Billed::Monthly).unwrap();
        ends.push(from.to_string());
    }
    assert_eq!(
        ends,
        ["2026-02-28T12:00:00Z", "2026-03-31T12:00:00Z", "2026-04-30T12:00:00Z", "2026-05-31T12:00:00Z"]
    );
    assert_eq!(next_period(anchor, anchor, Billed::Yearly).unwrap().to_string(), "2027-01-31T12:00:00Z");
}

/// Two years of whatever may happen; the laws hold after every day of it.
#[tokio::test]
async fn the_books_hold_whatever_is_changed_paid_or_left_unpaid() {
    for seed in crate::testing::seeds(2) {
        let (_folder, finance) = finance().await;
        let me = operator();
        let mut random = StdRng::seed_from_u64(seed);
        let mut today = 0;
        while today < 730 {
            today += random.random_range(0..25);
            let now = day(today);
            let has = subscription(&finance.db, &me, now).await.unwrap();
            match random.random_range(0..7) {
                0 | 1 => {
                    let tier = Tier::ALL[random.random_range(0..4)];
                    let billed = if random.random_bool(0.2) { Billed::Yearly } else { Billed::Monthly };
                    let _ =
                        change(&finance.db, &Actor::machine(), &me, &NewSubscription { tier, billed }, now)
                            .await;
                }
                2 => {
                    let price = Money::new(random.random_range(0..900_000_i64), Currency::Usd).unwrap();
                    let agreement = Agreement { deployments: Some(500), price, billed: Billed::Monthly };
                    let _ = agree(&finance.db, &Actor::machine(), &me, &agreement, now).await;
                }
                3 => {
                    let all = invoices(&finance.db, &me, &Paging::first(1000)).await.unwrap().items;
                    let Some(invoice) = all.get(random.random_range(0..3)) else { continue };
                    let part =
                        invoice.net.with_minor(random.random_range(1..=invoice.net.minor().max(1))).unwrap();
                    let _ = give_back(&finance, invoice.number, part, now).await;
                }
                _ => {
                    for invoice in has.due {
                        pay(&finance.db, finance.hold_days, invoice.number, now).await;
                    }
                }
            }
            advance_all(&finance.db, now).await.unwrap();
            laws(&finance.db, &me).await;
        }
    }
}

async fn laws(db: &Db, account: &Namespace) {
    let mut read = db.read().acquire().await.unwrap();
    assert_eq!(crate::books::invariants::check(&mut read).await.unwrap().faults, Vec::<String>::new());
    drop(read);
    let mut write = db.write().await.unwrap();
    let all = invoices(db, account, &Paging::first(1000)).await.unwrap().items;
    let numbers: Vec<_> = all.iter().rev().map(|invoice| invoice.number).collect();
    assert_eq!(numbers, (1..=all.len() as i64).collect::<Vec<_>>(), "numbers have no gaps");
    let (mut deferred, mut receivable) = (0, 0);
    for invoice in &all {
        let plan = periods::find(&mut write, invoice.number).await.unwrap();
        if plan.ended_at.is_none() && invoice.state != InvoiceState::Uncollectible {
            deferred += plan.deferred_minor();
        }
        if invoice.state == InvoiceState::Open {
            receivable += invoice.total.minor() - invoice.refunded.minor();
        }
        assert!(plan.ended_at.is_some() || plan.deferred_minor() >= 0);
    }
    drop(write);
    assert_eq!(-balance(db, Account::Deferred).await, deferred, "what is deferred is what is not earned");
    assert_eq!(balance(db, Account::Receivable).await, receivable, "what is owed is what is open");
}
