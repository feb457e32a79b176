//! What was recorded by hand before the bank's statement told of it: a line that is the same is not booked twice.
//!
//! | what happens | debit | credit |
//! | --- | --- | --- |
//! | a line is what was recorded before | suspense | bank |

use chandlery_package::Money;
use chandlery_package::wire::TransactionKind;
use chandlery_store::Write;
use jiff::Timestamp;
use sqlx::AnyConnection;

use super::super::{Subject, own_accounts};
use super::lines::{self, Line, Tie};
use crate::billing::orders;
use crate::ledger::{self, Account, Transaction};
use crate::{Error, payouts};

/// The transaction of the ledger that moved as much at the bank, of those that a line names, and that no line was before.
pub(super) async fn named(write: &mut Write, line: &Line, open: Money) -> Result<Option<i64>, Error> {
    for key in keys(write, line).await? {
        let found: Option<(i64,)> = sqlx::query_as(
            "select id from ledger_transactions join ledger_postings on transaction_id = id
             where key = $1 and (account = 'assets:bank' or account like 'assets:bank:%') and currency = $2 and minor = $3
               and not exists (select 1 from bank_allotments where seen = ledger_transactions.id
                               and bank_allotments.currency = $2)",
        )
        .bind(key)
        .bind(open.currency().code())
        .bind(open.minor())
        .fetch_optional(&mut **write)
        .await?;
        if let Some((transaction,)) = found {
            return Ok(Some(transaction));
        }
    }
    Ok(None)
}

/// The keys of the transactions that a line may be, by its id and by what it names.
async fn keys(write: &mut Write, line: &Line) -> Result<Vec<String>, Error> {
    let mut keys = vec![
        format!("{}:{}", TransactionKind::Exchange, line.reference()),
        format!("{}:{}", TransactionKind::Expense, line.reference()),
    ];
    let by_reference: Option<(i64,)> = sqlx::query_as("select number from invoices where payment = $1")
        .bind(line.reference())
        .fetch_optional(&mut **write)
        .await?;
    let mut invoices: Vec<i64> = by_reference.into_iter().map(|(number,)| number).collect();
    match Subject::find(&line.text).or_else(|| Subject::near(&line.text)) {
        Some(Subject::Invoice(number)) => invoices.push(number),
        Some(Subject::Order(reference)) => {
            if let Ok(order) = orders::find(write, &reference).await {
                invoices.extend(order.invoice);
            }
        }
        None => {}
    }
    keys.extend(invoices.iter().map(|number| format!("{}:{number}", TransactionKind::InvoicePaid)));
    for id in payouts::numbers_in(&line.text) {
        keys.push(format!("{}:{id}", TransactionKind::PayoutPaid));
        keys.push(format!("{}:{id}", TransactionKind::PayoutBounced));
    }
    for word in words(&line.text) {
        if let Some(number) = word.strip_prefix("REFUND-") {
            keys.push(format!("{}:{number}", TransactionKind::Refund));
        }
        if let Some(number) = word.strip_prefix("BACK-") {
            keys.push(format!("{}:{number}", TransactionKind::BankSentBack));
        }
        if word.starts_with("po_") {
            keys.push(format!("{}:{word}", TransactionKind::ProcessorPayout));
            keys.push(format!("{}:{word}", TransactionKind::ProcessorPayoutFailed));
        }
    }
    Ok(keys)
}

/// What a text consists of, as references are written.
fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c: char| !c.is_ascii_alphanumeric() && !"-_".contains(c))
}

/// Refuses to take a line for anything else that is a payout of the processor, which will tell that it has arrived.
pub(super) async fn must_not_be_of_processor(db: &mut AnyConnection, line: &Line) -> Result<(), Error> {
    for word in words(&line.text).filter(|word| word.starts_with("po_")) {
        let (told,): (i64,) = sqlx::query_as("select count(*) from processor_events where about = $1")
            .bind(word)
            .fetch_one(&mut *db)
            .await?;
        if told > 0 {
            return Err(Error::Conflict(format!(
                "bank line {} is payout {word} of the processor: it is settled when the processor has told that it arrived",
                line.id
            )));
        }
    }
    Ok(())
}

/// What a transaction that was recorded by hand moved at the bank in the currency of a line, and in which account; none, where a
/// line was it before.
async fn moved(
    db: &mut AnyConnection,
    transaction: i64,
    like: Money,
) -> Result<Option<(Money, Account)>, Error> {
    let found: Option<(i64, String)> = sqlx::query_as(
        "select minor, account from ledger_postings join ledger_transactions on id = transaction_id
         where transaction_id = $1 and (account = 'assets:bank' or account like 'assets:bank:%') and currency = $2
           and kind not in ($3, $4)
           and not exists (select 1 from bank_allotments where seen = $1 and bank_allotments.currency = $2)",
    )
    .bind(transaction)
    .bind(like.currency().code())
    .bind(TransactionKind::BankLine.as_str())
    .bind(TransactionKind::BankSeen.as_str())
    .fetch_optional(db)
    .await?;
    let Some((minor, account)) = found else { return Ok(None) };
    let account = account.strip_prefix("assets:bank:").map_or(Account::Bank, own_accounts::in_ledger);
    Ok(Some((like.with_minor(minor)?, account)))
}

/// Settles all of a line by what was recorded before.
pub(super) async fn see(
    write: &mut Write,
    line: &mut Line,
    open: Money,
    transaction: i64,
    at: Timestamp,
    now: Timestamp,
) -> Result<(), Error> {
    let moved = moved(write, transaction, open).await?;
    let Some((_, account)) = moved.filter(|(moved, _)| *moved == open) else {
        let none = format!("transaction {transaction} that moved {open} at the bank and was not seen yet");
        return Err(Error::NotFound(none));
    };
    let id = &line.id;
    let seen = Transaction::new(TransactionKind::BankSeen, id, at)
        .about(format!("bank line {id} is transaction {transaction}, which was recorded before"))
        .link("payment", id)
        .link("transaction", transaction)
        .debit(Account::Suspense, open)
        .credit(account, open);
    ledger::post(write, seen).await?;
    let target = format!("is transaction {transaction}, which was recorded before");
    lines::allot(write, line, open, &target, Tie::Recorded(transaction), now).await
}
