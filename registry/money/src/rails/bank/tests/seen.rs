//! What an operator says of a line on a page is done as it was seen, and once.

use super::*;

async fn said(db: &Db, to: &[Allotment], parts: usize) -> Result<BankLine, Error> {
    let new = NewAllotment { line: "A".into(), to: to.to_vec() };
    let sent_back = allotting::sent_back(&mut db.read().acquire().await.unwrap(), &new).await.unwrap();
    let seen = allotting::Seen { sent_back, parts: Some(parts) };
    let done = allotting::allot(db, &Actor::machine(), &rules(day(2)), &new, seen).await;
    assert_eq!(faults(db).await, Vec::<String>::new());
    done
}

#[tokio::test]
async fn a_form_that_is_sent_twice_is_done_once() {
    let (_folder, finance) = market(&["globex"], OFFER).await;
    let db = &finance.db;
    bring(db, day(1), &["A,2026-01-02,100.00,USD,thanks", "B,,5.00,USD,rent"]).await;
    let credit = |text: &str| Allotment::Credit { customer: name("globex"), amount: usd(text) };

    assert_eq!(said(db, &[credit("40.00")], 0).await.unwrap().open, Some(usd("60.00")));
    // There is enough left of it for the same once more.
    let again = said(db, &[credit("40.00")], 0).await.unwrap_err();
    assert!(matches!(&again, Error::Conflict(why) if why.contains("look at it again")), "{again}");
    assert!(said(db, &[credit("10.00"), credit("60.00")], 1).await.is_err(), "more than is open");
    let both = said(db, &[credit("10.00"), Allotment::SendBack { amount: usd("50.00") }], 1).await.unwrap();
    assert_eq!(both.open, None);
    // Nothing is open, and what is credit could be sent back still: not by a form that has seen less.
    let back = [Allotment::SendBack { amount: usd("10.00") }];
    assert!(said(db, &back, 1).await.is_err());
    assert_eq!(held(db, Account::Credit(name("globex"))).await, -5000);

    let mut read = db.read().acquire().await.unwrap();
    let (line, parts) = desk::find(&mut read, "A").await.unwrap();
    let parts: Vec<_> = parts.into_iter().map(|part| part.amount).collect();
    assert_eq!((line.open, parts), (None, vec![usd("40.00"), usd("10.00"), usd("50.00")]));
    assert_eq!(desk::count_open(&mut read).await.unwrap(), 1);
    assert!(matches!(desk::find(&mut read, "C").await, Err(Error::NotFound(_))));
}
