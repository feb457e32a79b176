//! Two years of subscriptions, and the laws of their books.

use super::*;
use crate::billing::{invoices, record_invoice_payment};
use crate::ledger::{self, Account};
use crate::testing::{operator, registry};
use chandlery_package::Currency;
use chandlery_package::wire::NewPayment;
use rand::rngs::StdRng;
use rand::{Rng as _, SeedableRng as _};

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

async fn pay(registry: &Registry, number: i64, now: Timestamp) {
    let all = invoices(registry, &operator()).await.unwrap();
    let amount = all.iter().find(|invoice| invoice.number == number).unwrap().total;
    let payment = NewPayment { bank_reference: format!("bank-{number}"), amount };
    record_invoice_payment(registry, number, &payment, now).await.unwrap();
    record_invoice_payment(registry, number, &payment, now).await.unwrap();
}

async fn balance(registry: &Registry, account: Account) -> i64 {
    let mut read = registry.db.read().acquire().await.unwrap();
    ledger::balance(&mut read, &account, Currency::Usd).await.unwrap().minor
}

#[tokio::test]
async fn a_trial_comes_once_and_more_is_had_at_once() {
    let (_folder, registry) = registry().await;
    let me = operator();
    let tried = try_out(&registry, &me, &NewTrial { tier: Tier::Team }, day(0)).await.unwrap();
    assert_eq!((tried.tier, tried.deployments, tried.trial), (Tier::Team, Some(100), true));
    assert_eq!(tried.until, Some(day(30)));
    let over = subscription(&registry, &me, day(30)).await.unwrap();
    assert_eq!((over.tier, over.trial, over.trial_left), (Tier::Free, false, false));
    assert!(try_out(&registry, &me, &NewTrial { tier: Tier::Enterprise }, day(31)).await.is_err());

    let first = change(&registry, &me, &to(Tier::Developer), day(40)).await.unwrap();
    assert_eq!((first.tier, first.due[0].number, first.due[0].total), (Tier::Developer, 1, usd("99.00")));
    // More is had when what there is was paid; what is left of it is credited to the cent.
    assert!(change(&registry, &me, &to(Tier::Team), day(45)).await.is_err());
    pay(&registry, 1, day(46)).await;
    let more = change(&registry, &me, &to(Tier::Team), day(50)).await.unwrap();
    // The period from the 12th of March has 31 days, of which 10 have passed: 31.93 of 99.00 are earned.
    assert_eq!((more.due[0].lines[1].amount, more.due[0].total), (usd("-67.07"), usd("431.93")));
    pay(&registry, 2, day(50)).await;
    assert_eq!(balance(&registry, Account::Deferred).await, -49_900);
    assert_eq!(balance(&registry, Account::Plans).await, -3193);

    // Less comes when what is invoiced is over, and can be thought better of.
    let less = change(&registry, &me, &to(Tier::Free), day(60)).await.unwrap();
    assert_eq!((less.tier, less.then), (Tier::Team, Some(Tier::Free)));
    let stays = change(&registry, &me, &to(Tier::Team), day(61)).await.unwrap();
    assert_eq!(stays.then, None);
    change(&registry, &me, &to(Tier::Developer), day(62)).await.unwrap();
    let renewed = subscription(&registry, &me, day(82)).await.unwrap();
    assert_eq!(
        (renewed.tier, renewed.due[0].total, renewed.due[0].number),
        (Tier::Developer, usd("99.00"), 3)
    );
    assert_eq!(balance(&registry, Account::Plans).await, -53_093);

    // What is never paid ends, and is written off as far as it was earned.
    let ended = subscription(&registry, &me, day(200)).await.unwrap();
    assert_eq!((ended.tier, ended.due.len()), (Tier::Free, 0));
    assert_eq!(balance(&registry, Account::Receivable).await, 0);
    assert_eq!(balance(&registry, Account::Deferred).await, 0);
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
    for seed in 0..3 {
        let (_folder, registry) = registry().await;
        let me = operator();
        let mut random = StdRng::seed_from_u64(seed);
        let mut today = 0;
        while today < 730 {
            today += random.gen_range(0..25);
            let now = day(today);
            let has = subscription(&registry, &me, now).await.unwrap();
            match random.gen_range(0..6) {
                0 | 1 => {
                    let tier = Tier::ALL[random.gen_range(0..4)];
                    let billed = if random.gen_bool(0.2) { Billed::Yearly } else { Billed::Monthly };
                    let _ = change(&registry, &me, &NewSubscription { tier, billed }, now).await;
                }
                2 => {
                    let price = Money::new(random.gen_range(0..900_000), Currency::Usd);
                    let agreement = Agreement { deployments: Some(500), price, billed: Billed::Monthly };
                    let _ = agree(&registry, &me, &agreement, now).await;
                }
                _ => {
                    for invoice in has.due {
                        pay(&registry, invoice.number, now).await;
                    }
                }
            }
            advance_all(&registry, now).await.unwrap();
            laws(&registry, &me).await;
        }
    }
}

async fn laws(registry: &Registry, account: &Namespace) {
    let mut read = registry.db.read().acquire().await.unwrap();
    assert_eq!(crate::laws::check(&mut read).await.unwrap().faults, Vec::<String>::new());
    drop(read);
    let mut write = registry.db.write().await.unwrap();
    let all = invoices(registry, account).await.unwrap();
    let numbers: Vec<_> = all.iter().rev().map(|invoice| invoice.number).collect();
    assert_eq!(numbers, (1..=all.len() as i64).collect::<Vec<_>>(), "numbers have no gaps");
    let (mut deferred, mut receivable) = (0, 0);
    for invoice in &all {
        let plan = plans::find(&mut write, invoice.number).await.unwrap();
        if plan.ended_at.is_none() && invoice.state != InvoiceState::Uncollectible {
            deferred += plan.price.minor - plan.recognised_minor;
        }
        if invoice.state == InvoiceState::Open {
            receivable += invoice.total.minor;
        }
        assert!(plan.recognised_minor <= plan.price.minor);
    }
    drop(write);
    assert_eq!(
        -balance(registry, Account::Deferred).await,
        deferred,
        "what is deferred is what is not earned"
    );
    assert_eq!(balance(registry, Account::Receivable).await, receivable, "what is owed is what is open");
}
