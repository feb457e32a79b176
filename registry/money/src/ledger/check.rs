//! Whether the books are right, recomputed from the postings alone.

use chandlery_package::wire::BooksCheck;
use sqlx::AnyConnection;

use super::closing;
use crate::Error;

/// Recomputes from the postings alone that every transaction, and every balance, is right.
pub async fn check(db: &mut AnyConnection) -> Result<BooksCheck, Error> {
    let (transactions,): (i64,) =
        sqlx::query_as("select count(*) from ledger_transactions").fetch_one(&mut *db).await?;
    let (postings,): (i64,) =
        sqlx::query_as("select count(*) from ledger_postings").fetch_one(&mut *db).await?;
    let unbalanced: Vec<(i64, String, i64)> = sqlx::query_as(
        "select transaction_id, currency, cast(sum(minor) as bigint) from ledger_postings
         group by transaction_id, currency having sum(minor) <> 0",
    )
    .fetch_all(&mut *db)
    .await?;
    let replayed: Vec<(String, String, i64)> = sqlx::query_as(
        "select account, currency, cast(sum(minor) as bigint) from ledger_postings group by account, currency",
    )
    .fetch_all(&mut *db)
    .await?;
    let stored: Vec<(String, String, i64)> =
        sqlx::query_as("select account, currency, minor from ledger_balances").fetch_all(&mut *db).await?;

    let (replayed, stored) = (closing::sums(replayed), closing::sums(stored));
    let mut faults: Vec<_> = unbalanced
        .into_iter()
        .map(|(id, currency, sum)| format!("transaction {id} is off by {sum} {currency} (minor units)"))
        .collect();
    for key in replayed.keys().chain(stored.keys().filter(|key| !replayed.contains_key(*key))) {
        let (found, expected) = (stored.get(key).unwrap_or(&0), replayed.get(key).unwrap_or(&0));
        if found != expected {
            faults.push(format!("the balance of {} in {} is {found}, not {expected}", key.0, key.1));
        }
    }
    faults.extend(closing::faults(db, &replayed).await?);
    Ok(BooksCheck {
        transactions,
        postings,
        faults,
        set_aside: Vec::new(),
        undecided: Vec::new(),
        unfollowed: Vec::new(),
    })
}
