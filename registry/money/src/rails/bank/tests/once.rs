//! A line of the bank is booked once, whichever way it comes: recorded by hand by its reference, from a statement, or both.

use chandlery_package::wire::{BankAccount, Expense, NewExchange, NewExpense, TransactionKind};

use super::*;

#[derive(Debug, Clone, Copy)]
enum Deed {
    /// An operator records the transfer B-1 as the payment of the order of 99.99.
    Record,
    /// A statement has line B-1 of so much, which names nothing.
    Bring(&'static str),
    /// An operator says that so much of the line is a customer's credit.
    Credit(&'static str),
    /// Or that it goes back.
    SendBack(&'static str),
    /// Or that it is what was recorded by hand.
    Seen,
}

struct Desk {
    finance: Finance,
    order: String,
}

impl Desk {
    async fn open() -> (tempfile::TempDir, Self) {
        let (folder, finance) = market(&["globex"], OFFER).await;
        let order = order(&finance, "globex", day(0)).await;
        (folder, Self { finance, order })
    }

    /// Does something, and says whether it was done.
    async fn does(&self, deed: Deed) -> bool {
        let db = &self.finance.db;
        let done = match deed {
            Deed::Record => {
                let payment = NewPayment { bank_reference: "B-1".into(), amount: usd("99.99") };
                let actor = Actor::machine();
                billing::record_payment(db, &actor, 30, &self.order, &payment, day(1)).await.is_ok()
            }
            Deed::Bring(amount) => {
                let said = bring(db, day(1), &[&format!("B-1,,{amount},USD,rent")]).await;
                !said[0].starts_with("unmatched")
            }
            Deed::Credit(amount) => {
                self.allots(Allotment::Credit { customer: name("globex"), amount: usd(amount) }).await
            }
            Deed::SendBack(amount) => self.allots(Allotment::SendBack { amount: usd(amount) }).await,
            Deed::Seen => {
                let key = format!("{}:1", TransactionKind::InvoicePaid);
                let (transaction,): (i64,) =
                    sqlx::query_as("select id from ledger_transactions where key = $1")
                        .bind(key)
                        .fetch_one(db.read())
                        .await
                        .unwrap();
                self.allots(Allotment::Recorded { transaction }).await
            }
        };
        assert_eq!(faults(db).await, Vec::<String>::new(), "{deed:?}");
        done
    }

    async fn allots(&self, to: Allotment) -> bool {
        let (db, new) = (&self.finance.db, NewAllotment { line: "B-1".into(), to: vec![to] });
        let seen = allotting::sent_back(&mut db.read().acquire().await.unwrap(), &new).await.unwrap();
        allotting::allot(db, &Actor::machine(), &rules(day(2)), &new, compared(seen)).await.is_ok()
    }
}

#[tokio::test]
async fn a_transfer_that_is_recorded_and_brought_is_booked_once_in_any_order() {
    use Deed::{Bring, Credit, Record, Seen, SendBack};
    for (deeds, bank, suspense) in [
        (vec![(Record, true), (Bring("99.99"), true)], 9999, 0),
        (vec![(Record, true), (Bring("99.99"), true), (Record, true), (Bring("99.99"), true)], 9999, 0),
        (vec![(Bring("99.99"), false), (Record, true), (Bring("99.99"), true)], 9999, 0),
        (vec![(Bring("99.99"), false), (Record, true), (Seen, true), (Seen, false)], 9999, 0),
        // It was taken for something else before: that is undone first, or it is no payment.
        (vec![(Bring("99.99"), false), (Credit("99.99"), true), (Record, false)], 9999, 0),
        (vec![(Bring("99.99"), false), (Credit("50.00"), true), (Record, false)], 9999, -4999),
        (vec![(Bring("99.99"), false), (SendBack("99.99"), true), (Record, false)], 0, 0),
        // It was recorded before it was taken for something else.
        (vec![(Bring("99.99"), false), (Record, true), (Credit("99.99"), false), (Seen, true)], 9999, 0),
        (vec![(Bring("99.99"), false), (Record, true), (SendBack("1.00"), false), (Seen, true)], 9999, 0),
        // The bank tells of more: what is more is open.
        (vec![(Record, true), (Bring("120.00"), true), (Credit("20.01"), true)], 12_000, 0),
        (vec![(Bring("120.00"), false), (Record, false)], 12_000, -12_000),
        (vec![(Bring("120.00"), false), (Credit("20.01"), true), (Record, true), (Seen, true)], 12_000, 0),
        // It tells of less, or of something that left: somebody has to look.
        (
            vec![(Record, true), (Bring("50.00"), false), (Credit("50.00"), false), (Seen, false)],
            14_999,
            -5000,
        ),
        (vec![(Record, true), (Bring("97.50"), false), (Credit("97.50"), false), (Seen, true)], 9750, 0),
        (vec![(Record, true), (Bring("-99.99"), false), (Seen, false)], 0, 9999),
    ] {
        let (_folder, desk) = Desk::open().await;
        for (deed, is_done) in &deeds {
            assert_eq!(desk.does(*deed).await, *is_done, "{deed:?} of {deeds:?}");
        }
        let db = &desk.finance.db;
        let found = (held(db, Account::Bank).await, held(db, Account::Suspense).await);
        assert_eq!(found, (bank, suspense), "{deeds:?}");
    }
}

#[tokio::test]
async fn what_left_and_was_recorded_is_booked_once_in_any_order() {
    let (_folder, finance) = two_payouts().await;
    let db = &finance.db;
    let own = async |line: &str, amount: &str| {
        let to = vec![Allotment::Own { amount: usd(amount) }];
        let new = NewAllotment { line: line.into(), to };
        allotting::allot(db, &Actor::machine(), &rules(day(41)), &new, compared(None)).await.is_ok()
    };
    let confirm = async |id: i64, reference: &str| {
        payouts::confirm(db, &Actor::machine(), id, reference, None, day(41)).await.is_ok()
    };
    let before = held(db, Account::Bank).await;
    // A payout whose line names nothing is known by what it was confirmed with.
    assert!(confirm(1, "P-1").await);
    let said = bring(db, day(42), &["P-1,,-84.99,USD,transfer"]).await;
    assert!(said[0].starts_with("is transaction "), "{said:?}");
    // One that was taken for something else left once.
    bring(db, day(42), &["P-2,,-850.00,USD,transfer"]).await;
    assert!(own("P-2", "850.00").await);
    assert!(!confirm(2, "P-2").await);
    assert_eq!(held(db, Account::Bank).await, before - 8499 - 85_000);
    for (key, line, is_recorded) in
        [("rack", "rack,,-7.00,USD,racks", true), ("gone", "gone,,-7.00,USD,racks", false)]
    {
        let (description, on) = ("racks".to_owned(), Expense::Hosting);
        let new = NewExpense { key: key.into(), description, amount: usd("7.00"), on, day: None };
        bring(db, day(43), &[line]).await;
        if !is_recorded {
            assert!(own(key, "7.00").await);
        }
        let mut write = db.write().await.unwrap();
        let done = ledger::spend_within(&mut write, &Actor::machine(), &new, day(43)).await;
        assert_eq!(done.is_ok(), is_recorded, "{key}: {done:?}");
        match is_recorded {
            true => write.commit().await.unwrap(),
            false => drop(write),
        }
        // While it was recorded and not settled by that, it is nothing else.
        assert!(!own(key, "7.00").await, "{key}");
    }
    bring(db, day(44), &["X,,-10.00,USD,fx"]).await;
    assert!(own("X", "10.00").await);
    let new = NewExchange { key: "X".into(), sold: usd("10.00"), bought: "9.00 EUR".parse().unwrap() };
    let mut write = db.write().await.unwrap();
    assert!(ledger::exchange_within(&mut write, &Actor::machine(), &new, day(44)).await.is_err());
    drop(write);
    bring(db, day(44), &["Y,,0.01,USD,interest"]).await;
    assert_eq!(held(db, Account::Bank).await, before - 8499 - 85_000 - 700 - 700 - 1000 + 1);
}

#[tokio::test]
async fn what_is_confirmed_by_hand_has_a_fee_and_no_more() {
    let (_folder, finance) = two_payouts().await;
    let db = &finance.db;
    let confirm = async |id: i64, reference: &str, left: &str| {
        payouts::confirm(db, &Actor::machine(), id, reference, Some(usd(left)), day(40)).await
    };
    for left in ["84.98", "90.00", "999999.00", "-84.99", "0.00"] {
        let error = confirm(1, "P-1", left).await.unwrap_err();
        assert!(matches!(error, Error::Conflict(_) | Error::Invalid(_)), "{left}: {error}");
        assert_eq!(payout(db, 1).await.0, PayoutState::Approved, "{left}");
    }
    let error = confirm(1, "P-1", "90.00").await.unwrap_err().to_string();
    assert!(error.contains("at most 5.00 USD, is a fee") && error.contains("--fee-max"), "{error}");
    for _ in 0..2 {
        confirm(1, "P-1", "89.99").await.unwrap();
    }
    assert_eq!((payout(db, 1).await.0, held(db, Account::PayoutFees).await), (PayoutState::Paid, 500));
    // An operator has said that the bank takes more.
    let mut write = db.write().await.unwrap();
    let (holder, iban, bic) = ("Us".into(), "DE89370400440532013000".into(), "DEUTDEFF".into());
    let (name, fees_max) = ("main".into(), vec![usd("10.00")]);
    let account = BankAccount { name, currency: None, holder, iban, bic, fees_max };
    own_accounts::set(&mut write, &Actor::machine(), &account).await.unwrap();
    write.commit().await.unwrap();
    assert!(confirm(2, "P-2", "860.01").await.is_err());
    confirm(2, "P-2", "860.00").await.unwrap();
    assert_eq!((payout(db, 2).await.0, held(db, Account::PayoutFees).await), (PayoutState::Paid, 1500));
    assert_eq!(faults(db).await, Vec::<String>::new());
}
