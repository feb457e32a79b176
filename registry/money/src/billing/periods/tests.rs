//! What a day has earned is dated to it, however long nobody looked.

use chandlery_accounts::Actor;
use chandlery_package::Billed;
use chandlery_package::wire::NewSubscription;

use super::*;
use crate::billing;
use crate::testing::{at, faults, finance, operator};

/// How many postings to revenue each month has, and what they come to.
async fn by_month(db: &Db) -> Vec<(String, i64, i64)> {
    let rows: Vec<(String, i64, i64)> = sqlx::query_as(
        "select substr(at, 1, 7), count(*), cast(-sum(minor) as bigint)
         from ledger_postings join ledger_transactions on id = transaction_id
         where account = 'revenue:plans' group by 1 order by 1",
    )
    .fetch_all(db.read())
    .await
    .unwrap();
    rows
}

#[tokio::test]
async fn days_that_were_missed_are_dated_to_themselves_while_their_month_is_open() {
    let months = |rows: &[(&str, i64, i64)]| -> Vec<(String, i64, i64)> {
        rows.iter().map(|(month, count, minor)| ((*month).to_owned(), *count, *minor)).collect()
    };
    // 99.00 for 31 days from the 20th of January; the 11th of them ends with the 31st of January, the 21st on the 10th of February.
    let open = months(&[("2026-01", 11, 3512), ("2026-02", 10, 3194)]);
    let closed = months(&[("2026-02", 11, 6706)]);
    for (is_closed, expected) in [(false, open), (true, closed)] {
        let (_folder, finance) = finance().await;
        let db = &finance.db;
        let new = NewSubscription { tier: Tier::Developer, billed: Billed::Monthly };
        let begin = at("2026-01-20T00:00:00Z");
        billing::change(db, &Actor::machine(), &operator(), &new, begin).await.unwrap();
        if is_closed {
            let mut write = db.write().await.unwrap();
            let month = "2026-01".parse().unwrap();
            ledger::close(&mut write, month, &operator(), at("2026-02-01T00:00:00Z")).await.unwrap();
            write.commit().await.unwrap();
        }
        for _ in 0..2 {
            recognise_all(db, at("2026-02-10T00:00:00Z")).await.unwrap();
            assert_eq!(by_month(db).await, expected, "January is closed: {is_closed}");
        }
        // Looked at every day or at once, it comes to the same.
        recognise_all(db, at("2026-02-20T00:00:00Z")).await.unwrap();
        let all: i64 = by_month(db).await.iter().map(|(.., minor)| minor).sum();
        assert_eq!(all, 9900);
        assert_eq!(faults(db).await, Vec::<String>::new());
    }
}

/// A month of 31 days, of which so much has been earned.
fn january(price: i64, recognised: i64) -> SubscriptionPeriod {
    SubscriptionPeriod {
        invoice: 1,
        account: operator(),
        state: InvoiceState::Paid,
        tier: Tier::Developer,
        months: 1,
        from: at("2026-01-01T00:00:00Z"),
        to: at("2026-02-01T00:00:00Z"),
        price: Money::new(price, Currency::Usd).unwrap(),
        refunded_minor: 0,
        ended_at: None,
        recognised_minor: recognised,
        replaces: None,
        charged_minor: price,
        returned_minor: 0,
        rest: None,
    }
}

/// Of a price of a few cents most days earn nothing, and the last one what is left.
#[test]
fn a_day_that_earns_nothing_posts_nothing() {
    for (price, recognised, expected) in
        [(3_i64, 0, vec![(11, 1), (21, 2), (31, 3)]), (3, 2, vec![(31, 3)]), (0, 0, vec![])]
    {
        let plan = january(price, recognised);
        let found = days(&plan, plan.to, None, plan.to);
        let expected: Vec<_> = expected
            .into_iter()
            .map(|(day, minor)| (plan.from + SignedDuration::from_hours(24 * day), minor))
            .collect();
        assert_eq!(found, expected, "{price}, of which {recognised}");
    }
}

/// What was left in the middle of a day is earned in days that begin there: the last one is shorter, and is not earned before its end.
#[test]
fn the_last_day_of_a_rest_is_shorter_and_earns_what_is_left() {
    let mut plan = january(310, 285);
    plan.rest = Some((at("2026-01-29T12:00:00Z"), 285));
    let expected =
        [("2026-01-30T12:00:00Z", 293), ("2026-01-31T12:00:00Z", 301), ("2026-02-01T00:00:00Z", 310)];
    assert_eq!(days(&plan, plan.to, None, plan.to), expected.map(|(end, earned)| (at(end), earned)));
    let last_moment = at("2026-01-31T23:59:59Z");
    assert_eq!((plan.earned_minor(last_moment), plan.earned_minor(plan.to)), (301, 310));
}
