//! Double entry: transactions of postings that sum to zero per currency, only ever added.

mod account;
mod journal;
mod routes;
mod sale;

use std::collections::BTreeMap;

use chandlery_package::{Currency, Money};
use jiff::Timestamp;
use sqlx::AnyConnection;

use crate::{Error, Write, time};

pub use account::Account;
pub use journal::journal;
pub use routes::routes;
pub use sale::{Sale, post_sale};

/// One line of a transaction: a debit above zero, a credit below.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Posting {
    /// Where.
    pub account: Account,
    /// How much.
    pub amount: Money,
}

impl Posting {
    /// Adds to what is owned or spent.
    pub fn debit(account: Account, amount: Money) -> Self {
        Self { account, amount }
    }

    /// Adds to what is owed or earned.
    pub fn credit(account: Account, amount: Money) -> Self {
        Self { account, amount: Money { minor: -amount.minor, ..amount } }
    }
}

/// Something that happened to money.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Transaction {
    /// Unique for ever: the same happening is never posted twice.
    pub key: String,
    /// `sale`, `release`, `payout`, …
    pub kind: &'static str,
    /// For people.
    pub description: String,
    /// When.
    pub at: Timestamp,
    /// Balanced per currency.
    pub postings: Vec<Posting>,
}

impl Transaction {
    fn must_balance(&self) -> Result<(), Error> {
        let mut sums: BTreeMap<Currency, i128> = BTreeMap::new();
        for posting in &self.postings {
            *sums.entry(posting.amount.currency).or_default() += i128::from(posting.amount.minor);
        }
        match sums.into_iter().find(|(_, sum)| *sum != 0) {
            None => Ok(()),
            Some((currency, sum)) => Err(Error::Unbalanced {
                key: self.key.clone(),
                sum: Money::new(i64::try_from(sum).unwrap_or(i64::MAX), currency),
            }),
        }
    }

    /// What must be the same when the key is used again; the time may differ.
    fn body(&self) -> String {
        let lines = self.postings.iter().map(|line| format!("{} {}", line.account, line.amount));
        format!("{}\n{}\n{}", self.kind, self.description, lines.collect::<Vec<_>>().join("\n"))
    }
}

/// Posts a transaction within the database transaction that caused it, and gives its number. Posting the same again
/// gives the first one's number; another body under the same key is refused.
pub async fn post(write: &mut Write, transaction: &Transaction) -> Result<i64, Error> {
    transaction.must_balance()?;
    let body = transaction.body();
    let known: Option<(i64, String)> =
        sqlx::query_as("select id, body from ledger_transactions where key = $1")
            .bind(&transaction.key)
            .fetch_optional(&mut **write)
            .await?;
    match known {
        Some((id, stored)) if stored == body => return Ok(id),
        Some(_) => return Err(Error::KeyReused { key: transaction.key.clone() }),
        None => {}
    }
    let (id,): (i64,) =
        sqlx::query_as("select cast(coalesce(max(id), 0) + 1 as bigint) from ledger_transactions")
            .fetch_one(&mut **write)
            .await?;
    sqlx::query(
        "insert into ledger_transactions (id, key, body, kind, description, at) values ($1, $2, $3, $4, $5, $6)",
    )
    .bind(id)
    .bind(&transaction.key)
    .bind(&body)
    .bind(transaction.kind)
    .bind(&transaction.description)
    .bind(time(transaction.at))
    .execute(&mut **write)
    .await?;
    for (line, posting) in transaction.postings.iter().enumerate() {
        insert(write, id, line as i64, posting).await?;
    }
    Ok(id)
}

async fn insert(write: &mut Write, transaction: i64, line: i64, posting: &Posting) -> Result<(), Error> {
    sqlx::query(
        "insert into ledger_postings (transaction_id, line, account, currency, minor) values ($1, $2, $3, $4, $5)",
    )
    .bind(transaction)
    .bind(line)
    .bind(posting.account.to_string())
    .bind(posting.amount.currency.code())
    .bind(posting.amount.minor)
    .execute(&mut **write)
    .await?;
    sqlx::query(
        "insert into ledger_balances (account, currency, minor) values ($1, $2, $3)
         on conflict (account, currency) do update set minor = ledger_balances.minor + excluded.minor",
    )
    .bind(posting.account.to_string())
    .bind(posting.amount.currency.code())
    .bind(posting.amount.minor)
    .execute(&mut **write)
    .await?;
    Ok(())
}

/// The balance of an account: debits less credits.
pub async fn balance(db: &mut AnyConnection, account: &Account, currency: Currency) -> Result<Money, Error> {
    let found: Option<(i64,)> =
        sqlx::query_as("select minor from ledger_balances where account = $1 and currency = $2")
            .bind(account.to_string())
            .bind(currency.code())
            .fetch_optional(db)
            .await?;
    Ok(Money::new(found.map_or(0, |(minor,)| minor), currency))
}

/// What a check of the books found.
#[derive(Debug, serde::Serialize)]
pub struct Check {
    /// How many transactions there are.
    pub transactions: i64,
    /// How many postings there are.
    pub postings: i64,
    /// Everything that is wrong, in words; empty: the books balance.
    pub faults: Vec<String>,
}

/// Recomputes from the postings alone that every transaction, and every balance, is right.
pub async fn check(db: &mut AnyConnection) -> Result<Check, Error> {
    let (transactions,): (i64,) =
        sqlx::query_as("select count(*) from ledger_transactions").fetch_one(&mut *db).await?;
    let (postings,): (i64,) =
        sqlx::query_as("select count(*) from ledger_postings").fetch_one(&mut *db).await?;
    let unbalanced: Vec<(i64, String, i64)> = sqlx::query_as(
        "select transaction_id, currency, cast(sum(minor) as bigint) from ledger_postings
         group by transaction_id, currency having sum(minor) <> 0",
    )
    .fetch_all(&mut *db)
    .await?;
    let replayed: Vec<(String, String, i64)> = sqlx::query_as(
        "select account, currency, cast(sum(minor) as bigint) from ledger_postings group by account, currency",
    )
    .fetch_all(&mut *db)
    .await?;
    let stored: Vec<(String, String, i64)> =
        sqlx::query_as("select account, currency, minor from ledger_balances").fetch_all(&mut *db).await?;

    let index = |rows: Vec<(String, String, i64)>| -> BTreeMap<_, _> {
        rows.into_iter().map(|(account, currency, minor)| ((account, currency), minor)).collect()
    };
    let (replayed, stored) = (index(replayed), index(stored));
    let mut faults: Vec<_> = unbalanced
        .into_iter()
        .map(|(id, currency, sum)| format!("transaction {id} is off by {sum} {currency} (minor units)"))
        .collect();
    for key in replayed.keys().chain(stored.keys().filter(|key| !replayed.contains_key(*key))) {
        let (found, expected) = (stored.get(key).copied(), replayed.get(key).copied());
        if found != expected {
            faults.push(format!("the balance of {} in {} is {found:?}, not {expected:?}", key.0, key.1));
        }
    }
    Ok(Check { transactions, postings, faults })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn transaction(minor: [i64; 2]) -> Transaction {
        let usd = |minor| Money::new(minor, Currency::Usd);
        Transaction {
            key: "k".into(),
            kind: "sale",
            description: "a sale".into(),
            at: Timestamp::UNIX_EPOCH,
            postings: vec![
                Posting::debit(Account::Bank, usd(minor[0])),
                Posting::credit(Account::Commission, usd(minor[1])),
            ],
        }
    }

    async fn database() -> (Db, std::path::PathBuf) {
        let path = std::env::temp_dir().join(format!("chandlery-ledger-{}.db", uuid::Uuid::new_v4()));
        (Db::open(&format!("sqlite://{}?mode=rwc", path.display())).await.unwrap(), path)
    }

    use crate::Db;

    #[tokio::test]
    async fn the_same_key_posts_once_and_never_something_else() {
        let (db, path) = database().await;
        let mut write = db.write().await.unwrap();
        let first = post(&mut write, &transaction([100, 100])).await.unwrap();
        assert_eq!(post(&mut write, &transaction([100, 100])).await.unwrap(), first);
        assert!(matches!(post(&mut write, &transaction([200, 200])).await, Err(Error::KeyReused { .. })));
        let unbalanced = Transaction { key: "other".into(), ..transaction([100, 99]) };
        assert!(matches!(post(&mut write, &unbalanced).await, Err(Error::Unbalanced { .. })));
        write.commit().await.unwrap();

        let mut read = db.read().acquire().await.unwrap();
        let checked = check(&mut read).await.unwrap();
        assert_eq!((checked.transactions, checked.postings, checked.faults.len()), (1, 2, 0));
        sqlx::query("update ledger_balances set minor = 1 where account = 'assets:bank'")
            .execute(db.read())
            .await
            .unwrap();
        assert_eq!(check(&mut read).await.unwrap().faults.len(), 1);
        drop(std::fs::remove_file(path));
    }
}
