//! Statements: a partner's month in one currency, from the ledger's own postings. Its digest is in the transparency log, so that it
//! cannot be rewritten.

use std::collections::BTreeMap;

use chandlery_package::column::Text;
use chandlery_package::log::Entry;
use chandlery_package::wire::{
    Held, Page, Paging, PublishedStatement, Statement, StatementLine, TransactionKind,
};
use chandlery_package::{Currency, Digest, Month, Namespace};
use futures::TryStreamExt as _;
use jiff::Timestamp;
use serde::Deserialize;
use serde::de::IgnoredAny;
use sqlx::AnyConnection;

use super::self_billed;
use crate::{Error, ledger};
use chandlery_log as log;
use chandlery_store::{Write, time};

/// A partner's account by its short name: `pending` or `owed`, whose sign is turned.
fn partners_account(account: &str) -> Option<(&str, &str)> {
    match account.strip_prefix("liabilities:partner:") {
        Some(rest) => rest.split_once(':'),
        None => account.strip_prefix("assets:receivable:partner:").map(|partner| (partner, "owed")),
    }
}

/// Makes the statements of a month that is being closed, for every partner that had or got anything, and gives how many.
pub async fn make(write: &mut Write, month: Month, now: Timestamp) -> Result<usize, Error> {
    let mut all: BTreeMap<(String, Currency), Statement> = BTreeMap::new();
    for held in ledger::balances(write, Some(month.previous().last_moment())).await? {
        let Some((partner, account)) = partners_account(&held.account) else { continue };
        if held.balance.minor() != 0 {
            let statement = statement(&mut all, partner, month, held.balance.currency())?;
            statement.opening.insert(account.into(), -held.balance.minor());
        }
    }
    type Posted = (i64, Text<Timestamp>, Text<TransactionKind>, String, String, Text<Currency>, i64);
    let mut rows = sqlx::query_as(
        "select id, at, kind, description, account, currency, minor
         from ledger_transactions join ledger_postings on transaction_id = id
         where at >= $1 and at < $2 and (account like 'liabilities:partner:%' or account like 'assets:receivable:partner:%')
         order by id, line",
    )
    .bind(time(month.first_moment()))
    .bind(time(month.next().first_moment()))
    .fetch(&mut **write);
    while let Some(row) = rows.try_next().await? {
        let (transaction, Text(at), Text(kind), description, account, Text(currency), minor): Posted = row;
        let Some((partner, account)) = partners_account(&account) else { continue };
        let lines = &mut statement(&mut all, partner, month, currency)?.lines;
        if lines.last().is_none_or(|last| last.transaction != transaction) {
            lines.push(StatementLine { transaction, at, kind, description, changes: Held::new() });
        }
        if let Some(line) = lines.last_mut() {
            *line.changes.entry(account.into()).or_default() -= minor;
        }
    }
    drop(rows);
    let count = all.len();
    for (_, mut statement) in all {
        statement.closing = statement.opening.clone();
        for line in &statement.lines {
            for (account, minor) in &line.changes {
                *statement.closing.entry(account.clone()).or_default() += minor;
            }
        }
        statement.closing.retain(|_, minor| *minor != 0);
        publish(write, &statement, now).await?;
        self_billed::bill(write, &statement, now).await?;
    }
    Ok(count)
}

fn statement<'a>(
    all: &'a mut BTreeMap<(String, Currency), Statement>,
    partner: &str,
    month: Month,
    currency: Currency,
) -> Result<&'a mut Statement, Error> {
    let name: Namespace = partner.parse()?;
    Ok(all.entry((partner.to_owned(), currency)).or_insert_with(|| Statement {
        partner: name,
        month,
        currency,
        opening: Held::new(),
        lines: Vec::new(),
        closing: Held::new(),
    }))
}

async fn publish(write: &mut Write, statement: &Statement, now: Timestamp) -> Result<(), Error> {
    let body = serde_json::json!(statement).to_string();
    let digest = Digest::of(body.as_bytes());
    let Statement { partner, month, currency, .. } = statement;
    let entry = Entry::Statement {
        partner: partner.clone(),
        month: *month,
        currency: *currency,
        statement: digest,
        at: now,
    };
    let index = log::append(write, &entry).await?;
    sqlx::query(
        "insert into statements (partner, currency, month, body, digest, log_index) values ($1, $2, $3, $4, $5, $6)",
    )
    .bind(partner.as_str())
    .bind(currency.code())
    .bind(month.to_string())
    .bind(body)
    .bind(digest.to_string())
    .bind(index as i64)
    .execute(&mut **write)
    .await?;
    Ok(())
}

/// A statement's place among its partner's: its month and its currency.
pub type Key = (Month, Currency);

/// The body of a statement, its digest, and the number of its entry in the log.
type Row = (String, Text<Digest>, i64);

/// A partner's statements, the latest first; of one month, if one is wanted. Each is compared with its digest.
pub async fn statements(
    db: &mut AnyConnection,
    partner: &Namespace,
    month: Option<Month>,
    paging: &Paging<Key>,
) -> Result<Page<PublishedStatement>, Error> {
    let read = |(body, Text(digest), log_index): Row| read(&body, digest, log_index);
    let rows = rows(db, partner, month, paging).await?;
    let read = rows.into_iter().map(read).collect::<Result<Vec<_>, _>>()?;
    Ok(paging.cut(read, |published| (published.statement.month, published.statement.currency)))
}

async fn rows(
    db: &mut AnyConnection,
    partner: &Namespace,
    month: Option<Month>,
    paging: &Paging<Key>,
) -> Result<Vec<Row>, Error> {
    // There is no month after 9998.
    let (before, after) = match paging.after() {
        None => ("9999-12".to_owned(), ""),
        Some((month, currency)) => (month.to_string(), currency.code()),
    };
    let rows = sqlx::query_as(
        "select body, digest, log_index from statements where partner = $1 and ($2 = '' or month = $2)
           and month <= $3 and (month < $3 or currency > $4)
         order by month desc, currency limit $5",
    )
    .bind(partner.as_str())
    .bind(month.map(|month| month.to_string()).unwrap_or_default())
    .bind(before)
    .bind(after)
    .bind(paging.rows())
    .fetch_all(db)
    .await?;
    Ok(rows)
}

/// What a list says of a statement, which is not compared with its digest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StatementHead {
    /// The month that it is of.
    pub month: Month,
    /// The currency of all that it says.
    pub currency: Currency,
    /// How many changes it has.
    pub lines: usize,
    /// What the partner's accounts held at the month's end, in minor units.
    pub closing: Held,
    /// The digest that the log has of it.
    pub digest: Digest,
    /// The number of the log's entry.
    pub log_index: i64,
}

/// The same list as [`statements`], in as much time as it takes to read the statements' ends and to count their lines.
pub async fn statement_heads(
    db: &mut AnyConnection,
    partner: &Namespace,
    paging: &Paging<Key>,
) -> Result<Page<StatementHead>, Error> {
    #[derive(Deserialize)]
    struct Head {
        month: Month,
        currency: Currency,
        lines: Vec<IgnoredAny>,
        closing: Held,
    }
    let read = |(body, Text(digest), log_index): Row| {
        let damaged = |_| Error::Damaged(format!("statement {digest} cannot be read"));
        let Head { month, currency, lines, closing } = serde_json::from_str(&body).map_err(damaged)?;
        Ok(StatementHead { month, currency, lines: lines.len(), closing, digest, log_index })
    };
    let rows = rows(db, partner, None, paging).await?;
    let heads = rows.into_iter().map(read).collect::<Result<Vec<_>, Error>>()?;
    Ok(paging.cut(heads, |head| (head.month, head.currency)))
}

fn read(body: &str, digest: Digest, log_index: i64) -> Result<PublishedStatement, Error> {
    let damaged = || Error::Damaged(format!("statement {digest} is not what was logged"));
    if Digest::of(body.as_bytes()) != digest {
        return Err(damaged());
    }
    let statement = serde_json::from_str(body).map_err(|_| damaged())?;
    Ok(PublishedStatement { statement, digest, log_index })
}

/// What is wrong with the statements, in words: each is what the log says, and begins where the one before it ended.
pub async fn faults(db: &mut AnyConnection) -> Result<Vec<String>, Error> {
    type Logged = (String, Text<Digest>, i64, String);
    let mut rows = sqlx::query_as(
        "select body, digest, log_index, entry from statements join log_entries on idx = log_index
         order by partner, currency, month",
    )
    .fetch(db);
    let mut faults = Vec::new();
    let mut before: Option<Statement> = None;
    while let Some(row) = rows.try_next().await? {
        let (body, Text(digest), index, entry): Logged = row;
        let what = format!("the statement at entry {index}");
        if !entry.contains(&digest.to_string()) {
            faults.push(format!("{what} is not the one in the log"));
        }
        // Its lines are read, too: what no version can show any more is a fault.
        let statement = match read(&body, digest, index) {
            Ok(published) => published.statement,
            Err(error) => {
                faults.push(error.to_string());
                continue;
            }
        };
        if let Some(before) = before
            .filter(|before| (&before.partner, before.currency) == (&statement.partner, statement.currency))
            && before.closing != statement.opening
        {
            faults.push(format!("{what} does not begin where {} ended", before.month));
        }
        before = Some(statement);
    }
    Ok(faults)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::testing::{at, market, writing};

    #[tokio::test]
    async fn a_statement_whose_lines_cannot_be_read_is_a_fault() {
        let (_folder, finance) = market(&[], "{}").await;
        let line = StatementLine {
            transaction: 1,
            at: at("2026-01-01T00:00:00Z"),
            kind: TransactionKind::Payout,
            description: String::new(),
            changes: Held::new(),
        };
        let statement = Statement {
            partner: "acme".parse().unwrap(),
            month: "2026-01".parse().unwrap(),
            currency: Currency::Usd,
            opening: Held::new(),
            lines: vec![line],
            closing: Held::new(),
        };
        let mut write = writing(&finance.db).await;
        publish(&mut write, &statement, at("2026-02-01T00:00:00Z")).await.unwrap();
        write.commit().await.unwrap();
        let faults = async || faults(&mut finance.db.read().acquire().await.unwrap()).await.unwrap();
        assert_eq!(faults().await, Vec::<String>::new());
        let mut body = json!(statement);
        body["lines"][0]["kind"] = Value::from("of another version");
        let (body, digest) = (body.to_string(), Digest::of(body.to_string().as_bytes()));
        sqlx::query("update statements set body = $1, digest = $2")
            .bind(body)
            .bind(digest.to_string())
            .execute(finance.db.read())
            .await
            .unwrap();
        let found = faults().await;
        assert!(found.iter().any(|fault| fault.contains("is not what was logged")), "{found:?}");
    }
}
