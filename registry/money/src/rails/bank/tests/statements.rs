//! What banks write that is not a plain line, each by what the books hold afterwards.

use super::*;

/// A statement in US dollars: its entries, and the days and balances that it leads from and to.
struct Statement<'a> {
    id: &'a str,
    days: [&'a str; 2],
    balances: [&'a str; 2],
    entries: &'a [String],
}

impl Statement<'_> {
    fn text(&self) -> String {
        let balance = |code: &str, amount: &str, day: &str| {
            format!(
                r#"<Bal><Tp><CdOrPrtry><Cd>{code}</Cd></CdOrPrtry></Tp><Amt Ccy="USD">{amount}</Amt>
                <CdtDbtInd>CRDT</CdtDbtInd><Dt><Dt>{day}</Dt></Dt></Bal>"#
            )
        };
        let balances = match self.balances {
            ["", _] => String::new(),
            [opening, closing] => {
                balance("OPBD", opening, self.days[0]) + &balance("CLBD", closing, self.days[1])
            }
        };
        let entries = self.entries.concat();
        format!(
            "<Document><BkToCstmrStmt><Stmt><Id>{}</Id>{balances}{entries}</Stmt></BkToCstmrStmt></Document>",
            self.id
        )
    }
}

/// A statement of entries alone.
fn of(entries: &[String]) -> String {
    Statement { id: "S", days: ["", ""], balances: ["", ""], entries }.text()
}

/// A statement with its days and balances.
fn says(id: &str, days: [&str; 2], balances: [&str; 2], entries: &[String]) -> String {
    Statement { id, days, balances, entries }.text()
}

/// An entry that arrived (`CRDT`) or left (`DBIT`), with what else is said of it and of its transaction.
fn entry(reference: &str, amount: &str, direction: &str, said: &str, detail: &str) -> String {
    let reference = match reference {
        "" => String::new(),
        reference => format!("<AcctSvcrRef>{reference}</AcctSvcrRef>"),
    };
    format!(
        r#"<Ntry><Amt Ccy="USD">{amount}</Amt><CdtDbtInd>{direction}</CdtDbtInd>{reference}{said}
        <NtryDtls><TxDtls>{detail}</TxDtls></NtryDtls></Ntry>"#
    )
}

fn text(text: &str) -> String {
    format!("<RmtInf><Ustrd>{text}</Ustrd></RmtInf>")
}

async fn try_bring(db: &Db, now: Timestamp, statement: &str) -> Result<Vec<String>, Error> {
    let lines = reconcile(db, &Actor::machine(), &rules(now), None, statement).await?;
    Ok(lines.into_iter().map(|line| line.outcome).collect())
}

async fn bring_camt(db: &Db, now: Timestamp, statement: &str) -> Vec<String> {
    let said = try_bring(db, now, statement).await.unwrap();
    assert_eq!(faults(db).await, Vec::<String>::new(), "{statement}");
    said
}

#[tokio::test]
async fn amounts_and_directions_are_what_they_say_or_are_refused() {
    let (_folder, finance) = market(&["globex"], OFFER).await;
    let db = &finance.db;
    for (wrong, says) in [
        (entry("A", "-5.00", "DBIT", "", ""), "an amount is not below zero"),
        (entry("A", "-5.00", "CRDT", "", ""), "an amount is not below zero"),
        (entry("A", "5.00", "XXXX", "", ""), "it is CRDT or DBIT"),
        (entry("A", "5.00", "crdt", "", ""), "it is CRDT or DBIT"),
    ] {
        let error = try_bring(db, day(1), &of(&[wrong])).await.unwrap_err().to_string();
        assert!(error.contains(says), "{error}");
    }
    assert_eq!(held(db, Account::Bank).await, 0);
    assert_eq!(
        bring_camt(db, day(1), &of(&[entry("A", "0.00", "CRDT", "", "")])).await,
        ["it is of nothing"]
    );
    let both = of(&[entry("B", "5.00", "DBIT", "", ""), entry("C", "7", "CRDT", "", "")]);
    assert_eq!(bring_camt(db, day(1), &both).await.len(), 2);
    assert_eq!((held(db, Account::Bank).await, held(db, Account::Suspense).await), (200, -200));
}

#[tokio::test]
async fn what_the_bank_takes_is_apart_from_what_was_paid() {
    let (_folder, finance) = market(&["globex"], OFFER).await;
    let db = &finance.db;
    let due = subscribe(db, "globex", day(0)).await;
    let amount = |money: Money| money.to_string().replace(" USD", "");
    let charges = |taken: &str| {
        format!(r#"<Chrgs><Rcrd><Amt Ccy="USD">{taken}</Amt><CdtDbtInd>DBIT</CdtDbtInd></Rcrd></Chrgs>"#)
    };
    let paid = format!(r#"<Amt Ccy="USD">{}</Amt>{}"#, amount(due), text("for INVOICE-1"));
    let arrived = amount(due.minus(usd("1.50")).unwrap());
    // Charges that do not explain the difference leave one line: it pays a part.
    let unclear = entry("A", "1.00", "CRDT", &charges("2.50"), &text("for INVOICE-1"));
    assert_eq!(bring_camt(db, day(1), &of(&[unclear])).await, ["paid INVOICE-1"]);
    let invoice = find_invoice(&mut db.read().acquire().await.unwrap(), 1).await.unwrap();
    assert_eq!(invoice.part_paid, Some(usd("1.00")));
    let clear = of(&[entry("B", &arrived, "CRDT", &charges("1.50"), &paid)]);
    for _ in 0..2 {
        let said = bring_camt(db, day(2), &clear).await;
        assert_eq!(said, ["paid INVOICE-1, is credit of globex", "is what the bank takes"]);
        assert_eq!((held(db, Account::BankFees).await, held(db, Account::Suspense).await), (150, 0));
        assert_eq!(held(db, Account::Bank).await, due.minor() - 50);
        assert_eq!(held(db, Account::Credit(name("globex"))).await, -100);
    }
    // More than what a bank takes waits.
    let much = format!(r#"<Amt Ccy="USD">100.00</Amt>{}"#, text("rent"));
    let said = bring_camt(db, day(3), &of(&[entry("C", "90.00", "CRDT", &charges("10.00"), &much)])).await;
    assert!(said[1].starts_with("unmatched: it differs by 10.00 USD"), "{said:?}");
}

#[tokio::test]
async fn a_debit_that_the_bank_reverses_comes_back() {
    let (_folder, finance) = two_payouts().await;
    let db = &finance.db;
    bring(db, day(32), &["A1,,-84.99,USD,PAYOUT-1"]).await;
    let reversal = "<RvslInd>true</RvslInd>";
    let back = of(&[entry("R1", "84.99", "CRDT", reversal, &text("PAYOUT-1"))]);
    assert_eq!(bring_camt(db, day(33), &back).await, ["returned payout 1"]);
    assert_eq!((payout(db, 1).await.0, held(db, Account::Bank).await), (PayoutState::Returned, 109_999));
    // A credit that it reverses has left, and settles nothing by itself.
    let gone = of(&[entry("R2", "850.00", "DBIT", reversal, &text("INVOICE-1"))]);
    assert!(bring_camt(db, day(33), &gone).await[0].starts_with("unmatched: "));
    assert_eq!(held(db, Account::Suspense).await, 85_000);
}

#[tokio::test]
async fn a_line_of_another_time_is_posted_now() {
    let (_folder, finance) = market(&[], OFFER).await;
    let db = &finance.db;
    for (line, posted) in [
        ("A,2019-01-01,5.00,USD,rent", "2026-02-10T00:00:00.000000Z"),
        ("B,2030-01-01,5.00,USD,rent", "2026-02-10T00:00:00.000000Z"),
        ("C,2026-02-01,5.00,USD,rent", "2026-02-01T12:00:00.000000Z"),
        ("D,,5.00,USD,rent", "2026-02-10T00:00:00.000000Z"),
    ] {
        bring(db, day(40), &[line]).await;
        let (at,): (String,) = sqlx::query_as("select at from ledger_transactions where key = $1")
            .bind(format!("bank-line:{}", &line[..1]))
            .fetch_one(db.read())
            .await
            .unwrap();
        assert_eq!(at, posted, "{line}");
    }
    assert_eq!(held(db, Account::Bank).await, 2000);
}

#[tokio::test]
async fn a_statement_under_another_name_and_days_that_are_told_twice_count_once() {
    let (_folder, finance) = market(&[], OFFER).await;
    let db = &finance.db;
    let [a, b, c, d] = ["A", "B", "C", "D"].map(|name| entry(name, "1.00", "CRDT", "", ""));
    let unnamed = [entry("", "2.00", "CRDT", "", ""), entry("", "3.00", "CRDT", "", "")];
    // The same one, twice by name and once under another; the bank has no references of its lines.
    for id in ["S1", "S1", "S1b"] {
        bring_camt(db, day(40), &says(id, ["2026-01-01", "2026-01-02"], ["10.00", "15.00"], &unnamed)).await;
        assert_eq!(held(db, Account::Bank).await, 1500, "{id}");
    }
    // Two that tell of the same days.
    let first = says("S2", ["2026-01-02", "2026-01-10"], ["15.00", "17.00"], &[a, b.clone()]);
    bring_camt(db, day(40), &first).await;
    let second = says("S3", ["2026-01-05", "2026-01-12"], ["16.00", "18.00"], &[b, c]);
    bring_camt(db, day(40), &second).await;
    assert_eq!(held(db, Account::Bank).await, 1800);
    // One is missing, and comes later.
    let later = says("S5", ["2026-01-20", "2026-01-21"], ["19.00", "20.00"], &[d]);
    try_bring(db, day(40), &later).await.unwrap();
    let said = faults(db).await;
    assert!(said.len() == 1 && said[0].contains("S5 of 2026-01-21 in USD begins with 19.00 USD"), "{said:?}");
    let missing = entry("E", "1.00", "CRDT", "", "");
    bring_camt(db, day(40), &says("S4", ["2026-01-12", "2026-01-20"], ["18.00", "19.00"], &[missing])).await;
    assert_eq!(held(db, Account::Bank).await, 2000);
    // Days that are told twice, and do not lead from one to the other.
    let more = entry("F", "1.00", "CRDT", "", "");
    let wrong = says("S6", ["2026-01-20", "2026-01-22"], ["19.00", "20.00"], &[more]);
    try_bring(db, day(40), &wrong).await.unwrap();
    let said = faults(db).await;
    let why = "begin with 19.00 USD and end with 20.00 USD, but their lines are 2.00 USD";
    assert!(said.len() == 1 && said[0].contains(why), "{said:?}");
}
