//! What the figures are made of: what each account pays by the month, and what was posted.

use std::collections::BTreeMap;

use chandlery_package::column::Text;
use chandlery_package::wire::{AccountRow, Change, FigureRows, PostingRow};
use chandlery_package::{Balance, Currency, Money, Month, Namespace, Tier};
use sqlx::AnyConnection;

use super::CURRENCY;
use crate::{Error, exchange};
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

/// What every account has at the end of a month: of several periods that cover it, the latest. What has no exchange rate is left out,
/// and said.
pub(super) async fn accounts_at(
    db: &mut AnyConnection,
    month: Month,
    left_out: &mut Vec<String>,
) -> Result<Accounts, Error> {
    let moment = month.last_moment();
    let rows: Vec<(i64, Text<Namespace>, Text<Tier>, Text<Currency>, i64, i64)> = sqlx::query_as(
        "select invoice, account, tier, currency, price_minor, months
         from plan_periods join invoices on number = invoice
         where from_at <= $1 and to_at > $1 and (ended_at is null or ended_at > $1) and price_minor > 0 order by invoice",
    )
    .bind(time(moment))
    .fetch_all(&mut *db)
    .await?;
    let mut accounts = Accounts::new();
    for (invoice, Text(account), Text(tier), Text(currency), price, months) in rows {
        let monthly = Money::new(price, currency)?.times(1, months.max(1))?;
        let stops = || format!("the MRR of {account} in the figures of {month}");
        let converted = exchange::convert(&mut *db, monthly, CURRENCY, moment, stops).await;
        if let Some(converted) = unless_missing(converted, left_out)? {
            accounts.insert(account, Has { tier, invoice, minor: converted.minor() });
        }
    }
    Ok(accounts)
}

/// An amount that was converted; none, where it has no exchange rate, and why.
fn unless_missing(
    converted: Result<Balance, Error>,
    left_out: &mut Vec<String>,
) -> Result<Option<Balance>, Error> {
    match converted {
        Err(missing @ Error::NoRate { .. }) => {
            left_out.push(missing.to_string());
            Ok(None)
        }
        other => other.map(Some),
    }
}

/// What was posted to revenue and expenses in a month. What has no exchange rate is left out, and said.
pub(super) async fn postings_in(
    db: &mut AnyConnection,
    month: Month,
    left_out: &mut Vec<String>,
) -> Result<Vec<PostingRow>, Error> {
    let rows: Vec<(String, Text<Currency>, i64)> = sqlx::query_as(
        "select account, currency, cast(sum(minor) as bigint)
         from ledger_postings join ledger_transactions on id = transaction_id
         where at >= $1 and at < $2 and (account like 'revenue:%' or account like 'expenses:%')
         group by account, currency order by account, currency",
    )
    .bind(time(month.first_moment()))
    .bind(time(month.next().first_moment()))
    .fetch_all(&mut *db)
    .await?;
    let mut postings = Vec::new();
    for (account, Text(currency), minor) in rows {
        let posted = Balance::new(minor, currency)?;
        let stops = || format!("{account} in the figures of {month}");
        let converted = exchange::convert(&mut *db, posted, CURRENCY, month.last_moment(), stops).await;
        if let Some(converted) = unless_missing(converted, left_out)? {
            postings.push(PostingRow { account, posted, converted });
        }
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
            (None, _) => Change::New,
            (_, None) => Change::Churn,
            (Some(had), Some(has)) if has.minor > had.minor => Change::Expansion,
            (Some(had), Some(has)) if has.minor < had.minor => Change::Contraction,
            _ => Change::Same,
        };
        let Some(latest) = has.or(had) else { return Ok(None) };
        Ok(Some(AccountRow {
            account: name.clone(),
            tier: latest.tier,
            change,
            before: Balance::new(minor(had), CURRENCY)?,
            now: Balance::new(minor(has), CURRENCY)?,
            invoice: latest.invoice,
        }))
    };
    names.filter_map(|name| row(name).transpose()).collect()
}

/// The rows behind a month's figures.
pub async fn rows(db: &mut AnyConnection, month: Month) -> Result<FigureRows, Error> {
    let mut left_out = Vec::new();
    let had = accounts_at(db, month.previous(), &mut left_out).await?;
    let has = accounts_at(db, month, &mut left_out).await?;
    let postings = postings_in(db, month, &mut left_out).await?;
    Ok(FigureRows { month, accounts: changes(&had, &has)?, postings, left_out })
}
