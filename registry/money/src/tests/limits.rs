//! Customers are told of each part of their limit that they use up, and of no smaller one after a larger one.

use chandlery_accounts::Actor;
use chandlery_package::wire::{Agreement, Paging};
use chandlery_package::{Billed, Money};

use crate::billing;
use crate::testing::{at, finance, operator};

#[tokio::test]
async fn no_smaller_part_of_a_limit_is_told_after_a_larger_one() {
    let (_folder, finance) = finance().await;
    let (db, me) = (&finance.db, operator());
    let price: Money = "0.00 USD".parse().unwrap();
    let agreement = Agreement { deployments: Some(10), price, billed: Billed::Monthly };
    billing::agree(db, &Actor::machine(), &me, &agreement, at("2026-01-01T00:00:00Z")).await.unwrap();
    let told = async || {
        let all = billing::notices(db, &me, &Paging::first(100)).await.unwrap().items;
        all.iter().filter(|notice| notice.subject.contains("deployments are used")).count()
    };
    for (moment, used, count) in [
        ("2026-01-02T00:00:00Z", 7, 0),
        ("2026-01-03T00:00:00Z", 8, 1),
        ("2026-01-03T01:00:00Z", 9, 1),
        ("2026-01-04T00:00:00Z", 10, 2),
        // Less again, or as a host says that has not heard of the others.
        ("2026-01-05T00:00:00Z", 8, 2),
        ("2026-01-06T00:00:00Z", 12, 2),
        ("2026-02-01T00:00:00Z", 8, 3),
    ] {
        billing::warn_of_limit(db, &me, used, at(moment)).await.unwrap();
        assert_eq!(told().await, count, "{used} at {moment}");
    }
    // All at once: the larger one alone.
    billing::warn_of_limit(db, &me, 10, at("2026-03-01T00:00:00Z")).await.unwrap();
    billing::warn_of_limit(db, &me, 8, at("2026-03-02T00:00:00Z")).await.unwrap();
    assert_eq!(told().await, 4);
}
