//! Every list is the same however it is cut into pages, though rows are added while it is read.

use std::fmt::Debug;

use chandlery_accounts::{Actor, tell};
use chandlery_package::wire::{NewPayment, NewRefund, Page, Paging};
use chandlery_package::{Currency, Money, Namespace};
use futures::TryStreamExt as _;
use jiff::{SignedDuration, Timestamp};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::billing::{self, licences, notices, orders, usage};
use crate::testing::{at, market, operator};
use crate::{Finance, consultants, exchange, ledger, payouts, rails, sharing};

const OFFER: &str =
    r#"{"price": {"kind": "once", "amount": {"minor": 10000, "currency": "USD"}}, "trial_days": 0}"#;
const HOSTILE: &str = "=cmd|' /C calc'!A0";

fn globex() -> Namespace {
    "globex".parse().unwrap()
}

fn acme() -> Namespace {
    "acme".parse().unwrap()
}

fn day(number: i64) -> Timestamp {
    at("2026-01-01T00:00:00Z") + SignedDuration::from_hours(24 * number)
}

async fn run(finance: &Finance, sql: &'static str, values: &[&str]) {
    let query = values.iter().fold(sqlx::query(sql), |query, value| query.bind((*value).to_owned()));
    query.execute(finance.db.read()).await.unwrap();
}

/// Lets something of everything happen on a day, each at the same moment as another.
async fn live(finance: &Finance, number: i64) {
    let (db, now, hold) = (&finance.db, day(number), finance.hold_days);
    let plugin = format!("acme:plugin-{number}");
    run(finance, "insert into plugins (id, namespace) values ($1, 'acme')", &[&plugin]).await;
    run(
        finance,
        "insert into prices (plugin, version, since, offer) values ($1, 1, '2020', $2)",
        &[&plugin, OFFER],
    )
    .await;
    let new = serde_json::from_value(serde_json::json!({ "plugin": plugin })).unwrap();
    let order = billing::order(db, &Actor::machine(), &globex(), &new, now).await.unwrap();
    let amount = Money::new(10_000, Currency::Usd).unwrap();
    let payment = NewPayment { bank_reference: format!("B-{number}"), amount };
    let paid =
        billing::record_payment(db, &Actor::machine(), hold, &order.reference, &payment, now).await.unwrap();
    let refund = NewRefund {
        key: format!("{HOSTILE}{number}"),
        amount: Money::new(100, Currency::Usd).unwrap(),
        line: None,
        reason: HOSTILE.into(),
        as_credit: false,
    };
    rails::refund(finance, &Actor::machine(), paid.invoice.unwrap(), &refund, now).await.unwrap();
    sharing::release_matured(db, day(400)).await.unwrap();
    let proposed =
        payouts::propose(db, &Actor::machine(), &operator(), &acme(), Currency::Usd, now).await.unwrap();
    payouts::cancel(db, &Actor::machine(), proposed.id).await.unwrap();
    let mut write = db.write().await.unwrap();
    for key in ["b", "a"] {
        let key = format!("{number}{key}");
        tell(&mut write, &globex(), &key, &key, "y", day(number / 2)).await.unwrap();
    }
    write.commit().await.unwrap();
    let n = number.to_string();
    let time = chandlery_store::time(day(number / 2));
    run(finance, "update hosts set deployments = 1000 - deployments", &[]).await;
    run(
        finance,
        "insert into hosts (account, host, deployments, seen_at) values ('globex', $1, 7, $2)",
        &[&n, &time],
    )
    .await;
    run(
        finance,
        "insert into payout_profiles (partner, version, body, changed_by, changed_at)
         select 'acme', coalesce(max(version), 0) + 1, '{\"rail\":{\"kind\":\"manual\"}}', 'operator', '' from payout_profiles",
        &[],
    )
    .await;
    let month = chandlery_package::Month::of(day(31 * number)).to_string();
    let statement = serde_json::json!({ "partner": "acme", "month": month, "currency": "USD", "opening": {}, "lines": [], "closing": {} });
    let body = statement.to_string();
    let digest = chandlery_package::Digest::of(body.as_bytes()).to_string();
    run(
        finance,
        "insert into statements (partner, currency, month, body, digest, log_index) values ('acme', 'USD', $1, $2, $3, 0)",
        &[&month, &body, &digest],
    )
    .await;
    for (base, quote) in [("USD", "EUR"), ("EUR", "GBP"), ("EUR", "USD")] {
        let day = day(number / 2).strftime("%F").to_string();
        run(
            finance,
            "insert into fx_rates (base, quote, day, numerator, denominator) values ($1, $2, $3, 1, 2) on conflict do nothing",
            &[base, quote, &day],
        )
        .await;
    }
    let name = format!("consultant-{number}");
    run(finance, "insert into namespaces (name, created_at) values ($1, '')", &[&name]).await;
    run(
        finance,
        "insert into consultants (namespace, title, about, certified_until) values ($1, '', '', '2099-01-01T00:00:00.000000Z')",
        &[&name],
    )
    .await;
    for milestone in ["1", "2"] {
        run(
            finance,
            "insert into milestones (reference, number, namespace, service, customer, title, price_minor, currency, ordered_at)
             values ($1, cast($2 as bigint), $3, 'x', 'globex', '', 5, 'USD', $4)",
            &[&format!("SV-{number}"), milestone, &name, &time],
        )
        .await;
    }
    let event = serde_json::json!([{
        "id": uuid::Uuid::new_v4(), "deployment": format!("d{}", number / 2), "release": "acme:serving@1.0.0",
        "from": now, "to": now, "replica_millis": 5, "gpu_millis": 0,
    }]);
    let events: Vec<_> = serde_json::from_value(event).unwrap();
    let bounds = billing::UsageBounds { now, days: finance.usage_days };
    let receipt = billing::receive(db, &globex(), &events, bounds).await.unwrap();
    assert_eq!(receipt.accepted, 1, "{receipt:?}");
}

/// Reads a list two at a time, and lets more happen in between; what was there before comes once, in order.
async fn pages<K, T>(finance: &Finance, next_day: &mut i64, list: impl AsyncFn(&Paging<K>) -> Page<T>)
where
    K: Serialize + DeserializeOwned + Debug,
    T: PartialEq + Debug,
{
    let whole = list(&Paging::first(1000)).await;
    assert!(whole.items.len() > 3 && whole.next.is_none(), "{whole:?}");
    let mut read = Vec::new();
    let mut page = list(&Paging::first(2)).await;
    loop {
        assert!(page.items.len() <= 2);
        read.extend(page.items);
        let Some(next) = page.next else { break };
        if read.len() == 2 {
            live(finance, *next_day).await;
            *next_day += 1;
        }
        let query = serde_json::json!({ "after": next, "limit": "2" });
        page = list(&serde_json::from_value(query).unwrap()).await;
    }
    // What came meanwhile may be in it, where it belongs.
    let seen: Vec<_> = read.iter().filter(|item| whole.items.contains(item)).collect();
    assert_eq!(seen, whole.items.iter().collect::<Vec<_>>());
    let now = list(&Paging::first(1000)).await;
    for (index, item) in read.iter().enumerate() {
        assert!(!read[index + 1..].contains(item), "{item:?} comes twice");
        assert!(now.items.contains(item) || whole.items.contains(item));
    }
}

#[tokio::test]
async fn every_list_is_the_same_however_it_is_cut() {
    let (_folder, finance) = market(&["globex"], OFFER).await;
    let mut days = 0;
    for _ in 0..5 {
        live(&finance, days).await;
        days += 1;
    }
    let (finance, days) = (&finance, &mut days);
    let db = &finance.db;
    let connection = async || db.snapshot().await.unwrap();
    pages(finance, days, async |p| billing::invoices(db, &globex(), p).await.unwrap()).await;
    pages(finance, days, async |p| billing::credit_notes(db, &globex(), p).await.unwrap()).await;
    pages(finance, days, async |p: &Paging<orders::Key>| billing::orders(db, &globex(), p).await.unwrap())
        .await;
    pages(finance, days, async |p: &Paging<notices::Key>| billing::notices(db, &globex(), p).await.unwrap())
        .await;
    pages(finance, days, async |p: &Paging<licences::Key>| {
        // What a host has changes meanwhile; that there is the host does not.
        billing::hosts(&mut *connection().await, &globex(), p).await.unwrap().map(|seen| seen.host)
    })
    .await;
    pages(finance, days, async |p: &Paging<usage::Key>| billing::totals(db, &globex(), p).await.unwrap())
        .await;
    pages(finance, days, async |p| {
        payouts::transactions(&mut *connection().await, &acme(), p).await.unwrap()
    })
    .await;
    pages(finance, days, async |p| payouts::by_plugin(&mut *connection().await, &acme(), p).await.unwrap())
        .await;
    pages(finance, days, async |p| payouts::list(&mut *connection().await, None, p).await.unwrap()).await;
    pages(finance, days, async |p| payouts::list(&mut *connection().await, Some(&acme()), p).await.unwrap())
        .await;
    pages(finance, days, async |p| {
        payouts::statements(&mut *connection().await, &acme(), None, p).await.unwrap()
    })
    .await;
    pages(finance, days, async |p| payouts::profiles::list(db, &acme(), p).await.unwrap()).await;
    pages(finance, days, async |p| {
        consultants::certified(&mut *connection().await, day(0), p).await.unwrap()
    })
    .await;
    pages(finance, days, async |p| consultants::orders(db, &globex(), p).await.unwrap()).await;
    pages(finance, days, async |p| exchange::rates(db, p).await.unwrap()).await;
    pages(finance, days, async |p: &Paging<ledger::BalanceKey>| {
        // What an account holds changes meanwhile; that there is the account does not.
        ledger::balances_page(&mut *connection().await, None, p).await.unwrap().map(|held| held.account)
    })
    .await;
    pages(finance, days, async |p: &Paging<ledger::BalanceKey>| {
        ledger::balances_page(&mut *connection().await, Some(day(3)), p).await.unwrap()
    })
    .await;
}

/// What somebody wrote is in each export as a text, and each export is whole.
#[tokio::test]
async fn exports_are_whole_and_run_nothing() {
    let (_folder, finance) = market(&["globex"], OFFER).await;
    for number in 0..3 {
        live(&finance, number).await;
    }
    let mut write = crate::testing::writing(&finance.db).await;
    let expense = ledger::Transaction::new(chandlery_package::wire::TransactionKind::Expense, "x", day(9))
        .about(format!("{HOSTILE}; \"a\"\nb"))
        .debit(ledger::Account::Hosting, Money::new(5, Currency::Usd).unwrap())
        .credit(ledger::Account::Bank, Money::new(5, Currency::Usd).unwrap());
    ledger::post(&mut write, expense).await.unwrap();
    write.commit().await.unwrap();
    let postings: String = ledger::csv(&finance.db).await.unwrap().try_collect().await.unwrap();
    assert!(postings.starts_with("transaction,at,kind,key,description,account,currency,minor,by\r\n1,"));
    assert!(postings.contains(
        "expense,expense:x,\"'=cmd|' /C calc'!A0; \"\"a\"\"\nb\",expenses:hosting,USD,5,system:holds\r\n"
    ));
    let (count,): (i64,) =
        sqlx::query_as("select count(*) from ledger_postings").fetch_one(finance.db.read()).await.unwrap();
    let mut reader = csv::Reader::from_reader(postings.as_bytes());
    let sum: i64 = reader.records().map(|row| row.unwrap()[7].parse::<i64>().unwrap()).sum();
    assert_eq!((sum, reader.position().record() as i64), (0, count + 1));
    let earnings: String =
        payouts::earnings::transactions_csv(finance.db.clone(), acme()).try_collect().await.unwrap();
    let rows = csv::Reader::from_reader(earnings.as_bytes()).into_records().map(Result::unwrap).count();
    let mut db = finance.db.snapshot().await.unwrap();
    let all = payouts::transactions(&mut db, &acme(), &Paging::first(1000)).await.unwrap();
    assert_eq!(rows, all.items.len());
    for line in earnings.lines().chain(postings.lines()) {
        assert!(!line.contains(",=") && !line.contains(",\"="), "{line}");
    }
    let journal: String =
        ledger::journal(&finance.db, ledger::Format::Hledger).await.unwrap().try_collect().await.unwrap();
    assert_eq!(journal.matches("\n20").count() as i64, {
        let (count,): (i64,) = sqlx::query_as("select count(*) from ledger_transactions")
            .fetch_one(finance.db.read())
            .await
            .unwrap();
        count
    });
    // Each says who has made it, and nothing is posted for nobody.
    assert_eq!(journal.matches("\n    ; by: ").count(), journal.matches("\n    ; key: ").count());
    let beancount: String =
        ledger::journal(&finance.db, ledger::Format::Beancount).await.unwrap().try_collect().await.unwrap();
    for who in ["machine", "system:holds"] {
        assert!(journal.contains(&format!("\n    ; by: {who}\n")), "{who}");
        assert!(beancount.contains(&format!("\n  by: \"{who}\"\n")), "{who}");
    }
}
