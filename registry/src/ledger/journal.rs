//! The books as a plain-text journal that hledger and beancount's converters read, in whole minor units, since both
//! tools forgive fractions of a cent; and as CSV.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use sqlx::AnyConnection;

use crate::Error;

#[derive(sqlx::FromRow)]
struct Line {
    id: i64,
    key: String,
    kind: String,
    description: String,
    at: String,
    links: String,
    account: String,
    currency: String,
    minor: i64,
}

async fn lines(db: &mut AnyConnection) -> Result<Vec<Line>, Error> {
    Ok(sqlx::query_as(
        "select id, key, kind, description, at, links, account, currency, minor
         from ledger_transactions join ledger_postings on transaction_id = id order by id, line",
    )
    .fetch_all(db)
    .await?)
}

/// Every transaction in order. `USDminor` is one cent, `JPYminor` one yen.
pub async fn journal(db: &mut AnyConnection) -> Result<String, Error> {
    let mut accounts = BTreeSet::new();
    let mut currencies = BTreeSet::new();
    let mut transactions = String::new();
    let mut last = 0;
    for line in lines(db).await? {
        let written = write_line(&mut transactions, &line, line.id != last);
        written.map_err(|error| Error::Damaged(format!("transaction {}: {error}", line.id)))?;
        last = line.id;
        accounts.insert(line.account);
        currencies.insert(line.currency);
    }
    let mut journal =
        String::from("; The books of a Chandlery registry, in minor units of each currency.\n\n");
    journal.extend(currencies.iter().map(|currency| format!("commodity 1. {currency}minor\n")));
    journal.extend(accounts.iter().map(|account| format!("account {account}\n")));
    journal.push_str(&transactions);
    Ok(journal)
}

fn write_line(text: &mut String, line: &Line, begins: bool) -> Result<(), String> {
    let Line { id, key, kind, description, at, links, account, currency, minor } = line;
    let mut write = || -> std::fmt::Result {
        if begins {
            let date = at.get(..10).unwrap_or("");
            // What people wrote must not begin a comment or a line of its own.
            let description = description.replace(['\n', '\r', ';'], " ");
            write!(text, "\n{date} * ({id}) {kind} | {description}\n    ; key: {key}\n    ; at: {at}\n")?;
            let links: BTreeMap<String, String> = serde_json::from_str(links).map_err(|_| std::fmt::Error)?;
            for (name, value) in links {
                writeln!(text, "    ; {name}: {}", value.replace(['\n', '\r', ','], " "))?;
            }
        }
        writeln!(text, "    {account:<50}  {minor:>14} {currency}minor")
    };
    write().map_err(|error| error.to_string())
}

/// Every posting as a line of CSV (RFC 4180), in minor units.
pub async fn csv(db: &mut AnyConnection) -> Result<String, Error> {
    let mut csv = String::from("transaction,at,kind,key,description,account,currency,minor\r\n");
    for Line { id, key, kind, description, at, account, currency, minor, .. } in lines(db).await? {
        let quote = |text: &str| text.replace('"', "\"\"");
        let _ = write!(
            csv,
            "{id},{at},{kind},\"{}\",\"{}\",{account},{currency},{minor}\r\n",
            quote(&key),
            quote(&description)
        );
    }
    Ok(csv)
}
