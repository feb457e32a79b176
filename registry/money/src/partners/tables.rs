//! The same figures as tables (RFC 4180).

use chandlery_package::wire::{Payout, PublishedStatement};
use chandlery_package::{Balance, Currency, Namespace};
use chandlery_store::Db;
use futures::{Stream, StreamExt as _, stream};

use super::sales::sales_after;
use super::{Audience, Contracts, Disputed, Earned, InUse, Line, SaleKey, SaleRow, Sold, Wanted};
use crate::table::{self, Cell};
use crate::{Error, payouts};

/// How many rows of a table are read at a time.
const CHUNK: i64 = 500;

/// `85.00`: the currency has its own column.
fn amount(money: impl Into<Balance>) -> String {
    let text = money.into().to_string();
    text.split(' ').next().unwrap_or(&text).to_owned()
}

fn minor(minor: i64, currency: Currency) -> Result<String, Error> {
    Ok(amount(Balance::new(minor, currency)?))
}

fn whole<T>(
    columns: &[&str],
    rows: impl IntoIterator<Item = T>,
    cells: impl for<'a> Fn(&'a T) -> Vec<Cell<'a>>,
) -> Result<String, Error> {
    Ok(table::head(columns)? + &table::rows(rows, cells)?)
}

/// The lines from gross to net, in the time and in the one before.
pub fn waterfall_csv(lines: &[Line]) -> Result<String, Error> {
    whole(&["line", "currency", "amount", "before"], lines, |line| {
        vec![
            Cell::own(line.word),
            Cell::own(line.now.currency()),
            Cell::own(amount(line.now)),
            Cell::own(amount(line.before)),
        ]
    })
}

/// What a row says of sales: how many, what customers pay, and the share.
fn sold_cells(sold: &Sold, currency: Currency) -> Result<[String; 3], Error> {
    Ok([sold.sales.to_string(), minor(sold.told(), currency)?, minor(sold.share(), currency)?])
}

/// A table of names with what came of sales.
fn sold_csv<'a>(
    name: &str,
    currency: Currency,
    rows: impl IntoIterator<Item = (&'a str, &'a Sold)>,
) -> Result<String, Error> {
    let mut written = Vec::new();
    for (name, sold) in rows {
        written.push((name, sold_cells(sold, currency)?));
    }
    whole(&[name, "currency", "sales", "customers_pay", "share"], written, |(name, [sales, pay, share])| {
        vec![Cell::Text(name), Cell::own(currency), Cell::own(sales), Cell::own(pay), Cell::own(share)]
    })
}

/// The days or months of a time.
pub fn steps_csv(earned: &Earned) -> Result<String, Error> {
    let rows = earned.steps.iter().map(|step| (step.step.as_str(), &step.sold));
    sold_csv("time", earned.currency, rows)
}

/// The plugins of a time.
pub fn plugins_csv(earned: &Earned) -> Result<String, Error> {
    let rows = earned.plugins.iter().map(|plugin| (plugin.plugin.as_str(), &plugin.now));
    sold_csv("plugin", earned.currency, rows)
}

/// The groups of customers of a time.
pub fn audience_csv(name: &str, currency: Currency, groups: &[Audience]) -> Result<String, Error> {
    sold_csv(name, currency, groups.iter().map(|group| (group.name.as_str(), &group.sold)))
}

/// The use of releases in a time.
pub fn in_use_csv(rows: &[InUse]) -> Result<String, Error> {
    let columns = ["release", "active", "deployments", "customers", "replica_hours", "gpu_hours"];
    let hours = |thousandths: i64| format!("{}.{:03}", thousandths / 1000, thousandths % 1000);
    whole(&columns, rows, |row| {
        vec![
            Cell::Text(&row.release),
            Cell::own(row.active),
            Cell::own(row.deployments),
            Cell::own(row.customers),
            Cell::own(hours(row.replica_hours_thousandths)),
            Cell::own(hours(row.gpu_hours_thousandths)),
        ]
    })
}

/// What became of contracts in a time.
pub fn contracts_csv(found: &Contracts) -> Result<String, Error> {
    let rows = [
        ("at-begin", found.at_begin),
        ("made", found.made),
        ("ended", found.ended),
        ("churned", found.churned),
        ("at-end", found.at_end),
        ("trials", found.trials),
        ("trials-paid", found.trials_paid),
        ("trials-running", found.trials_running),
        ("trials-ended", found.trials_ended),
    ];
    whole(&["what", "contracts"], rows, |(what, count)| vec![Cell::own(what), Cell::own(count)])
}

/// Disputes of a partner's sales.
pub fn disputes_csv(rows: &[Disputed]) -> Result<String, Error> {
    let columns =
        ["dispute", "sale", "currency", "amount", "held", "state", "opened_at", "answer_by", "closed_at"];
    whole(&columns, rows, |row| {
        vec![
            Cell::Text(&row.id),
            Cell::own(row.sale),
            Cell::own(row.held.currency()),
            Cell::maybe(row.amount.map(amount)),
            Cell::own(amount(row.held)),
            Cell::own(&row.state),
            Cell::own(row.opened_at),
            Cell::maybe(row.answer_by),
            Cell::maybe(row.closed_at),
        ]
    })
}

/// Every payout to a partner, the latest first, so many rows at a time.
pub fn payouts_csv(db: Db, partner: Namespace) -> impl Stream<Item = Result<String, Error>> {
    let columns = [
        "payout",
        "state",
        "rail",
        "bank_reference",
        "currency",
        "amount",
        "withheld",
        "sent_currency",
        "sent",
        "returned",
    ];
    let rows = stream::try_unfold(i64::MAX, move |before: i64| {
        let (db, partner) = (db.clone(), partner.clone());
        async move {
            let mut db = db.read().acquire().await?;
            let all = payouts::run::list_before(&mut db, Some(&partner), before, CHUNK).await?;
            let Some(last) = all.last().map(|payout| payout.id) else { return Ok(None) };
            Ok(Some((table::rows(all, payout_cells)?, last)))
        }
    });
    stream::iter([table::head(&columns)]).chain(rows)
}

fn payout_cells(payout: &Payout) -> Vec<Cell<'_>> {
    vec![
        Cell::own(payout.id),
        Cell::own(payout.state),
        Cell::own(payout.rail),
        Cell::Text(payout.bank_reference.as_deref().unwrap_or_default()),
        Cell::own(payout.amount.currency()),
        Cell::own(amount(payout.amount)),
        Cell::own(amount(payout.withheld)),
        Cell::own(payout.sent.currency()),
        Cell::own(amount(payout.sent)),
        Cell::maybe(payout.returned.map(amount)),
    ]
}

/// The sales of a time in their order, so many rows at a time. What is sold meanwhile may be missing.
pub fn sales_csv(db: Db, partner: Namespace, wanted: Wanted) -> impl Stream<Item = Result<String, Error>> {
    let columns = [
        "sale",
        "sold_at",
        "plugin",
        "customer",
        "state",
        "currency",
        "price",
        "customer_pays",
        "share",
        "available_at",
    ];
    let rows = stream::try_unfold(None, move |after: Option<SaleKey>| {
        let (db, partner) = (db.clone(), partner.clone());
        async move {
            let mut db = db.read().acquire().await?;
            let all = sales_after(&mut db, &partner, &wanted, after.as_ref(), CHUNK).await?;
            let Some(last) = all.last().map(SaleRow::key) else { return Ok(None) };
            Ok(Some((table::rows(all, sale_cells)?, Some(last))))
        }
    });
    stream::iter([table::head(&columns)]).chain(rows)
}

fn sale_cells(row: &SaleRow) -> Vec<Cell<'_>> {
    vec![
        Cell::own(row.sale),
        Cell::own(row.sold_at),
        Cell::maybe(row.plugin.as_ref()),
        Cell::own(&row.customer),
        Cell::own(row.state),
        Cell::own(row.share.currency()),
        Cell::maybe(row.price.map(amount)),
        Cell::maybe(row.paid.map(amount)),
        Cell::own(amount(row.share)),
        Cell::maybe(row.available_at),
    ]
}

/// A statement: a row for each account that a transaction has changed.
pub fn statement_csv(published: &PublishedStatement) -> Result<String, Error> {
    let statement = &published.statement;
    let mut changes = Vec::new();
    for line in &statement.lines {
        for (account, change) in &line.changes {
            changes.push((line, account, minor(*change, statement.currency)?));
        }
    }
    let columns = ["transaction", "at", "kind", "description", "account", "currency", "change"];
    whole(&columns, changes, |(line, account, change)| {
        vec![
            Cell::own(line.transaction),
            Cell::own(line.at),
            Cell::own(line.kind),
            Cell::Text(&line.description),
            Cell::own(account),
            Cell::own(statement.currency),
            Cell::own(change),
        ]
    })
}
