//! What partners are told of their money, to the cent: net of what was given back, without what is others', and with what was taken for
//! a debt; and partners that leave or owe.

use chandlery_accounts::Actor;
use chandlery_package::wire::{
    DebtOffset, HeldFor, LotRole, NewDebtWriteOff, NewPayment, NewRefund, Paging, PayoutRun, WriteOffState,
};
use chandlery_package::{Currency, Money, Namespace};
use chandlery_store::Db;
use jiff::{SignedDuration, Timestamp};
use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};

use super::*;
use crate::billing::{order, record_payment};
use crate::ledger::{self, Account, Transaction};
use crate::sharing::{self, NewSale};
use crate::testing::{approve, at, faults, market, operator, writing};
use crate::{Finance, rails};

const OFFER: &str =
    r#"{"price": {"kind": "once", "amount": {"minor": 10000, "currency": "USD"}}, "trial_days": 0}"#;
const CUSTOMERS: [&str; 8] =
    ["globex", "initech", "umbrella", "hooli", "soylent", "tyrell", "cyberdyne", "wonka"];

fn name(text: &str) -> Namespace {
    text.parse().unwrap()
}

fn acme() -> Namespace {
    name("acme")
}

fn usd(minor: i64) -> Money {
    Money::new(minor, Currency::Usd).unwrap()
}

fn day(number: i64) -> Timestamp {
    at("2026-01-01T00:00:00Z") + SignedDuration::from_hours(24 * number)
}

/// A market in which `friends` refer customers.
async fn with_policy(policy: &str) -> (tempfile::TempDir, Finance) {
    let (folder, finance) = market(&CUSTOMERS, OFFER).await;
    let db = &finance.db;
    sqlx::query("insert into namespaces (name, created_at) values ('friends', '')")
        .execute(db.read())
        .await
        .unwrap();
    sqlx::query("update share_policies set body = $1").bind(policy).execute(db.read()).await.unwrap();
    (folder, finance)
}

const FLAT: &str = r#"{"commission": [{"rate": "15%"}], "services": "15%", "referral": "5%"}"#;

/// Sells the plugin once, and gives the number of the invoice, which is paid.
async fn sell(finance: &Finance, customer: &str, referrer: Option<&str>, now: Timestamp) -> i64 {
    let (db, actor) = (&finance.db, Actor::machine());
    let new = serde_json::json!({ "plugin": "acme:serving", "referrer": referrer });
    let new = serde_json::from_value(new).unwrap();
    let order = order(db, &actor, &name(customer), &new, now).await.unwrap();
    let payment = NewPayment { bank_reference: format!("B-{customer}"), amount: order.due.unwrap() };
    let hold = finance.hold_days;
    record_payment(db, &actor, hold, &order.reference, &payment, now).await.unwrap().invoice.unwrap()
}

async fn give_back(finance: &Finance, invoice: i64, minor: i64, now: Timestamp) -> bool {
    let key = format!("{invoice} on {now}");
    let new = NewRefund { key, amount: usd(minor), line: None, reason: String::new(), as_credit: false };
    rails::refund(finance, &Actor::machine(), invoice, &new, now).await.is_ok()
}

/// Pays out all that is available in a currency.
async fn pay_out(db: &Db, now: Timestamp) -> i64 {
    let payout = propose(db, &Actor::machine(), &operator(), &acme(), Currency::Usd, now).await.unwrap();
    approve(db, &Actor::machine(), &name("globex"), payout.id, now).await.unwrap();
    confirm(db, &Actor::machine(), payout.id, &format!("SEPA-{}", payout.id), None, now).await.unwrap();
    payout.id
}

async fn run_of(db: &Db, now: Timestamp) -> PayoutRun {
    propose_run(db, &Actor::machine(), &operator(), now).await.unwrap()
}

async fn owed(db: &Db, currency: Currency) -> i64 {
    let mut read = db.read().acquire().await.unwrap();
    ledger::balance(&mut read, &Account::OwedBy(acme()), currency).await.unwrap().minor()
}

/// What a partner is told that it has sold, by months and by plugins alike: gross, net and how many sales.
async fn told(db: &Db, partner: &str) -> (i64, i64, u64) {
    let mut read = db.snapshot().await.unwrap();
    let months = by_month(&mut read, &name(partner)).await.unwrap();
    let plugins = by_plugin(&mut read, &name(partner), &Paging::first(10)).await.unwrap().items;
    let add = |(gross, net, sales): (i64, i64, u64), one: (Money, Money, u64)| {
        (gross + one.0.minor(), net + one.1.minor(), sales + one.2)
    };
    let by_month = months.iter().map(|one| (one.gross, one.net, one.sales)).fold((0, 0, 0), add);
    let by_plugin = plugins.iter().map(|one| (one.gross, one.net, one.sales)).fold((0, 0, 0), add);
    assert_eq!(by_month, by_plugin);
    by_month
}

#[tokio::test]
async fn what_was_given_back_or_never_paid_is_in_no_sum_and_a_referrer_sees_its_own_share() {
    let (_folder, finance) = with_policy(FLAT).await;
    let db = &finance.db;
    let invoice = sell(&finance, "globex", Some("friends"), day(0)).await;
    assert_eq!(told(db, "acme").await, (10_000, 8500, 1));
    assert_eq!(told(db, "friends").await, (500, 500, 1));
    assert!(give_back(&finance, invoice, 4000, day(2)).await);
    assert_eq!(told(db, "acme").await, (6000, 5100, 1));
    assert_eq!(told(db, "friends").await, (300, 300, 1));
    // Another sale of 50.00 is given up.
    let mut write = writing(db).await;
    let (customer, seller, plugin) = (name("initech"), acme(), "acme:serving".parse().unwrap());
    let new = NewSale {
        source: "a test".into(),
        customer: &customer,
        seller: &seller,
        plugin: Some(&plugin),
        gross: usd(5000),
        referrer: None,
        at: day(3),
        shared_by: day(3),
    };
    let sale = sharing::accrue(&mut write, &new).await.unwrap();
    let kind = chandlery_package::wire::TransactionKind::WrittenOff;
    let given_up = sharing::void(&mut write, sale, Transaction::new(kind, "a test", day(4)), day(4)).await;
    let given_up = given_up.unwrap().credit(Account::Unbilled, usd(5000));
    ledger::post(&mut write, given_up).await.unwrap();
    write.commit().await.unwrap();
    assert_eq!(told(db, "acme").await, (6000, 5100, 1));

    let mut read = db.snapshot().await.unwrap();
    for (partner, grosses) in [("acme", vec![Some(0), Some(6000)]), ("friends", vec![None])] {
        let all = transactions(&mut read, &name(partner), &Paging::first(100)).await.unwrap().items;
        let sales = all.iter().filter(|one| one.kind.as_str() == "sale");
        let found: Vec<_> = sales.map(|one| one.gross.map(Money::minor)).collect();
        assert_eq!(found, grosses, "{partner}");
    }
    drop(read);

    // What friends are paid is explained by their share, without the price and what others get.
    sharing::release_matured(db, day(31)).await.unwrap();
    let payout = propose(db, &Actor::machine(), &operator(), &name("friends"), Currency::Usd, day(31)).await;
    let explained = explain(db, payout.unwrap().id).await.unwrap();
    let lot = explained.items[0].lot.clone().unwrap();
    assert_eq!((lot.role, lot.share, lot.returned), (LotRole::Referrer, usd(500), usd(200)));
    assert_eq!((lot.sale.gross, lot.sale.commission, lot.sale.sold_before_minor), (None, None, None));
    assert_eq!(faults(db).await, Vec::<String>::new());
}

#[tokio::test]
async fn what_was_taken_for_a_debt_is_explained() {
    let (_folder, finance) = with_policy(FLAT).await;
    let db = &finance.db;
    let invoice = sell(&finance, "globex", None, day(0)).await;
    let first = pay_out(db, day(32)).await;
    assert!(give_back(&finance, invoice, 10_000, day(40)).await);
    assert_eq!(owed(db, Currency::Usd).await, 8500);
    // 60.00 of the next sale are given back: what is left of it settles 34.00, the one after that the rest.
    let second = sell(&finance, "initech", None, day(41)).await;
    assert!(give_back(&finance, second, 6000, day(42)).await);
    sell(&finance, "umbrella", None, day(43)).await;
    let next = pay_out(db, day(80)).await;
    assert_eq!(owed(db, Currency::Usd).await, 0);
    assert!(explain(db, first).await.unwrap().recoveries.is_empty());
    let explained = explain(db, next).await.unwrap();
    let recovered: Vec<_> = explained.recoveries.iter().map(|taken| taken.amount).collect();
    assert_eq!(recovered, [usd(3400), usd(5100)]);
    assert_eq!(explained.payout.amount, usd(3400));
    assert_eq!(faults(db).await, Vec::<String>::new());
}

#[tokio::test]
async fn one_who_leaves_is_paid_what_is_left_once_nothing_is_held() {
    let policy = r#"{"commission": [{"rate": "15%"}], "services": "15%", "reserve": {"rate": "10%", "days": 90},
                     "minimum": {"USD": "100.00 USD"}}"#;
    let actor = Actor::machine();
    for by_operator in [false, true] {
        let (_folder, finance) = with_policy(policy).await;
        let db = &finance.db;
        sell(&finance, "globex", None, day(0)).await;
        if !by_operator {
            let told = leaving::set(db, &actor, &acme(), &name("globex"), true, day(1)).await.unwrap();
            let held: Vec<_> =
                told.held.iter().map(|held| (held.reason, held.amount.minor(), held.until)).collect();
            let on_hold = (HeldFor::Hold, 7650, Some(day(30)));
            assert_eq!(held, [on_hold, (HeldFor::Reserve, 850, Some(day(90)))]);
            assert_eq!(told.since, Some(day(1)));
        }
        // Less than the least that is paid out, and a reserve that lasts.
        assert!(run_of(db, day(31)).await.items.is_empty());
        let refused = propose_final(db, &actor, &operator(), &acme(), day(31)).await.unwrap_err().to_string();
        assert_eq!(refused, "of 'acme' are held: 8.50 USD in reserve until 2026-04-01");
        let run = match by_operator {
            false => run_of(db, day(91)).await,
            true => {
                assert!(run_of(db, day(91)).await.items.is_empty());
                propose_final(db, &actor, &operator(), &acme(), day(91)).await.unwrap()
            }
        };
        assert_eq!((run.items.len(), run.items[0].amount, run.left_out.len()), (1, usd(8500), 0));
        let stays = leaving::set(db, &actor, &acme(), &name("globex"), false, day(92)).await.unwrap();
        assert_eq!((stays.since, stays.held), (None, Vec::new()));
        assert_eq!(faults(db).await, Vec::<String>::new());
    }
}

/// A partner that owes 85.00 USD and has 85.00 EUR available.
async fn in_debt() -> (tempfile::TempDir, Finance) {
    let (folder, finance) = with_policy(FLAT).await;
    let db = &finance.db;
    let invoice = sell(&finance, "globex", None, day(0)).await;
    pay_out(db, day(32)).await;
    assert!(give_back(&finance, invoice, 10_000, day(40)).await);
    sqlx::query(
        "insert into prices (plugin, version, since, offer, customer) values ('acme:serving', 2, '2020', $1, 'initech')",
    )
    .bind(OFFER.replace("USD", "EUR"))
    .execute(db.read())
    .await
    .unwrap();
    sell(&finance, "initech", None, day(41)).await;
    (folder, finance)
}

#[tokio::test]
async fn a_debt_is_settled_in_another_currency_where_that_was_agreed() {
    let offset = DebtOffset { from: Currency::Eur, to: Currency::Usd, agreed: true };
    // Not agreed; agreed, without a rate; agreed, at 1.1 (77.27 EUR for 85.00 USD); and at 0.5, where all of it is not enough.
    for (agreed, rate, paid, still_owed, left_out) in [
        (false, None, 8500, 8500, 0),
        (true, None, 8500, 8500, 1),
        (true, Some((11_i64, 10_i64)), 773, 0, 0),
        (true, Some((1, 2)), 0, 4250, 0),
    ] {
        let (_folder, finance) = in_debt().await;
        let db = &finance.db;
        if agreed {
            for _ in 0..2 {
                let (actor, owner) = (Actor::machine(), name("globex"));
                sharing::agree_offset(db, &actor, &acme(), &owner, &offset, day(50)).await.unwrap();
            }
        }
        if let Some((numerator, denominator)) = rate {
            sqlx::query(
                "insert into fx_rates (base, quote, day, numerator, denominator) values ('EUR', 'USD', '2026-01-01', $1, $2)",
            )
            .bind(numerator)
            .bind(denominator)
            .execute(db.read())
            .await
            .unwrap();
        }
        let run = run_of(db, day(72)).await;
        assert_eq!(run.items.iter().map(|payout| payout.amount.minor()).sum::<i64>(), paid, "{rate:?}");
        assert_eq!((owed(db, Currency::Usd).await, run.left_out.len()), (still_owed, left_out), "{rate:?}");
        if left_out == 1 {
            let says = "no rate from EUR to USD for 2026-03-14, which what 'acme' owes in USD";
            assert!(run.left_out[0].contains(says), "{:?}", run.left_out);
        }
        if paid == 773 {
            let explained = explain(db, run.items[0].id).await.unwrap();
            let items: Vec<_> =
                explained.items.iter().map(|item| (item.kind.as_str(), item.amount.minor())).collect();
            assert_eq!(items, [("earning", 8500), ("offset", -7727)]);
        }
        assert_eq!(faults(db).await, Vec::<String>::new());
    }
    let (_folder, finance) = in_debt().await;
    let same = DebtOffset { from: Currency::Usd, ..offset };
    let refused =
        sharing::agree_offset(&finance.db, &Actor::machine(), &acme(), &name("globex"), &same, day(50)).await;
    assert!(refused.is_err());
}

#[tokio::test]
async fn a_debt_is_given_up_once_and_as_far_as_it_is_owed() {
    let (_folder, finance) = in_debt().await;
    let (db, actor, other) = (&finance.db, Actor::machine(), name("globex"));
    let new = |minor: i64, reason: &str| NewDebtWriteOff {
        partner: acme(),
        amount: usd(minor),
        reason: reason.into(),
    };
    for refused in [new(8501, "gone"), new(0, "gone"), new(-1, "gone"), new(1, " ")] {
        assert!(
            write_offs::propose(db, &actor, &operator(), &refused, day(50)).await.is_err(),
            "{refused:?}"
        );
    }
    let one = write_offs::propose(db, &actor, &operator(), &new(5000, "gone"), day(50)).await.unwrap();
    let two = write_offs::propose(db, &actor, &operator(), &new(4000, "gone"), day(50)).await.unwrap();
    let approve = async |id: i64| {
        let mut write = db.write().await?;
        let approved = write_offs::approve(&mut write, &actor, &other, id, day(51)).await?;
        write.commit().await?;
        Ok::<_, crate::Error>(approved)
    };
    assert_eq!(owed(db, Currency::Usd).await, 8500);
    for _ in 0..2 {
        let approved = approve(one.id).await.unwrap();
        assert_eq!((approved.state, approved.decided_by), (WriteOffState::Approved, Some(other.clone())));
        assert_eq!(owed(db, Currency::Usd).await, 3500);
    }
    // By then it owes less than was proposed.
    assert!(approve(two.id).await.is_err());
    for _ in 0..2 {
        let cancelled = write_offs::cancel(db, &actor, &operator(), two.id).await.unwrap();
        assert_eq!(cancelled.state, WriteOffState::Cancelled);
    }
    assert!(write_offs::cancel(db, &actor, &operator(), one.id).await.is_err());
    let mut read = db.read().acquire().await.unwrap();
    assert_eq!(ledger::balance(&mut read, &Account::BadDebt, Currency::Usd).await.unwrap(), usd(5000).into());
    drop(read);
    let listed = write_offs::list(db, &Paging::first(10)).await.unwrap().items;
    assert_eq!(listed.iter().map(|one| one.id).collect::<Vec<_>>(), [two.id, one.id]);
    assert_eq!(faults(db).await, Vec::<String>::new());
}

#[tokio::test]
async fn a_payout_without_a_rate_is_named() {
    let (_folder, finance) = with_policy(FLAT).await;
    let db = &finance.db;
    sqlx::query(
        "insert into payout_profiles (partner, version, body, changed_by, changed_at, approved_by)
         values ('acme', 1, '{\"rail\":{\"kind\":\"manual\"},\"currency\":\"EUR\"}', 'operator', '', 'operator')",
    )
    .execute(db.read())
    .await
    .unwrap();
    sell(&finance, "globex", None, day(0)).await;
    let run = run_of(db, day(31)).await;
    let refused = approve(db, &Actor::machine(), &name("globex"), run.items[0].id, day(32)).await;
    let refused = refused.unwrap_err().to_string();
    assert_eq!(refused, "there is no rate from USD to EUR for 2026-02-02, which payout 1 to acme needs");
}

/// Whatever is sold, given back and paid out: what a partner is told that it has earned is what its accounts have, and had.
#[tokio::test]
async fn what_a_partner_has_earned_is_what_its_accounts_say() {
    for seed in crate::testing::seeds(3) {
        let (_folder, finance) = with_policy(FLAT).await;
        let db = &finance.db;
        let mut random = StdRng::seed_from_u64(seed);
        let (mut today, mut sold) = (0, Vec::new());
        for customer in CUSTOMERS {
            today += random.random_range(1..30);
            let referrer = random.random_bool(0.5).then_some("friends");
            sold.push(sell(&finance, customer, referrer, day(today)).await);
            for _ in 0..random.random_range(0..3) {
                today += random.random_range(1..20);
                let invoice = sold[random.random_range(0..sold.len())];
                give_back(&finance, invoice, random.random_range(1..7000), day(today)).await;
            }
            for payout in run_of(db, day(today)).await.items {
                approve(db, &Actor::machine(), &name("globex"), payout.id, day(today)).await.unwrap();
                let reference = format!("SEPA-{}", payout.id);
                confirm(db, &Actor::machine(), payout.id, &reference, None, day(today)).await.unwrap();
            }
        }
        for partner in ["acme", "friends"] {
            let (_, net, _) = told(db, partner).await;
            let mut read = db.snapshot().await.unwrap();
            let held = balances(&mut read, &name(partner), day(today)).await.unwrap();
            let all: i64 = held
                .iter()
                .map(|one| {
                    let has =
                        [one.accrued, one.on_hold, one.reserve, one.available, one.in_transit, one.paid];
                    has.iter().map(|part| part.minor()).sum::<i64>() - one.owed.minor()
                })
                .sum();
            assert_eq!(net, all, "seed {seed}, {partner}");
            let listed = transactions(&mut read, &name(partner), &Paging::first(1000)).await.unwrap().items;
            let gross: i64 = listed.iter().filter_map(|one| one.gross).map(Money::minor).sum();
            let sums: i64 =
                by_month(&mut read, &name(partner)).await.unwrap().iter().map(|one| one.gross.minor()).sum();
            assert_eq!(gross, if partner == "acme" { sums } else { 0 }, "seed {seed}, {partner}");
        }
        assert_eq!(faults(db).await, Vec::<String>::new());
    }
}
