//! The end of holds and reserves.

use chandlery_package::wire::{EntryKind, TransactionKind};
use jiff::Timestamp;

use super::entries;
use super::lots::{Lot, Row, select_lots};
use crate::Error;
use crate::ledger::{self, Account, By, Chore, Transaction};
use chandlery_store::{Db, Write, time};

/// How many lots are released in one transaction.
const BATCH: i64 = 500;

/// Makes every earning available whose hold ended by `now`, and every reserve whose time is over.
pub async fn release_matured(db: &Db, now: Timestamp) -> Result<(), Error> {
    while release_some(db, now).await? {}
    Ok(())
}

async fn release_some(db: &Db, now: Timestamp) -> Result<bool, Error> {
    let mut write = db.write().await?;
    ledger::by(&mut write, By::System(Chore::Holds));
    let held: Vec<Row> = sqlx::query_as(select_lots!(
        "where released_by is null and available_at <= $1 order by available_at, id limit $2"
    ))
    .bind(time(now))
    .bind(BATCH)
    .fetch_all(&mut *write)
    .await?;
    let reserved: Vec<Row> = sqlx::query_as(select_lots!(
        "where available_at is not null and reserve_released_by is null and reserve_until <= $1
         order by reserve_until, id limit $2"
    ))
    .bind(time(now))
    .bind(BATCH)
    .fetch_all(&mut *write)
    .await?;
    let more = held.len() as i64 == BATCH || reserved.len() as i64 == BATCH;
    for row in held {
        release(&mut write, &Lot::read(row)?, now).await?;
    }
    for row in reserved {
        release_reserve(&mut write, &Lot::read(row)?, now).await?;
    }
    write.commit().await?;
    Ok(more)
}

async fn release(write: &mut Write, lot: &Lot, now: Timestamp) -> Result<(), Error> {
    let amount = lot.rest_left()?;
    let transaction = Transaction::new(TransactionKind::Release, lot.id, now)
        .about(format!("lot {} of {} is available", lot.id, lot.partner))
        .link("lot", lot.id)
        .debit(Account::Pending(lot.partner.clone()), amount);
    let (transaction, entry) =
        entries::credit(write, transaction, &lot.partner, amount, EntryKind::Earning, Some(lot.id)).await?;
    let id = post(write, transaction).await?;
    entries::add(write, &entry, id).await?;
    sqlx::query("update lots set released_by = $1 where id = $2")
        .bind(id)
        .bind(lot.id)
        .execute(&mut **write)
        .await?;
    Ok(())
}

async fn release_reserve(write: &mut Write, lot: &Lot, now: Timestamp) -> Result<(), Error> {
    let amount = lot.reserve_left()?;
    let transaction = Transaction::new(TransactionKind::ReserveRelease, lot.id, now)
        .about(format!("the reserve of lot {} of {} is available", lot.id, lot.partner))
        .link("lot", lot.id)
        .debit(Account::Reserve(lot.partner.clone()), amount);
    let (transaction, entry) =
        entries::credit(write, transaction, &lot.partner, amount, EntryKind::Reserve, Some(lot.id)).await?;
    let id = post(write, transaction).await?;
    entries::add(write, &entry, id).await?;
    sqlx::query("update lots set reserve_released_by = $1 where id = $2")
        .bind(id)
        .bind(lot.id)
        .execute(&mut **write)
        .await?;
    Ok(())
}

/// A lot of which nothing is left is released without a transaction, which is written as number 0.
async fn post(write: &mut Write, transaction: Transaction) -> Result<i64, Error> {
    if transaction.postings.is_empty() { Ok(0) } else { ledger::post(write, transaction).await }
}
