//! A fault in any account that a law is about has a name, whether it is in the ledger or in the rows.

use chandlery_accounts::Actor;
use chandlery_package::wire::{InvoiceLine, InvoiceLineKind, NewPayment, NewSubscription};
use chandlery_package::{Billed, Currency, Money, Month, Namespace, Tier};
use chandlery_store::Db;
use jiff::{SignedDuration, Timestamp};

use super::laws::LAWS;
use super::{close, must_be_due};
use crate::billing::{self, NewInvoice};
use crate::ledger::Account;
use crate::sharing::{self, NewSale};
use crate::testing::{at, faults, market, operator};
use crate::{Finance, payouts, rails};

const OFFER: &str =
    r#"{"price": {"kind": "once", "amount": {"minor": 9999, "currency": "USD"}}, "trial_days": 0}"#;
const POLICY: &str =
    r#"{"commission": [{"rate": "15%"}], "services": "15%", "reserve": {"rate": "10%", "days": 90}}"#;

/// For each law: an account that it is about, and how one of its items changes by so many minor units; none: it has no items.
const CASES: [(&str, &str, Option<&str>); 18] = [
    ("assets:bank%", "assets:bank", Some("update bank_lines set minor = minor + $1 where id = 'A'")),
    (
        "assets:transfers",
        "assets:transfers",
        Some("update bank_allotments set minor = minor + $1 where own = 1"),
    ),
    (
        "liabilities:suspense",
        "liabilities:suspense",
        Some("update bank_lines set open_minor = open_minor + $1 where id = 'A'"),
    ),
    (
        "assets:processor clearing",
        "assets:processor clearing",
        Some("update processor_payments set fee_minor = fee_minor + $1"),
    ),
    ("assets:disputes held", "assets:disputes held", Some("update disputes set minor = minor + $1")),
    (
        "liabilities:credit:%",
        "liabilities:credit:globex",
        Some("update bank_allotments set minor = minor + $1 where customer = 'globex'"),
    ),
    (
        "liabilities:partner:%:accrued",
        "liabilities:partner:acme:accrued",
        Some("update lots set returned_minor = returned_minor + $1 where sale = (select max(id) from sales)"),
    ),
    (
        "liabilities:partner:%:pending",
        "liabilities:partner:acme:pending",
        Some("update lots set returned_minor = returned_minor + $1 where sale = (select sale from disputes)"),
    ),
    (
        "liabilities:partner:%:reserve",
        "liabilities:partner:acme:reserve",
        Some("update lots set reserve_minor = reserve_minor + $1 where sale = (select sale from disputes)"),
    ),
    (
        "liabilities:partner:%:available",
        "liabilities:partner:acme:available",
        Some("update available_entries set minor = minor + $1 where payout is null"),
    ),
    (
        "liabilities:partner:%:in transit",
        "liabilities:partner:acme:in transit",
        Some("update payouts set sent_minor = sent_minor + $1"),
    ),
    (
        "liabilities:partner:%:disputed",
        "liabilities:partner:acme:disputed",
        Some("update dispute_parts set minor = minor + $1"),
    ),
    (
        "assets:receivable:partner:%",
        "assets:receivable:partner:acme",
        Some("update available_entries set minor = minor + $1 where payout is null"),
    ),
    (
        "assets:receivable:customers",
        "assets:receivable:customers",
        Some("update invoices set net_minor = net_minor + $1 where state = 'open'"),
    ),
    ("assets:receivable:unbilled", "assets:receivable:unbilled", None),
    (
        "liabilities:deferred:plans",
        "liabilities:deferred:plans",
        Some("update plan_periods set price_minor = price_minor + $1"),
    ),
    (
        "liabilities:tax:withheld",
        "liabilities:tax:withheld",
        Some("update payouts set withheld_minor = withheld_minor + $1"),
    ),
    (
        "liabilities:tax:sales",
        "liabilities:tax:sales",
        Some("update invoices set tax_minor = tax_minor + $1 where number = 1"),
    ),
];

fn name(text: &str) -> Namespace {
    text.parse().unwrap()
}

fn usd(minor: i64) -> Money {
    Money::new(minor, Currency::Usd).unwrap()
}

fn day(number: i64) -> Timestamp {
    at("2026-01-01T00:00:00Z") + SignedDuration::from_hours(24 * number)
}

/// A customer orders, and pays by a transfer.
async fn sell(finance: &Finance, customer: &str, now: Timestamp) {
    let (db, actor) = (&finance.db, Actor::machine());
    let new = serde_json::from_str(r#"{"plugin": "acme:serving"}"#).unwrap();
    let order = billing::order(db, &actor, &name(customer), &new, now).await.unwrap();
    let payment = NewPayment { bank_reference: format!("B-{customer}"), amount: usd(9999) };
    billing::record_payment(db, &actor, 30, &order.reference, &payment, now).await.unwrap();
}

/// Books in which every law has items: the first sale is being paid out, the second is available, the third is
/// on hold and disputed, the fourth is not paid.
async fn books() -> (tempfile::TempDir, Finance) {
    let (folder, finance) = market(&["globex", "initech", "hooli"], OFFER).await;
    let (db, actor, acme) = (&finance.db, Actor::machine(), name("acme"));
    sqlx::query("update share_policies set body = $1").bind(POLICY).execute(db.read()).await.unwrap();
    sell(&finance, "globex", day(0)).await;
    sharing::release_matured(db, day(31)).await.unwrap();
    let payout = payouts::propose(db, &actor, &operator(), &acme, Currency::Usd, day(31)).await.unwrap();
    crate::testing::approve(db, &actor, &name("globex"), payout.id, day(31)).await.unwrap();
    sell(&finance, "initech", day(31)).await;
    sharing::release_matured(db, day(62)).await.unwrap();
    sell(&finance, "hooli", day(62)).await;
    let (third,): (i64,) = sqlx::query_as("select max(id) from sales").fetch_one(db.read()).await.unwrap();
    let mut write = crate::testing::writing(db).await;
    sharing::open_dispute(&mut write, "D", third, usd(1000), usd(1500), day(62)).await.unwrap();
    let customer = name("initech");
    let sale = NewSale {
        source: "work".into(),
        customer: &customer,
        seller: &acme,
        plugin: None,
        gross: usd(10_000),
        referrer: None,
        at: day(62),
        shared_by: day(62),
    };
    let sale = sharing::accrue(&mut write, &sale).await.unwrap();
    let line = InvoiceLine {
        kind: InvoiceLineKind::Service,
        description: "work".into(),
        quantity: "1".into(),
        amount: usd(10_000),
        sale: Some(sale),
    };
    let new = NewInvoice {
        account: &customer,
        currency: Currency::Usd,
        lines: &[line],
        told: None,
        period: None,
        hold_days: 30,
    };
    billing::issue(&mut write, &new, |transaction| transaction, day(62)).await.unwrap();
    write.commit().await.unwrap();
    let new = NewSubscription { tier: Tier::Developer, billed: Billed::Monthly };
    billing::change(db, &actor, &name("globex"), &new, day(62)).await.unwrap();
    sqlx::query(
        "insert into processor_payments (id, subject, currency, minor, paid_at)
         values ('pi_1', 'INVOICE-1', 'USD', 0, '2026-03-04T00:00:00.000000Z')",
    )
    .execute(db.read())
    .await
    .unwrap();
    let rules = rails::BankRules { hold_days: 30, fees_max: Vec::new(), now: day(63) };
    let statement = "id,date,amount,currency,text\nA,,5.00,USD,rent\nC,,3.00,USD,for INVOICE-1\n";
    let lines = rails::reconcile(db, &actor, &rules, None, statement).await.unwrap();
    assert_eq!(lines[1].outcome, "is credit of globex");
    for (name, iban) in [("main", "DE75512108001245126199"), ("second", "GB29NWBK60161331926819")] {
        sqlx::query("insert into bank_accounts (name, body) values ($1, $2)")
            .bind(name)
            .bind(format!(
                r#"{{"name": "{name}", "currency": "USD", "holder": "Us", "iban": "{iban}", "bic": "DEUTDEFF"}}"#
            ))
            .execute(db.read())
            .await
            .unwrap();
    }
    let moved = r#"<Document><BkToCstmrStmt><Stmt><Ntry><Amt Ccy="USD">7.00</Amt><CdtDbtInd>CRDT</CdtDbtInd>
        <AcctSvcrRef>M</AcctSvcrRef><NtryDtls><TxDtls><RltdPties><DbtrAcct><Id><IBAN>GB29NWBK60161331926819</IBAN></Id></DbtrAcct>
        </RltdPties></TxDtls></NtryDtls></Ntry></Stmt></BkToCstmrStmt></Document>"#;
    let lines = rails::reconcile(db, &actor, &rules, None, moved).await.unwrap();
    assert_eq!(lines[0].outcome, "moves between own accounts");
    (folder, finance)
}

/// Posts a minor unit in an account, balanced by another one, or takes it away.
async fn plant(db: &Db, account: &str, is_there: bool) {
    let change = if is_there { 1_i64 } else { -1 };
    for (account, minor) in [(account, change), ("equity:planted", -change)] {
        sqlx::query(
            "insert into ledger_balances (account, currency, minor) values ($1, 'USD', $2)
             on conflict (account, currency) do update set minor = ledger_balances.minor + excluded.minor",
        )
        .bind(account)
        .bind(minor)
        .execute(db.read())
        .await
        .unwrap();
    }
    if !is_there {
        for sql in [
            "delete from ledger_postings where transaction_id = 999999",
            "delete from ledger_transactions where id = 999999",
        ] {
            sqlx::query(sql).execute(db.read()).await.unwrap();
        }
        return;
    }
    sqlx::query(
        "insert into ledger_transactions (id, key, body, kind, description, at, links)
         values (999999, 'earned:planted', '', 'earned', 'planted', '2026-03-05T00:00:00.000000Z', '{}')",
    )
    .execute(db.read())
    .await
    .unwrap();
    for (line, account, minor) in [(0_i64, account, 1_i64), (1, "equity:planted", -1)] {
        sqlx::query(
            "insert into ledger_postings (transaction_id, line, account, currency, minor)
             values (999999, $1, $2, 'USD', $3)",
        )
        .bind(line)
        .bind(account)
        .bind(minor)
        .execute(db.read())
        .await
        .unwrap();
    }
}

/// The fault of an account.
async fn named(db: &Db, account: &str) -> String {
    let all = faults(db).await;
    let found = all.iter().find(|fault| fault.starts_with(&format!("{account} holds ")));
    found.unwrap_or_else(|| panic!("{account}: {all:?}")).clone()
}

#[tokio::test]
async fn a_fault_in_any_account_or_item_is_named() {
    let (_folder, finance) = books().await;
    let db = &finance.db;
    assert_eq!(faults(db).await, Vec::<String>::new());
    assert_eq!(CASES.map(|(law, ..)| law), LAWS.map(|law| law.accounts));
    for ((_, account, item), law) in CASES.iter().zip(&LAWS) {
        plant(db, account, true).await;
        let fault = named(db, account).await;
        assert_eq!(
            fault.contains("transaction 999999: 0.01 USD were posted"),
            !law.leads.links().is_empty(),
            "{fault}"
        );
        plant(db, account, false).await;
        let Some(change) = item else { continue };
        let change = async |minor: i64| {
            sqlx::query(*change).bind(minor).execute(db.read()).await.unwrap();
        };
        change(1).await;
        let fault = named(db, account).await;
        assert_eq!(fault.contains("; the first to differ is "), !law.leads.links().is_empty(), "{fault}");
        change(-1).await;
        assert_eq!(faults(db).await, Vec::<String>::new(), "{account}");
    }
}

/// What was recorded by hand is an item until a line is it; then both are one with that.
#[tokio::test]
async fn a_line_and_what_was_recorded_of_it_are_items_of_the_bank() {
    let (_folder, finance) = books().await;
    let (db, actor) = (&finance.db, Actor::machine());
    let rules = rails::BankRules { hold_days: 30, fees_max: Vec::new(), now: day(63) };
    let due = billing::find_invoice(&mut db.read().acquire().await.unwrap(), 4).await.unwrap().due().unwrap();
    let by_hand = NewPayment { bank_reference: "T-1".into(), amount: due };
    billing::record_invoice_payment(db, &actor, 30, 4, &by_hand, day(63)).await.unwrap();
    for seen in [false, true] {
        if seen {
            let decimals = due.to_string();
            let amount = decimals.split(' ').next().unwrap();
            let statement = format!("id,date,amount,currency,text\nT-1,,{amount},USD,INVOICE-4\n");
            let lines = rails::reconcile(db, &actor, &rules, None, &statement).await.unwrap();
            assert!(lines[0].outcome.contains("which was recorded before"), "{}", lines[0].outcome);
        }
        assert_eq!(faults(db).await, Vec::<String>::new(), "seen: {seen}");
        sqlx::query("update bank_lines set minor = minor + 1 where id = 'C'")
            .execute(db.read())
            .await
            .unwrap();
        let fault = named(db, "assets:bank").await;
        let first = format!(
            "; the first to differ is transaction or payment C: {} were posted, and {} follow",
            usd(300),
            usd(301)
        );
        assert!(fault.ends_with(&first), "seen: {seen}: {fault}");
        sqlx::query("update bank_lines set minor = minor - 1 where id = 'C'")
            .execute(db.read())
            .await
            .unwrap();
    }
}

/// A processor's dispute holds for itself what no sale bears of it, in any of its rounds; `dp0` and `dp-` are others.
#[tokio::test]
async fn the_sales_of_a_processors_dispute_are_known_by_its_id() {
    let (_folder, finance) = books().await;
    let db = finance.db.read();
    for id in ["dp/1", "dp.1/1", "dp-/1", "dp0/1", "d/1"] {
        sqlx::query(
            "insert into disputes (id, sale, currency, minor, fee_minor, state, opened_at)
             select $1, sale, currency, 100, 0, 'open', opened_at from disputes where id = 'D'",
        )
        .bind(id)
        .execute(db)
        .await
        .unwrap();
    }
    sqlx::query(
        "insert into processor_disputes (id, payment, currency, minor, fee_minor, state, told, round)
         values ('dp', 'pi_1', 'USD', 1000, 0, 'open', 0, 1)",
    )
    .execute(db)
    .await
    .unwrap();
    for (accounts, expected) in [("assets:disputes held", 800_i64), ("assets:processor clearing", -800)] {
        let law = LAWS.iter().find(|law| law.accounts == accounts).unwrap();
        let own = format!("select cast(minor as bigint) from ({}) as items where item = 'dp'", law.items);
        let found: Vec<(i64,)> = sqlx::query_as(sqlx::AssertSqlSafe(own)).fetch_all(db).await.unwrap();
        assert_eq!(found, [(expected,)], "{accounts}");
    }
}

/// Whether a pattern of SQL is about an account.
fn is_about(pattern: &str, account: &str) -> bool {
    match pattern.split_once('%') {
        None => pattern == account,
        Some((begin, end)) => account.strip_prefix(begin).is_some_and(|rest| rest.ends_with(end)),
    }
}

#[test]
fn each_account_that_stands_for_rows_is_in_one_law() {
    for account in Account::one_of_each() {
        let stands_for_rows = match account {
            Account::Plans | Account::Commission | Account::FxGain => false,
            Account::Opening | Account::Exchange(..) => false,
            _ => !account.to_string().starts_with("expenses:"),
        };
        let account = account.to_string();
        let laws: Vec<_> =
            LAWS.iter().map(|law| law.accounts).filter(|pattern| is_about(pattern, &account)).collect();
        assert_eq!(laws.len(), usize::from(stands_for_rows), "{account}: {laws:?}");
    }
}

/// What is ordered by the month posts nothing before its month is closed, and makes it due all the same.
#[tokio::test]
async fn months_are_closed_from_the_first_order_on() {
    const BY_MONTH: &str = r#"{"price": {"kind": "monthly", "amount": {"minor": 9900, "currency": "USD"},
        "per": "organisation"}, "trial_days": 0}"#;
    let (_folder, finance) = market(&["globex"], BY_MONTH).await;
    let (db, actor, now) = (&finance.db, Actor::machine(), at("2026-02-02T00:00:00Z"));
    let month = |text: &str| text.parse::<Month>().unwrap();
    let why = async |of: &str| must_be_due(db, month(of), now).await.unwrap_err().to_string();
    assert!(why("2026-01").await.contains("before the first month"), "there is nothing in it");
    let new = serde_json::from_value(serde_json::json!({ "plugin": "acme:serving" })).unwrap();
    let globex: Namespace = "globex".parse().unwrap();
    billing::order(db, &actor, &globex, &new, at("2026-01-10T00:00:00Z")).await.unwrap();
    assert!(why("2025-12").await.contains("before the first month"));
    assert!(close(db, &actor, 30, month("2025-12"), &operator(), now).await.is_err());
    close(db, &actor, 30, month("2026-01"), &operator(), now).await.unwrap();
    for closed in ["2025-12", "2026-01"] {
        assert!(why(closed).await.contains("is closed already"), "{closed}");
    }
}
