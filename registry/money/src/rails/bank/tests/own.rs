//! Several bank accounts of the marketplace's own: each has its lines and balances, and moves between them earn nothing.

use chandlery_package::wire::BankAccount;

use super::super::super::own_accounts;
use super::*;

const MAIN: &str = "DE89370400440532013000";
const SECOND: &str = "FR1420041010050500013M02606";

/// The first account for every currency, and a second one in US dollars.
async fn name_accounts(db: &Db) {
    let mut write = db.write().await.unwrap();
    for (name, currency, iban) in [("main", None, MAIN), ("second", Some(Currency::Usd), SECOND)] {
        let (holder, bic, fees_max) = ("Us".into(), "DEUTDEFF".into(), Vec::new());
        let account = BankAccount { name: name.into(), currency, holder, iban: iban.into(), bic, fees_max };
        assert!(own_accounts::would_change(&mut write, &account).await.unwrap());
        own_accounts::set(&mut write, &Actor::machine(), &account).await.unwrap();
        assert!(!own_accounts::would_change(&mut write, &account).await.unwrap());
    }
    write.commit().await.unwrap();
}

/// A statement of one line, from or to an IBAN.
fn camt(iban: &str, [opening, amount, closing]: [&str; 3], direction: &str, other: &str) -> String {
    let balance = |code: &str, amount: &str| {
        format!(
            r#"<Bal><Tp><CdOrPrtry><Cd>{code}</Cd></CdOrPrtry></Tp><Amt Ccy="USD">{amount}</Amt>
            <CdtDbtInd>CRDT</CdtDbtInd><Dt><Dt>2026-01-10</Dt></Dt></Bal>"#
        )
    };
    let party = if direction == "CRDT" { "DbtrAcct" } else { "CdtrAcct" };
    format!(
        r#"<Document><BkToCstmrStmt><Stmt><Id>S</Id><Acct><Id><IBAN>{iban}</IBAN></Id><Ccy>USD</Ccy></Acct>{}{}
        <Ntry><Amt Ccy="USD">{amount}</Amt><CdtDbtInd>{direction}</CdtDbtInd><AcctSvcrRef>L</AcctSvcrRef>
        <NtryDtls><TxDtls><RltdPties><{party}><Id><IBAN>{other}</IBAN></Id></{party}></RltdPties>
        <RmtInf><Ustrd>for PAYOUT-1 or INVOICE-1</Ustrd></RmtInf></TxDtls></NtryDtls></Ntry>
        </Stmt></BkToCstmrStmt></Document>"#,
        balance("OPBD", opening),
        balance("CLBD", closing)
    )
}

#[tokio::test]
async fn each_account_has_its_own_lines_and_moves_between_them_are_no_income() {
    let (_folder, finance) = market(&["globex"], OFFER).await;
    let db = &finance.db;
    name_accounts(db).await;
    let try_bring = async |account: Option<&str>, text: &str| {
        reconcile(db, &Actor::machine(), &rules(day(40)), account, text).await
    };
    let second = || Account::BankOf("second".into());
    // What no account of ours is of is refused by its name, and changes nothing.
    let unknown = camt("GB29NWBK60161331926819", ["0.00", "5.00", "5.00"], "CRDT", "");
    let error = try_bring(None, &unknown).await.unwrap_err().to_string();
    assert!(error.contains("no bank account GB29NWBK60161331926819"), "{error}");
    assert_eq!(held(db, Account::Bank).await, 0);
    // The bank numbers each account's lines by itself: both are L.
    let left = camt(MAIN, ["100.00", "30.00", "70.00"], "DBIT", SECOND);
    let arrived = camt(SECOND, ["8.00", "30.00", "38.00"], "CRDT", MAIN);
    for _ in 0..2 {
        let line = try_bring(None, &left).await.unwrap().remove(0);
        assert_eq!((line.id.as_str(), line.account.as_str()), ("L", "main"));
        assert_eq!(line.outcome, "moves between own accounts");
        assert_eq!(faults(db).await, Vec::<String>::new());
    }
    assert_eq!((held(db, Account::Bank).await, held(db, Account::Transfers).await), (7000, 3000));
    let line = try_bring(None, &arrived).await.unwrap().remove(0);
    assert_eq!((line.id.as_str(), line.account.as_str()), ("second/L", "second"));
    assert_eq!(line.other_iban.as_deref(), Some(MAIN));
    assert_eq!((held(db, second()).await, held(db, Account::Transfers).await), (3800, 0));
    assert_eq!((held(db, Account::Suspense).await, held(db, Account::Opening).await), (0, -10_800));
    // A table says by name of which account it is; what is recorded by hand is on the first one until a line tells.
    let table = "id,date,amount,currency,text\nT,,5.00,USD,rent\n";
    assert_eq!(try_bring(Some("second"), table).await.unwrap()[0].id, "second/T");
    assert!(try_bring(Some("third"), table).await.is_err());
    assert_eq!((held(db, second()).await, held(db, Account::Suspense).await), (4300, -500));
    let reference = order(&finance, "globex", day(40)).await;
    let payment = NewPayment { bank_reference: "E".into(), amount: usd("99.99") };
    billing::record_payment(db, &Actor::machine(), 30, &reference, &payment, day(40)).await.unwrap();
    assert_eq!((held(db, Account::Bank).await, held(db, second()).await), (16_999, 4300));
    let seen = "id,date,amount,currency,text\nE,,99.99,USD,thanks\n";
    let line = try_bring(Some("second"), seen).await.unwrap().remove(0);
    assert!(line.outcome.starts_with("is transaction "), "{}", line.outcome);
    assert_eq!((held(db, Account::Bank).await, held(db, second()).await), (7000, 14_299));
    assert_eq!(faults(db).await, Vec::<String>::new());
    let all = balances::compare(&mut db.read().acquire().await.unwrap()).await.unwrap();
    let said: Vec<_> = all
        .iter()
        .map(|held| (held.account.as_str(), held.bank.minor(), held.books.minor(), held.suspense.minor()))
        .collect();
    assert_eq!(said, [("main", 7000, 7000, 0), ("second", 3800, 14_299, 500)]);
}

#[tokio::test]
async fn nothing_is_sent_by_a_bank_file_without_an_account_that_it_leaves_from() {
    let (_folder, finance) = two_payouts().await;
    let db = &finance.db;
    let by_file =
        r#"{"rail": {"kind": "sepa", "holder": "Acme SA", "iban": "GB29NWBK60161331926819", "bic": null}}"#;
    for sql in [
        "insert into payout_profiles (partner, version, body, changed_by, changed_at, approved_by)
         values ('acme', 1, $1, 'operator', '', 'operator')",
        "update payouts set profile = 1 where id = 1 and $1 <> ''",
    ] {
        sqlx::query(sql).bind(by_file).execute(db.read()).await.unwrap();
    }
    let send = async || crate::rails::send(db, &Actor::machine(), None, None, day(33)).await;
    // The second one is paid by hand, and waits for no account.
    assert_eq!(send().await.unwrap().iter().map(|sent| sent.id).collect::<Vec<_>>(), [2]);
    let refused = send().await.unwrap_err().to_string();
    assert!(refused.starts_with("no bank account is set to pay from in USD"), "{refused}");
    assert_eq!((payout(db, 1).await.0, payout(db, 2).await.0), (PayoutState::Approved, PayoutState::Sent));
    name_accounts(db).await;
    assert_eq!(send().await.unwrap().iter().map(|sent| sent.id).collect::<Vec<_>>(), [1]);
    assert_eq!(payout(db, 1).await.0, PayoutState::Sent);
}
