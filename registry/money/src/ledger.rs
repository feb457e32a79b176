//! Double entry: transactions of postings that sum to zero per currency, only ever added.

mod account;
mod check;
mod closing;
mod journal;
mod months;
mod pending;
mod routes;

use std::collections::BTreeMap;
use std::fmt::{Display, Write as _};

use chandlery_package::{Balance, Currency, Money};
use jiff::Timestamp;
use sqlx::AnyConnection;

use crate::Error;
use chandlery_store::time;

pub use account::Account;
pub use check::{Check, check};
pub use closing::close;
pub use journal::{Format, csv, journal};
pub use months::{ClosedMonth, begin_of, closed_months, end_of, last_moment, month_of, open_from};
pub use pending::{Pending, is_posted, owed, post, post_all};
pub use routes::routes;

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
        Self { account, amount: amount.negated() }
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
    /// What it leads back to: an invoice, an order, a lot, a payout, …
    pub links: BTreeMap<&'static str, String>,
    /// Balanced per currency.
    pub postings: Vec<Posting>,
}

impl Transaction {
    /// A transaction without postings yet. The kind and the id together are its key.
    pub fn new(kind: &'static str, id: impl Display, at: Timestamp) -> Self {
        let (key, description) = (format!("{kind}:{id}"), String::new());
        Self { key, kind, description, at, links: BTreeMap::new(), postings: Vec::new() }
    }

    /// Says for people what happened.
    pub fn about(mut self, description: impl Into<String>) -> Self {
        self.description = description.into();
        self
    }

    /// Leads back to something.
    pub fn link(mut self, name: &'static str, value: impl Display) -> Self {
        self.links.insert(name, value.to_string());
        self
    }

    /// Adds to what is owned or spent. An amount below zero is a credit; nothing is no posting.
    pub fn debit(mut self, account: Account, amount: Money) -> Self {
        if !amount.is_zero() {
            self.postings.push(Posting::debit(account, amount));
        }
        self
    }

    /// Adds to what is owed or earned. An amount below zero is a debit; nothing is no posting.
    pub fn credit(self, account: Account, amount: Money) -> Self {
        self.debit(account, amount.negated())
    }

    fn must_balance(&self) -> Result<(), Error> {
        let mut sums: BTreeMap<Currency, i128> = BTreeMap::new();
        for posting in &self.postings {
            *sums.entry(posting.amount.currency()).or_default() += i128::from(posting.amount.minor());
        }
        match sums.into_iter().find(|(_, sum)| *sum != 0) {
            None => Ok(()),
            Some((currency, sum)) => Err(Error::Unbalanced {
                key: self.key.clone(),
                sum: format!("{sum} minor units of {currency}"),
            }),
        }
    }

    /// What must be the same when the key is used again; the time may differ.
    fn body(&self) -> String {
        let mut body = format!("{}\n{}", self.kind, self.description);
        for line in &self.postings {
            let _ = write!(body, "\n{} {}", line.account, line.amount);
        }
        body
    }
}

/// The balance of an account as the database has it: debits less credits.
pub async fn balance(
    db: &mut AnyConnection,
    account: &Account,
    currency: Currency,
) -> Result<Balance, Error> {
    let found: Option<(i64,)> =
        sqlx::query_as("select minor from ledger_balances where account = $1 and currency = $2")
            .bind(account.to_string())
            .bind(currency.code())
            .fetch_optional(db)
            .await?;
    Ok(Balance::new(found.map_or(0, |(minor,)| minor), currency)?)
}

/// An account and what it holds.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, utoipa::ToSchema)]
pub struct AccountBalance {
    /// As the journal writes it.
    pub account: String,
    /// Debits less credits.
    pub balance: Balance,
}

/// Every balance as it was at a moment, recomputed from the postings up to it; or as it is now.
pub async fn balances(db: &mut AnyConnection, at: Option<Timestamp>) -> Result<Vec<AccountBalance>, Error> {
    let rows: Vec<(String, String, i64)> = match at {
        None => {
            sqlx::query_as("select account, currency, minor from ledger_balances order by account, currency")
                .fetch_all(db)
                .await?
        }
        Some(at) => {
            sqlx::query_as(
                "select account, currency, cast(sum(minor) as bigint)
                 from ledger_postings join ledger_transactions on id = transaction_id
                 where at <= $1 group by account, currency order by account, currency",
            )
            .bind(time(at))
            .fetch_all(db)
            .await?
        }
    };
    let read = |(account, currency, minor): (String, String, i64)| {
        Ok(AccountBalance { account, balance: Balance::new(minor, currency.parse()?)? })
    };
    rows.into_iter().map(read).collect()
}

#[cfg(test)]
mod tests;
