//! The books as a plain-text journal that hledger or beancount reads, in whole minor units, since both
//! tools forgive fractions of a cent; and as CSV.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use serde::Deserialize;
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
    account: Option<String>,
    currency: Option<String>,
    minor: Option<i64>,
}

/// What the journal is written for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Format {
    /// hledger, and Ledger.
    #[default]
    Hledger,
    /// beancount.
    Beancount,
}

async fn lines(db: &mut AnyConnection) -> Result<Vec<Line>, Error> {
    Ok(sqlx::query_as(
        "select id, key, kind, description, at, links, account, currency, minor
         from ledger_transactions left join ledger_postings on transaction_id = id order by id, line",
    )
    .fetch_all(db)
    .await?)
}

/// Every transaction in order. `USDminor` is one cent, `JPYminor` one yen.
pub async fn journal(db: &mut AnyConnection, format: Format) -> Result<String, Error> {
    let mut accounts = BTreeSet::new();
    let mut currencies = BTreeSet::new();
    let mut transactions = String::new();
    let mut last = 0;
    for line in lines(db).await? {
        let written = match line.id == last {
            true => Ok(()),
            false => begin(&mut transactions, &line, format),
        };
        last = line.id;
        let (Some(account), Some(currency), Some(minor)) = (line.account, line.currency, line.minor) else {
            continue;
        };
        let posted = match format {
            Format::Hledger => writeln!(transactions, "    {account:<50}  {minor:>14} {currency}minor"),
            Format::Beancount => {
                writeln!(transactions, "  {:<50}  {minor:>14} {currency}MINOR", beancount(&account))
            }
        };
        written.and(posted).map_err(|error| Error::Damaged(format!("transaction {last}: {error}")))?;
        accounts.insert(account);
        currencies.insert(currency);
    }
    let mut journal =
        String::from("; The books of a Chandlery registry, in minor units of each currency.\n\n");
    match format {
        Format::Hledger => {
            journal.extend(currencies.iter().map(|currency| format!("commodity 1. {currency}minor\n")));
            journal.extend(accounts.iter().map(|account| format!("account {account}\n")));
        }
        Format::Beancount => {
            journal
                .extend(currencies.iter().map(|currency| format!("1970-01-01 commodity {currency}MINOR\n")));
            journal
                .extend(accounts.iter().map(|account| format!("1970-01-01 open {}\n", beancount(account))));
        }
    }
    journal.push_str(&transactions);
    Ok(journal)
}

/// The first line of a transaction, and what it leads back to.
fn begin(text: &mut String, line: &Line, format: Format) -> std::fmt::Result {
    let Line { id, key, kind, description, at, links, .. } = line;
    let date = at.get(..10).unwrap_or("");
    let links: BTreeMap<String, String> = serde_json::from_str(links).map_err(|_| std::fmt::Error)?;
    // What people wrote must not end a text, or begin a comment or a line of its own.
    let plain = |text: &str| text.replace(['\n', '\r', ';', '"', '\\'], " ");
    let links = [("key", key.as_str()), ("at", at)]
        .into_iter()
        .chain(links.iter().map(|(name, value)| (name.as_str(), value.as_str())));
    match format {
        Format::Hledger => {
            writeln!(text, "\n{date} * ({id}) {kind} | {}", plain(description))?;
            for (name, value) in links {
                writeln!(text, "    ; {name}: {}", plain(value).replace(',', " "))?;
            }
        }
        Format::Beancount => {
            writeln!(text, "\n{date} * \"{kind}\" \"{}\" ^{id}", plain(description))?;
            for (name, value) in links {
                writeln!(text, "  {name}: \"{}\"", plain(value))?;
            }
        }
    }
    Ok(())
}

/// An account as beancount wants it: five roots, and each part begins with a capital.
fn beancount(account: &str) -> String {
    let parts = account.split(':').enumerate().map(|(index, part)| {
        let part = if index == 0 && part == "revenue" { "income" } else { part }.replace(' ', "-");
        let (first, rest) = part.split_at(part.len().min(1));
        format!("{}{rest}", first.to_uppercase())
    });
    parts.collect::<Vec<_>>().join(":")
}

/// Every posting as a line of CSV (RFC 4180), in minor units.
pub async fn csv(db: &mut AnyConnection) -> Result<String, Error> {
    let mut csv = String::from("transaction,at,kind,key,description,account,currency,minor\r\n");
    for Line { id, key, kind, description, at, account, currency, minor, .. } in lines(db).await? {
        let (Some(account), Some(currency), Some(minor)) = (account, currency, minor) else { continue };
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
