//! Reports of books that were worked out by hand, and of books in which anything has happened, which all tie to the ledger.

use chandlery_accounts::Actor;
use chandlery_package::wire::{
    BillingProfile, DunningStep, InvoiceState, NewPayment, NewRefund, NewSubscription, Paging, TaxRule,
};
use chandlery_package::{Billed, Currency, Money, Month, Namespace, Tier};
use chandlery_store::Db;
use jiff::{SignedDuration, Timestamp};
use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};

use super::*;
use crate::billing::{self, periods};
use crate::ledger::{self, Account};
use crate::testing::{at, faults, market};
use crate::{Finance, rails};

const OFFER: &str =
    r#"{"price": {"kind": "once", "amount": {"minor": 10000, "currency": "USD"}}, "trial_days": 0}"#;

fn name(text: &str) -> Namespace {
    text.parse().unwrap()
}

fn month(text: &str) -> Month {
    text.parse().unwrap()
}

fn usd(minor: i64) -> Money {
    Money::new(minor, Currency::Usd).unwrap()
}

fn day(number: i64) -> Timestamp {
    at("2026-01-01T00:00:00Z") + SignedDuration::from_hours(24 * number)
}

/// Two customers, of whom one is taxed in Germany.
async fn taxed() -> (tempfile::TempDir, Finance) {
    let (folder, finance) = market(&["globex", "initech"], OFFER).await;
    let (db, actor) = (&finance.db, Actor::machine());
    let rule = TaxRule {
        country: "DE".into(),
        since: "2026-01-01".parse().unwrap(),
        name: "VAT".into(),
        rate: "19%".parse().unwrap(),
    };
    billing::add_rule(db, &actor, &rule).await.unwrap();
    let profile: BillingProfile = serde_json::from_str(r#"{"country": "DE"}"#).unwrap();
    billing::set_profile(db, &actor, &name("globex"), &profile).await.unwrap();
    (folder, finance)
}

async fn subscribe(db: &Db, customer: &str, tier: Tier, billed: Billed, now: Timestamp) {
    let new = NewSubscription { tier, billed };
    let _ = billing::change(db, &Actor::machine(), &name(customer), &new, now).await;
}

async fn buy(finance: &Finance, customer: &str, now: Timestamp) {
    let (db, actor) = (&finance.db, Actor::machine());
    let new = serde_json::from_str(r#"{"plugin": "acme:serving"}"#).unwrap();
    let Ok(order) = billing::order(db, &actor, &name(customer), &new, now).await else { return };
    let Some(amount) = order.due else { return };
    let payment = NewPayment { bank_reference: format!("B-{}", order.reference), amount };
    let hold = finance.hold_days;
    let _ = billing::record_payment(db, &actor, hold, &order.reference, &payment, now).await;
}

async fn give_back(finance: &Finance, number: i64, minor: i64, now: Timestamp) -> bool {
    let key = format!("{number} by {now}");
    let new = NewRefund { key, amount: usd(minor), line: None, reason: String::new(), as_credit: false };
    rails::refund(finance, &Actor::machine(), number, &new, now).await.is_ok()
}

async fn held(db: &Db, account: Account) -> i64 {
    let mut read = db.read().acquire().await.unwrap();
    ledger::balance(&mut read, &account, Currency::Usd).await.unwrap().minor()
}

#[tokio::test]
async fn a_month_that_was_worked_out_by_hand() {
    let (_folder, finance) = taxed().await;
    let db = &finance.db;
    // Invoice 1: 99.00 and 18.81 of tax, due on the 15th. Invoice 2: 100.00, paid, of which 10.00 were given back.
    subscribe(db, "globex", Tier::Developer, Billed::Monthly, day(0)).await;
    buy(&finance, "initech", day(0)).await;
    assert!(give_back(&finance, 2, 1000, day(2)).await);
    billing::remind(db, day(14)).await.unwrap();
    let mut read = db.snapshot().await.unwrap();

    let all = invoices(&mut read, &Wanted::default(), &Paging::first(10)).await.unwrap().items;
    let told: Vec<_> = all
        .iter()
        .map(|one| {
            let parts = [one.total, one.paid, one.credited, one.written_off, one.due];
            (one.number, parts.map(Money::minor))
        })
        .collect();
    assert_eq!(told, [(2, [10_000, 9000, 1000, 0, 0]), (1, [11_781, 0, 0, 0, 11_781])]);
    for (wanted, numbers) in [
        (Wanted { account: Some(name("globex")), ..Wanted::default() }, vec![1]),
        (Wanted { state: Some(InvoiceState::Paid), ..Wanted::default() }, vec![2]),
        (Wanted { month: Some(month("2026-01")), ..Wanted::default() }, vec![2, 1]),
        (Wanted { month: Some(month("2026-02")), ..Wanted::default() }, vec![]),
    ] {
        let found = invoices(&mut read, &wanted, &Paging::first(10)).await.unwrap().items;
        assert_eq!(found.iter().map(|one| one.number).collect::<Vec<_>>(), numbers, "{wanted:?}");
    }

    for (today, bucket) in [(14, 0), (15, 1), (44, 1), (45, 2), (75, 3), (104, 3), (105, 4)] {
        let aged = ageing(&mut read, None, day(today), &Paging::first(10)).await.unwrap().items;
        let one = &aged[0];
        let parts = [one.not_due, one.days_30, one.days_60, one.days_90, one.older].map(|part| part.minor());
        let mut expected = [0; 5];
        expected[bucket] = 11_781;
        assert_eq!((aged.len(), parts, one.total.minor()), (1, expected, 11_781), "day {today}");
    }

    let dunned = dunning(&mut read, None, &Paging::first(10)).await.unwrap().items;
    assert_eq!((dunned.len(), dunned[0].due, dunned[0].reminders.len()), (1, usd(11_781), 1));
    assert_eq!((dunned[0].reminders[0].at, dunned[0].reminders[0].sent_at), (day(14), None));
    assert_eq!((dunned[0].next, dunned[0].next_at), (DunningStep::SecondReminder, day(21)));

    // Of 31 days 30 have passed at the end of January.
    let months = deferred(&mut read, day(14)).await.unwrap();
    let months: Vec<_> = months.iter().map(|one| (one.month, one.earned.minor())).collect();
    assert_eq!(months, [(month("2026-01"), 9580), (month("2026-02"), 320)]);

    let lines = tax_return(&mut read, month("2026-01"), month("2026-01")).await.unwrap();
    let lines: Vec<_> = lines
        .iter()
        .map(|line| {
            let country = line.country.as_deref().unwrap_or("");
            (country, line.rule.as_str(), line.documents, line.taxable.minor(), line.tax.minor())
        })
        .collect();
    assert_eq!(lines, [("", "no tax", 2, 9000, 0), ("DE", "VAT 19%", 1, 9900, 1881)]);
    drop(read);

    // 20 of 31 days of 99.00, and 15 % of 90.00.
    periods::recognise_all(db, day(20)).await.unwrap();
    let mut read = db.snapshot().await.unwrap();
    let results = results(&mut read, month("2026-01"), month("2026-02")).await.unwrap();
    let accounts = |held: &[chandlery_package::wire::AccountBalance]| -> Vec<(String, i64)> {
        held.iter().map(|held| (held.account.clone(), held.balance.minor())).collect()
    };
    let row = |account: &str, minor: i64| (account.to_owned(), minor);
    assert_eq!(results.len(), 1);
    assert_eq!(accounts(&results[0].revenue), [row("revenue:commission", 1350), row("revenue:plans", 6387)]);
    assert_eq!((results[0].expenses.len(), results[0].result.minor()), (0, 7737));
    let sheets = balance_sheets(&mut read, month("2025-12"), month("2026-01")).await.unwrap();
    assert_eq!(sheets.len(), 1, "there was nothing in December");
    let bank = row("assets:bank", 9000);
    assert_eq!(accounts(&sheets[0].assets), [bank, row("assets:receivable:customers", 11_781)]);
    let owed = [
        row("liabilities:deferred:plans", 3513),
        row("liabilities:partners:pending", 7650),
        row("liabilities:tax:sales", 1881),
    ];
    assert_eq!(accounts(&sheets[0].liabilities), owed);
    assert_eq!(accounts(&sheets[0].equity), [row("equity:results", 7737)]);
    assert_eq!(sheets[0].total.minor(), 20_781);
}

#[tokio::test]
async fn what_is_given_up_and_paid_after_all_is_taxed_when_it_is() {
    let (_folder, finance) = taxed().await;
    let (db, actor) = (&finance.db, Actor::machine());
    subscribe(db, "globex", Tier::Developer, Billed::Monthly, day(0)).await;
    // Given up on the 1st of February, and paid in March.
    billing::advance_all(db, day(31)).await.unwrap();
    let payment = NewPayment { bank_reference: "late".into(), amount: usd(11_781) };
    billing::record_invoice_payment(db, &actor, 30, 1, &payment, day(70)).await.unwrap();
    let mut read = db.snapshot().await.unwrap();
    for (wanted, taxable, tax) in
        [("2026-01", 9900, 1881), ("2026-02", -9900, -1881), ("2026-03", 9900, 1881)]
    {
        let lines = tax_return(&mut read, month(wanted), month(wanted)).await.unwrap();
        let told: Vec<_> = lines.iter().map(|line| (line.taxable.minor(), line.tax.minor())).collect();
        assert_eq!(told, [(taxable, tax)], "{wanted}");
    }
}

/// Books in which customers did whatever they may, and the moment that they are looked at.
pub(in crate::reports) async fn live(seed: u64, days: i64) -> (tempfile::TempDir, Finance, Timestamp) {
    let (folder, finance) = taxed().await;
    let mut random = StdRng::seed_from_u64(seed);
    let mut today = 0;
    while today < days {
        today += random.random_range(1..9);
        let (db, now) = (&finance.db, day(today));
        let customer = ["globex", "initech"][random.random_range(0..2)];
        let all = billing::invoices(db, &name(customer), &Paging::first(1000)).await.unwrap().items;
        match random.random_range(0..7) {
            0 | 1 => {
                let tier = Tier::ALL[random.random_range(0..4)];
                let billed = if random.random_bool(0.3) { Billed::Yearly } else { Billed::Monthly };
                subscribe(db, customer, tier, billed, now).await;
            }
            2 => buy(&finance, customer, now).await,
            3 if !all.is_empty() => {
                let invoice = &all[random.random_range(0..all.len())];
                let minor = random.random_range(1..=invoice.net.minor().max(1));
                let _ = give_back(&finance, invoice.number, minor, now).await;
            }
            // One that was given up is paid after all now and then.
            _ => {
                for invoice in all.iter().filter(|invoice| invoice.state != InvoiceState::Paid).take(1) {
                    let bank_reference = format!("B-{}-{today}", invoice.number);
                    let payment = NewPayment { bank_reference, amount: invoice.due().unwrap() };
                    let (actor, hold) = (Actor::machine(), finance.hold_days);
                    let _ = billing::record_invoice_payment(db, &actor, hold, invoice.number, &payment, now)
                        .await;
                }
            }
        }
        billing::remind(db, now).await.unwrap();
        billing::advance_all(db, now).await.unwrap();
    }
    assert_eq!(faults(&finance.db).await, Vec::<String>::new());
    (folder, finance, day(today))
}

#[tokio::test]
async fn every_report_ties_to_the_ledger_whatever_has_happened() {
    for seed in crate::testing::seeds(2) {
        let (_folder, finance, now) = live(seed, 250).await;
        let db = &finance.db;
        let receivable = held(db, Account::Receivable).await;
        let mut read = db.snapshot().await.unwrap();

        let all = invoices(&mut read, &Wanted::default(), &Paging::first(1000)).await.unwrap().items;
        assert!(!all.is_empty());
        for one in &all {
            let parts = [one.paid, one.credited, one.written_off, one.due].map(Money::minor);
            assert!(parts.iter().all(|part| *part >= 0), "{one:?}");
            assert_eq!(parts.iter().sum::<i64>(), one.total.minor(), "{one:?}");
        }
        assert_eq!(all.iter().map(|one| one.due.minor()).sum::<i64>(), receivable, "seed {seed}");
        let aged = ageing(&mut read, None, now, &Paging::first(1000)).await.unwrap().items;
        assert_eq!(aged.iter().map(|one| one.total.minor()).sum::<i64>(), receivable, "seed {seed}");
        let dunned = dunning(&mut read, None, &Paging::first(1000)).await.unwrap().items;
        assert_eq!(dunned.iter().map(|one| one.due.minor()).sum::<i64>(), receivable, "seed {seed}");

        let months = deferred(&mut read, now).await.unwrap();
        let to_come: i64 = months.iter().map(|one| one.earned.minor()).sum();
        assert_eq!(to_come, -held(db, Account::Deferred).await, "seed {seed}");

        let (from, to) = (month("2026-01"), Month::of(now));
        let lines = tax_return(&mut read, from, to).await.unwrap();
        let tax: i64 = lines.iter().map(|line| line.tax.minor()).sum();
        assert_eq!(tax, -held(db, Account::SalesTax).await, "seed {seed}");

        let sheets = balance_sheets(&mut read, from, to).await.unwrap();
        let mut before = 0;
        for sheet in &sheets {
            let sum = |held: &[chandlery_package::wire::AccountBalance]| -> i64 {
                held.iter().map(|held| held.balance.minor()).sum()
            };
            assert_eq!(sum(&sheet.assets), sheet.total.minor());
            assert_eq!(sum(&sheet.liabilities) + sum(&sheet.equity), sheet.total.minor(), "{sheet:?}");
            let own = sheet.equity.iter().find(|held| held.account == "equity:results");
            let own = own.map_or(0, |held| held.balance.minor());
            let month = results(&mut read, sheet.month, sheet.month).await.unwrap();
            let result: i64 = month.iter().map(|month| month.result.minor()).sum();
            assert_eq!(own - before, result, "seed {seed}, {}", sheet.month);
            before = own;
        }
    }
}
