//! Refunds and disputes at every point of a sale's life, to the cent.

use chandlery_accounts::Actor;
use chandlery_package::wire::{NewPayment, NewRefund, ReplayDifference};
use chandlery_package::{Balance, Currency, Money, Namespace};
use jiff::{SignedDuration, Timestamp};
use proptest::prelude::*;

use crate::billing::{order, record_payment};
use crate::ledger::{self, Account};
use crate::rails::refund;
use crate::testing::{at, faults, market, operator};
use crate::{Finance, payouts, sharing};
use chandlery_store::Db;

const OFFER: &str =
    r#"{"price": {"kind": "once", "amount": {"minor": 10000, "currency": "USD"}}, "trial_days": 0}"#;

fn acme() -> Namespace {
    "acme".parse().unwrap()
}

fn usd(minor: i64) -> Money {
    Money::new(minor, Currency::Usd).unwrap()
}

fn day(number: i64) -> Timestamp {
    at("2026-01-01T00:00:00Z") + SignedDuration::from_hours(24 * number)
}

/// A sale of 100.00, with a tenth of the partner's 85.00 in reserve for 90 days; the sale's number.
async fn sold() -> (tempfile::TempDir, Finance, i64) {
    let (folder, finance) = market(&["globex"], OFFER).await;
    let policy =
        r#"{"commission": [{"rate": "15%"}], "services": "15%", "reserve": {"rate": "10%", "days": 90}}"#;
    sqlx::query("update share_policies set body = $1").bind(policy).execute(finance.db.read()).await.unwrap();
    let customer = "globex".parse().unwrap();
    let new = serde_json::from_str(r#"{"plugin": "acme:serving"}"#).unwrap();
    let order = order(&finance.db, &Actor::machine(), &customer, &new, day(0)).await.unwrap();
    let payment = NewPayment { bank_reference: "B-1".into(), amount: usd(10_000) };
    record_payment(&finance.db, &Actor::machine(), finance.hold_days, &order.reference, &payment, day(0))
        .await
        .unwrap();
    (folder, finance, 1)
}

async fn give_back(finance: &Finance, key: &str, minor: i64, now: Timestamp) {
    let new = NewRefund {
        key: key.into(),
        amount: usd(minor),
        line: None,
        reason: String::new(),
        as_credit: false,
    };
    refund(finance, &Actor::machine(), 1, &new, now).await.unwrap();
    // Asked for again, it is given once.
    refund(finance, &Actor::machine(), 1, &new, now).await.unwrap();
}

/// What is owed by each of the partner's accounts, the commission, and the bank.
async fn held(db: &Db) -> [i64; 6] {
    let mut db = db.read().acquire().await.unwrap();
    let mut held = [0; 6];
    let accounts = [
        Account::Pending(acme()),
        Account::Reserve(acme()),
        Account::Available(acme()),
        Account::OwedBy(acme()),
        Account::Commission,
        Account::Bank,
    ];
    for (index, account) in accounts.iter().enumerate() {
        held[index] = -ledger::balance(&mut db, account, Currency::Usd).await.unwrap().minor();
    }
    held
}

/// Pays out all that is available.
async fn pay_out(db: &Db, now: Timestamp) {
    let payout =
        payouts::propose(db, &Actor::machine(), &operator(), &acme(), Currency::Usd, now).await.unwrap();
    crate::testing::approve(db, &Actor::machine(), &"globex".parse().unwrap(), payout.id, now).await.unwrap();
    payouts::confirm(db, &Actor::machine(), payout.id, "SEPA-1", None, now).await.unwrap();
}

#[tokio::test]
async fn a_refund_before_the_payout_comes_from_hold_and_reserve() {
    let (_folder, finance, _) = sold().await;
    assert_eq!(held(&finance.db).await, [7650, 850, 0, 0, 1500, -10_000]);
    give_back(&finance, "r", 10_000, day(1)).await;
    assert_eq!(held(&finance.db).await, [0; 6]);
    assert_eq!(faults(&finance.db).await, Vec::<String>::new());
}

#[tokio::test]
async fn a_refund_after_the_payout_is_owed_and_recovered_from_what_comes_next() {
    let (_folder, finance, _) = sold().await;
    sharing::release_matured(&finance.db, day(31)).await.unwrap();
    pay_out(&finance.db, day(32)).await;
    assert_eq!(held(&finance.db).await, [0, 850, 0, 0, 1500, -2350]);
    give_back(&finance, "r", 10_000, day(40)).await;
    // As the field's practice has it: the reserve first, the rest is a receivable from the partner.
    assert_eq!(held(&finance.db).await, [0, 0, 0, -7650, 0, 7650]);
    sqlx::query(
        "insert into accounts (name, password_hash, role, created_at) values ('initech', '', '', '')",
    )
    .execute(finance.db.read())
    .await
    .unwrap();
    let new = serde_json::from_str(r#"{"plugin": "acme:serving"}"#).unwrap();
    let next =
        order(&finance.db, &Actor::machine(), &"initech".parse().unwrap(), &new, day(41)).await.unwrap();
    let payment = NewPayment { bank_reference: "B-2".into(), amount: usd(10_000) };
    record_payment(&finance.db, &Actor::machine(), finance.hold_days, &next.reference, &payment, day(41))
        .await
        .unwrap();
    sharing::release_matured(&finance.db, day(72)).await.unwrap();
    assert_eq!(held(&finance.db).await, [0, 850, 0, 0, 1500, -2350], "7650 were recovered");
    assert!(
        payouts::propose(&finance.db, &Actor::machine(), &operator(), &acme(), Currency::Usd, day(73))
            .await
            .is_err()
    );
    assert_eq!(faults(&finance.db).await, Vec::<String>::new());
}

/// A payout of 76.50, of which 57.38 were sent by a transfer and a quarter was withheld; its number.
async fn transferred() -> (tempfile::TempDir, Finance, i64) {
    let (folder, finance, _) = sold().await;
    let profile = r#"{"rail": {"kind": "stripe", "account": "acct_1"}, "withheld": "25%"}"#;
    sqlx::query(
        "insert into payout_profiles (partner, version, body, changed_by, changed_at, approved_by)
         values ('acme', 1, $1, 'operator', '2026-01-01T00:00:00.000000Z', 'operator')",
    )
    .bind(profile)
    .execute(finance.db.read())
    .await
    .unwrap();
    sharing::release_matured(&finance.db, day(31)).await.unwrap();
    let (db, actor, usd_of) = (&finance.db, Actor::machine(), Currency::Usd);
    let payout = payouts::propose(db, &actor, &operator(), &acme(), usd_of, day(32)).await.unwrap();
    let payout =
        crate::testing::approve(db, &actor, &"globex".parse().unwrap(), payout.id, day(32)).await.unwrap();
    // A quarter of 76.50 is withheld, rounded to the even cent: 19.12.
    assert_eq!((payout.withheld, payout.sent), (usd(1912), usd(5738)));
    (folder, finance, payout.id)
}

/// The processor tells that a transfer is of so much, of which so much was reversed; whether the books took it.
async fn told(db: &Db, payout: i64, amount: i64, reversed: i64) -> bool {
    let mut write = crate::testing::writing(db).await;
    let followed =
        payouts::follow_transfer(&mut write, payout, "tr_1", usd(amount), usd(reversed), day(33)).await;
    if followed.is_ok() {
        write.commit().await.unwrap();
    }
    followed.is_ok()
}

#[tokio::test]
async fn a_payout_comes_back_in_parts_to_the_cent() {
    let (_folder, finance, payout) = transferred().await;
    for (reversed, available) in
        [(0, 0), (1, 1), (3, 4), (1000, 1333), (999, 1333), (5738, 7650), (5738, 7650)]
    {
        assert!(told(&finance.db, payout, 5738, reversed).await);
        assert_eq!(held(&finance.db).await[2], available, "{reversed} came back");
        assert_eq!(faults(&finance.db).await, Vec::<String>::new(), "{reversed} came back");
    }
    for (amount, reversed) in [(5739, 0), (5738, 5739), (100, 100)] {
        assert!(!told(&finance.db, payout, amount, reversed).await, "{amount}, {reversed}");
    }
}

#[tokio::test]
async fn a_dispute_holds_the_share_and_is_lost_or_won() {
    for won in [true, false] {
        let (_folder, finance, sale) = sold().await;
        let mut write = crate::testing::writing(&finance.db).await;
        sharing::open_dispute(&mut write, "dp", sale, usd(10_000), usd(1500), day(3)).await.unwrap();
        sharing::open_dispute(&mut write, "dp", sale, usd(10_000), usd(1500), day(3)).await.unwrap();
        write.commit().await.unwrap();
        assert_eq!(held(&finance.db).await, [0, 0, 0, 0, 1500, -10_000]);
        // While it lasts, nothing more can be taken, and nothing becomes available.
        let more = NewRefund {
            key: "m".into(),
            amount: usd(1),
            line: None,
            reason: String::new(),
            as_credit: false,
        };
        assert!(refund(&finance, &Actor::machine(), 1, &more, day(4)).await.is_err());
        sharing::release_matured(&finance.db, day(31)).await.unwrap();
        assert_eq!(held(&finance.db).await[2], 0);
        let mut write = crate::testing::writing(&finance.db).await;
        sharing::close_dispute(&mut write, "dp", won, day(50)).await.unwrap();
        sharing::close_dispute(&mut write, "dp", won, day(50)).await.unwrap();
        assert!(sharing::close_dispute(&mut write, "dp", !won, day(50)).await.is_err());
        write.commit().await.unwrap();
        let expected = if won { [0, 850, 7650, 0, 1500, -10_000] } else { [0, 0, 0, 0, 0, -10_000] };
        assert_eq!(held(&finance.db).await, expected, "won: {won}");
        assert_eq!(faults(&finance.db).await, Vec::<String>::new());
    }
}

proptest! {
    #![proptest_config(crate::testing::cases(10))]

    /// However a sale is given back in parts, and whenever, all of it is back at last, from everybody.
    #[test]
    fn of_many_refunds_the_last_lands_on_zero(cuts in proptest::collection::vec((1i64..3000, 0i64..40), 1..7), paid: bool) {
        tokio::runtime::Runtime::new().unwrap().block_on(async {
            let (_folder, finance, _) = sold().await;
            let (mut left, mut today) = (10_000, 1);
            for (index, (minor, days)) in cuts.iter().enumerate() {
                today += days;
                sharing::release_matured(&finance.db, day(today)).await.unwrap();
                if paid && held(&finance.db).await[2] > 0 {
                    pay_out(&finance.db, day(today)).await;
                }
                let minor = (*minor).min(left);
                if minor > 0 {
                    give_back(&finance, &format!("r{index}"), minor, day(today)).await;
                    left -= minor;
                }
                assert_eq!(faults(&finance.db).await, Vec::<String>::new());
            }
            if left > 0 {
                give_back(&finance, "last", left, day(today)).await;
            }
            let [pending, reserve, available, owed, commission, bank] = held(&finance.db).await;
            assert_eq!((pending, reserve, available, commission), (0, 0, 0, 0));
            assert_eq!(owed + bank, 0, "what was paid out is owed");
            assert_eq!(faults(&finance.db).await, Vec::<String>::new());
        });
    }
}

fn message() -> impl Strategy<Value = (i64, i64)> {
    let amount = prop_oneof![6 => Just(5738_i64), 1 => Just(1), 1 => 0..10_000_i64];
    let reversed = prop_oneof![4 => 0..=5738_i64, 1 => Just(5738), 1 => Just(5739), 1 => -10..20_000_i64];
    (amount, reversed)
}

proptest! {
    #![proptest_config(crate::testing::cases(10))]

    /// Whatever is told of a transfer, and in whatever order: the most of it that was reversed is the partner's again, and nothing
    /// beside it.
    #[test]
    fn a_message_settles_an_amount_and_not_a_state(messages in proptest::collection::vec(message(), 1..12)) {
        tokio::runtime::Runtime::new().unwrap().block_on(async {
            let (_folder, finance, payout) = transferred().await;
            let mut back = 0;
            for (amount, reversed) in messages {
                let is_possible = amount == 5738 && (0..=5738).contains(&reversed);
                // Nothing stands of what has come back whole.
                let is_right = is_possible && (back < 5738 || reversed == 5738);
                assert_eq!(told(&finance.db, payout, amount, reversed).await, is_right, "{amount}, {reversed}");
                back = if is_right { back.max(reversed) } else { back };
                let twice = 2 * 7650 * back;
                let (nearest, is_half) = ((twice + 5738) / (2 * 5738), (twice + 5738) % (2 * 5738) == 0);
                let available = if is_half && nearest % 2 == 1 { nearest - 1 } else { nearest };
                let [_, _, found, owed, _, _] = held(&finance.db).await;
                assert_eq!((found, owed), (available, 0), "{back} came back");
                assert_eq!(faults(&finance.db).await, Vec::<String>::new());
            }
        });
    }
}

/// More sales than are read at a time come to what all of them do.
#[tokio::test]
async fn a_policy_shares_every_sale_again() {
    let (_folder, finance) = market(&["globex"], OFFER).await;
    for sql in [
        "with recursive numbers (id) as (select 1 union all select id + 1 from numbers where id < 2501)
         insert into sales (id, source, customer, seller, plugin, currency, gross_minor, commission_minor, policy, before_minor,
                            volume_minor, volume_currency, referred, sold_at, refunded_minor, commission_returned_minor,
                            disputed_minor)
         select id, 'sale ' || id, 'globex', 'acme', 'acme:serving', 'USD', 100, 15, (select min(version) from share_policies), 0,
                100, 'USD', 0, '2026-01-01T00:00:00.000000Z', 0, 0, 0
         from numbers",
        "insert into lots (id, sale, partner, role, currency, share_minor, reserve_minor, returned_minor, reserve_returned_minor)
         select id, id, 'acme', 'seller', 'USD', 85, 0, 0, 0 from sales",
        "update sales set void_at = sold_at where id = 1000",
    ] {
        sqlx::query(sql).execute(finance.db.read()).await.unwrap();
    }
    let policy = serde_json::from_str(r#"{"commission": [{"rate": "20%"}], "services": "15%"}"#).unwrap();
    let found = sharing::replay(&mut finance.db.snapshot().await.unwrap(), &policy).await.unwrap();
    let row = |partner: Option<Namespace>, was: i64, would_be: i64| {
        let sum = |minor: i64| Balance::new(minor, Currency::Usd).unwrap();
        ReplayDifference { partner, was: sum(was), would_be: sum(would_be), difference: sum(would_be - was) }
    };
    assert_eq!(found, [row(None, 37_500, 50_000), row(Some(acme()), 212_500, 200_000)]);
}
