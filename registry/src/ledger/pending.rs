//! Postings of one database transaction, written together: however many there are, the accounts that they touch change once
//! each, in one order, so that an account that everything touches costs no more than any other.

use std::collections::{BTreeMap, HashMap};

use chandlery_package::{Currency, Money};
use sqlx::AssertSqlSafe;

use super::{Account, Posting, Transaction, balance, open_from};
use crate::db::places;
use crate::{Cell, Error, Write, insert_rows, time};

/// How many keys are looked up in one statement.
const KEYS_MAX: usize = 1000;

/// What was posted and is not written yet.
#[derive(Default)]
pub struct Pending {
    /// The number of the next transaction, and from when on months are open.
    begun: Option<(i64, String)>,
    new: Vec<New>,
    by_key: HashMap<String, usize>,
}

struct New {
    id: i64,
    body: String,
    transaction: Transaction,
}

impl Pending {
    /// How much there is, to come back to.
    pub(crate) fn mark(&self) -> usize {
        self.new.len()
    }

    /// Forgets what was posted since.
    pub(crate) fn back_to(&mut self, mark: usize) {
        for gone in self.new.drain(mark..).rev() {
            self.by_key.remove(&gone.transaction.key);
            if let Some((next, _)) = &mut self.begun {
                *next = gone.id;
            }
        }
    }

    fn known(&self, transaction: &Transaction, body: &str) -> Option<Result<i64, Error>> {
        let known = &self.new[*self.by_key.get(&transaction.key)?];
        Some(same(transaction, body, known.id, &known.body))
    }

    fn push(&mut self, transaction: Transaction, body: String) -> Result<i64, Error> {
        let damaged = || Error::Damaged("postings were taken before they were begun".into());
        let (next, open_from) = self.begun.as_mut().ok_or_else(damaged)?;
        if time(transaction.at) < *open_from {
            return Err(Error::Closed { key: transaction.key, open_from: open_from.clone() });
        }
        let id = *next;
        *next += 1;
        self.by_key.insert(transaction.key.clone(), self.new.len());
        self.new.push(New { id, body, transaction });
        Ok(id)
    }
}

fn same(transaction: &Transaction, body: &str, id: i64, stored: &str) -> Result<i64, Error> {
    match stored == body {
        true => Ok(id),
        false => Err(Error::KeyReused { key: transaction.key.clone() }),
    }
}

async fn begin(write: &mut Write) -> Result<(), Error> {
    if write.books.begun.is_none() {
        let (next,): (i64,) =
            sqlx::query_as("select cast(coalesce(max(id), 0) + 1 as bigint) from ledger_transactions")
                .fetch_one(&mut **write)
                .await?;
        let open_from = open_from(write).await?.map(time).unwrap_or_default();
        write.books.begun = Some((next, open_from));
    }
    Ok(())
}

/// Posts a transaction within the database transaction that caused it, and gives its number. Posting the same again
/// gives the first one's number; another body under the same key is refused, and so is a month that is closed.
pub async fn post(write: &mut Write, transaction: Transaction) -> Result<i64, Error> {
    let ids = post_all(write, vec![transaction]).await?;
    ids.first().copied().ok_or_else(|| Error::Damaged("nothing was posted".into()))
}

/// Whether a transaction of this key was posted before.
pub async fn is_posted(write: &mut Write, transaction: &Transaction) -> Result<bool, Error> {
    if write.books.by_key.contains_key(&transaction.key) {
        return Ok(true);
    }
    let found: Option<(i64,)> = sqlx::query_as("select id from ledger_transactions where key = $1")
        .bind(&transaction.key)
        .fetch_optional(&mut **write)
        .await?;
    Ok(found.is_some())
}

/// The same for many, in order: all of them, or none.
pub async fn post_all(write: &mut Write, transactions: Vec<Transaction>) -> Result<Vec<i64>, Error> {
    begin(write).await?;
    let mut stored = HashMap::new();
    for some in transactions.chunks(KEYS_MAX) {
        let sql = format!(
            "select key, id, body from ledger_transactions where key in ({})",
            places(write, 0, some.len())
        );
        let mut query = sqlx::query_as(AssertSqlSafe(sql));
        for transaction in some {
            query = query.bind(transaction.key.clone());
        }
        let rows: Vec<(String, i64, String)> = query.fetch_all(&mut **write).await?;
        stored.extend(rows.into_iter().map(|(key, id, body)| (key, (id, body))));
    }
    let mark = write.books.mark();
    let mut ids = Vec::with_capacity(transactions.len());
    for transaction in transactions {
        let body = transaction.body();
        let posted = transaction.must_balance().and_then(|()| match stored.get(&transaction.key) {
            Some((id, stored)) => same(&transaction, &body, *id, stored),
            None => match write.books.known(&transaction, &body) {
                Some(known) => known,
                None => write.books.push(transaction, body),
            },
        });
        match posted {
            Ok(id) => ids.push(id),
            Err(error) => {
                write.books.back_to(mark);
                return Err(error);
            }
        }
    }
    Ok(ids)
}

/// What is owed by an account: credits less debits, with what was posted in this database transaction.
pub async fn owed(write: &mut Write, account: &Account, currency: Currency) -> Result<Money, Error> {
    let mut sum = balance(write, account, currency).await?;
    for new in &write.books.new {
        for posting in new.transaction.postings.iter().filter(|posting| posting.account == *account) {
            if posting.amount.currency == currency {
                sum = sum.plus(posting.amount)?;
            }
        }
    }
    Ok(sum.negated())
}

/// Writes what was posted. A commit does so by itself; whoever reads the ledger's tables before that must ask for it.
pub async fn flush(write: &mut Write) -> Result<(), sqlx::Error> {
    let new = std::mem::take(&mut write.books.new);
    write.books.by_key.clear();
    if new.is_empty() {
        return Ok(());
    }
    let mut changes: BTreeMap<(String, Currency), i64> = BTreeMap::new();
    let (mut transactions, mut postings) = (Vec::with_capacity(new.len()), Vec::new());
    for New { id, body, transaction } in new {
        let Transaction { key, kind, description, at, links, postings: lines } = transaction;
        let links = match links.is_empty() {
            true => "{}".into(),
            false => serde_json::json!(links).to_string(),
        };
        let row: [Cell; 7] = [
            id.into(),
            key.into(),
            body.into(),
            kind.into(),
            description.into(),
            time(at).into(),
            links.into(),
        ];
        transactions.push(row);
        for (line, Posting { account, amount }) in lines.into_iter().enumerate() {
            let (account, currency) = (account.to_string(), amount.currency);
            let row: [Cell; 5] = [
                id.into(),
                (line as i64).into(),
                account.as_str().into(),
                currency.code().into(),
                amount.minor.into(),
            ];
            postings.push(row);
            *changes.entry((account, currency)).or_default() += amount.minor;
        }
    }
    let changes = changes
        .into_iter()
        .filter(|(_, minor)| *minor != 0)
        .map(|((account, currency), minor)| [account.into(), currency.code().into(), minor.into()]);
    let changes: Vec<[Cell; 3]> = changes.collect();
    insert_rows(write, "ledger_transactions (id, key, body, kind, description, at, links)", transactions, "")
        .await?;
    insert_rows(write, "ledger_postings (transaction_id, line, account, currency, minor)", postings, "")
        .await?;
    insert_rows(
        write,
        "ledger_balances (account, currency, minor)",
        changes,
        "on conflict (account, currency) do update set minor = ledger_balances.minor + excluded.minor",
    )
    .await?;
    Ok(())
}
