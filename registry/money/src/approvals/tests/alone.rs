//! Many small deeds of one operator within a day need as many others as one of their sum.

use chandlery_package::wire::{NewPayment, NewRefund, Payee};

use super::super::{Approved, ask_or_do};
use super::*;
use crate::testing::at;

fn payment(reference: &str, amount: &str) -> Wanted {
    let payment = NewPayment { bank_reference: reference.into(), amount: money(amount) };
    Wanted::InvoicePayment { invoice: 1, payment }
}

fn refund(key: &str, amount: &str) -> Wanted {
    let (reason, amount) = (String::new(), money(amount));
    let refund = NewRefund { key: key.into(), amount, line: None, reason, as_credit: true };
    Wanted::Refund { invoice: 1, refund }
}

/// What becomes of it.
async fn does(finance: &Finance, by: &Namespace, wanted: &Wanted, works: bool) -> &'static str {
    let amount = wanted.moves().or(Some(money("400.00 USD")));
    let asked = Ask { by, wanted, amount };
    let deed = async {
        match works {
            true => Ok(()),
            false => Err(Error::Invalid("it does not work".into())),
        }
    };
    match ask_or_do(finance, &actor(by), &asked, deed).await {
        Ok(Approved::Done(())) => "done",
        Ok(Approved::Waits(_)) => "waits",
        Err(_) => "failed",
    }
}

#[tokio::test]
async fn many_small_ones_are_as_one_large_one() {
    let (_folder, finance) = finance().await;
    let db = &finance.db;
    let (first, second) = (name("operator"), vouched(db, "second").await);
    let mine = made(db, "mine", &first, &second).await;
    finance.clock.set(db, at("2026-06-01T12:00:00Z")).await.unwrap();
    let payee = |reference: &str| Wanted::Payee {
        reference: reference.into(),
        to: Payee { holder: "Globex".into(), iban: "DE89370400440532013000".into(), bic: None },
    };
    for (by, wanted, works, becomes) in [
        // Ten of 999.00: the first alone.
        (&first, payment("A", "999.00 USD"), true, "done"),
        (&first, payment("B", "999.00 USD"), true, "waits"),
        // The same again is the same, and what is left is left.
        (&first, payment("A", "999.00 USD"), true, "done"),
        (&first, payment("C", "1.00 USD"), true, "done"),
        (&first, payment("D", "0.01 USD"), true, "waits"),
        // Its other account has no more to give than itself; somebody else has.
        (&mine, payment("E", "1.00 USD"), true, "waits"),
        (&second, payment("F", "1000.00 USD"), true, "done"),
        // What is of another kind or currency is compared by itself, and what does not work does not count.
        (&first, payment("G", "1000.00 EUR"), true, "done"),
        (&first, payment("H", "100001 JPY"), true, "waits"),
        (&first, refund("A", "600.00 USD"), false, "failed"),
        (&first, refund("B", "600.00 USD"), true, "done"),
        (&first, refund("B", "600.00 USD"), false, "failed"),
        (&first, refund("C", "600.00 USD"), true, "waits"),
        (&first, refund("D", "-600.00 USD"), false, "failed"),
        (&first, refund("E", "400.00 USD"), true, "done"),
        (&first, refund("F", "0.01 USD"), true, "waits"),
        // Where it goes: 400.00 each.
        (&first, payee("BACK-1"), true, "done"),
        (&first, payee("BACK-2"), true, "done"),
        (&first, payee("BACK-3"), true, "waits"),
    ] {
        assert_eq!(does(&finance, by, &wanted, works).await, becomes, "{by} wants to {wanted}");
    }
    for (moment, becomes) in [
        ("2026-06-02T11:59:59Z", ["waits", "waits"]),
        // A day later it may do as much again.
        ("2026-06-02T12:00:00Z", ["done", "waits"]),
    ] {
        finance.clock.set(db, at(moment)).await.unwrap();
        for (key, becomes) in ["X", "Y"].into_iter().zip(becomes) {
            let found = does(&finance, &first, &payment(key, "600.00 USD"), true).await;
            assert_eq!(found, becomes, "{key} at {moment}");
        }
    }
}

#[tokio::test]
async fn what_fails_since_the_same_was_done_meanwhile_counts() {
    let (_folder, finance) = finance().await;
    let first = name("operator");
    vouched(&finance.db, "second").await;
    let wanted = refund("A", "600.00 USD");
    let asked = Ask { by: &first, wanted: &wanted, amount: wanted.moves() };
    let deed = async {
        assert_eq!(does(&finance, &first, &wanted, true).await, "done");
        Err::<(), Error>(Error::Invalid("it was done meanwhile".into()))
    };
    assert!(ask_or_do(&finance, &actor(&first), &asked, deed).await.is_err());
    assert_eq!(does(&finance, &first, &refund("B", "600.00 USD"), true).await, "waits");
}

#[tokio::test]
async fn what_waits_is_compared_as_a_whole_until_others_approve_it() {
    let (_folder, finance) = finance().await;
    let db = &finance.db;
    let (first, second) = (name("operator"), vouched(db, "second").await);
    finance.clock.set(db, at("2026-06-01T12:00:00Z")).await.unwrap();
    assert_eq!(does(&finance, &first, &payment("A", "999.00 USD"), true).await, "done");
    let wanted = payment("B", "999.00 USD");
    let asked = Ask { by: &first, wanted: &wanted, amount: wanted.moves() };
    let request = ask(&finance, &actor(&first), &asked).await.unwrap().unwrap();
    assert_eq!(request.amount, Some(money("1998.00 USD")));
    assert!(approves(&finance, &first, request.id, Timestamp::now()).await.is_err(), "by itself");
    assert!(approves(&finance, &second, request.id, Timestamp::now()).await.unwrap());
    // What another one has approved takes nothing of what is left.
    assert_eq!(does(&finance, &first, &payment("C", "1.00 USD"), true).await, "done");
}

proptest! {
    #![proptest_config(crate::testing::cases(8))]

    /// However it is cut: what one has done alone within any day is no more than what needs nobody else.
    #[test]
    fn nobody_does_more_alone_in_a_day_than_at_once(cuts in proptest::collection::vec((1_i64..120_000, 0_i64..20), 1..30)) {
        tokio::runtime::Runtime::new().unwrap().block_on(async {
            let (_folder, finance) = finance().await;
            let first = name("operator");
            vouched(&finance.db, "second").await;
            let (mut hour, mut done) = (0, Vec::new());
            for (index, (minor, later)) in cuts.into_iter().enumerate() {
                hour += later;
                let now = at("2026-06-01T00:00:00Z") + SignedDuration::from_hours(hour);
                finance.clock.set(&finance.db, now).await.unwrap();
                let amount = Money::new(minor, chandlery_package::Currency::Usd).unwrap();
                if does(&finance, &first, &payment(&index.to_string(), &amount.to_string()), true).await == "done" {
                    done.push((hour, minor));
                }
                let within: i64 = done.iter().filter(|(at, _)| at + 24 > hour).map(|(_, minor)| minor).sum();
                assert!(within <= 100_000, "{done:?}");
            }
        });
    }
}
