//! Postings of one database transaction, written together: however many there are, the accounts that they touch change once
//! each, in one order, so that an account that everything touches costs no more than any other.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use chandlery_package::{Balance, Currency};
use sqlx::{AnyConnection, AssertSqlSafe};

use super::account::Account;
use super::months::open_from;
use super::{Posting, Transaction};
use crate::Error;
use chandlery_store::{BeforeCommit, places};
use chandlery_store::{Cell, Write, insert_rows, time};
use futures::future::BoxFuture;

/// How many keys are looked up in one statement.
const KEYS_MAX: usize = 1000;

/// What was posted and is not written yet.
#[derive(Default)]
pub struct Pending {
    /// The number of the next transaction, and from when on months are open.
    begun: Option<(i64, String)>,
    new: Vec<New>,
    by_key: HashMap<String, usize>,
    /// What the tables have of each account that was posted to or asked for. Nobody else changes it meanwhile.
    stored: BTreeMap<Held, i128>,
    /// What the new ones change of it.
    changes: BTreeMap<Held, i128>,
    /// How many of the new ones are in the tables already.
    written: usize,
    /// How many there were, and how many of them written, when the job at hand began.
    savepoint: (usize, usize),
}

/// An account in a currency.
type Held = (Account, Currency);

struct New {
    id: i64,
    body: String,
    by: Arc<str>,
    transaction: Transaction,
}

impl Pending {
    /// Asks again, before the next posting, from when on months are open.
    pub(super) fn forget_open_month(&mut self) {
        self.begun = None;
    }

    fn back_to(&mut self, mark: usize) {
        for gone in self.new.drain(mark.min(self.new.len())..).rev() {
            self.by_key.remove(&gone.transaction.key);
            for posting in &gone.transaction.postings {
                let held = (posting.account.clone(), posting.amount.currency());
                *self.changes.entry(held).or_default() -= i128::from(posting.amount.minor());
            }
            if let Some((next, _)) = &mut self.begun {
                *next = gone.id;
            }
        }
    }

    fn known(&self, transaction: &Transaction, body: &str) -> Option<Result<i64, Error>> {
        let known = &self.new[*self.by_key.get(&transaction.key)?];
        Some(same(transaction, body, known.id, &known.body))
    }

    fn push(&mut self, transaction: Transaction, body: String, by: Option<Arc<str>>) -> Result<i64, Error> {
        let damaged = || Error::Damaged("postings were taken before they were begun".into());
        let (next, open_from) = self.begun.as_mut().ok_or_else(damaged)?;
        let Some(by) = by else { return Err(Error::Nameless { key: transaction.key }) };
        if time(transaction.at) < *open_from {
            return Err(Error::Closed { key: transaction.key, open_from: open_from.clone() });
        }
        let id = *next;
        let mut changes: BTreeMap<Held, i128> = BTreeMap::new();
        for posting in &transaction.postings {
            let held = (posting.account.clone(), posting.amount.currency());
            *changes.entry(held).or_default() += i128::from(posting.amount.minor());
        }
        for (held, change) in &changes {
            let sum = [self.stored.get(held), self.changes.get(held), Some(change)]
                .into_iter()
                .flatten()
                .sum::<i128>();
            if let Err(error) = Balance::new(sum, held.1) {
                return Err(Error::BalanceTooLarge {
                    key: transaction.key,
                    account: held.0.to_string(),
                    error,
                });
            }
        }
        for (held, change) in changes {
            *self.changes.entry(held).or_default() += change;
        }
        *next += 1;
        self.by_key.insert(transaction.key.clone(), self.new.len());
        self.new.push(New { id, body, by, transaction });
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
    let (pending, db) = write.pending_and_connection::<Pending>();
    if pending.begun.is_none() {
        let (last,): (i64,) =
            sqlx::query_as("select cast(coalesce(max(id), 0) as bigint) from ledger_transactions")
                .fetch_one(&mut *db)
                .await?;
        let last = pending.new.last().map_or(last, |new| new.id.max(last));
        let open_from = open_from(db).await?.map(time).unwrap_or_default();
        pending.begun = Some((last + 1, open_from));
    }
    Ok(())
}

/// Posts a transaction within the database transaction that caused it, and gives its number. Posting the same again
/// gives the first one's number; another body under the same key is refused, and so are a month that is closed, and what nobody is
/// named for by [`super::by()`].
pub async fn post(write: &mut Write, transaction: Transaction) -> Result<i64, Error> {
    let ids = post_all(write, vec![transaction]).await?;
    ids.first().copied().ok_or_else(|| Error::Damaged("nothing was posted".into()))
}

/// Whether a transaction of this key was posted before.
pub async fn is_posted(write: &mut Write, transaction: &Transaction) -> Result<bool, Error> {
    if write.pending::<Pending>().by_key.contains_key(&transaction.key) {
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
    let postings = transactions.iter().filter(|transaction| !stored.contains_key(&transaction.key));
    let postings = postings.flat_map(|transaction| &transaction.postings);
    know(write, postings.map(|posting| (posting.account.clone(), posting.amount.currency()))).await?;
    let by = write.author();
    let pending = write.pending::<Pending>();
    let mark = pending.new.len();
    let mut ids = Vec::with_capacity(transactions.len());
    for transaction in transactions {
        let body = transaction.body();
        let posted = transaction.must_balance().and_then(|()| match stored.get(&transaction.key) {
            Some((id, stored)) => same(&transaction, &body, *id, stored),
            None => match pending.known(&transaction, &body) {
                Some(known) => known,
                None => pending.push(transaction, body, by.clone()),
            },
        });
        match posted {
            Ok(id) => ids.push(id),
            Err(error) => {
                pending.back_to(mark);
                return Err(error);
            }
        }
    }
    Ok(ids)
}

/// What is owed by an account: credits less debits, with what was posted in this database transaction.
pub async fn owed(write: &mut Write, account: &Account, currency: Currency) -> Result<Balance, Error> {
    let held = (account.clone(), currency);
    know(write, std::iter::once(held.clone())).await?;
    let pending = write.pending::<Pending>();
    let sum: i128 = [pending.stored.get(&held), pending.changes.get(&held)].into_iter().flatten().sum();
    Ok(Balance::new(-sum, currency)?)
}

/// Reads what the tables have of those accounts that were not asked for before.
async fn know(write: &mut Write, wanted: impl Iterator<Item = Held>) -> Result<(), Error> {
    let (pending, db) = write.pending_and_connection::<Pending>();
    let unknown: BTreeSet<Held> = wanted.filter(|held| !pending.stored.contains_key(held)).collect();
    let unknown: Vec<_> = unknown.into_iter().collect();
    for some in unknown.chunks(KEYS_MAX) {
        let sql = format!(
            "select account, currency, minor from ledger_balances where account in ({})",
            places(db, 0, some.len())
        );
        let mut query = sqlx::query_as(AssertSqlSafe(sql));
        for (account, _) in some {
            query = query.bind(account.to_string());
        }
        let rows: Vec<(String, String, i64)> = query.fetch_all(&mut *db).await?;
        let found: HashMap<_, _> = rows
            .iter()
            .map(|(account, currency, minor)| ((account.as_str(), currency.as_str()), *minor))
            .collect();
        for held in some {
            let minor = found.get(&(held.0.to_string().as_str(), held.1.code())).copied().unwrap_or(0);
            // What was written down in this transaction is among the changes, and in the tables.
            let written = match pending.written {
                0 => 0,
                written => change_of(&pending.new[..written], held),
            };
            pending.stored.insert(held.clone(), i128::from(minor) - written);
        }
    }
    Ok(())
}

/// What transactions change of an account.
fn change_of(new: &[New], held: &Held) -> i128 {
    let postings = new.iter().flat_map(|new| &new.transaction.postings);
    let of_it = postings.filter(|posting| posting.account == held.0 && posting.amount.currency() == held.1);
    of_it.map(|posting| i128::from(posting.amount.minor())).sum()
}

impl BeforeCommit for Pending {
    fn savepoint(&mut self) {
        self.savepoint = (self.new.len(), self.written);
    }

    fn rollback(&mut self) {
        let (new, written) = self.savepoint;
        self.back_to(new);
        self.written = written;
    }

    fn flush<'a>(
        &'a mut self,
        db: &'a mut AnyConnection,
    ) -> BoxFuture<'a, Result<(), chandlery_store::Error>> {
        Box::pin(async move {
            write_down(db, &self.new[self.written..]).await?;
            self.written = self.new.len();
            Ok(())
        })
    }
}

async fn write_down(db: &mut AnyConnection, new: &[New]) -> Result<(), chandlery_store::Error> {
    if new.is_empty() {
        return Ok(());
    }
    let mut changes: BTreeMap<(String, Currency), i128> = BTreeMap::new();
    let (mut transactions, mut postings) = (Vec::with_capacity(new.len()), Vec::new());
    for New { id, body, by, transaction } in new {
        let links = match transaction.links.is_empty() {
            true => "{}".into(),
            false => serde_json::json!(transaction.links).to_string(),
        };
        let row: [Cell; 8] = [
            (*id).into(),
            transaction.key.as_str().into(),
            body.as_str().into(),
            transaction.kind.as_str().into(),
            transaction.description.as_str().into(),
            time(transaction.at).into(),
            links.into(),
            (&**by).into(),
        ];
        transactions.push(row);
        for (line, Posting { account, amount }) in transaction.postings.iter().enumerate() {
            let (account, currency) = (account.to_string(), amount.currency());
            let row: [Cell; 5] = [
                (*id).into(),
                (line as i64).into(),
                account.as_str().into(),
                currency.code().into(),
                amount.minor().into(),
            ];
            postings.push(row);
            *changes.entry((account, currency)).or_default() += i128::from(amount.minor());
        }
    }
    let mut rows: Vec<[Cell; 3]> = Vec::with_capacity(changes.len());
    for ((account, currency), minor) in changes.into_iter().filter(|(_, minor)| *minor != 0) {
        let minor = i64::try_from(minor).map_err(|_| {
            chandlery_store::Error::Damaged(format!(
                "{account} changes by {minor}, which no balance can hold"
            ))
        })?;
        rows.push([account.into(), currency.code().into(), minor.into()]);
    }
    insert_rows(
        db,
        "ledger_transactions (id, key, body, kind, description, at, links, made_by)",
        transactions,
        "",
    )
    .await?;
    insert_rows(db, "ledger_postings (transaction_id, line, account, currency, minor)", postings, "").await?;
    insert_rows(
        db,
        "ledger_balances (account, currency, minor)",
        rows,
        "on conflict (account, currency) do update set minor = ledger_balances.minor + excluded.minor",
    )
    .await?;
    Ok(())
}
