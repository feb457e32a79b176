//! Documents, each kept as it was issued. A series has numbers without gaps.

use chandlery_package::column::Json;
use chandlery_package::wire::{Document, DocumentLine, Page, Paging};
use chandlery_package::{Money, Namespace};
use chandlery_store::{Db, Write};
use serde_json::json;
use sqlx::AnyConnection;

use crate::Error;

/// The series of invoices.
pub(crate) const INVOICES: &str = "INV";
/// The series of credit notes.
pub(crate) const CREDIT_NOTES: &str = "CN";

/// The series of what a partner is billed for by itself.
pub(crate) fn self_billed_series(partner: &Namespace) -> String {
    format!("SB-{partner}")
}

/// The number that follows in a series.
pub(crate) async fn next_number(write: &mut Write, series: &str) -> Result<i64, Error> {
    let (number,): (i64,) = sqlx::query_as(
        "select cast(coalesce(max(number), 0) + 1 as bigint) from documents where series = $1",
    )
    .bind(series)
    .fetch_one(&mut **write)
    .await?;
    Ok(number)
}

/// Keeps a document that adds up under its number, for ever.
pub(crate) async fn keep(
    write: &mut Write,
    series: &str,
    number: i64,
    document: &Document,
) -> Result<(), Error> {
    if !adds_up(document)? {
        return Err(Error::Damaged(format!("{} does not add up", document.number)));
    }
    sqlx::query(
        "insert into documents (series, number, kind, issued_on, country, category, rate, currency, net_minor, tax_minor, body)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)",
    )
    .bind(series)
    .bind(number)
    .bind(document.kind.as_str())
    .bind(document.issued_on.to_string())
    .bind(document.terms.country.as_deref().unwrap_or(""))
    .bind(document.terms.category.as_str())
    .bind(document.terms.rate.to_string())
    .bind(document.net.currency().code())
    .bind(document.net.minor())
    .bind(document.tax.minor())
    .bind(json!(document).to_string())
    .execute(&mut **write)
    .await?;
    Ok(())
}

/// The document of this number, where it was kept: earlier versions kept none.
pub(crate) async fn find(
    db: &mut AnyConnection,
    series: &str,
    number: i64,
) -> Result<Option<Document>, Error> {
    let found: Option<(Json<Document>,)> =
        sqlx::query_as("select body from documents where series = $1 and number = $2")
            .bind(series)
            .bind(number)
            .fetch_optional(db)
            .await?;
    Ok(found.map(|(Json(document),)| document))
}

/// The documents of a series, the latest first.
pub(crate) async fn list(db: &Db, series: &str, paging: &Paging<i64>) -> Result<Page<Document>, Error> {
    let rows: Vec<(i64, Json<Document>)> = sqlx::query_as(
        "select number, body from documents where series = $1 and number < $2 order by number desc limit $3",
    )
    .bind(series)
    .bind(paging.after().copied().unwrap_or(i64::MAX))
    .bind(paging.rows())
    .fetch_all(db.read())
    .await?;
    Ok(paging.cut(rows, |(number, _)| *number).map(|(_, Json(document))| document))
}

/// What is wrong with the documents, in words: each says what the books say, and a series of self-billed ones has no gap.
pub(crate) async fn faults(db: &mut AnyConnection) -> Result<Vec<String>, Error> {
    let mut faults = Vec::new();
    let gaps: Vec<(String,)> = sqlx::query_as(
        "select series from documents where series like 'SB-%' group by series having count(*) <> max(number)",
    )
    .fetch_all(&mut *db)
    .await?;
    faults.extend(gaps.into_iter().map(|(series,)| format!("the numbers of {series} have gaps")));
    let other: Vec<(String,)> = sqlx::query_as(
        "select 'INV-' || documents.number from documents join invoices on invoices.number = documents.number
         where series = 'INV' and (documents.net_minor <> invoices.net_minor or documents.tax_minor <> invoices.tax_minor)
         union all
         select 'CN-' || documents.number from documents join refunds on refunds.number = documents.number
         where series = 'CN' and (documents.net_minor <> refunds.minor or documents.tax_minor <> refunds.tax_minor)",
    )
    .fetch_all(&mut *db)
    .await?;
    faults.extend(other.into_iter().map(|(number,)| format!("{number} says another amount than the books")));
    Ok(faults)
}

/// Whether lines sum to the net amount, and that and the tax to the total.
fn adds_up(document: &Document) -> Result<bool, Error> {
    let net = Money::sum(document.net.currency(), document.lines.iter().map(|line| line.net))?;
    let terms = &document.terms;
    let is_taxed = |line: &DocumentLine| (line.category, line.rate) == (terms.category, terms.rate);
    let alike = document.lines.iter().all(is_taxed);
    Ok(alike && net == document.net && document.net.plus(document.tax)? == document.total)
}
