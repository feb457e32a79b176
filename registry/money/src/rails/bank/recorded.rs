//! What was recorded by hand before the bank's statement told of it: a line that is the same is not booked twice.
//!
//! | what happens | debit | credit |
//! | --- | --- | --- |
//! | a line is what was recorded before | suspense; bank fees, as far as less arrived than was recorded | bank |

use chandlery_package::Money;
use chandlery_package::wire::{Allotment, TransactionKind};
use chandlery_store::Write;
use jiff::Timestamp;
use sqlx::AnyConnection;

use super::super::{Subject, own_accounts, send_backs};
use super::lines::{self, Line, Tie};
use crate::Error;
use crate::billing::orders;
use crate::ledger::{self, Account, Transaction};
use crate::payouts::{self, fees};

/// The transaction of the ledger that a line is, and that no line was before: the one that was recorded by its reference, or of those
/// that it names the one that moved as much.
pub(super) async fn named(write: &mut Write, line: &Line, open: Money) -> Result<Option<i64>, Error> {
    if let Some((transaction, moved)) = by_reference(write, line, open).await? {
        return match is_part(moved, open) {
            true => Ok(Some(transaction)),
            false => Err(Error::Conflict(format!(
                "transaction {transaction}, which was recorded by its reference, moved {moved}, but it is of {open}"
            ))),
        };
    }
    for key in keys(write, line).await? {
        let found = unseen(write, &key, open).await?;
        if let Some((transaction, _)) = found.filter(|(_, moved)| *moved == open) {
            return Ok(Some(transaction));
        }
    }
    Ok(None)
}

/// Whether all of what is open of a line was moved, or a part of it.
fn is_part(moved: Money, open: Money) -> bool {
    is_same_way(moved, open) && moved.minor().unsigned_abs() <= open.minor().unsigned_abs()
}

fn is_same_way(moved: Money, open: Money) -> bool {
    moved.is_positive() == open.is_positive()
}

/// What was recorded by hand by a line's own reference, and no line was before, with what it moved at the bank. A key of an expense
/// may be something else by chance: it is the line where it moved as much.
async fn by_reference(write: &mut Write, line: &Line, open: Money) -> Result<Option<(i64, Money)>, Error> {
    // Of the first account both are one.
    let (id, reference) = (line.id.as_str(), line.reference());
    let mut names = vec![id, reference];
    names.dedup();
    let mut keys: Vec<String> =
        names.iter().map(|name| format!("{}:{name}", TransactionKind::Exchange)).collect();
    for (kind, sql) in [
        (
            TransactionKind::InvoicePaid,
            "select number from invoices where payment in ($1, $2) order by number",
        ),
        (TransactionKind::PayoutPaid, "select id from payouts where bank_reference in ($1, $2) order by id"),
    ] {
        let rows: Vec<(i64,)> = sqlx::query_as(sql).bind(id).bind(reference).fetch_all(&mut **write).await?;
        keys.extend(rows.into_iter().map(|(number,)| format!("{kind}:{number}")));
    }
    for key in keys {
        if let Some(found) = unseen(write, &key, open).await? {
            return Ok(Some(found));
        }
    }
    for name in names {
        let found = unseen(write, &format!("{}:{name}", TransactionKind::Expense), open).await?;
        if let Some(found) = found.filter(|(_, moved)| *moved == open) {
            return Ok(Some(found));
        }
    }
    Ok(None)
}

/// The transaction of a key and what it moved at the bank in a line's currency; none, where a line was it before.
async fn unseen(write: &mut Write, key: &str, like: Money) -> Result<Option<(i64, Money)>, Error> {
    let found: Option<(i64, i64)> = sqlx::query_as(
        "select id, minor from ledger_transactions join ledger_postings on transaction_id = id
         where key = $1 and (account = 'assets:bank' or account like 'assets:bank:%') and currency = $2
           and not exists (select 1 from bank_allotments where seen = ledger_transactions.id
                           and bank_allotments.currency = $2)",
    )
    .bind(key)
    .bind(like.currency().code())
    .fetch_optional(&mut **write)
    .await?;
    found.map(|(transaction, minor)| Ok((transaction, like.with_minor(minor)?))).transpose()
}

/// Refuses to take a line for something else while what was recorded by its reference is not it: the bank would be booked twice. What
/// moved the other way is another transfer.
pub(super) async fn must_be_among(write: &mut Write, line: &Line, parts: &[Allotment]) -> Result<(), Error> {
    let Some(open) = line.open()? else { return Ok(()) };
    let Some((transaction, moved)) = by_reference(write, line, open).await? else { return Ok(()) };
    match !is_same_way(moved, open) || parts.contains(&Allotment::Recorded { transaction }) {
        true => Ok(()),
        false => Err(Error::Conflict(format!(
            "{moved} of bank line '{}' were recorded by its reference before: first settle that with `chandlery books allot \
             --recorded {transaction}`",
            line.id
        ))),
    }
}

/// The keys of the transactions that a line may be by what it names.
async fn keys(write: &mut Write, line: &Line) -> Result<Vec<String>, Error> {
    let (mut keys, mut invoices) = (Vec::new(), Vec::new());
    // A transfer that was recorded by hand is of the bank, which has still to tell of it.
    if line.account == own_accounts::PROCESSOR {
        return Ok(keys);
    }
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
        keys.extend(send_backs::key(word));
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

/// Settles a line, or the part that it moved, by what was recorded before. Where that was by the line's own reference, and a little more
/// than has arrived, the bank has taken a fee.
pub(super) async fn see(
    write: &mut Write,
    line: &mut Line,
    open: Money,
    transaction: i64,
    at: Timestamp,
    now: Timestamp,
) -> Result<(), Error> {
    let own = by_reference(write, line, open).await?;
    let is_own = own.is_some_and(|(own, _)| own == transaction);
    let less_arrived = |moved: Money| is_own && open.is_positive() && is_same_way(moved, open);
    let found = moved(write, transaction, open).await?;
    let found = found.filter(|(moved, _)| is_part(*moved, open) || less_arrived(*moved));
    let Some((moved, account)) = found else {
        let none = format!("transaction {transaction} that moved {open} at the bank and was not seen yet");
        return Err(Error::NotFound(none));
    };
    let part = if is_part(moved, open) { moved } else { open };
    let fee = moved.minus(part)?;
    if !fee.is_zero() {
        fees::must_be_fee(&fees::most(write).await?, fee, &format!("transaction {transaction} of {moved}"))?;
    }
    let id = &line.id;
    let key = if part == open && line.waits { id.clone() } else { format!("{id}:{transaction}") };
    let seen = Transaction::new(TransactionKind::BankSeen, key, at)
        .about(format!("bank line {id} is transaction {transaction}, which was recorded before"))
        .link("payment", line.told_as())
        .link("transaction", transaction)
        .debit(Account::Suspense, part)
        .debit(Account::BankFees, fee)
        .credit(account, moved);
    ledger::post(write, seen).await?;
    let target = format!("is transaction {transaction}, which was recorded before");
    lines::allot(write, line, part, &target, Tie::Recorded(transaction), now).await
}
