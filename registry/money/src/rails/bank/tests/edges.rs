//! Lines that come long after what they are of: refunds that left, days in months that are closed, transfers that came back.

use chandlery_package::wire::NewRefund;

use super::*;
use crate::books::close;
use crate::rails;

async fn pay(finance: &Finance, customer: &str, now: Timestamp) {
    let reference = order(finance, customer, now).await;
    let payment = NewPayment { bank_reference: format!("B-{customer}"), amount: usd("99.99") };
    billing::record_payment(&finance.db, &Actor::machine(), 30, &reference, &payment, now).await.unwrap();
}

#[tokio::test]
async fn what_was_given_back_leaves_the_bank_once() {
    let (_folder, finance) = market(&["globex"], OFFER).await;
    let db = &finance.db;
    pay(&finance, "globex", day(0)).await;
    let (key, amount) = ("R".into(), usd("20.00"));
    let new = NewRefund { key, amount, line: None, reason: String::new(), as_credit: false };
    let note = rails::refund(&finance, &Actor::machine(), 1, &new, day(1)).await.unwrap();
    assert_eq!((note.number, note.cash, held(db, Account::Bank).await), (1, usd("20.00"), 7_999));
    for (line, says, bank, suspense) in [
        ("A,,-20.00,USD,REFUND-1 to Globex", "is transaction ", 7_999, 0),
        ("A,,-20.00,USD,REFUND-1 to Globex", "is transaction ", 7_999, 0),
        // Once more, and a cent less: that left for nothing that is known.
        ("B,,-20.00,USD,REFUND-1", "unmatched: ", 5_999, 2_000),
        ("C,,-19.99,USD,REFUND-1", "unmatched: ", 4_000, 3_999),
    ] {
        let said = bring(db, day(2), &[line]).await;
        assert!(said[0].starts_with(says), "{line}: {said:?}");
        let found = (held(db, Account::Bank).await, held(db, Account::Suspense).await);
        assert_eq!(found, (bank, suspense), "{line}");
    }
}

#[tokio::test]
async fn what_goes_back_is_what_was_compared_with_the_rules() {
    let (_folder, finance) = market(&["globex"], OFFER).await;
    let db = &finance.db;
    pay(&finance, "globex", day(0)).await;
    for (key, as_credit, seen, is_done) in [
        ("R", false, "0.00", true),
        // Two that were looked at together.
        ("S", false, "0.00", false),
        ("T", true, "0.00", false),
        // Asked again, by the same key or after another look.
        ("R", false, "0.00", true),
        ("T", true, "10.00", true),
        ("S", false, "10.00", false),
        ("S", false, "20.00", true),
    ] {
        let new =
            NewRefund { key: key.into(), amount: usd("10.00"), line: None, reason: String::new(), as_credit };
        let seen = Some(usd(seen));
        let done = rails::refund_as_seen(&finance, &Actor::machine(), 1, &new, seen, day(1)).await;
        assert_eq!(done.is_ok(), is_done, "{key} {seen:?}: {done:?}");
    }
    bring(db, day(2), &["A,,30.00,USD,nobody"]).await;
    for (part, seen, is_done) in
        [("10.00", "10.00", true), ("10.00", "10.00", false), ("10.00", "20.00", true)]
    {
        let to = vec![Allotment::SendBack { amount: usd(part) }];
        let new = NewAllotment { line: "A".into(), to };
        let done =
            allotting::allot(db, &Actor::machine(), &rules(day(2)), &new, compared(Some(usd(seen)))).await;
        assert_eq!(done.is_ok(), is_done, "{seen}: {done:?}");
    }
}

#[tokio::test]
async fn a_line_is_posted_by_its_value_date_as_long_as_that_is_open() {
    let (_folder, finance) = market(&["globex"], OFFER).await;
    let db = &finance.db;
    let posted = async |line: &str| {
        let (at,): (String,) = sqlx::query_as("select at from ledger_transactions where key = $1")
            .bind(format!("bank-line:{line}"))
            .fetch_one(db.read())
            .await
            .unwrap();
        at
    };
    // Booked in January, and imported on the twentieth of February.
    bring(db, day(50), &["A,2026-01-30,5.00,USD,rent"]).await;
    assert_eq!(posted("A").await, "2026-01-30T12:00:00.000000Z");
    close(db, &Actor::machine(), 30, "2026-01".parse().unwrap(), &operator(), day(51)).await.unwrap();
    bring(db, day(52), &["B,2026-01-31,7.00,USD,rent", "C,2026-02-01,11.00,USD,rent"]).await;
    assert_eq!(posted("B").await, "2026-02-22T00:00:00.000000Z");
    assert_eq!(posted("C").await, "2026-02-01T12:00:00.000000Z");
    let mut read = db.read().acquire().await.unwrap();
    let kept = lines::find(&mut read, "B").await.unwrap().unwrap().day;
    assert_eq!(kept, Some("2026-01-31".parse().unwrap()));
}

#[tokio::test]
async fn a_structured_reference_pays_what_is_exactly_due() {
    let (_folder, finance) = market(&["globex"], OFFER).await;
    let db = &finance.db;
    let reference = order(&finance, "globex", day(0)).await;
    let structured = format!("RF18{}", reference.replace('-', ""));
    let less = bring(db, day(1), &[&format!("A,,99.98,USD,{structured}")]).await;
    assert_eq!(less, ["unmatched: 99.98 USD arrived, but 99.99 USD is due"]);
    let all = bring(db, day(1), &[&format!("B,,99.99,USD,{structured}")]).await;
    assert_eq!(all, [format!("paid {reference}")]);
    assert_eq!((held(db, Account::Bank).await, held(db, Account::Suspense).await), (19_997, -9_998));
}

/// An entry of camt.053 about a payout.
fn entry(id: &str, amount: &str, payout: i64, returned: bool) -> String {
    let (direction, information) = match returned {
        true => ("CRDT", "<RtrInf><Rsn><Cd>AC01</Cd></Rsn></RtrInf>"),
        false => ("DBIT", ""),
    };
    format!(
        r#"<Ntry><Amt Ccy="USD">{amount}</Amt><CdtDbtInd>{direction}</CdtDbtInd><AcctSvcrRef>{id}</AcctSvcrRef><NtryDtls>
        <TxDtls><Refs><EndToEndId>PAYOUT-{payout}</EndToEndId></Refs>{information}</TxDtls></NtryDtls></Ntry>"#
    )
}

#[tokio::test]
async fn what_a_bank_says_came_back_returns_as_much_of_a_payout() {
    let (_folder, finance) = two_payouts().await;
    let db = &finance.db;
    for (line, amount, returned, says, state, available) in [
        ("A", "84.99", false, "confirmed payout 1", PayoutState::Paid, 0),
        ("B", "0.01", true, "returned 0.01 USD of payout 1", PayoutState::PartlyReturned, -1),
        // More than the 84.98 that are out.
        ("C", "84.99", true, "unmatched: ", PayoutState::PartlyReturned, -1),
        ("D", "84.98", true, "returned 84.98 USD of payout 1", PayoutState::Returned, -8_499),
    ] {
        let text = format!(
            "<Document><BkToCstmrStmt><Stmt><Id>S{line}</Id>{}</Stmt></BkToCstmrStmt></Document>",
            entry(line, amount, 1, returned)
        );
        let said =
            reconcile(db, &Actor::machine(), &rules(day(33)), None, &text).await.unwrap().remove(0).outcome;
        assert!(said.starts_with(says), "{line}: {said}");
        let found = (payout(db, 1).await.0, held(db, Account::Available(name("acme"))).await);
        assert_eq!(found, (state, available), "{line}");
        assert_eq!(faults(db).await, Vec::<String>::new());
    }
}

#[tokio::test]
async fn a_payout_of_the_processor_is_nothing_else_even_before_it_is_told() {
    let (_folder, finance) = market(&["globex"], OFFER).await;
    let db = &finance.db;
    sqlx::query(
        "insert into processor_events (id, received_at, kind, object, about, created_at, body, state)
         values ('evt_1', '', 'payout.created', 'po_1', 'po_1', '', '', 'ignored')",
    )
    .execute(db.read())
    .await
    .unwrap();
    let credit = |amount| Allotment::Credit { customer: name("globex"), amount };
    for (line, text, to, is_taken) in [
        ("A", "po_1", credit(usd("5.00")), false),
        ("B", "payment po_1.", Allotment::SendBack { amount: usd("5.00") }, false),
        ("C", "/po_1/", Allotment::Own { amount: usd("5.00") }, false),
        // Nobody has told of these.
        ("D", "po_2", credit(usd("5.00")), true),
        ("E", "po_11", credit(usd("5.00")), true),
        ("F", "rent", credit(usd("5.00")), true),
    ] {
        bring(db, day(1), &[&format!("{line},,5.00,USD,{text}")]).await;
        let new = NewAllotment { line: line.into(), to: vec![to] };
        let seen = allotting::sent_back(&mut db.read().acquire().await.unwrap(), &new).await.unwrap();
        let done = allotting::allot(db, &Actor::machine(), &rules(day(2)), &new, compared(seen)).await;
        assert_eq!(done.is_ok(), is_taken, "{line} {text}: {done:?}");
    }
    assert_eq!(faults(db).await, Vec::<String>::new());
}
