//! The postings of some months and one currency in the forms of other programs: DATEV, QuickBooks and Xero. Each form has the
//! ledger's amounts to the cent, account by account.

mod amount;
mod chart;
mod datev;
mod journals;
mod pairs;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use chandlery_package::column::{Json, Text};
use chandlery_package::wire::{ExportFormat, LedgerExport, TransactionKind};
use chandlery_package::{Currency, Money};
use chandlery_store::{Db, time};
use futures::{Stream, StreamExt as _, stream};
use jiff::Timestamp;

use crate::Error;
use chart::Chart;

/// How many transactions are read at a time.
const CHUNK: i64 = 500;

/// A transaction's postings in one currency, which sum to nothing.
struct Entry {
    id: i64,
    at: Timestamp,
    kind: TransactionKind,
    description: String,
    /// The invoice that it is about, where it is about one.
    invoice: Option<String>,
    /// The account, and above zero what is debited to it, below what is credited.
    postings: Vec<(String, Money)>,
}

/// Writes an export, so many transactions at a time. What is wrong with the chart is said before anything is written.
pub async fn export(
    db: &Db,
    wanted: LedgerExport,
    now: Timestamp,
) -> Result<impl Stream<Item = Result<Vec<u8>, Error>> + use<>, Error> {
    let (chart, format) = (Chart::new(&wanted)?, wanted.format);
    let head = match format {
        ExportFormat::Datev => datev::head(&wanted, &chart, now)?,
        ExportFormat::Quickbooks => journals::quickbooks_head()?,
        ExportFormat::Xero => journals::xero_head()?,
    };
    let (begin, end) = (time(wanted.from.first_moment()), time(wanted.to.next().first_moment()));
    let (first, last): (i64, i64) = sqlx::query_as(
        "select cast(coalesce(min(id), 1) as bigint), cast(coalesce(max(id), 0) as bigint)
         from ledger_transactions where at >= $1 and at < $2",
    )
    .bind(&begin)
    .bind(&end)
    .fetch_one(db.read())
    .await?;
    let range = Range { begin, end, currency: wanted.currency, last };
    let rest = entries(db.clone(), range, first - 1).map(move |entries| rows(&entries?, format, &chart));
    let head = match format {
        ExportFormat::Datev => datev::windows_1252(&head),
        _ => head.into_bytes(),
    };
    Ok(stream::iter([Ok(head)]).chain(rest))
}

fn rows(entries: &[Entry], format: ExportFormat, chart: &Chart) -> Result<Vec<u8>, Error> {
    match format {
        ExportFormat::Datev => Ok(datev::windows_1252(&datev::rows(entries, chart)?)),
        ExportFormat::Quickbooks => Ok(journals::quickbooks(entries, chart)?.into_bytes()),
        ExportFormat::Xero => Ok(journals::xero(entries, chart)?.into_bytes()),
    }
}

/// Which transactions are exported: those from a moment on and before another, up to a number.
#[derive(Clone)]
struct Range {
    begin: String,
    end: String,
    currency: Currency,
    last: i64,
}

fn entries(db: Db, range: Range, after: i64) -> impl Stream<Item = Result<Vec<Entry>, Error>> {
    stream::try_unfold(after, move |after| {
        let (db, range) = (db.clone(), range.clone());
        async move {
            if after >= range.last {
                return Ok(None);
            }
            let until = range.last.min(after + CHUNK);
            Ok(Some((read(&db, &range, after, until).await?, until)))
        }
    })
}

type Row = (i64, Text<Timestamp>, Text<TransactionKind>, String, Json<BTreeMap<String, String>>, String, i64);

async fn read(db: &Db, range: &Range, after: i64, until: i64) -> Result<Vec<Entry>, Error> {
    let rows: Vec<Row> = sqlx::query_as(
        "select id, at, kind, description, links, account, minor
         from ledger_transactions join ledger_postings on transaction_id = id
         where id > $1 and id <= $2 and at >= $3 and at < $4 and currency = $5 order by id, line",
    )
    .bind(after)
    .bind(until)
    .bind(&range.begin)
    .bind(&range.end)
    .bind(range.currency.code())
    .fetch_all(db.read())
    .await?;
    let mut entries: Vec<Entry> = Vec::new();
    for (id, Text(at), Text(kind), description, Json(mut links), account, minor) in rows {
        if entries.last().is_none_or(|last| last.id != id) {
            let invoice = links.remove("invoice");
            entries.push(Entry { id, at, kind, description, invoice, postings: Vec::new() });
        }
        if let Some(entry) = entries.last_mut() {
            entry.postings.push((account, Money::new(minor, range.currency)?));
        }
    }
    Ok(entries)
}
