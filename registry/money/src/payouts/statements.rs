//! Statements: a partner's month in one currency, from the ledger's own postings. Its digest is in the transparency log, so that it
//! cannot be rewritten.

use std::collections::BTreeMap;

use chandlery_package::log::Entry;
use chandlery_package::{Currency, Digest, Namespace};
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use sqlx::AnyConnection;

use crate::{Error, ledger};
use chandlery_log as log;
use chandlery_store::{Write, time};

/// What a partner's accounts held, in minor units: what is owed to it is above zero.
pub type Held = BTreeMap<String, i64>;

/// A partner's month in one currency.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Statement {
    /// Whose.
    pub partner: Namespace,
    /// Of which month.
    pub month: String,
    /// In which currency.
    pub currency: Currency,
    /// What there was at its beginning: the closing of the month before.
    #[schema(value_type = BTreeMap<String, i64>)]
    pub opening: Held,
    /// What happened.
    pub lines: Vec<Line>,
    /// What there was at its end.
    #[schema(value_type = BTreeMap<String, i64>)]
    pub closing: Held,
}

/// A transaction of a statement.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Line {
    /// The ledger's number of it.
    pub transaction: i64,
    /// When.
    pub at: String,
    /// What kind.
    pub kind: String,
    /// For people.
    pub description: String,
    /// What it changed.
    #[schema(value_type = BTreeMap<String, i64>)]
    pub changes: Held,
}

/// A partner's account by its short name: `pending` or `owed`, whose sign is turned.
fn partners_account(account: &str) -> Option<(&str, &str)> {
    match account.strip_prefix("liabilities:partner:") {
        Some(rest) => rest.split_once(':'),
        None => account.strip_prefix("assets:receivable:partner:").map(|partner| (partner, "owed")),
    }
}

/// A statement, where it is in the log, and its digest.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct Published {
    /// What it says.
    pub statement: Statement,
    /// Of its bytes as they are stored.
    pub digest: String,
    /// The entry of the log that says so.
    pub log_index: i64,
}

/// Makes the statements of a month that is being closed, for every partner that had or got anything, and gives how many.
pub async fn make(write: &mut Write, month: &str, now: Timestamp) -> Result<usize, Error> {
    let (begin, end) = (ledger::begin_of(month)?, ledger::end_of(month)?);
    let before = begin
        .checked_sub(SignedDuration::from_micros(1))
        .map_err(|error| Error::Damaged(error.to_string()))?;
    let mut all: BTreeMap<(String, Currency), Statement> = BTreeMap::new();
    for held in ledger::balances(write, Some(before)).await? {
        let Some((partner, account)) = partners_account(&held.account) else { continue };
        if held.balance.minor() != 0 {
            let statement = statement(&mut all, partner, month, held.balance.currency())?;
            statement.opening.insert(account.into(), -held.balance.minor());
        }
    }
    let rows: Vec<(i64, String, String, String, String, String, i64)> = sqlx::query_as(
        "select id, at, kind, description, account, currency, minor
         from ledger_transactions join ledger_postings on transaction_id = id
         where at >= $1 and at < $2 and (account like 'liabilities:partner:%' or account like 'assets:receivable:partner:%')
         order by id, line",
    )
    .bind(time(begin))
    .bind(time(end))
    .fetch_all(&mut **write)
    .await?;
    for (transaction, at, kind, description, account, currency, minor) in rows {
        let Some((partner, account)) = partners_account(&account) else { continue };
        let lines = &mut statement(&mut all, partner, month, currency.parse()?)?.lines;
        if lines.last().is_none_or(|last| last.transaction != transaction) {
            lines.push(Line { transaction, at, kind, description, changes: Held::new() });
        }
        if let Some(line) = lines.last_mut() {
            *line.changes.entry(account.into()).or_default() -= minor;
        }
    }
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
    }
    Ok(count)
}

fn statement<'a>(
    all: &'a mut BTreeMap<(String, Currency), Statement>,
    partner: &str,
    month: &str,
    currency: Currency,
) -> Result<&'a mut Statement, Error> {
    let name: Namespace = partner.parse()?;
    Ok(all.entry((partner.to_owned(), currency)).or_insert_with(|| Statement {
        partner: name,
        month: month.into(),
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
        month: month.clone(),
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
    .bind(month)
    .bind(body)
    .bind(digest.to_string())
    .bind(index as i64)
    .execute(&mut **write)
    .await?;
    Ok(())
}

/// A partner's statements, the latest first; of one month, if one is wanted.
pub async fn statements(
    db: &mut AnyConnection,
    partner: &Namespace,
    month: Option<&str>,
) -> Result<Vec<Published>, Error> {
    let rows: Vec<(String, String, i64)> = sqlx::query_as(
        "select body, digest, log_index from statements where partner = $1 and ($2 = '' or month = $2)
         order by month desc, currency",
    )
    .bind(partner.as_str())
    .bind(month.unwrap_or(""))
    .fetch_all(db)
    .await?;
    rows.into_iter().map(|(body, digest, log_index)| read(&body, digest, log_index)).collect()
}

fn read(body: &str, digest: String, log_index: i64) -> Result<Published, Error> {
    let damaged = || Error::Damaged(format!("statement {digest} is not what was logged"));
    if Digest::of(body.as_bytes()).to_string() != digest {
        return Err(damaged());
    }
    Ok(Published { statement: serde_json::from_str(body).map_err(|_| damaged())?, digest, log_index })
}

/// What is wrong with the statements, in words: each is what the log says, and begins where the one before it ended.
pub async fn faults(db: &mut AnyConnection) -> Result<Vec<String>, Error> {
    let rows: Vec<(String, String, i64, String)> = sqlx::query_as(
        "select body, digest, log_index, entry from statements join log_entries on idx = log_index
         order by partner, currency, month",
    )
    .fetch_all(db)
    .await?;
    let mut faults = Vec::new();
    let mut before: Option<Statement> = None;
    for (body, digest, index, entry) in rows {
        let what = format!("the statement at entry {index}");
        if !entry.contains(&digest) {
            faults.push(format!("{what} is not the one in the log"));
        }
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
