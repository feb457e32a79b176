//! What the figures are made of: what each account pays by the month, and what was posted.

use std::collections::BTreeMap;

use chandlery_package::{Balance, Currency, Money, Namespace, Tier};
use jiff::SignedDuration;
use serde::{Deserialize, Serialize};
use sqlx::AnyConnection;

use super::CURRENCY;
use crate::{Error, exchange, ledger};
use chandlery_store::time;

/// What an account has at the end of a month.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Has {
    pub tier: Tier,
    pub invoice: i64,
    /// Minor units of [`CURRENCY`] by the month.
    pub minor: i64,
}

/// What every account has at the end of a month.
pub(super) type Accounts = BTreeMap<Namespace, Has>;

/// What an account had before and has now.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct AccountRow {
    /// Which.
    pub account: Namespace,
    /// What it has; what it had, where it has none now.
    pub tier: Tier,
    /// `new`, `expansion`, `contraction`, `churn` or `same`.
    pub change: String,
    /// MRR at the end of the month before.
    pub before: Balance,
    /// MRR now.
    pub now: Balance,
    /// The invoice that says so.
    pub invoice: i64,
}

/// What was posted to an account of the ledger in a month.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct PostingRow {
    /// Which.
    pub account: String,
    /// Debits less credits.
    pub posted: Balance,
    /// The same in the currency of the figures.
    pub converted: Balance,
}

/// The rows behind a month's figures.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Rows {
    /// `2026-11`.
    pub month: String,
    /// By account.
    pub accounts: Vec<AccountRow>,
    /// By account of the ledger.
    pub postings: Vec<PostingRow>,
}

/// What every account has at the end of a month: of several periods that cover it, the latest.
pub(super) async fn accounts_at(db: &mut AnyConnection, month: &str) -> Result<Accounts, Error> {
    let moment = ledger::last_moment(month)?;
    let rows: Vec<(i64, String, String, String, i64, i64)> = sqlx::query_as(
        "select invoice, account, tier, currency, price_minor, months
         from plan_periods join invoices on number = invoice
         where from_at <= $1 and to_at > $1 and (ended_at is null or ended_at > $1) and price_minor > 0 order by invoice",
    )
    .bind(time(moment))
    .fetch_all(&mut *db)
    .await?;
    let mut accounts = Accounts::new();
    for (invoice, account, tier, currency, price, months) in rows {
        let currency: Currency = currency.parse()?;
        let monthly = Money::new(price, currency)?.times(1, months.max(1))?;
        let minor = exchange::convert(db, monthly, CURRENCY, moment).await?.minor();
        let tier = tier.parse().map_err(|_| Error::Damaged(format!("the tier of invoice {invoice}")))?;
        accounts.insert(account.parse()?, Has { tier, invoice, minor });
    }
    Ok(accounts)
}

/// What was posted to revenue and expenses in a month.
pub(super) async fn postings_in(db: &mut AnyConnection, month: &str) -> Result<Vec<PostingRow>, Error> {
    let rows: Vec<(String, String, i64)> = sqlx::query_as(
        "select account, currency, cast(sum(minor) as bigint)
         from ledger_postings join ledger_transactions on id = transaction_id
         where at >= $1 and at < $2 and (account like 'revenue:%' or account like 'expenses:%')
         group by account, currency order by account, currency",
    )
    .bind(time(ledger::begin_of(month)?))
    .bind(time(ledger::end_of(month)?))
    .fetch_all(&mut *db)
    .await?;
    let mut postings = Vec::new();
    for (account, currency, minor) in rows {
        let posted = Balance::new(minor, currency.parse()?)?;
        let converted = exchange::convert(db, posted, CURRENCY, ledger::last_moment(month)?).await?;
        postings.push(PostingRow { account, posted, converted });
    }
    Ok(postings)
}

/// What changed between two months' ends.
pub(super) fn changes(before: &Accounts, now: &Accounts) -> Result<Vec<AccountRow>, Error> {
    let names = before.keys().chain(now.keys().filter(|name| !before.contains_key(*name)));
    let row = |name: &Namespace| {
        let (had, has) = (before.get(name), now.get(name));
        let minor = |has: Option<&Has>| has.map_or(0, |has| has.minor);
        let change = match (had, has) {
            (None, _) => "new",
            (_, None) => "churn",
            (Some(had), Some(has)) if has.minor > had.minor => "expansion",
            (Some(had), Some(has)) if has.minor < had.minor => "contraction",
            _ => "same",
        };
        let Some(latest) = has.or(had) else { return Ok(None) };
        Ok(Some(AccountRow {
            account: name.clone(),
            tier: latest.tier,
            change: change.into(),
            before: Balance::new(minor(had), CURRENCY)?,
            now: Balance::new(minor(has), CURRENCY)?,
            invoice: latest.invoice,
        }))
    };
    names.filter_map(|name| row(name).transpose()).collect()
}

/// The rows behind a month's figures.
pub async fn rows(db: &mut AnyConnection, month: &str) -> Result<Rows, Error> {
    let before = ledger::month_of(
        ledger::begin_of(month)?
            .checked_sub(SignedDuration::from_secs(1))
            .map_err(|error| Error::Damaged(error.to_string()))?,
    );
    let (had, has) = (accounts_at(db, &before).await?, accounts_at(db, month).await?);
    Ok(Rows { month: month.into(), accounts: changes(&had, &has)?, postings: postings_in(db, month).await? })
}
