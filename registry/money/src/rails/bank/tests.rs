//! A bank line settles an amount, and every cent of it is in the books from when it was seen.

mod anything;
mod edges;

use chandlery_accounts::Actor;
use chandlery_package::wire::{
    Allotment, BankLineState, InvoiceLine, InvoiceLineKind, InvoiceState, NewAllotment, NewPayment,
    NewSubscription, Paging, PayoutState,
};
use chandlery_package::{Billed, Currency, Money, Namespace, Tier};
use jiff::{SignedDuration, Timestamp};

use super::*;
use crate::billing::{self, NewInvoice, find_invoice};
use crate::ledger::{self, Account};
use crate::payouts::{self, run};
use crate::sharing::{self, NewSale};
use crate::testing::{at, faults, market, operator};
use crate::{Finance, billing::orders};

mod back;
mod once;
mod own;
mod seen;
mod statements;

const OFFER: &str =
    r#"{"price": {"kind": "once", "amount": {"minor": 9999, "currency": "USD"}}, "trial_days": 0}"#;
const LARGE: &str =
    r#"{"price": {"kind": "once", "amount": {"minor": 100000, "currency": "USD"}}, "trial_days": 0}"#;

fn name(text: &str) -> Namespace {
    text.parse().unwrap()
}

fn usd(text: &str) -> Money {
    format!("{text} USD").parse().unwrap()
}

fn day(number: i64) -> Timestamp {
    at("2026-01-01T00:00:00Z") + SignedDuration::from_hours(24 * number)
}

fn rules(now: Timestamp) -> Rules {
    Rules { hold_days: 30, fees_max: Vec::new(), now }
}

/// Brings lines of `id,date,amount,currency,text`, and gives what became of them.
async fn bring(db: &Db, now: Timestamp, lines: &[&str]) -> Vec<String> {
    let statement = format!("id,date,amount,currency,text\n{}\n", lines.join("\n"));
    let lines = reconcile(db, &Actor::machine(), &rules(now), None, &statement).await.unwrap();
    assert_eq!(faults(db).await, Vec::<String>::new(), "{statement}");
    lines.into_iter().map(|line| line.outcome).collect()
}

async fn held(db: &Db, account: Account) -> i64 {
    let mut read = db.read().acquire().await.unwrap();
    ledger::balance(&mut read, &account, Currency::Usd).await.unwrap().minor()
}

async fn order(finance: &Finance, customer: &str, now: Timestamp) -> String {
    let new = serde_json::from_str(r#"{"plugin": "acme:serving"}"#).unwrap();
    billing::order(&finance.db, &Actor::machine(), &name(customer), &new, now).await.unwrap().reference
}

/// A market with two payouts that are approved: 1 of 84.99, 2 of 850.00.
async fn two_payouts() -> (tempfile::TempDir, Finance) {
    let (folder, finance) = market(&["globex", "initech"], OFFER).await;
    let db = &finance.db;
    sqlx::query(
        "insert into prices (plugin, version, since, offer, customer) values ('acme:serving', 2, '2020', $1, 'initech')",
    )
    .bind(LARGE)
    .execute(db.read())
    .await
    .unwrap();
    for (customer, amount) in [("globex", "99.99"), ("initech", "1000.00")] {
        let reference = order(&finance, customer, day(0)).await;
        let payment = NewPayment { bank_reference: format!("B-{customer}"), amount: usd(amount) };
        billing::record_payment(db, &Actor::machine(), 30, &reference, &payment, day(0)).await.unwrap();
        sharing::release_matured(db, day(31)).await.unwrap();
        let (acme, actor) = (name("acme"), Actor::machine());
        let payout = payouts::propose(db, &actor, &operator(), &acme, Currency::Usd, day(31)).await.unwrap();
        crate::testing::approve(db, &actor, &name("globex"), payout.id, day(31)).await.unwrap();
    }
    (folder, finance)
}

async fn payout(db: &Db, id: i64) -> (PayoutState, Money) {
    let payout = run::find(&mut db.read().acquire().await.unwrap(), id).await.unwrap();
    (payout.state, payout.sent)
}

#[tokio::test]
async fn a_line_settles_an_amount_and_not_a_state() {
    let (_folder, finance) = two_payouts().await;
    let db = &finance.db;
    let available = Account::Available(name("acme"));
    assert_eq!(payout(db, 1).await, (PayoutState::Approved, usd("84.99")));
    assert_eq!(payout(db, 2).await, (PayoutState::Approved, usd("850.00")));
    // So much is no fee: it waits, and is in the books.
    let far = bring(db, day(32), &["F,2026-02-01,-999999.00,USD,PAYOUT-1"]).await;
    assert!(far[0].starts_with("unmatched: it differs by 999914.01 USD"), "{far:?}");
    assert_eq!((held(db, Account::PayoutFees).await, held(db, Account::Suspense).await), (0, 99_999_900));
    assert_eq!(payout(db, 1).await.0, PayoutState::Approved);
    // Nothing comes back of what has not left, in whatever order a file says it.
    let early = bring(db, day(32), &["R0,2026-02-01,84.99,USD,RETURN PAYOUT-1"]).await;
    assert!(early[0].contains("no line told that it left"), "{early:?}");
    let lines = ["R1,2026-02-02,0.01,USD,RETURN PAYOUT-1", "A1,2026-02-01,-84.99,USD,PAYOUT-1"];
    // What came first waited, and is all that is out once it left; the cent after it is too much.
    let said = bring(db, day(33), &lines).await;
    assert_eq!(said[1], "confirmed payout 1");
    assert!(said[0].starts_with("unmatched: "), "{said:?}");
    assert_eq!(payout(db, 1).await.0, PayoutState::Returned);
    assert_eq!((held(db, Account::PayoutFees).await, held(db, available.clone()).await), (0, -8499));
    // A part returns its part, and no more than what is out.
    let cents = ["A2,,-850.00,USD,PAYOUT-2", "P1,,0.01,USD,RETURN PAYOUT-2"];
    assert_eq!(bring(db, day(34), &cents).await, ["confirmed payout 2", "returned 0.01 USD of payout 2"]);
    assert_eq!(
        (payout(db, 2).await.0, held(db, available.clone()).await),
        (PayoutState::PartlyReturned, -8500)
    );
    let more = bring(db, day(34), &["P2,,850.00,USD,RETURN PAYOUT-2"]).await;
    assert!(more[0].starts_with("unmatched: 850.00 USD came back, but 849.99 USD are out"), "{more:?}");
    assert_eq!(
        bring(db, day(35), &["P3,,849.99,USD,RETURN PAYOUT-2"]).await,
        ["returned 849.99 USD of payout 2"]
    );
    assert_eq!((payout(db, 2).await.0, held(db, available).await), (PayoutState::Returned, -93_499));
    // What was returned is paid once more, and once.
    let (acme, actor) = (name("acme"), Actor::machine());
    let again = payouts::propose(db, &actor, &operator(), &acme, Currency::Usd, day(36)).await.unwrap();
    assert_eq!(again.amount, usd("934.99"));
    assert_eq!(faults(db).await, Vec::<String>::new());
}

#[tokio::test]
async fn one_booking_confirms_all_that_it_is_for_or_none() {
    for (amount, confirmed, fee) in [
        ("-934.99", true, 0),
        ("-939.99", true, 500),
        ("-940.00", false, 0),
        ("-934.98", false, 0),
        ("-850.00", false, 0),
        ("-84.99", false, 0),
    ] {
        let (_folder, finance) = two_payouts().await;
        let db = &finance.db;
        let said = bring(db, day(32), &[&format!("A,,{amount},USD,PAYOUT-1 and PAYOUT-2")]).await;
        assert_eq!(said[0].starts_with("unmatched"), !confirmed, "{amount}: {said:?}");
        let state = if confirmed { PayoutState::Paid } else { PayoutState::Approved };
        assert_eq!((payout(db, 1).await.0, payout(db, 2).await.0), (state, state), "{amount}");
        assert_eq!(held(db, Account::PayoutFees).await, fee, "{amount}");
        let open = if confirmed { 0 } else { -usd(amount).minor() };
        assert_eq!(held(db, Account::Suspense).await, open, "{amount}");
    }
}

async fn subscribe(db: &Db, customer: &str, now: Timestamp) -> Money {
    let new = NewSubscription { tier: Tier::Developer, billed: Billed::Monthly };
    billing::change(db, &Actor::machine(), &name(customer), &new, now).await.unwrap();
    find_invoice(&mut db.read().acquire().await.unwrap(), 1).await.unwrap().total
}

/// What the rules of approval have compared, of a line at which nobody has looked.
fn compared(sent_back: Option<Money>) -> allotting::Seen {
    allotting::Seen { sent_back, parts: None }
}

async fn allot(db: &Db, line: &str, to: Allotment, now: Timestamp) -> Result<BankLine, Error> {
    let new = NewAllotment { line: line.into(), to: vec![to] };
    let seen = allotting::sent_back(&mut db.read().acquire().await.unwrap(), &new).await.unwrap();
    let done = allotting::allot(db, &Actor::machine(), &rules(now), &new, compared(seen)).await;
    assert_eq!(faults(db).await, Vec::<String>::new());
    done
}

#[tokio::test]
async fn parts_and_more_than_what_is_due_and_second_payments_are_kept() {
    let (_folder, finance) = market(&["globex"], OFFER).await;
    let db = &finance.db;
    let due = subscribe(db, "globex", day(0)).await;
    let amount = |money: Money| money.to_string().replace(" USD", "");
    assert_eq!(bring(db, day(1), &["A,,1.00,USD,for INVOICE-1"]).await, ["paid INVOICE-1"]);
    let invoice = find_invoice(&mut db.read().acquire().await.unwrap(), 1).await.unwrap();
    assert_eq!((invoice.state, invoice.part_paid), (InvoiceState::Open, Some(usd("1.00"))));
    assert_eq!(invoice.due().unwrap(), due.minus(usd("1.00")).unwrap());
    // All of it once more: the part of before is too much, and is credit of whom it is from. So is a second payment.
    let all = format!("B,,{},USD,for INVOICE-1", amount(due));
    let credited = "paid INVOICE-1, is credit of globex";
    assert_eq!(bring(db, day(1), &[&all]).await, [credited]);
    let invoice = find_invoice(&mut db.read().acquire().await.unwrap(), 1).await.unwrap();
    assert_eq!((invoice.state, invoice.part_paid), (InvoiceState::Paid, None));
    let second = format!("C,,{},USD,for INVOICE-1", amount(due));
    assert_eq!(bring(db, day(2), &[&all, &second]).await, [credited, "is credit of globex"]);
    let account = Account::Credit(name("globex"));
    assert_eq!(held(db, account.clone()).await, -100 - due.minor());
    // What names it nearly waits, and credit of whom it is from is suggested.
    let unclear = bring(db, day(2), &["E,,1.00,USD,invoice 1"]).await;
    assert_eq!(unclear, ["unmatched: nothing is due for 'INVOICE-1'"]);
    let mut read = db.read().acquire().await.unwrap();
    let (state, paging) = (Some(BankLineState::Open), Paging::first(9));
    let open = lines::list(&mut read, state, &paging).await.unwrap().items;
    assert_eq!(open.iter().map(|line| line.id.as_str()).collect::<Vec<_>>(), ["E"]);
    let credit = Allotment::Credit { customer: name("globex"), amount: usd("1.00") };
    let suggested = suggestions::suggestions(&mut read, &open[0]).await.unwrap();
    assert!(suggested.iter().any(|suggestion| suggestion.to == credit), "{suggested:?}");
    drop(read);
    assert!(allot(db, "E", Allotment::SendBack { amount: usd("1.01") }, day(3)).await.is_err());
    let line = allot(db, "E", credit.clone(), day(3)).await.unwrap();
    assert_eq!((line.open, line.outcome.as_str()), (None, "is credit of globex"));
    assert!(allot(db, "E", credit, day(3)).await.is_err());
    // The second one is sent back, once: the books say so at once, and the bank's line is the same once more.
    assert!(allot(db, "B", Allotment::SendBack { amount: usd("1.01") }, day(3)).await.is_err());
    let sent = allot(db, "C", Allotment::SendBack { amount: due }, day(3)).await.unwrap();
    assert!(allot(db, "C", Allotment::SendBack { amount: usd("1.00") }, day(3)).await.is_err());
    assert_eq!(held(db, account).await, -200);
    let back = sent.outcome.split(' ').next_back().unwrap().to_owned();
    assert_eq!((held(db, Account::Suspense).await, held(db, Account::Bank).await), (0, due.minor() + 200));
    let left = format!("D,,-{},USD,{back}", amount(due));
    assert!(bring(db, day(4), &[&left]).await[0].starts_with("is transaction "));
    assert_eq!((held(db, Account::Suspense).await, held(db, Account::Bank).await), (0, due.minor() + 200));
    // Whose doing each was, once: of four lines by what they name, and of two by hand.
    for (act, times) in [("statement-line-settled", 4), ("bank-line-allotted", 2)] {
        let (count,): (i64,) = sqlx::query_as("select count(*) from audit where act = $1")
            .bind(act)
            .fetch_one(db.read())
            .await
            .unwrap();
        assert_eq!(count, times, "{act}");
    }
}

#[tokio::test]
async fn a_line_never_pays_what_was_invoiced_after_it() {
    let (_folder, finance) = market(&["globex"], OFFER).await;
    let db = &finance.db;
    let early = bring(db, day(0), &["A,,1.00,USD,for INVOICE-1"]).await;
    assert!(early[0].starts_with("unmatched: there is no invoice 1"), "{early:?}");
    subscribe(db, "globex", day(1)).await;
    let later = bring(db, day(2), &["A,,1.00,USD,for INVOICE-1", "B,,2.00,USD,for INVOICE-1"]).await;
    assert_eq!(later, ["unmatched: invoice 1 was issued after it was paid", "paid INVOICE-1"]);
}

#[tokio::test]
async fn a_late_payment_revives_what_was_given_up() {
    let (_folder, finance) = market(&["globex"], OFFER).await;
    let db = &finance.db;
    let due = subscribe(db, "globex", day(0)).await;
    bring(db, day(1), &["A,,1.00,USD,for INVOICE-1"]).await;
    // Beside it, one for what was sold.
    let (customer, seller) = (name("globex"), name("acme"));
    let mut write = crate::testing::writing(db).await;
    let sale = NewSale {
        source: "work".into(),
        customer: &customer,
        seller: &seller,
        plugin: None,
        gross: usd("100.00"),
        referrer: None,
        at: day(0),
        shared_by: day(0),
    };
    let sale = sharing::accrue(&mut write, &sale).await.unwrap();
    let line = InvoiceLine {
        kind: InvoiceLineKind::Service,
        description: "work".into(),
        quantity: "1".into(),
        amount: usd("100.00"),
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
    billing::issue(&mut write, &new, |transaction| transaction, day(0)).await.unwrap();
    write.commit().await.unwrap();
    billing::advance_all(db, day(60)).await.unwrap();
    assert_eq!(faults(db).await, Vec::<String>::new());
    for number in [1, 2] {
        let invoice = find_invoice(&mut db.read().acquire().await.unwrap(), number).await.unwrap();
        assert_eq!((invoice.state, invoice.part_paid), (InvoiceState::Uncollectible, None));
    }
    assert_eq!(held(db, Account::Credit(name("globex"))).await, -100);
    // A part does not: somebody must look at it.
    let part = bring(db, day(61), &["B,,1.00,USD,for INVOICE-2"]).await;
    assert!(part[0].starts_with("unmatched: "), "{part:?}");
    let late = format!("C,,{},USD,for INVOICE-1", due.to_string().replace(" USD", ""));
    let said = bring(db, day(61), &[&late, "D,,100.00,USD,for INVOICE-2"]).await;
    assert_eq!(said, ["paid INVOICE-1", "paid INVOICE-2"]);
    assert_eq!(held(db, Account::BadDebt).await, 0);
    assert_eq!(held(db, Account::Pending(name("acme"))).await, -8500);
    assert_eq!(held(db, Account::Receivable).await, 0);
}

#[tokio::test]
async fn every_line_is_in_the_books_when_it_is_seen() {
    let (_folder, finance) = market(&["globex", "initech"], OFFER).await;
    let db = &finance.db;
    let mistyped = order(&finance, "globex", day(0)).await.to_lowercase().replace('-', " ");
    let lines = [
        "A,2026-01-15,5.00,USD,rent".to_owned(),
        "B,,7.30,CHF,rent".to_owned(),
        format!("C,,99.99,USD,for {mistyped}"),
    ];
    let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
    for _ in 0..2 {
        let said = bring(db, day(40), &lines).await;
        assert!(said[0].starts_with("unmatched: there is no invoice or order"), "{said:?}");
        assert!(said[1].starts_with("parked: 7.30 CHF"), "{said:?}");
        assert!(said[2].starts_with("paid CH-"), "{said:?}");
        assert_eq!((held(db, Account::Bank).await, held(db, Account::Suspense).await), (10_499, -500));
    }
    let (posted,): (String,) = sqlx::query_as("select at from ledger_transactions where key = 'bank-line:A'")
        .fetch_one(db.read())
        .await
        .unwrap();
    assert_eq!(posted, "2026-01-15T12:00:00.000000Z");
    // With another amount it is another line, and changes nothing of what the first one did.
    let conflict = bring(db, day(41), &["C,,50.00,USD,for INVOICE-1"]).await;
    assert_eq!(conflict, ["parked: line C came before with another amount"]);
    assert!(bring(db, day(41), &lines).await[2].starts_with("paid CH-"));
    assert_eq!((held(db, Account::Bank).await, held(db, Account::Suspense).await), (15_499, -5500));
    // What an operator has recorded by hand before is not there twice.
    let reference = order(&finance, "initech", day(41)).await;
    let payment = NewPayment { bank_reference: "E".into(), amount: usd("99.99") };
    billing::record_payment(db, &Actor::machine(), 30, &reference, &payment, day(41)).await.unwrap();
    for line in ["E,,99.99,USD,whatever", "E,,99.99,USD,whatever"] {
        let said = bring(db, day(42), &[line]).await;
        assert!(said[0].starts_with("is transaction "), "{said:?}");
        assert_eq!((held(db, Account::Bank).await, held(db, Account::Suspense).await), (25_498, -5500));
    }
    let paid = orders::find(&mut db.read().acquire().await.unwrap(), &reference).await.unwrap();
    assert!(paid.paid_at.is_some());
    // A fault that is planted in either account has a name.
    for (account, says) in
        [("assets:bank", "assets:bank holds"), ("liabilities:suspense", "liabilities:suspense holds")]
    {
        let plant = "update ledger_balances set minor = minor + $1 where account = $2";
        let change = async |minor: i64| {
            sqlx::query(plant).bind(minor).bind(account).execute(db.read()).await.unwrap();
        };
        change(1).await;
        assert!(faults(db).await.iter().any(|fault| fault.contains(says)), "{account}");
        change(-1).await;
    }
    sqlx::query("update bank_lines set open_minor = 499 where id = 'A'").execute(db.read()).await.unwrap();
    assert!(faults(db).await.iter().any(|fault| fault.starts_with("bank line A: ")));
}

/// A statement of one line.
fn camt(id: &str, [opening, amount, closing]: [&str; 3]) -> String {
    let balance = |code: &str, amount: &str| {
        format!(
            r#"<Bal><Tp><CdOrPrtry><Cd>{code}</Cd></CdOrPrtry></Tp><Amt Ccy="USD">{amount}</Amt>
            <CdtDbtInd>CRDT</CdtDbtInd><Dt><Dt>2026-01-{id}</Dt></Dt></Bal>"#
        )
    };
    format!(
        r#"<Document><BkToCstmrStmt><Stmt><Id>S{id}</Id>{}{}<Ntry><Amt Ccy="USD">{amount}</Amt>
        <CdtDbtInd>CRDT</CdtDbtInd><AcctSvcrRef>L{id}</AcctSvcrRef></Ntry></Stmt></BkToCstmrStmt></Document>"#,
        balance("OPBD", opening),
        balance("CLBD", closing)
    )
}

#[tokio::test]
async fn the_bank_and_the_books_are_compared() {
    let (_folder, finance) = market(&["globex"], OFFER).await;
    let db = &finance.db;
    let bring =
        async |text: String| reconcile(db, &Actor::machine(), &rules(day(40)), None, &text).await.unwrap();
    let compared = async || {
        let all = balances::compare(&mut db.read().acquire().await.unwrap()).await.unwrap();
        let held = &all[0];
        (held.bank.minor(), held.books.minor(), held.unseen.minor(), held.difference.minor())
    };
    for _ in 0..2 {
        bring(camt("10", ["1000.00", "100.50", "1100.50"])).await;
        assert_eq!(compared().await, (110_050, 110_050, 0, 0));
        assert_eq!(faults(db).await, Vec::<String>::new());
    }
    assert_eq!(held(db, Account::Opening).await, -100_000);
    // Recorded by hand since then, and not seen.
    let reference = order(&finance, "globex", day(20)).await;
    let payment = NewPayment { bank_reference: "E".into(), amount: usd("99.99") };
    billing::record_payment(db, &Actor::machine(), 30, &reference, &payment, day(20)).await.unwrap();
    assert_eq!(compared().await, (110_050, 120_049, 9999, 0));
    // A statement is missing, and the next one's lines are not what its balances say.
    bring(camt("12", ["1200.00", "1.00", "1201.00"])).await;
    assert_eq!(compared().await.3, 9950);
    let said = faults(db).await;
    assert!(
        said.len() == 1 && said[0].contains("S12 of 2026-01-12 in USD begins with 1200.00 USD"),
        "{said:?}"
    );
    bring(camt("13", ["1201.00", "1.00", "1203.00"])).await;
    let said = faults(db).await;
    assert!(said.len() == 2 && said[1].contains("its lines are 1.00 USD"), "{said:?}");
}
