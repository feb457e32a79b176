//! What goes back to customers leaves once, to where it came from, and is credit again when it comes back.

use chandlery_package::wire::{NewRefund, Payee, SendBackState};

use super::super::super::{own_accounts, send_backs};
use super::*;
use crate::rails;

const OURS: &str = "DE89370400440532013000";
const THEIRS: &str = "GB29NWBK60161331926819";

/// What goes back: its reference and state, and its IBAN or nothing.
async fn shown(db: &Db) -> Vec<(String, SendBackState, String)> {
    let mut read = db.read().acquire().await.unwrap();
    let all = send_backs::list(&mut read, None, &Paging::first(9)).await.unwrap().items;
    all.into_iter()
        .map(|sent| (sent.reference, sent.state, sent.to.map(|to| to.iban).unwrap_or_default()))
        .collect()
}

#[tokio::test]
async fn a_refund_leaves_in_one_file_and_is_credit_again_when_it_comes_back() {
    let (_folder, finance) = market(&["globex"], OFFER).await;
    let (db, actor) = (&finance.db, Actor::machine());
    let own =
        serde_json::from_str(&format!(r#"{{"holder": "Us", "iban": "{OURS}", "bic": "DEUTDEFF"}}"#)).unwrap();
    let mut write = db.write().await.unwrap();
    own_accounts::set(&mut write, &Actor::machine(), &own).await.unwrap();
    write.commit().await.unwrap();
    // Paid from an account that the bank tells, and a line from one that nobody knows.
    let reference = order(&finance, "globex", day(0)).await;
    let paid = format!(
        r#"<Document><BkToCstmrStmt><Stmt><Ntry><Amt Ccy="USD">99.99</Amt><CdtDbtInd>CRDT</CdtDbtInd>
        <AcctSvcrRef>A</AcctSvcrRef><NtryDtls><TxDtls><RltdPties><Dbtr><Pty><Nm>Globex Ltd</Nm></Pty></Dbtr>
        <DbtrAcct><Id><IBAN>{THEIRS}</IBAN></Id></DbtrAcct></RltdPties>
        <RmtInf><Ustrd>for {reference}</Ustrd></RmtInf></TxDtls></NtryDtls></Ntry></Stmt></BkToCstmrStmt></Document>"#
    );
    let lines = reconcile(db, &actor, &rules(day(1)), None, &paid).await.unwrap();
    assert_eq!(lines[0].outcome, format!("paid {reference}"));
    bring(db, day(1), &["R,,5.00,USD,rent"]).await;
    allot(db, "R", Allotment::SendBack { amount: usd("5.00") }, day(1)).await.unwrap();
    // Many small parts are compared as one, with what was sent back of the line before.
    for (line, parts, sum) in [
        ("R", vec!["5.00"], Some("10.00")),
        ("R", vec!["1.00", "2.00"], Some("8.00")),
        ("A", vec!["1.00"], Some("1.00")),
        ("A", vec![], None),
    ] {
        let to = parts.into_iter().map(|part| Allotment::SendBack { amount: usd(part) }).collect();
        let new = NewAllotment { line: line.into(), to };
        let found = allotting::sent_back(&mut db.read().acquire().await.unwrap(), &new).await.unwrap();
        assert_eq!(found, sum.map(usd), "{new:?}");
    }
    let amount = usd("99.99");
    let new = NewRefund { key: "r".into(), amount, line: None, reason: String::new(), as_credit: false };
    for _ in 0..2 {
        rails::refund(&finance, &actor, 1, &new, day(2)).await.unwrap();
    }
    let back = "BACK-2".to_owned();
    let refund = "REFUND-1".to_owned();
    let expected = [
        (back.clone(), SendBackState::Open, String::new()),
        (refund.clone(), SendBackState::Open, THEIRS.to_owned()),
    ];
    assert_eq!(shown(db).await, expected);
    // Each is in one file, and only where its payee is known. A file is the same each time that it is printed.
    let other = ["REFUND-9".to_owned()];
    let refused = send_backs::make_file(db, &actor, Some(&other), day(3)).await.unwrap_err().to_string();
    assert!(refused.contains("other transfers wait by now"), "{refused}");
    let file = send_backs::make_file(db, &actor, None, day(3)).await.unwrap();
    assert_eq!((file.number, &file.transfers[..], &file.left_out[..]), (1, &[refund][..], &[back][..]));
    assert!(send_backs::make_file(db, &actor, None, day(3)).await.is_err());
    let print = async |number| send_backs::print_file(&mut db.read().acquire().await.unwrap(), number).await;
    let text = print(1).await.unwrap();
    for part in [
        "<EndToEndId>REFUND-1</EndToEndId>",
        r#"<InstdAmt Ccy="USD">99.99</InstdAmt>"#,
        "<Nm>Globex Ltd</Nm>",
        THEIRS,
        OURS,
        "<CtrlSum>99.99</CtrlSum>",
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }
    assert!(!text.contains("BACK-2"));
    assert_eq!(print(1).await.unwrap(), text);
    assert!(print(2).await.is_err());
    // An operator says where the other one goes; what is in a file goes nowhere else.
    let to = Payee { holder: "Somebody".into(), iban: "FR1420041010050500013M02606".into(), bic: None };
    assert!(send_backs::send_to(db, &actor, "REFUND-1", &to).await.is_err());
    assert!(send_backs::send_to(db, &actor, "REFUND-9", &to).await.is_err());
    let wrong = Payee { iban: "FR14".into(), ..to.clone() };
    assert!(send_backs::send_to(db, &actor, "BACK-2", &wrong).await.is_err());
    assert_eq!(send_backs::would_move(db, "BACK-2", &to).await.unwrap(), Some(usd("5.00")));
    assert_eq!(send_backs::send_to(db, &actor, "BACK-2", &to).await.unwrap().to, Some(to.clone()));
    assert_eq!(send_backs::would_move(db, "BACK-2", &to).await.unwrap(), None, "it goes there already");
    assert_eq!(send_backs::make_file(db, &actor, None, day(4)).await.unwrap().transfers, ["BACK-2"]);
    // What comes back before it left waits; then it is credit, as much as is out.
    let early = bring(db, day(5), &["C0,,99.99,USD,RETURN REFUND-1 INVOICE-1"]).await;
    assert!(early[0].contains("no line told that REFUND-1 left"), "{early:?}");
    let left = bring(db, day(6), &["L,,-99.99,USD,REFUND-1"]).await;
    assert!(left[0].starts_with("is transaction "), "{left:?}");
    let line = lines::find(&mut db.read().acquire().await.unwrap(), "C0").await.unwrap().unwrap();
    assert_eq!(line.outcome, "came back of REFUND-1, and is credit of globex");
    assert_eq!(held(db, Account::Credit(name("globex"))).await, -9999);
    let more = bring(db, day(7), &["C1,,0.01,USD,RETURN REFUND-1"]).await;
    assert!(more[0].starts_with("unmatched: 0.01 USD came back, but 0.00 USD of REFUND-1"), "{more:?}");
    // Nobody knows whose the other one was.
    let said = bring(db, day(7), &["L2,,-5.00,USD,BACK-2", "C2,,5.00,USD,RETURN BACK-2"]).await;
    assert!(said[1].contains("nobody knows whose BACK-2 was"), "{said:?}");
    let states: Vec<_> = shown(db).await.into_iter().map(|(_, state, _)| state).collect();
    assert_eq!(states, [SendBackState::Left, SendBackState::Returned]);
    // What came back and names nothing of ours is no payment.
    let unknown = bring(db, day(8), &["C3,,1.00,USD,RETURN INVOICE-1"]).await;
    assert!(unknown[0].starts_with("unmatched: there is no transfer of ours"), "{unknown:?}");
}
