//! Every change of what is available to a partner, so that a payout can say what it is made of. What is available is never below
//! zero: what is lacking is owed by the partner, and is recovered from what it earns next.

use chandlery_package::wire::EntryKind;
use chandlery_package::{Balance, Currency, Money, Namespace};

use super::lots::Lot;
use crate::Error;
use crate::ledger::{self, Account, Transaction};
use chandlery_store::Write;

/// A change that a transaction will make.
#[derive(Debug, Clone)]
pub struct NewEntry {
    pub(super) partner: Namespace,
    pub(super) amount: Money,
    pub(super) kind: EntryKind,
    pub(super) lot: Option<i64>,
}

/// What a partner owes in a currency.
pub(super) async fn deficit(
    write: &mut Write,
    partner: &Namespace,
    currency: Currency,
) -> Result<Balance, Error> {
    Ok(ledger::owed(write, &Account::OwedBy(partner.clone()), currency).await?.negated())
}

/// What is available to a partner and not in a payout.
pub(super) async fn free(
    write: &mut Write,
    partner: &Namespace,
    currency: Currency,
) -> Result<Balance, Error> {
    let (minor,): (i64,) = sqlx::query_as(
        "select cast(coalesce(sum(minor), 0) as bigint) from available_entries
         where partner = $1 and currency = $2 and payout is null",
    )
    .bind(partner.as_str())
    .bind(currency.code())
    .fetch_one(&mut **write)
    .await?;
    Ok(Balance::new(minor, currency)?)
}

/// Adds to a transaction that credits a partner: what it owes first, then what is available to it.
pub async fn credit(
    write: &mut Write,
    transaction: Transaction,
    partner: &Namespace,
    amount: Money,
    kind: EntryKind,
    lot: Option<i64>,
) -> Result<(Transaction, NewEntry), Error> {
    let owed = deficit(write, partner, amount.currency()).await?;
    let recovered = owed.up_to(amount.or_zero())?;
    let rest = amount.minus(recovered)?;
    let transaction = transaction
        .credit(Account::OwedBy(partner.clone()), recovered)
        .credit(Account::Available(partner.clone()), rest);
    Ok((transaction, NewEntry { partner: partner.clone(), amount: rest, kind, lot }))
}

/// Takes from what is available to a partner and free, less what the same transaction has taken before, and lets it owe the rest.
pub(super) async fn debit(
    write: &mut Write,
    transaction: Transaction,
    before: &[NewEntry],
    amount: Money,
    kind: EntryKind,
    lot: &Lot,
) -> Result<(Transaction, NewEntry), Error> {
    let partner = &lot.partner;
    let mut free = free(write, partner, amount.currency()).await?;
    for entry in before.iter().filter(|entry| entry.partner == *partner) {
        free = free.plus(entry.amount)?;
    }
    let taken = free.up_to(amount.or_zero())?;
    let transaction = transaction
        .debit(Account::Available(partner.clone()), taken)
        .debit(Account::OwedBy(partner.clone()), amount.minus(taken)?);
    let entry = NewEntry { partner: partner.clone(), amount: taken.negated(), kind, lot: Some(lot.id) };
    Ok((transaction, entry))
}

/// Writes down what a transaction has changed.
pub async fn add(write: &mut Write, entry: &NewEntry, transaction: i64) -> Result<(), Error> {
    if entry.amount.minor() == 0 {
        return Ok(());
    }
    sqlx::query(
        "insert into available_entries (id, partner, currency, minor, kind, lot, transaction_id)
         select coalesce(max(id), 0) + 1, $1, $2, $3, $4, nullif($5, 0), $6 from available_entries",
    )
    .bind(entry.partner.as_str())
    .bind(entry.amount.currency().code())
    .bind(entry.amount.minor())
    .bind(entry.kind.as_str())
    .bind(entry.lot.unwrap_or(0))
    .bind(transaction)
    .execute(&mut **write)
    .await?;
    Ok(())
}

/// Lets a payout take on a change, so that no other one does.
pub async fn take_on(write: &mut Write, entry: i64, payout: i64) -> Result<(), Error> {
    sqlx::query("update available_entries set payout = $1 where id = $2")
        .bind(payout)
        .bind(entry)
        .execute(&mut **write)
        .await?;
    Ok(())
}

/// Frees every change that a payout had taken on.
pub async fn free_all_of(write: &mut Write, payout: i64) -> Result<(), Error> {
    sqlx::query("update available_entries set payout = null where payout = $1")
        .bind(payout)
        .execute(&mut **write)
        .await?;
    Ok(())
}
