//! What ties every row about money to the ledger: each law recomputes what an account must hold from what was sold, invoiced, refunded
//! and paid out, and compares it with what it holds.

use std::collections::BTreeMap;

use chandlery_package::wire::BooksCheck;
use chandlery_package::{Balance, Currency};
use sqlx::{AnyConnection, AssertSqlSafe};

use super::laws::{LAWS, Law, NEVER};
use crate::billing::rating::aside;
use crate::billing::usage::roots;
use crate::{Error, documents, ledger, payouts, rails};

/// What accounts hold, by account and currency.
type Held = BTreeMap<(String, String), i64>;

/// Recomputes the books: the ledger's own, what ties the rows to it, the closed months and the statements.
pub async fn check(db: &mut AnyConnection) -> Result<BooksCheck, Error> {
    let mut found = ledger::check(db).await?;
    for law in &LAWS {
        found.faults.extend(judge(db, law).await?);
    }
    for (what, query) in NEVER {
        let faults: Vec<(String,)> = sqlx::query_as(query).fetch_all(&mut *db).await?;
        found.faults.extend(faults.into_iter().map(|(which,)| format!("{which}: {what}")));
    }
    found.faults.extend(payouts::statement_faults(db).await?);
    found.faults.extend(roots::faults(db).await?);
    found.faults.extend(rails::bank_faults(db).await?);
    found.faults.extend(documents::faults(db).await?);
    found.set_aside = aside::in_words(db).await?;
    found.undecided = rails::undecided_requests(db).await?;
    found.unfollowed = rails::unfollowed_events(db).await?;
    Ok(found)
}

/// The accounts that do not hold what follows from their rows.
async fn judge(db: &mut AnyConnection, law: &Law) -> Result<Vec<String>, Error> {
    let sums = format!(
        "select account, currency, cast(sum(minor) as bigint) from ({}) as items group by account, currency",
        law.items
    );
    let rows: Vec<(String, String, i64)> = sqlx::query_as(AssertSqlSafe(sums)).fetch_all(&mut *db).await?;
    let expected = held(rows);
    let rows: Vec<(String, String, i64)> =
        sqlx::query_as("select account, currency, minor from ledger_balances where account like $1")
            .bind(law.accounts)
            .fetch_all(&mut *db)
            .await?;
    let stored = held(rows);
    let mut faults = Vec::new();
    for key in expected.keys().chain(stored.keys().filter(|key| !expected.contains_key(*key))) {
        let (must, is) = (expected.get(key).unwrap_or(&0), stored.get(key).unwrap_or(&0));
        if must != is {
            let (account, currency) = (&key.0, key.1.parse::<Currency>()?);
            let (must, is) = (Balance::new(*must, currency)?, Balance::new(*is, currency)?);
            let first = first_that_differs(db, law, account, currency).await?.unwrap_or_default();
            faults.push(format!("{account} holds {is}, but {must} follow from its rows{first}"));
        }
    }
    Ok(faults)
}

fn held(rows: Vec<(String, String, i64)>) -> Held {
    rows.into_iter().map(|(account, currency, minor)| ((account, currency), minor)).collect()
}

/// The first item of an account of which something else was posted than its rows say, as far as transactions lead to items.
async fn first_that_differs(
    db: &mut AnyConnection,
    law: &Law,
    account: &str,
    currency: Currency,
) -> Result<Option<String>, Error> {
    let leading = law.leads.links();
    if leading.is_empty() {
        return Ok(None);
    }
    let sums = format!(
        "select item, cast(sum(minor) as bigint) from ({}) as items where account = $1 and currency = $2 group by item",
        law.items
    );
    let rows: Vec<(String, i64)> = sqlx::query_as(AssertSqlSafe(sums))
        .bind(account.to_owned())
        .bind(currency.code())
        .fetch_all(&mut *db)
        .await?;
    let mut items: BTreeMap<String, (i128, i128)> = BTreeMap::new();
    for (item, minor) in rows {
        items.entry(item).or_default().0 += i128::from(minor);
    }
    let posted: Vec<(i64, String, String, i64)> = sqlx::query_as(
        "select ledger_transactions.id, kind, links, minor from ledger_postings
         join ledger_transactions on ledger_transactions.id = transaction_id where account = $1 and currency = $2",
    )
    .bind(account.to_owned())
    .bind(currency.code())
    .fetch_all(&mut *db)
    .await?;
    for (id, kind, links, minor) in posted {
        let links: BTreeMap<String, String> = serde_json::from_str(&links).unwrap_or_default();
        let link =
            leading.iter().filter(|_| law.leads.elsewhere(&kind)).find(|link| links.contains_key(**link));
        let item = match link.and_then(|link| Some((*link, links.get(*link)?))) {
            None => format!("of transaction {id}"),
            Some(("transaction", other)) => format!("of transaction {other}"),
            // A line that has paid an invoice is named with it.
            Some((_, item)) => item.split(" for INVOICE-").next().unwrap_or(item).to_owned(),
        };
        items.entry(item).or_default().1 += i128::from(minor);
    }
    let mut differ: Vec<_> = items.into_iter().filter(|(_, (row, posted))| row != posted).collect();
    // Numbers in their order.
    differ.sort_by_key(|(item, _)| (item.parse::<i64>().unwrap_or(i64::MAX), item.clone()));
    let Some((item, (row, posted))) = differ.into_iter().next() else { return Ok(None) };
    let (row, posted) = (Balance::new(row, currency)?, Balance::new(posted, currency)?);
    let what = leading.join(" or ");
    Ok(Some(format!("; the first to differ is {what} {item}: {posted} were posted, and {row} follow")))
}
