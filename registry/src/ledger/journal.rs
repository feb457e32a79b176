//! The books as a plain-text journal that hledger and beancount's converters read, in whole minor units, since both
//! tools forgive fractions of a cent.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use sqlx::AnyConnection;

use crate::Error;

type Line = (i64, String, String, String, String, String, i64);

/// Every transaction in order. `USDminor` is one cent, `JPYminor` one yen.
pub async fn journal(db: &mut AnyConnection) -> Result<String, Error> {
    let lines: Vec<Line> = sqlx::query_as(
        "select ledger_transactions.id, key, kind, description, at, account || '|' || currency, minor
         from ledger_transactions join ledger_postings on transaction_id = id order by id, line",
    )
    .fetch_all(db)
    .await?;
    let mut accounts = BTreeSet::new();
    let mut currencies = BTreeSet::new();
    let mut transactions = String::new();
    let mut last = 0;
    for (id, key, kind, description, at, place, minor) in lines {
        let (account, currency) = place.split_once('|').unwrap_or((&place, ""));
        let date = at.get(..10).ok_or_else(|| Error::Damaged(format!("transaction {id} has no date")))?;
        let mut line = || -> std::fmt::Result {
            if id != last {
                write!(
                    transactions,
                    "\n{date} * ({id}) {kind} | {description}\n    ; key: {key}\n    ; at: {at}\n"
                )?;
            }
            writeln!(transactions, "    {account:<50}  {minor:>14} {currency}minor")
        };
        line().map_err(|error| Error::Damaged(error.to_string()))?;
        accounts.insert(account.to_owned());
        currencies.insert(currency.to_owned());
        last = id;
    }
    let mut journal =
        String::from("; The books of a Chandlery registry, in minor units of each currency.\n\n");
    journal.extend(currencies.iter().map(|currency| format!("commodity 1. {currency}minor\n")));
    journal.extend(accounts.iter().map(|account| format!("account {account}\n")));
    journal.push_str(&transactions);
    Ok(journal)
}
