//! Journal entries as QuickBooks Online and Xero import them: a row for each posting.

use super::Entry;
use super::amount::plain;
use super::chart::Chart;
use crate::Error;
use crate::table::{self, Cell};

const QUICKBOOKS: [&str; 10] = [
    "*JournalNo",
    "*JournalDate",
    "*AccountName",
    "*Debits",
    "*Credits",
    "Description",
    "Name",
    "Currency",
    "Location",
    "Class",
];
const XERO: [&str; 10] = [
    "*Narration",
    "*Date",
    "Description",
    "*AccountCode",
    "*TaxRate",
    "*Amount",
    "TrackingName1",
    "TrackingOption1",
    "TrackingName2",
    "TrackingOption2",
];
/// The rate of a journal that has its taxes as postings of their own.
const XERO_TAX: &str = "Tax Exempt";

pub(super) fn quickbooks_head() -> Result<String, Error> {
    table::head(&QUICKBOOKS)
}

pub(super) fn xero_head() -> Result<String, Error> {
    table::head(&XERO)
}

/// A posting, what it is written as, and the transaction that it is of.
struct Posted<'a> {
    entry: &'a Entry,
    account: &'a str,
    amount: String,
    is_debit: bool,
}

fn posted<'a>(entries: &'a [Entry], chart: &'a Chart, signed: bool) -> Result<Vec<Posted<'a>>, Error> {
    let mut all = Vec::new();
    for entry in entries {
        for (account, amount) in &entry.postings {
            let (minor, is_debit) = (amount.minor(), amount.is_positive());
            let shown = if signed { minor } else { minor.abs() };
            let amount = plain(shown, amount.currency())?;
            all.push(Posted { entry, account: chart.name(account), amount, is_debit });
        }
    }
    Ok(all)
}

/// Rows for QuickBooks: those of one number are one entry, with debits and credits in columns of their own.
pub(super) fn quickbooks(entries: &[Entry], chart: &Chart) -> Result<String, Error> {
    table::rows(posted(entries, chart, false)?, |posted| {
        let side = |wanted: bool| Cell::maybe(Some(&posted.amount).filter(|_| posted.is_debit == wanted));
        let currency = posted.entry.postings.first().map(|(_, amount)| amount.currency());
        vec![
            Cell::own(posted.entry.id),
            Cell::own(posted.entry.at.strftime("%m/%d/%Y")),
            Cell::Text(posted.account),
            side(true),
            side(false),
            Cell::Text(&posted.entry.description),
            Cell::own(""),
            Cell::maybe(currency),
            Cell::own(""),
            Cell::own(""),
        ]
    })
}

/// Rows for Xero: those of one narration and date are one journal, debits above zero and credits below.
pub(super) fn xero(entries: &[Entry], chart: &Chart) -> Result<String, Error> {
    table::rows(posted(entries, chart, true)?, |posted| {
        vec![
            Cell::own(format!("{} {}", posted.entry.id, posted.entry.kind)),
            Cell::own(posted.entry.at.strftime("%d/%m/%Y")),
            Cell::Text(&posted.entry.description),
            Cell::Text(posted.account),
            Cell::own(XERO_TAX),
            Cell::own(&posted.amount),
            Cell::own(""),
            Cell::own(""),
            Cell::own(""),
            Cell::own(""),
        ]
    })
}
