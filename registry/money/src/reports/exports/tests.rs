//! Exports have the ledger's amounts, account by account.

use chandlery_package::Month;
use futures::TryStreamExt as _;

use super::*;
use crate::reports::tests::live;
use crate::testing::{at, finance, writing};

fn wanted(format: ExportFormat, from: &str, to: &str) -> LedgerExport {
    LedgerExport {
        format,
        from: from.parse().unwrap(),
        to: to.parse().unwrap(),
        currency: Currency::Usd,
        chart: Default::default(),
    }
}

async fn text(db: &Db, wanted: &LedgerExport) -> String {
    let stream = export(db, wanted.clone(), at("2026-11-28T10:20:30Z")).await.unwrap();
    let parts: Vec<Vec<u8>> = stream.try_collect().await.unwrap();
    // Of these books no letter is outside ASCII but those of the columns.
    parts.concat().into_iter().map(char::from).collect()
}

/// What is debited less what is credited, by the other program's account, in minor units.
type Sums = BTreeMap<String, i64>;

/// What the ledger has, by the account that a chart has for it.
async fn in_ledger(db: &Db, wanted: &LedgerExport) -> Sums {
    let chart = Chart::new(wanted).unwrap();
    let rows: Vec<(String, i64)> = sqlx::query_as(
        "select account, minor from ledger_postings join ledger_transactions on id = transaction_id
         where at >= $1 and at < $2 and currency = 'USD'",
    )
    .bind(time(wanted.from.first_moment()))
    .bind(time(wanted.to.next().first_moment()))
    .fetch_all(db.read())
    .await
    .unwrap();
    let mut sums = Sums::new();
    for (account, minor) in rows {
        *sums.entry(chart.name(&account).to_owned()).or_default() += minor;
    }
    sums.retain(|_, minor| *minor != 0);
    sums
}

fn minor(text: &str) -> i64 {
    if text.is_empty() { 0 } else { text.replace(['.', ','], "").parse().unwrap() }
}

fn add(sums: &mut Sums, account: &str, minor: i64) {
    *sums.entry(account.to_owned()).or_default() += minor;
}

#[tokio::test]
async fn every_export_comes_to_what_the_ledger_does() {
    for seed in 0..2 {
        let (_folder, finance, now) = live(seed, 120).await;
        let last = Month::of(now).to_string();
        for (from, to) in [("2026-01", "2026-01"), ("2026-02", "2026-03"), ("2026-01", last.as_str())] {
            let datev = wanted(ExportFormat::Datev, from, to);
            let mut sums = Sums::new();
            for line in text(&finance.db, &datev).await.lines().skip(2) {
                let cells: Vec<&str> = line.split(';').collect();
                assert!(cells[1] == "\"S\"" && cells[6] != cells[7], "{line}");
                add(&mut sums, cells[6], minor(cells[0]));
                add(&mut sums, cells[7], -minor(cells[0]));
            }
            sums.retain(|_, minor| *minor != 0);
            assert_eq!(sums, in_ledger(&finance.db, &datev).await, "seed {seed}, {from} to {to}");

            let quickbooks = wanted(ExportFormat::Quickbooks, from, to);
            let (mut sums, mut entries) = (Sums::new(), Sums::new());
            let written = text(&finance.db, &quickbooks).await;
            for row in csv::Reader::from_reader(written.as_bytes()).records().map(Result::unwrap) {
                let amount = minor(&row[3]) - minor(&row[4]);
                assert!(row[3].is_empty() != row[4].is_empty(), "{row:?}");
                add(&mut sums, &row[2], amount);
                add(&mut entries, &row[0], amount);
            }
            sums.retain(|_, minor| *minor != 0);
            assert_eq!(sums, in_ledger(&finance.db, &quickbooks).await, "seed {seed}, {from} to {to}");
            assert!(entries.values().all(|sum| *sum == 0), "each entry balances");

            let xero = wanted(ExportFormat::Xero, from, to);
            let mut sums = Sums::new();
            let written = text(&finance.db, &xero).await;
            for row in csv::Reader::from_reader(written.as_bytes()).records().map(Result::unwrap) {
                add(&mut sums, &row[3], minor(&row[5]));
            }
            sums.retain(|_, minor| *minor != 0);
            assert_eq!(sums, in_ledger(&finance.db, &xero).await, "seed {seed}, {from} to {to}");
        }
    }
}

#[tokio::test]
async fn each_form_is_the_programs_own() {
    let (_folder, finance) = finance().await;
    let db = &finance.db;
    let mut write = writing(db).await;
    let spent = |minor: i64| Money::new(minor, Currency::Usd).unwrap();
    let expense = crate::ledger::Transaction::new(TransactionKind::Expense, "x", at("2026-03-07T12:00:00Z"))
        .about("=1+1; \"racks\"\nand power")
        .debit(crate::ledger::Account::Hosting, spent(150_005))
        .credit(crate::ledger::Account::Bank, spent(150_005));
    crate::ledger::post(&mut write, expense).await.unwrap();
    write.commit().await.unwrap();

    let mut datev = wanted(ExportFormat::Datev, "2026-03", "2026-03");
    let written = text(db, &datev).await;
    let lines: Vec<&str> = written.split("\r\n").collect();
    assert_eq!(
        lines[0],
        "\"EXTF\";700;21;\"Buchungsstapel\";13;20261128102030000;;\"CH\";\"\";\"\";1001;1;20260101;4;20260301;20260331;\
         \"Chandlery USD\";\"\";1;0;0;\"USD\";;\"\";;;\"03\";;;\"\";\"\""
    );
    assert!(lines[1].starts_with("Umsatz (ohne Soll/Haben-Kz);Soll/Haben-Kennzeichen;WKZ Umsatz;"));
    assert_eq!(lines[1].split(';').count(), 125);
    assert!(
        lines[2].starts_with(
            "1500,05;\"S\";\"USD\";;;;4806;1200;;0703;\"expense\";\"1\";;\"'=1+1; \"\"racks\"\" and power\";;"
        ),
        "{}",
        lines[2]
    );
    assert_eq!(lines[3..], [""]);

    datev.chart = serde_json::from_str(
        r#"{"adviser": 29098, "client": 55003, "year_begins": 4, "accounts": {"assets:bank": "12340"}}"#,
    )
    .unwrap();
    let written = text(db, &datev).await;
    assert!(written.contains(";29098;55003;20250401;5;") && written.contains(";48060;12340;"), "{written}");
    datev.to = "2026-04".parse().unwrap();
    let refused = Chart::new(&datev).err().unwrap().to_string();
    assert!(refused.contains("begins with 2025-04"), "{refused}");

    for (accounts, says) in [
        (r#"{"assets:bank": "12"}"#, "4 to 8 digits"),
        (r#"{"assets:bank": "12x4"}"#, "4 to 8 digits"),
        (r#"{"assets:bank": "1200", "equity": "90000"}"#, "4 to 8 digits"),
        (r#"{"assets:bank": ""}"#, "1 to 100 characters"),
    ] {
        let mut datev = wanted(ExportFormat::Datev, "2026-03", "2026-03");
        datev.chart.accounts = serde_json::from_str(accounts).unwrap();
        let refused = Chart::new(&datev).err().unwrap().to_string();
        assert!(refused.contains(says), "{accounts}: {refused}");
    }

    let quickbooks = text(db, &wanted(ExportFormat::Quickbooks, "2026-03", "2026-03")).await;
    assert_eq!(
        quickbooks,
        "*JournalNo,*JournalDate,*AccountName,*Debits,*Credits,Description,Name,Currency,Location,Class\r\n\
         1,03/07/2026,expenses:hosting,1500.05,,\"'=1+1; \"\"racks\"\"\nand power\",,USD,,\r\n\
         1,03/07/2026,assets:bank,,1500.05,\"'=1+1; \"\"racks\"\"\nand power\",,USD,,\r\n"
    );
    let xero = text(db, &wanted(ExportFormat::Xero, "2026-03", "2026-03")).await;
    let second = "1 expense,07/03/2026,\"'=1+1; \"\"racks\"\"\nand power\",1200,Tax Exempt,-1500.05,,,,\r\n";
    assert!(xero.starts_with("*Narration,*Date,") && xero.ends_with(second), "{xero}");
}
