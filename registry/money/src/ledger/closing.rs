//! Closed months: nothing is posted in them any more, and what they said is kept by its digest.

use std::collections::BTreeMap;

use chandlery_package::wire::AccountBalance;
use chandlery_package::{Balance, Digest, Month, Namespace};
use jiff::Timestamp;
use sqlx::AnyConnection;

use super::months::closed_months;
use super::{Pending, balances};
use crate::Error;
use chandlery_store::{Write, time};

/// Closes a month that is over, for ever.
pub async fn close(write: &mut Write, month: Month, by: &Namespace, now: Timestamp) -> Result<(), Error> {
    write.flush().await?;
    let (last,): (i64,) =
        sqlx::query_as("select cast(coalesce(max(id), 0) as bigint) from ledger_transactions where at < $1")
            .bind(time(month.next().first_moment()))
            .fetch_one(&mut **write)
            .await?;
    let digest = balances_digest(write, month).await?;
    sqlx::query(
        "insert into closed_months (month, closed_at, closed_by, last, balances_digest) values ($1, $2, $3, $4, $5)",
    )
    .bind(month.to_string())
    .bind(time(now))
    .bind(by.as_str())
    .bind(last)
    .bind(digest.to_string())
    .execute(&mut **write)
    .await?;
    // What is posted from here on asks again from when on months are open.
    write.pending::<Pending>().forget_open_month();
    Ok(())
}

/// What accounts hold in minor units, debits less credits, by account and currency.
pub(super) type Sums = BTreeMap<(String, String), i64>;

/// Rows of an account, a currency and minor units, each pair once.
pub(super) fn sums(rows: Vec<(String, String, i64)>) -> Sums {
    rows.into_iter().map(|(account, currency, minor)| ((account, currency), minor)).collect()
}

/// The digest of what every account held at a month's end.
async fn balances_digest(db: &mut AnyConnection, month: Month) -> Result<Digest, Error> {
    Ok(digest_of(balances(db, Some(month.last_moment())).await?))
}

/// The digest of balances in the order of accounts and currencies; what is zero says nothing.
fn digest_of(all: Vec<AccountBalance>) -> Digest {
    let all = all.into_iter().filter(|held| held.balance.minor() != 0);
    let lines: Vec<_> = all.map(|held| format!("{} {}\n", held.account, held.balance)).collect();
    Digest::of(lines.concat().as_bytes())
}

/// What is wrong with months that were closed, in words, given what accounts hold by all postings.
pub(super) async fn faults(db: &mut AnyConnection, held: &Sums) -> Result<Vec<String>, Error> {
    // The latest one stands on all that came before it.
    let Some(latest) = closed_months(db).await?.into_iter().next() else { return Ok(Vec::new()) };
    let since = posted_since(db, latest.month).await?;
    let found = digest_of(without(held, &since)?);
    Ok(match found == latest.balances_digest {
        true => Vec::new(),
        false => {
            vec![format!("the balances at the end of {} are no longer those that were closed", latest.month)]
        }
    })
}

/// What was posted after a month's end: little beside all that came before it, which need not be summed again.
async fn posted_since(db: &mut AnyConnection, month: Month) -> Result<Sums, Error> {
    // A cross join makes SQLite find transactions by their time first, and not read every posting for the sake of its order.
    let rows: Vec<(String, String, i64)> = sqlx::query_as(
        "select account, currency, cast(sum(minor) as bigint) from ledger_transactions cross join ledger_postings
         where at > $1 and transaction_id = id group by account, currency",
    )
    .bind(time(month.last_moment()))
    .fetch_all(db)
    .await?;
    Ok(sums(rows))
}

/// What accounts held before something was posted.
fn without(held: &Sums, since: &Sums) -> Result<Vec<AccountBalance>, Error> {
    let before = held.iter().map(|(key, minor)| {
        let minor = i128::from(*minor) - i128::from(since.get(key).copied().unwrap_or(0));
        Ok(AccountBalance { account: key.0.clone(), balance: Balance::new(minor, key.1.parse()?)? })
    });
    before.collect()
}
