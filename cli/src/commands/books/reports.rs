//! What operators ask the books: who owes what, what is still to be earned, what months came to, and the books in other programs'
//! forms. Each report is a table, comma-separated values or JSON.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use chandlery_money::table::{self, Cell};
use chandlery_package::wire::{
    AccountBalance, AgedReceivable, BalanceSheet, ChartOfAccounts, CustomerInvoice, DeferredMonth, Dunning,
    ExportFormat, InvoiceState, LedgerExport, MonthResult, Page, TaxReturnLine,
};
use chandlery_package::{Balance, Currency, Month, Namespace};
use clap::{Args, Subcommand};
use jiff::Timestamp;
use reqwest::Method;
use serde::Serialize;

use crate::api::Context;
use crate::failure::{Failure, Result};
use crate::show;

/// What the books tell of customers, of months and of taxes.
#[derive(Subcommand)]
pub enum Report {
    /// Show the invoices of all customers
    Invoices {
        /// Those of one customer
        #[arg(long, value_name = "ACCOUNT")]
        customer: Option<Namespace>,
        /// Those that are open, paid or uncollectible
        #[arg(long)]
        state: Option<InvoiceState>,
        /// Those that were issued in a month, such as 2026-10
        #[arg(long)]
        month: Option<Month>,
        /// As comma-separated values
        #[arg(long)]
        csv: bool,
    },
    /// Show what customers owe, by how long it is overdue
    Ageing {
        /// As comma-separated values
        #[arg(long)]
        csv: bool,
    },
    /// Show who was reminded of which invoice, and what comes next
    Dunning {
        /// As comma-separated values
        #[arg(long)]
        csv: bool,
    },
    /// Show by month what subscriptions were invoiced and will earn
    Deferred {
        /// As comma-separated values
        #[arg(long)]
        csv: bool,
    },
    /// Show what was earned and spent by month
    Profit(Of),
    /// Show what is owned and owed at each month's end
    BalanceSheet(Of),
    /// Show what was sold to each country, and the tax on it
    Vat(Of),
    /// Print the postings of some months for DATEV, QuickBooks or Xero
    Export {
        /// One of datev, quickbooks, xero
        format: ExportFormat,
        /// A month, quarter or year, such as 2026-10, 2026-Q4 or 2026, or 2026-01..2026-03
        period: Period,
        /// Of which currency: an export has one
        #[arg(long, default_value = "USD")]
        currency: Currency,
        /// Which accounts the program has for the ledger's: a TOML file
        #[arg(long, value_name = "FILE")]
        chart: Option<PathBuf>,
    },
}

/// The months that a report is of, and how it is printed.
#[derive(Args)]
pub struct Of {
    /// A month, quarter or year, such as 2026-10, 2026-Q4 or 2026, or 2026-01..2026-03; this month, unless given
    period: Option<Period>,
    /// As comma-separated values
    #[arg(long)]
    csv: bool,
}

impl Of {
    fn path(&self, report: &str) -> String {
        let query = self.period.map(|Period { from, to }| format!("?from={from}&to={to}"));
        format!("/api/v1/reports/{report}{}", query.unwrap_or_default())
    }
}

/// Months that follow each other, from the first to the last one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Period {
    from: Month,
    to: Month,
}

impl FromStr for Period {
    type Err = String;

    fn from_str(text: &str) -> std::result::Result<Self, String> {
        let month = |text: String| -> std::result::Result<Month, String> {
            text.parse().map_err(|_| {
                format!("'{text}' is no period: write 2026-10, 2026-Q4, 2026 or 2026-01..2026-03")
            })
        };
        if let Some((from, to)) = text.split_once("..") {
            return Ok(Self { from: month(from.into())?, to: month(to.into())? });
        }
        let quarter =
            text.split_once("-Q").and_then(|(year, number)| Some((year, number.parse::<u8>().ok()?)));
        let (from, to) = match (quarter, text.len()) {
            (Some((year, number @ 1..=4)), _) => {
                (format!("{year}-{:02}", 3 * number - 2), format!("{year}-{:02}", 3 * number))
            }
            (None, 4) => (format!("{text}-01"), format!("{text}-12")),
            _ => (text.to_owned(), text.to_owned()),
        };
        Ok(Self { from: month(from)?, to: month(to)? })
    }
}

impl Report {
    /// Shows the report that was chosen.
    pub async fn run(self, context: &Context) -> Result {
        match self {
            Self::Invoices { customer, state, month, csv } => {
                invoices(context, customer, state, month, csv).await
            }
            Self::Ageing { csv } => ageing(context, csv).await,
            Self::Dunning { csv } => dunning(context, csv).await,
            Self::Deferred { csv } => deferred(context, csv).await,
            Self::Profit(of) => profit(context, &of).await,
            Self::BalanceSheet(of) => balance_sheet(context, &of).await,
            Self::Vat(of) => vat(context, &of).await,
            Self::Export { format, period: Period { from, to }, currency, chart } => {
                let chart = chart.as_deref().map(read_chart).transpose()?.unwrap_or_default();
                let wanted = LedgerExport { format, from, to, currency, chart };
                show::bytes(&context.registry_bytes("/api/v1/reports/export", wanted).await?);
                Ok(())
            }
        }
    }
}

fn read_chart(path: &Path) -> Result<ChartOfAccounts> {
    let failed = |error: String| Failure::of(format!("{}: {error}", path.display()));
    let text = std::fs::read_to_string(path).map_err(|error| failed(error.to_string()))?;
    toml::from_str(&text).map_err(|error| failed(error.to_string()))
}

/// Prints a report: its values as JSON, or its rows as a table or as comma-separated values. What stands in columns whose headings
/// begin with `>` are numbers.
fn print(
    context: &Context,
    csv: bool,
    values: impl Serialize,
    headings: &[&str],
    rows: Vec<Vec<String>>,
) -> Result {
    if csv {
        let names: Vec<&str> = headings.iter().map(|heading| heading.trim_start_matches('>')).collect();
        let head = table::head(&names);
        let rows = table::rows(rows, |row| {
            let mut cells = Vec::with_capacity(row.len());
            for (cell, heading) in row.iter().zip(headings) {
                cells.push(if heading.starts_with('>') { Cell::own(cell) } else { Cell::Text(cell) });
            }
            cells
        });
        let text = head.and_then(|head| Ok(head + &rows?));
        show::document(&text.map_err(|error| Failure::of(error.to_string()))?);
        return Ok(());
    }
    match context.settings.json {
        true => show::json(values),
        false => show::table(headings, rows),
    }
    Ok(())
}

/// `12.30`: the currency has its own column.
fn plain(amount: impl Into<Balance>) -> String {
    let text = amount.into().to_string();
    text.split(' ').next().unwrap_or(&text).to_owned()
}

fn day(at: Timestamp) -> String {
    at.strftime("%F").to_string()
}

async fn invoices(
    context: &Context,
    customer: Option<Namespace>,
    state: Option<InvoiceState>,
    month: Option<Month>,
    csv: bool,
) -> Result {
    let wanted = [
        customer.map(|customer| format!("account={customer}")),
        state.map(|state| format!("state={state}")),
        month.map(|month| format!("month={month}")),
    ];
    let query: Vec<String> = wanted.into_iter().flatten().collect();
    let path = format!("/api/v1/reports/invoices?{}", query.join("&"));
    let page: Page<CustomerInvoice> = context.registry_list(path.trim_end_matches('?')).await?;
    let row = |invoice: &CustomerInvoice| {
        vec![
            invoice.number.to_string(),
            invoice.account.to_string(),
            day(invoice.due_at),
            invoice.state.to_string(),
            invoice.total.currency().to_string(),
            plain(invoice.total),
            plain(invoice.paid),
            plain(invoice.credited),
            plain(invoice.written_off),
            plain(invoice.due),
        ]
    };
    let headings =
        [">no.", "customer", "due on", "state", "in", ">total", ">paid", ">credited", ">given up", ">left"];
    let rows = page.items.iter().map(row).collect();
    print(context, csv, &page.items, &headings, rows)
}

async fn ageing(context: &Context, csv: bool) -> Result {
    let page: Page<AgedReceivable> = context.registry_list("/api/v1/reports/ageing").await?;
    let parts = |aged: &AgedReceivable| {
        [aged.not_due, aged.days_30, aged.days_60, aged.days_90, aged.older, aged.total]
    };
    let row = |who: String, parts: [Balance; 6]| {
        let currency = parts[5].currency().to_string();
        [who, currency].into_iter().chain(parts.map(plain)).collect::<Vec<_>>()
    };
    let mut rows: Vec<Vec<String>> =
        page.items.iter().map(|aged| row(aged.account.to_string(), parts(aged))).collect();
    if !csv {
        let mut sums: BTreeMap<Currency, [Balance; 6]> = BTreeMap::new();
        for aged in &page.items {
            let currency = aged.total.currency();
            let sum = sums.entry(currency).or_insert([Balance::zero(currency); 6]);
            for (sum, part) in sum.iter_mut().zip(parts(aged)) {
                *sum = sum.plus(part).map_err(|error| Failure::of(error.to_string()))?;
            }
        }
        rows.extend(sums.into_values().map(|sum| row("all".into(), sum)));
    }
    let headings = ["customer", "in", ">not due", ">1–30 days", ">31–60", ">61–90", ">older", ">total"];
    print(context, csv, &page.items, &headings, rows)
}

async fn dunning(context: &Context, csv: bool) -> Result {
    let page: Page<Dunning> = context.registry_list("/api/v1/reports/dunning").await?;
    let row = |dunned: &Dunning| {
        let told = dunned.reminders.iter().map(|reminder| match (&reminder.refused, reminder.sent_at) {
            (Some(_), _) => format!("{} (refused)", day(reminder.at)),
            (None, Some(_)) => format!("{} (sent)", day(reminder.at)),
            (None, None) => day(reminder.at),
        });
        vec![
            dunned.invoice.to_string(),
            dunned.account.to_string(),
            dunned.due.currency().to_string(),
            plain(dunned.due),
            day(dunned.due_at),
            told.collect::<Vec<_>>().join(", "),
            dunned.next.to_string(),
            day(dunned.next_at),
        ]
    };
    let headings = [">no.", "customer", "in", ">left", "due on", "reminded", "next", "on"];
    let rows = page.items.iter().map(row).collect();
    print(context, csv, &page.items, &headings, rows)
}

async fn deferred(context: &Context, csv: bool) -> Result {
    let page: Page<DeferredMonth> = context.registry(Method::GET, "/api/v1/reports/deferred", ()).await?;
    let row = |month: &DeferredMonth| {
        vec![month.month.to_string(), month.earned.currency().to_string(), plain(month.earned)]
    };
    let rows = page.items.iter().map(row).collect();
    print(context, csv, &page.items, &["month", "in", ">to be earned"], rows)
}

/// A row for each of some accounts.
fn account_rows(month: Month, accounts: &[AccountBalance]) -> Vec<Vec<String>> {
    let row = |held: &AccountBalance| line(month, &held.account, held.balance);
    accounts.iter().map(row).collect()
}

fn line(month: Month, account: &str, balance: Balance) -> Vec<String> {
    vec![month.to_string(), account.to_owned(), balance.currency().to_string(), plain(balance)]
}

const BY_ACCOUNT: [&str; 4] = ["month", "account", "in", ">amount"];

async fn profit(context: &Context, of: &Of) -> Result {
    let page: Page<MonthResult> = context.registry(Method::GET, &of.path("results"), ()).await?;
    let mut rows = Vec::new();
    for month in &page.items {
        rows.extend(account_rows(month.month, &month.revenue));
        rows.extend(account_rows(month.month, &month.expenses));
        rows.push(line(month.month, "result", month.result));
    }
    print(context, of.csv, &page.items, &BY_ACCOUNT, rows)
}

async fn balance_sheet(context: &Context, of: &Of) -> Result {
    let page: Page<BalanceSheet> = context.registry(Method::GET, &of.path("balance-sheets"), ()).await?;
    let mut rows = Vec::new();
    for sheet in &page.items {
        rows.extend(account_rows(sheet.month, &sheet.assets));
        rows.push(line(sheet.month, "all assets", sheet.total));
        rows.extend(account_rows(sheet.month, &sheet.liabilities));
        rows.extend(account_rows(sheet.month, &sheet.equity));
        rows.push(line(sheet.month, "all liabilities and equity", sheet.total));
    }
    print(context, of.csv, &page.items, &BY_ACCOUNT, rows)
}

async fn vat(context: &Context, of: &Of) -> Result {
    let page: Page<TaxReturnLine> = context.registry(Method::GET, &of.path("tax-return"), ()).await?;
    let row = |line: &TaxReturnLine| {
        vec![
            line.country.clone().unwrap_or_default(),
            line.category.map(|category| category.to_string()).unwrap_or_default(),
            line.rule.clone(),
            line.documents.to_string(),
            line.tax.currency().to_string(),
            plain(line.taxable),
            plain(line.tax),
        ]
    };
    let rows = page.items.iter().map(row).collect();
    print(
        context,
        of.csv,
        &page.items,
        &["country", "category", "rule", ">documents", "in", ">taxable", ">tax"],
        rows,
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn periods_are_months_quarters_and_years() {
        for (text, from, to) in [
            ("2026-10", "2026-10", "2026-10"),
            ("2026-Q1", "2026-01", "2026-03"),
            ("2026-Q4", "2026-10", "2026-12"),
            ("2026", "2026-01", "2026-12"),
            ("2025-11..2026-02", "2025-11", "2026-02"),
        ] {
            let period = Period { from: from.parse().unwrap(), to: to.parse().unwrap() };
            assert_eq!(text.parse(), Ok(period), "{text}");
        }
        for text in ["", "2026-Q5", "2026-Q0", "2026-13", "26", "..", "2026-01..", "Q1"] {
            assert!(text.parse::<Period>().is_err(), "{text}");
        }
    }
}
