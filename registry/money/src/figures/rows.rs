//! What the figures are made of: what each account pays by the month, what was posted, sold and given back.

use std::collections::BTreeMap;

use chandlery_package::column::Text;
use chandlery_package::wire::{AccountRow, Change, FigureRows, PostingRow, RefundRow, SoldRow};
use chandlery_package::{Balance, Currency, Money, Month, Namespace, Tier};
use jiff::Timestamp;
use sqlx::AnyConnection;

use super::CURRENCY;
use super::known::Known;
use crate::{Error, exchange};
use chandlery_store::time;

/// What an account has at a moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Has {
    pub tier: Tier,
    pub invoice: i64,
    /// Minor units of [`CURRENCY`] by the month.
    pub minor: Known<i64>,
}

/// What every account has at a moment.
pub(super) type Accounts = BTreeMap<Namespace, Has>;

/// Something in the currency that it happened in, and in minor units of [`CURRENCY`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Converted<T> {
    pub what: T,
    pub amount: Balance,
    pub minor: Known<i64>,
}

/// Up to when a month is counted: its last moment, or now while it is not over.
pub(super) fn counted_until(month: Month, now: Timestamp) -> Timestamp {
    month.last_moment().min(now)
}

/// The moment of now, for a month that is not over by then.
pub(super) fn to_date(month: Month, now: Timestamp) -> Option<Timestamp> {
    (now < month.next().first_moment()).then_some(now)
}

/// An amount in minor units of [`CURRENCY`]; where there is no exchange rate, why, and what needs it.
async fn minor_of(
    db: &mut AnyConnection,
    amount: Balance,
    at: Timestamp,
    stops: impl FnOnce() -> String,
) -> Result<Known<i64>, Error> {
    match exchange::convert(db, amount, CURRENCY, at, stops).await {
        Ok(converted) => Ok(Ok(converted.minor())),
        Err(none @ (Error::NoRate { .. } | Error::Money(_))) => Ok(Err(none.to_string())),
        Err(other) => Err(other),
    }
}

/// What every account has at a moment: of several periods that cover it, the latest. One that is over, and whose renewal is not
/// invoiced yet, covers it, too.
pub(super) async fn accounts_at(db: &mut AnyConnection, moment: Timestamp) -> Result<Accounts, Error> {
    let rows: Vec<(i64, Text<Namespace>, Text<Tier>, Text<Currency>, i64, i64)> = sqlx::query_as(
        "select invoice, account, tier, currency, price_minor, months
         from plan_periods join invoices on number = invoice
         where from_at <= $1 and (ended_at is null or ended_at > $1) and price_minor > 0
           and (to_at > $1 or state = 'paid' and invoice in (
                select subscriptions.invoice from subscriptions
                where subscriptions.invoice is not null and coalesce(next_tier, '') <> 'free'))
         order by invoice",
    )
    .bind(time(moment))
    .fetch_all(&mut *db)
    .await?;
    let mut accounts = Accounts::new();
    for (invoice, Text(account), Text(tier), Text(currency), price, months) in rows {
        let monthly = Money::new(price, currency)?.times(1, months.max(1))?;
        let stops = || format!("the MRR of {account} in the figures of {}", Month::of(moment));
        let minor = minor_of(&mut *db, monthly.into(), moment, stops).await?;
        accounts.insert(account, Has { tier, invoice, minor });
    }
    Ok(accounts)
}

/// What was posted to revenue and expenses in a month, by account of the ledger.
pub(super) async fn postings_in(
    db: &mut AnyConnection,
    month: Month,
    until: Timestamp,
) -> Result<Vec<Converted<String>>, Error> {
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
    in_currency(db, rows, month, until).await
}

/// What customers' banks took back for good in a month.
pub(super) async fn chargebacks_in(
    db: &mut AnyConnection,
    month: Month,
    until: Timestamp,
) -> Result<Vec<Converted<String>>, Error> {
    let rows: Vec<(String, Text<Currency>, i64)> = sqlx::query_as(
        "select account, currency, cast(-sum(minor) as bigint)
         from ledger_postings join ledger_transactions on id = transaction_id
         where at >= $1 and at < $2 and kind = 'dispute-lost' and account = 'assets:disputes held'
         group by account, currency order by currency",
    )
    .bind(time(month.first_moment()))
    .bind(time(month.next().first_moment()))
    .fetch_all(&mut *db)
    .await?;
    in_currency(db, rows, month, until).await
}

async fn in_currency(
    db: &mut AnyConnection,
    rows: Vec<(String, Text<Currency>, i64)>,
    month: Month,
    until: Timestamp,
) -> Result<Vec<Converted<String>>, Error> {
    let mut all = Vec::new();
    for (what, Text(currency), minor) in rows {
        let amount = Balance::new(minor, currency)?;
        let stops = || format!("{what} in the figures of {month}");
        let minor = minor_of(&mut *db, amount, until, stops).await?;
        all.push(Converted { what, amount, minor });
    }
    Ok(all)
}

/// What a seller sold in a month, in one currency.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Sold {
    pub seller: Namespace,
    /// Whether it was a consultant's services.
    pub services: bool,
    pub sales: i64,
    /// What the marketplace kept of it.
    pub kept: Converted<()>,
}

/// What was sold in a month, by seller. What was given up and is sold again was sold before.
pub(super) async fn sold_in(
    db: &mut AnyConnection,
    month: Month,
    until: Timestamp,
) -> Result<Vec<Converted<Sold>>, Error> {
    let rows: Vec<(Text<Namespace>, i64, Text<Currency>, i64, i64, i64)> = sqlx::query_as(
        "select seller, cast(case when plugin is null then 1 else 0 end as bigint) as services, currency, count(*),
                cast(sum(gross_minor) as bigint), cast(sum(commission_minor) as bigint)
         from sales where sold_at >= $1 and sold_at < $2 and source not like '%, again'
         group by seller, case when plugin is null then 1 else 0 end, currency order by seller, services, currency",
    )
    .bind(time(month.first_moment()))
    .bind(time(month.next().first_moment()))
    .fetch_all(&mut *db)
    .await?;
    let mut all = Vec::new();
    for (Text(seller), services, Text(currency), sales, gross, kept) in rows {
        let (gross, kept) = (Balance::new(gross, currency)?, Balance::new(kept, currency)?);
        let stops = || format!("the sales of {seller} in the figures of {month}");
        let minor = minor_of(&mut *db, gross, until, stops).await?;
        let kept_minor = minor_of(&mut *db, kept, until, stops).await?;
        let kept = Converted { what: (), amount: kept, minor: kept_minor };
        let what = Sold { seller, services: services == 1, sales, kept };
        all.push(Converted { what, amount: gross, minor });
    }
    Ok(all)
}

/// The credit notes of a month, and the invoices that they are of.
pub(super) async fn refunds_in(
    db: &mut AnyConnection,
    month: Month,
    until: Timestamp,
) -> Result<Vec<Converted<(i64, Option<i64>)>>, Error> {
    let rows: Vec<(i64, Option<i64>, Text<Currency>, i64)> = sqlx::query_as(
        "select number, invoice, currency, minor from refunds where at >= $1 and at < $2 order by number",
    )
    .bind(time(month.first_moment()))
    .bind(time(month.next().first_moment()))
    .fetch_all(&mut *db)
    .await?;
    let mut all = Vec::new();
    for (number, invoice, Text(currency), minor) in rows {
        let amount = Balance::new(minor, currency)?;
        let stops = || format!("credit note {number} in the figures of {month}");
        let minor = minor_of(&mut *db, amount, until, stops).await?;
        all.push(Converted { what: (number, invoice), amount, minor });
    }
    Ok(all)
}

/// What an account had and has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Moved {
    pub account: Namespace,
    pub tier: Tier,
    pub invoice: i64,
    pub before: Known<i64>,
    pub now: Known<i64>,
    pub change: Known<Change>,
}

impl Moved {
    fn of(account: &Namespace, had: Option<&Has>, has: Option<&Has>) -> Option<Self> {
        let latest = has.or(had)?;
        let minor = |has: Option<&Has>| has.map_or(Ok(0), |has| has.minor.clone());
        let (before, now) = (minor(had), minor(has));
        let change = match (had, has, &before, &now) {
            (None, ..) => Ok(Change::New),
            (_, None, ..) => Ok(Change::Churn),
            (_, _, Ok(before), Ok(now)) if now > before => Ok(Change::Expansion),
            (_, _, Ok(before), Ok(now)) if now < before => Ok(Change::Contraction),
            (_, _, Ok(_), Ok(_)) => Ok(Change::Same),
            (_, _, Err(reason), _) | (_, _, _, Err(reason)) => Err(reason.clone()),
        };
        let (account, tier, invoice) = (account.clone(), latest.tier, latest.invoice);
        Some(Self { account, tier, invoice, before, now, change })
    }

    /// What it has more than it had, in minor units.
    pub fn by(&self) -> Known<i128> {
        Ok(i128::from(self.now.clone()?) - i128::from(self.before.clone()?))
    }
}

/// What changed between two moments.
pub(super) fn changes(before: &Accounts, now: &Accounts) -> Vec<Moved> {
    let names = before.keys().chain(now.keys().filter(|name| !before.contains_key(*name)));
    names.filter_map(|name| Moved::of(name, before.get(name), now.get(name))).collect()
}

fn shown(minor: &Known<i64>) -> Option<Balance> {
    minor.as_ref().ok().and_then(|minor| Balance::new(*minor, CURRENCY).ok())
}

fn posting(row: Converted<String>) -> PostingRow {
    PostingRow { converted: shown(&row.minor), account: row.what, posted: row.amount }
}

/// The rows behind a month's figures, as of now.
pub async fn rows(db: &mut AnyConnection, month: Month, now: Timestamp) -> Result<FigureRows, Error> {
    let until = counted_until(month, now);
    let had = accounts_at(db, counted_until(month.previous(), now)).await?;
    let has = accounts_at(db, until).await?;
    let accounts = changes(&had, &has).into_iter().map(|row| AccountRow {
        before: shown(&row.before),
        now: shown(&row.now),
        account: row.account,
        tier: row.tier,
        change: row.change.ok(),
        invoice: row.invoice,
    });
    let sales = sold_in(db, month, until).await?.into_iter().map(|row| SoldRow {
        converted: shown(&row.minor),
        gross: row.amount,
        kept_converted: shown(&row.what.kept.minor),
        kept: row.what.kept.amount,
        seller: row.what.seller,
        services: row.what.services,
        sales: row.what.sales,
    });
    let refunds = refunds_in(db, month, until).await?.into_iter().map(|row| RefundRow {
        converted: shown(&row.minor),
        credit_note: row.what.0,
        invoice: row.what.1,
        amount: row.amount,
    });
    Ok(FigureRows {
        month,
        to_date: to_date(month, now),
        accounts: accounts.collect(),
        postings: postings_in(db, month, until).await?.into_iter().map(posting).collect(),
        sales: sales.collect(),
        refunds: refunds.collect(),
        chargebacks: chargebacks_in(db, month, until).await?.into_iter().map(posting).collect(),
    })
}
