//! A partner's earnings: by month, by plugin, and every transaction behind them.

use chandlery_package::column::Text;
use chandlery_package::wire::{Earning, MonthlyEarning, Page, Paging, PluginEarning, TransactionKind};
use chandlery_package::{Currency, Money, Month, Namespace, PluginId};
use chandlery_store::Db;
use futures::{Stream, StreamExt as _, stream};
use jiff::Timestamp;
use sqlx::AnyConnection;
use sqlx::any::AnyRow;

use crate::Error;
use crate::ledger::Account;
use crate::table::{self, Cell};

/// How many transactions of a table are read at a time.
const CHUNK: i64 = 500;

/// A transaction's place among all: its number, and one of its currencies.
pub type EarningKey = (i64, Currency);

#[derive(sqlx::FromRow)]
struct Row {
    id: i64,
    kind: Text<TransactionKind>,
    description: String,
    at: Text<Timestamp>,
    minor: i64,
    currency: Text<Currency>,
    plugin: Option<Text<PluginId>>,
    gross_minor: Option<i64>,
    available_at: Option<Text<Timestamp>>,
}

pub(crate) type Query<'q, T> = sqlx::query::QueryAs<'q, sqlx::Any, T, sqlx::any::AnyArguments>;

/// A query whose first six values are the accounts of a partner.
pub(crate) fn of_partner<'q, T>(sql: &'static str, partner: &Namespace) -> Query<'q, T>
where
    T: for<'r> sqlx::FromRow<'r, AnyRow>,
{
    let accounts = [
        Account::Accrued,
        Account::Pending,
        Account::Reserve,
        Account::Available,
        Account::Disputed,
        Account::OwedBy,
    ];
    accounts
        .iter()
        .fold(sqlx::query_as(sql), |query, account| query.bind(account(partner.clone()).to_string()))
}

/// Every change of what a partner is owed, newest first: sales, refunds, payouts and payouts that came back.
pub async fn transactions(
    db: &mut AnyConnection,
    partner: &Namespace,
    paging: &Paging<EarningKey>,
) -> Result<Page<Earning>, Error> {
    let rows = transactions_after(db, partner, paging.after(), paging.rows()).await?;
    Ok(paging.cut(rows, key))
}

fn key(earning: &Earning) -> EarningKey {
    (earning.transaction, earning.net.currency())
}

async fn transactions_after(
    db: &mut AnyConnection,
    partner: &Namespace,
    after: Option<&EarningKey>,
    limit: i64,
) -> Result<Vec<Earning>, Error> {
    // What only moves between a partner's own balances, such as the end of a hold, changes nothing of what it is owed.
    let sql = "select ledger_transactions.id, kind, description, at, changes.minor, changes.currency, sales.plugin,
                      case when sales.seller <> $10 then null when void_at is not null then 0
                           else gross_minor - refunded_minor - disputed_minor end as gross_minor,
                      (select max(available_at) from lots where lots.sale = sales.id) as available_at
               from (select transaction_id, currency, cast(-sum(minor) as bigint) as minor from ledger_postings
                     where account in ($1, $2, $3, $4, $5, $6)
                       and transaction_id <= $7 and (transaction_id < $7 or currency > $8)
                     group by transaction_id, currency having sum(minor) <> 0
                     order by transaction_id desc, currency limit $9) as changes
               join ledger_transactions on ledger_transactions.id = changes.transaction_id
               left join sales on sales.id = ledger_transactions.id
               order by ledger_transactions.id desc, changes.currency";
    let (transaction, currency) =
        after.map_or((i64::MAX, ""), |(transaction, currency)| (*transaction, currency.code()));
    let query = of_partner::<Row>(sql, partner).bind(transaction).bind(currency).bind(limit);
    let query = query.bind(partner.to_string());
    query.fetch_all(db).await?.into_iter().map(read).collect()
}

fn read(row: Row) -> Result<Earning, Error> {
    let Text(currency) = row.currency;
    Ok(Earning {
        transaction: row.id,
        at: row.at.0,
        kind: row.kind.0,
        description: row.description,
        plugin: row.plugin.map(|Text(plugin)| plugin),
        gross: row.gross_minor.map(|minor| Money::new(minor, currency)).transpose()?,
        net: Money::new(row.minor, currency)?,
        available_at: row.available_at.map(|Text(at)| at),
    })
}

const COLUMNS: [&str; 9] =
    ["transaction", "at", "kind", "plugin", "description", "currency", "gross", "net", "available_at"];

/// The same as a table, so many rows at a time. What is booked meanwhile is not in it.
pub fn transactions_csv(db: Db, partner: Namespace) -> impl Stream<Item = Result<String, Error>> {
    let rows = stream::try_unfold(None, move |after: Option<EarningKey>| {
        let (db, partner) = (db.clone(), partner.clone());
        async move {
            let mut db = db.read().acquire().await?;
            let earnings = transactions_after(&mut db, &partner, after.as_ref(), CHUNK).await?;
            let Some(last) = earnings.last().map(key) else { return Ok(None) };
            Ok(Some((table::rows(earnings, cells)?, Some(last))))
        }
    });
    stream::iter([table::head(&COLUMNS)]).chain(rows)
}

fn cells(earning: &Earning) -> Vec<Cell<'_>> {
    vec![
        Cell::own(earning.transaction),
        Cell::own(earning.at),
        Cell::own(earning.kind),
        Cell::maybe(earning.plugin.as_ref()),
        Cell::Text(&earning.description),
        Cell::own(earning.net.currency()),
        Cell::maybe(earning.gross.map(amount)),
        Cell::own(amount(earning.net)),
        Cell::maybe(earning.available_at),
    ]
}

/// `85.00`: the currency has its own column.
fn amount(money: Money) -> String {
    let text = money.to_string();
    text.split(' ').next().unwrap_or(&text).to_owned()
}

/// Selects from a partner's shares of sales: what customers pay for its own, and its share, both less what was taken back; of what it
/// has only referred, its share alone. The first value is the partner.
macro_rules! select_shares {
    ($what:literal, $rest:literal) => {
        concat!(
            "select ",
            $what,
            ", lots.currency,
             cast(sum(case when sales.seller <> $1 then share_minor - returned_minor
                           when lots.role <> 'seller' or void_at is not null then 0
                           else gross_minor - refunded_minor - disputed_minor end) as bigint),
             cast(sum(share_minor - returned_minor) as bigint),
             count(distinct case when void_at is null then sales.id end)
             from lots join sales on sales.id = lots.sale where lots.partner = $1 ",
            $rest
        )
    };
}

/// What was sold by month: twelve rows a year for each currency, the oldest first.
pub async fn by_month(db: &mut AnyConnection, partner: &Namespace) -> Result<Vec<MonthlyEarning>, Error> {
    let sql = select_shares!("substr(sales.sold_at, 1, 7)", "group by 1, 2 order by 1, 2");
    let rows: Vec<(Text<Month>, Text<Currency>, i64, i64, i64)> =
        sqlx::query_as(sql).bind(partner.as_str()).fetch_all(db).await?;
    let read = |(Text(month), Text(currency), gross, net, sales): (_, _, i64, i64, i64)| {
        let (gross, net) = (Money::new(gross, currency)?, Money::new(net, currency)?);
        Ok(MonthlyEarning { month, gross, net, sales: sales.unsigned_abs() })
    };
    rows.into_iter().map(read).collect()
}

/// A plugin's place among all: its name, and one of the currencies that it was sold in.
pub type PluginKey = (PluginId, Currency);

/// What was sold by plugin, in order of their names.
pub async fn by_plugin(
    db: &mut AnyConnection,
    partner: &Namespace,
    paging: &Paging<PluginKey>,
) -> Result<Page<PluginEarning>, Error> {
    let sql = select_shares!(
        "sales.plugin",
        "and sales.plugin >= $2 and (sales.plugin > $2 or lots.currency > $3) group by 1, 2 order by 1, 2 limit $4"
    );
    let (plugin, currency) = paging
        .after()
        .map_or_else(|| (String::new(), ""), |(plugin, currency)| (plugin.to_string(), currency.code()));
    let query = sqlx::query_as(sql).bind(partner.as_str()).bind(plugin).bind(currency);
    let rows: Vec<(Text<PluginId>, Text<Currency>, i64, i64, i64)> =
        query.bind(paging.rows()).fetch_all(db).await?;
    let page = paging.cut(rows, |(Text(plugin), Text(currency), ..)| (plugin.clone(), *currency));
    page.try_map(|(Text(plugin), Text(currency), gross, net, sales)| {
        let (gross, net) = (Money::new(gross, currency)?, Money::new(net, currency)?);
        Ok(PluginEarning { plugin, gross, net, sales: sales.unsigned_abs() })
    })
}
