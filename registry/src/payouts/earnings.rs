//! A partner's earnings: by month, by plugin, and every transaction behind them.

use std::collections::BTreeMap;

use chandlery_package::wire::Earning;
use chandlery_package::{Currency, Money, Namespace, PluginId};
use serde::Serialize;
use sqlx::AnyConnection;

use super::run;
use crate::Error;
use crate::ledger::Account;

/// What was earned in a month (UTC).
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct MonthlyEarning {
    /// `2026-11`.
    pub month: String,
    /// What customers paid.
    pub gross: Money,
    /// The partner's share.
    pub net: Money,
    /// How many sales.
    pub sales: u64,
}

/// What was earned with a plugin.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PluginEarning {
    /// Which.
    pub plugin: PluginId,
    /// What customers paid.
    pub gross: Money,
    /// The partner's share.
    pub net: Money,
    /// How many sales.
    pub sales: u64,
}

type Row = (i64, String, String, String, i64, String, Option<String>, Option<i64>, Option<String>);

/// Every change of a partner's money, newest first: sales, payouts and payouts that came back. The end of a hold moves
/// money between the partner's own balances and changes nothing.
pub async fn transactions(db: &mut AnyConnection, partner: &Namespace) -> Result<Vec<Earning>, Error> {
    let rows: Vec<Row> = sqlx::query_as(
        "select id, kind, description, at, minor, ledger_postings.currency, plugin, gross_minor, available_at
         from ledger_postings join ledger_transactions on id = ledger_postings.transaction_id
         left join lots on lots.transaction_id = id
         where (kind = 'sale' and account = $1) or (kind in ($2, $3) and account = $4)
         order by id desc",
    )
    .bind(Account::Pending(partner.clone()).to_string())
    .bind(run::APPROVED)
    .bind(run::RETURNED)
    .bind(Account::Available(partner.clone()).to_string())
    .fetch_all(db)
    .await?;
    rows.into_iter().map(read_row).collect()
}

/// By month, oldest first.
pub fn by_month(transactions: &[Earning]) -> Result<Vec<MonthlyEarning>, Error> {
    let sums = sum(transactions, |earning| Some(earning.at.strftime("%Y-%m").to_string()))?;
    let months =
        sums.into_iter().map(|((month, _), (gross, net, sales))| MonthlyEarning { month, gross, net, sales });
    Ok(months.collect())
}

/// By plugin, in order of their names.
pub fn by_plugin(transactions: &[Earning]) -> Result<Vec<PluginEarning>, Error> {
    let sums = sum(transactions, |earning| earning.plugin.clone())?;
    let plugins = sums.into_iter().map(|((plugin, _), (gross, net, sales))| PluginEarning {
        plugin,
        gross,
        net,
        sales,
    });
    Ok(plugins.collect())
}

type Sums<K> = BTreeMap<(K, Currency), (Money, Money, u64)>;

/// Sums sales by a key and currency.
fn sum<K: Ord>(transactions: &[Earning], key: impl Fn(&Earning) -> Option<K>) -> Result<Sums<K>, Error> {
    let mut sums = Sums::new();
    for earning in transactions {
        let (Some(gross), Some(key)) = (earning.gross, key(earning)) else { continue };
        let zero = Money::zero(gross.currency);
        let entry = sums.entry((key, gross.currency)).or_insert((zero, zero, 0));
        *entry = (entry.0.plus(gross)?, entry.1.plus(earning.net)?, entry.2 + 1);
    }
    Ok(sums)
}

fn read_row(row: Row) -> Result<Earning, Error> {
    let (transaction, kind, description, at, minor, currency, plugin, gross, available_at) = row;
    let currency = currency.parse()?;
    let time = |text: String| text.parse().map_err(|_| Error::Damaged("a ledger date cannot be read".into()));
    Ok(Earning {
        transaction,
        at: time(at)?,
        kind,
        description,
        plugin: plugin.map(|plugin| plugin.parse()).transpose()?,
        gross: gross.map(|minor| Money::new(minor, currency)),
        net: Money::new(-minor, currency),
        available_at: available_at.map(time).transpose()?,
    })
}
