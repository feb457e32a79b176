//! Closed months: nothing is posted in them any more, and what they said is kept by its digest.

use chandlery_package::{Digest, Month, Namespace};
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

/// The digest of what every account held at a month's end.
async fn balances_digest(db: &mut AnyConnection, month: Month) -> Result<Digest, Error> {
    let lines: Vec<_> = balances(db, Some(month.last_moment()))
        .await?
        .into_iter()
        .filter(|held| held.balance.minor() != 0)
        .map(|held| format!("{} {}\n", held.account, held.balance))
        .collect();
    Ok(Digest::of(lines.concat().as_bytes()))
}

/// What is wrong with months that were closed, in words.
pub(super) async fn faults(db: &mut AnyConnection) -> Result<Vec<String>, Error> {
    let mut faults = Vec::new();
    // The latest one stands on all that came before it.
    if let Some(latest) = closed_months(db).await?.first() {
        let found = balances_digest(db, latest.month).await?;
        if found != latest.balances_digest {
            faults.push(format!(
                "the balances at the end of {} are no longer those that were closed",
                latest.month
            ));
        }
    }
    Ok(faults)
}
