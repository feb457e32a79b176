//! A partner's earnings: by month, by plugin, and every transaction behind them.

use std::collections::BTreeMap;

use chandlery_package::wire::Earning;
use chandlery_package::{Currency, Money, Namespace, PluginId};
use serde::Serialize;
use sqlx::AnyConnection;

use crate::Error;
use crate::ledger::Account;

/// What was earned in a month (UTC).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct MonthlyEarning {
    /// `2026-11`.
    pub month: String,
    /// What customers pay.
    pub gross: Money,
    /// The partner's share.
    pub net: Money,
    /// How many sales.
    pub sales: u64,
}

/// What was earned with a plugin.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct PluginEarning {
    /// Which.
    pub plugin: PluginId,
    /// What customers pay.
    pub gross: Money,
    /// The partner's share.
    pub net: Money,
    /// How many sales.
    pub sales: u64,
}

#[derive(sqlx::FromRow)]
struct Row {
    id: i64,
    kind: String,
    description: String,
    at: String,
    minor: i64,
    currency: String,
    plugin: Option<String>,
    gross_minor: Option<i64>,
    available_at: Option<String>,
}

/// Every change of what a partner is owed, newest first: sales, refunds, payouts and payouts that came back. What only moves
/// between its own balances, such as the end of a hold, changes nothing.
pub async fn transactions(db: &mut AnyConnection, partner: &Namespace) -> Result<Vec<Earning>, Error> {
    let rows: Vec<Row> = sqlx::query_as(
        "select ledger_transactions.id, kind, description, at, changes.minor, changes.currency, sales.plugin, sales.gross_minor,
                (select max(available_at) from lots where lots.sale = sales.id) as available_at
         from (select transaction_id, currency, cast(-sum(minor) as bigint) as minor from ledger_postings
               where account in ($1, $2, $3, $4, $5, $6)
               group by transaction_id, currency having sum(minor) <> 0) as changes
         join ledger_transactions on ledger_transactions.id = changes.transaction_id
         left join sales on sales.id = ledger_transactions.id
         order by ledger_transactions.id desc",
    )
    .bind(Account::Accrued(partner.clone()).to_string())
    .bind(Account::Pending(partner.clone()).to_string())
    .bind(Account::Reserve(partner.clone()).to_string())
    .bind(Account::Available(partner.clone()).to_string())
    .bind(Account::Disputed(partner.clone()).to_string())
    .bind(Account::OwedBy(partner.clone()).to_string())
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
        let zero = Money::zero(gross.currency());
        let entry = sums.entry((key, gross.currency())).or_insert((zero, zero, 0));
        *entry = (entry.0.plus(gross)?, entry.1.plus(earning.net)?, entry.2 + 1);
    }
    Ok(sums)
}

fn read_row(row: Row) -> Result<Earning, Error> {
    let currency = row.currency.parse()?;
    let time = |text: String| text.parse().map_err(|_| Error::Damaged("a ledger date cannot be read".into()));
    Ok(Earning {
        transaction: row.id,
        at: time(row.at)?,
        kind: row.kind,
        description: row.description,
        plugin: row.plugin.map(|plugin| plugin.parse()).transpose()?,
        gross: row.gross_minor.map(|minor| Money::new(minor, currency)).transpose()?,
        net: Money::new(row.minor, currency)?,
        available_at: row.available_at.map(time).transpose()?,
    })
}
