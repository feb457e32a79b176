//! The books as a plain-text journal that hledger or beancount reads, in whole minor units, since both
//! tools forgive fractions of a cent; and as CSV.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use chandlery_store::Db;
use futures::{Stream, StreamExt as _, stream};

use crate::Error;
use crate::table::{self, Cell};

#[derive(sqlx::FromRow)]
struct Line {
    id: i64,
    key: String,
    kind: String,
    description: String,
    at: String,
    links: String,
    made_by: String,
    account: Option<String>,
    currency: Option<String>,
    minor: Option<i64>,
}

impl Line {
    /// The account, the currency and the minor units; none: the transaction has no postings.
    fn posted(&self) -> Option<(&str, &str, i64)> {
        Some((self.account.as_deref()?, self.currency.as_deref()?, self.minor?))
    }
}

chandlery_package::words! {
    /// What the journal is written for.
    pub enum Format: "format of a journal" {
        /// Read by hledger and by Ledger.
        Hledger = "hledger",
        /// Read by beancount and Fava.
        Beancount = "beancount",
    }
}

/// How many transactions are read at a time.
const CHUNK: i64 = 500;

/// The number of the last transaction. What is up to it never changes, so that parts that are read one after the other agree.
async fn last(db: &Db) -> Result<i64, Error> {
    let (last,): (i64,) =
        sqlx::query_as("select cast(coalesce(max(id), 0) as bigint) from ledger_transactions")
            .fetch_one(db.read())
            .await?;
    Ok(last)
}

/// Every posting up to a transaction, so many transactions at a time.
fn lines(db: Db, last: i64) -> impl Stream<Item = Result<Vec<Line>, Error>> {
    stream::try_unfold(0, move |after| {
        let db = db.clone();
        async move {
            if after >= last {
                return Ok(None);
            }
            let until = last.min(after + CHUNK);
            let lines: Vec<Line> = sqlx::query_as(
                "select id, key, kind, description, at, links, made_by, account, currency, minor
                 from ledger_transactions left join ledger_postings on transaction_id = id
                 where id > $1 and id <= $2 order by id, line",
            )
            .bind(after)
            .bind(until)
            .fetch_all(db.read())
            .await?;
            Ok(Some((lines, until)))
        }
    })
}

/// Every transaction in order. `USDminor` is one cent, `JPYminor` one yen.
pub async fn journal(
    db: &Db,
    format: Format,
) -> Result<impl Stream<Item = Result<String, Error>> + use<>, Error> {
    let last = last(db).await?;
    let head = head(db, last, format).await?;
    let transactions = lines(db.clone(), last).map(move |lines| transactions(&lines?, format));
    Ok(stream::iter([Ok(head)]).chain(transactions))
}

/// What the journal says of its currencies and accounts, before the first transaction.
async fn head(db: &Db, last: i64, format: Format) -> Result<String, Error> {
    let used: Vec<(String, String)> =
        sqlx::query_as("select distinct account, currency from ledger_postings where transaction_id <= $1")
            .bind(last)
            .fetch_all(db.read())
            .await?;
    let (accounts, currencies): (BTreeSet<_>, BTreeSet<_>) = used.into_iter().unzip();
    let mut head = String::from("; The books of a Chandlery registry, in minor units of each currency.\n\n");
    match format {
        Format::Hledger => {
            head.extend(currencies.iter().map(|currency| format!("commodity 1. {currency}minor\n")));
            head.extend(accounts.iter().map(|account| format!("account {account}\n")));
        }
        Format::Beancount => {
            head.extend(currencies.iter().map(|currency| format!("1970-01-01 commodity {currency}MINOR\n")));
            head.extend(accounts.iter().map(|account| format!("1970-01-01 open {}\n", beancount(account))));
        }
    }
    Ok(head)
}

/// Whole transactions as text.
fn transactions(lines: &[Line], format: Format) -> Result<String, Error> {
    let mut text = String::new();
    let mut last = 0;
    for line in lines {
        let written = match line.id == last {
            true => Ok(()),
            false => begin(&mut text, line, format),
        };
        last = line.id;
        let Some((account, currency, minor)) = line.posted() else { continue };
        let posted = match format {
            Format::Hledger => writeln!(text, "    {account:<50}  {minor:>14} {currency}minor"),
            Format::Beancount => {
                writeln!(text, "  {:<50}  {minor:>14} {currency}MINOR", beancount(account))
            }
        };
        written.and(posted).map_err(|error| Error::Damaged(format!("transaction {last}: {error}")))?;
    }
    Ok(text)
}

/// The first line of a transaction, and what it leads back to.
fn begin(text: &mut String, line: &Line, format: Format) -> std::fmt::Result {
    let Line { id, key, kind, description, at, links, made_by, .. } = line;
    let date = at.get(..10).unwrap_or("");
    let links: BTreeMap<String, String> = serde_json::from_str(links).map_err(|_| std::fmt::Error)?;
    // What people wrote must not end a text, or begin a comment or a line of its own.
    let plain = |text: &str| text.replace(['\n', '\r', ';', '"', '\\'], " ");
    let links = [("key", key.as_str()), ("at", at), ("by", made_by)]
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

const COLUMNS: [&str; 9] =
    ["transaction", "at", "kind", "key", "description", "account", "currency", "minor", "by"];

/// Every posting as a row, in minor units.
pub async fn csv(db: &Db) -> Result<impl Stream<Item = Result<String, Error>> + use<>, Error> {
    let lines = lines(db.clone(), last(db).await?);
    let rows = lines.map(|lines| {
        let posted = lines?.into_iter().filter(|line| line.posted().is_some());
        table::rows(
            posted,
            |Line { id, at, kind, key, description, made_by, account, currency, minor, .. }| {
                vec![
                    Cell::own(id),
                    Cell::own(at),
                    Cell::own(kind),
                    Cell::Text(key),
                    Cell::Text(description),
                    Cell::maybe(account.as_ref()),
                    Cell::maybe(currency.as_ref()),
                    Cell::maybe(*minor),
                    Cell::Text(made_by),
                ]
            },
        )
    });
    Ok(stream::iter([table::head(&COLUMNS)]).chain(rows))
}
