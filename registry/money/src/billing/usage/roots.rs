//! The roots of accounts' records, in the log when a month is closed: from then on, what an account is invoiced for can be checked by
//! itself and by whoever sells it. What comes later is in a root of its own, of all the month by then.

use chandlery_log as log;
use chandlery_package::column::Text;
use chandlery_package::log::{Entry, Tree};
use chandlery_package::wire::{Page, Paging, UsageRoot};
use chandlery_package::{Digest, Month, Namespace};
use chandlery_store::{Write, time};
use futures::TryStreamExt as _;
use jiff::Timestamp;
use sqlx::AnyConnection;

use super::records::{Digested, select_digested};
use crate::Error;

/// Logs the root of every account's records of a month that is being closed, and of the months before that events came late for. A
/// root that is there already is not logged again.
pub(crate) async fn log_all(write: &mut Write, month: Month, now: Timestamp) -> Result<(), Error> {
    let late: Vec<(Text<Month>, String)> = sqlx::query_as(
        "select distinct month, account from reopened_usage where month < $1 order by month, account",
    )
    .bind(month.to_string())
    .fetch_all(&mut **write)
    .await?;
    let late = late.into_iter().map(|(Text(month), account)| (month, account));
    for (month, account) in late.chain([(month, String::new())]) {
        for made in roots_of(write, month, &account).await? {
            log_one(write, month, &made, now).await?;
        }
    }
    Ok(())
}

/// The records of an account's month.
struct Made {
    account: Namespace,
    records: u64,
    root: Digest,
    /// When the last of them came, as times are stored.
    last: String,
}

/// What is read so far of an account's records.
struct Open {
    account: String,
    records: u64,
    tree: Tree,
    last: String,
}

impl Open {
    fn close(self) -> Result<Made, Error> {
        let Self { account, records, tree, last } = self;
        Ok(Made { account: account.parse()?, records, root: tree.root().map_err(log::Error::from)?, last })
    }
}

/// The records of a month, of one account or, where none is named, of all.
async fn roots_of(db: &mut AnyConnection, month: Month, account: &str) -> Result<Vec<Made>, Error> {
    let mut rows = sqlx::query_as(select_digested!(
        "event.month = $1 and ($2 = '' or event.account = $2) order by event.account, event.id"
    ))
    .bind(month.to_string())
    .bind(account)
    .fetch(db);
    let mut made = Vec::new();
    let mut open: Option<Open> = None;
    while let Some(row) = rows.try_next().await? {
        let row: Digested = row;
        if let Some(whole) = open.take_if(|open| open.account != row.account) {
            made.push(whole.close()?);
        }
        let open = open.get_or_insert_with(|| Open {
            account: row.account.clone(),
            records: 0,
            tree: Tree::default(),
            last: String::new(),
        });
        open.tree.push(row.digest().bytes()).map_err(log::Error::from)?;
        open.records += 1;
        if row.received_at > open.last {
            open.last = row.received_at;
        }
    }
    made.extend(open.map(Open::close).transpose()?);
    Ok(made)
}

async fn log_one(write: &mut Write, month: Month, made: &Made, now: Timestamp) -> Result<(), Error> {
    let Made { account, records, root, last } = made;
    let closed_at = time(now).max(last.clone());
    let before: Option<(i64, Text<Digest>)> = sqlx::query_as(
        "select log_index, root from usage_roots
         where account = $1 and month = $2 order by log_index desc limit 1",
    )
    .bind(account.as_str())
    .bind(month.to_string())
    .fetch_optional(&mut **write)
    .await?;
    if let Some((index, _)) = before.filter(|(_, Text(before))| before == root) {
        sqlx::query("update usage_roots set closed_at = $1 where log_index = $2")
            .bind(closed_at)
            .bind(index)
            .execute(&mut **write)
            .await?;
        return Ok(());
    }
    let entry = Entry::UsageRoot { account: account.clone(), month, root: *root, at: now };
    let index = log::append(write, &entry).await?;
    sqlx::query(
        "insert into usage_roots (log_index, account, month, records, root, closed_at)
         values ($1, $2, $3, $4, $5, $6)",
    )
    .bind(index as i64)
    .bind(account.as_str())
    .bind(month.to_string())
    .bind(*records as i64)
    .bind(root.to_string())
    .bind(closed_at)
    .execute(&mut **write)
    .await?;
    Ok(())
}

/// The roots of an account's month, in the order of the log.
pub(crate) async fn list(
    db: &mut AnyConnection,
    account: &Namespace,
    month: Month,
    paging: &Paging<u64>,
) -> Result<Page<UsageRoot>, Error> {
    let rows: Vec<(i64, i64, Text<Digest>)> = sqlx::query_as(
        "select log_index, records, root from usage_roots
         where account = $1 and month = $2 and log_index > $3 order by log_index limit $4",
    )
    .bind(account.as_str())
    .bind(month.to_string())
    .bind(paging.after().map_or(-1, |index| i64::try_from(*index).unwrap_or(i64::MAX)))
    .bind(paging.rows())
    .fetch_all(db)
    .await?;
    let page = paging.cut(rows, |(index, ..)| index.unsigned_abs());
    Ok(page.map(|(index, records, Text(root))| UsageRoot {
        account: account.clone(),
        month,
        records: records.unsigned_abs(),
        root,
        log_index: index.unsigned_abs(),
    }))
}

/// What is wrong with the roots, in words: each is what the log says.
pub(crate) async fn faults(db: &mut AnyConnection) -> Result<Vec<String>, Error> {
    let rows: Vec<(i64, String, String, String, Option<String>)> = sqlx::query_as(
        "select log_index, account, month, root, entry from usage_roots
         left join log_entries on idx = log_index order by log_index",
    )
    .fetch_all(db)
    .await?;
    let is_other = |entry: &Option<String>, root: &str| {
        entry.as_ref().is_none_or(|entry| !entry.contains("\"usage-root\"") || !entry.contains(root))
    };
    let other = rows.into_iter().filter(|(_, _, _, root, entry)| is_other(entry, root));
    Ok(other
        .map(|(index, account, month, ..)| {
            format!("the root of {account}'s use in {month}, entry {index}, is not the one in the log")
        })
        .collect())
}

#[cfg(test)]
mod tests;
