//! Double entry: transactions of postings that sum to zero per currency, only ever added.

mod account;
mod between;
mod by;
mod check;
mod closing;
mod journal;
mod months;
mod pending;
mod routes;
mod told;

use std::collections::BTreeMap;
use std::fmt::{Display, Write as _};

use chandlery_package::column::Text;
use chandlery_package::wire::{AccountBalance, Page, Paging, TransactionKind};
use chandlery_package::{Balance, Currency, Money};
use jiff::Timestamp;
use sqlx::AnyConnection;

use crate::Error;
use chandlery_store::time;

pub use account::Account;
pub(crate) use between::settle_between;
pub use by::{By, Chore, by};
pub use check::check;
pub use closing::close;
pub use journal::{Format, csv, journal};
pub use months::{closed_months, open_from};
pub use pending::{Pending, is_posted, owed, post, post_all};
pub use routes::routes;
pub(crate) use routes::{exchange_within, spend_within};
pub(crate) use told::must_not_be_told;

/// One line of a transaction: a debit above zero, a credit below.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Posting {
    /// The account that it changes.
    pub account: Account,
    /// Above zero for a debit, below for a credit.
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
    /// What it is about.
    pub kind: TransactionKind,
    /// What happened, as people read it.
    pub description: String,
    /// When it happened: in a month that is open.
    pub at: Timestamp,
    /// What it leads back to: an invoice, an order, a lot, a payout, …
    pub links: BTreeMap<&'static str, String>,
    /// Balanced per currency.
    pub postings: Vec<Posting>,
}

impl Transaction {
    /// A transaction without postings yet. The kind and the id together are its key.
    pub fn new(kind: TransactionKind, id: impl Display, at: Timestamp) -> Self {
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

/// Every balance as it was at a moment, recomputed from the postings up to it; or as it is now.
pub async fn balances(db: &mut AnyConnection, at: Option<Timestamp>) -> Result<Vec<AccountBalance>, Error> {
    balances_after(db, at, None, i64::MAX).await
}

/// A balance's place among all: its account and its currency.
pub(crate) type BalanceKey = (String, Currency);

/// A page of the same.
pub(crate) async fn balances_page(
    db: &mut AnyConnection,
    at: Option<Timestamp>,
    paging: &Paging<BalanceKey>,
) -> Result<Page<AccountBalance>, Error> {
    let rows = balances_after(db, at, paging.after(), paging.rows()).await?;
    Ok(paging.cut(rows, |held| (held.account.clone(), held.balance.currency())))
}

async fn balances_after(
    db: &mut AnyConnection,
    at: Option<Timestamp>,
    after: Option<&BalanceKey>,
    limit: i64,
) -> Result<Vec<AccountBalance>, Error> {
    let sql = match at {
        None => {
            "select account, currency, minor from ledger_balances
             where $1 = '' and account >= $2 and (account > $2 or currency > $3)
             order by account, currency limit $4"
        }
        Some(_) => {
            "select account, currency, cast(sum(minor) as bigint)
             from ledger_postings join ledger_transactions on id = transaction_id
             where at <= $1 and account >= $2 and (account > $2 or currency > $3)
             group by account, currency order by account, currency limit $4"
        }
    };
    let (account, currency) = after.map_or(("", ""), |(account, currency)| (account, currency.code()));
    let rows: Vec<(String, Text<Currency>, i64)> = sqlx::query_as(sql)
        .bind(at.map(time).unwrap_or_default())
        .bind(account)
        .bind(currency)
        .bind(limit)
        .fetch_all(db)
        .await?;
    let read = |(account, Text(currency), minor)| {
        Ok(AccountBalance { account, balance: Balance::new(minor, currency)? })
    };
    rows.into_iter().map(read).collect()
}

#[cfg(test)]
mod tests;
