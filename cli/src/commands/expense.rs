//! `chandlery expense`: what the marketplace spends, one by one or from a file.

use std::path::PathBuf;

use chandlery_money::table::{self, Row};
use chandlery_package::wire::{Expense as On, NewExpense};
use chandlery_package::{Money, Tier};
use clap::{Args, Subcommand};
use jiff::civil::Date;
use reqwest::Method;

use super::record::record;
use crate::api::Context;
use crate::failure::{Failure, Result};
use crate::show;

const COLUMNS: [&str; 5] = ["key", "day", "amount", "on", "description"];

/// What the marketplace spends (for operators).
#[derive(Subcommand)]
pub enum Expense {
    /// Record what was spent from the bank
    Record(Record),
    /// Record what was spent from a file of comma-separated values, with the columns key,day,amount,on,description: each key once
    Import(Import),
}

impl Expense {
    /// Runs the command that was chosen.
    pub async fn run(self, context: &Context) -> Result {
        match self {
            Self::Record(record) => record.run(context).await,
            Self::Import(import) => import.run(context).await,
        }
    }
}

/// Record what was spent from the bank
#[derive(Args)]
pub struct Record {
    /// What was spent, such as "250.00 USD"
    amount: Money,
    /// What it was spent on
    #[arg(long, value_name = "TEXT")]
    description: String,
    /// On winning customers of this tier; on running the service, unless given
    #[arg(long, value_name = "TIER")]
    acquisition: Option<Tier>,
    /// On this day, in a month that is not closed; now, unless given
    #[arg(long, value_name = "DATE")]
    day: Option<Date>,
    /// Makes it the same expense when it is recorded again
    #[arg(long, value_name = "TEXT")]
    key: Option<String>,
}

impl Record {
    /// Records one expense.
    pub async fn run(self, context: &Context) -> Result {
        let Self { amount, description, acquisition, day, key } = self;
        let key = key.unwrap_or_else(|| uuid::Uuid::now_v7().to_string());
        let on = acquisition.map_or(On::Hosting, |segment| On::Acquisition { segment });
        let new = NewExpense { key, description, amount, on, day };
        let done = format!("{amount} were spent");
        record(context, Method::POST, "/api/v1/ledger/expenses", new, done).await
    }
}

/// Record what was spent from a file
#[derive(Args)]
pub struct Import {
    /// The file; `on` is "hosting", or the tier that customers are won for
    #[arg(value_name = "FILE")]
    file: PathBuf,
}

impl Import {
    /// Records all of it, or nothing where a line cannot be read.
    pub async fn run(self, context: &Context) -> Result {
        let file = &self.file;
        let text = std::fs::read_to_string(file)
            .map_err(|error| Failure::of(format!("{} cannot be read: {error}", file.display())))?;
        // All of it is read before any of it is recorded.
        let expenses = table::read(&text, &COLUMNS, expense)
            .map_err(|error| Failure::of(format!("{}: {error}", file.display())))?;
        for new in &expenses {
            context.tell_registry(Method::POST, "/api/v1/ledger/expenses", new).await?;
        }
        match context.settings.json {
            true => show::json(expenses),
            false => show::done(format!("{} expenses are recorded", expenses.len())),
        }
        Ok(())
    }
}

/// A row of a file of expenses.
fn expense(row: Row<'_>) -> std::result::Result<NewExpense, chandlery_money::Error> {
    Ok(NewExpense {
        key: row.text("key").into(),
        description: row.text("description").into(),
        amount: row.read("amount")?,
        on: match row.text("on") {
            "hosting" => On::Hosting,
            _ => On::Acquisition { segment: row.read("on")? },
        },
        day: Some(row.read("day")?),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_wrong_is_told_by_line_and_column() {
        let read = |rows: &str| {
            let text = format!("key,day,amount,on,description\r\n{rows}");
            table::read(&text, &COLUMNS, expense).map_err(|error| error.to_string())
        };
        let fine = read("a,2026-02-14,1.00 USD,team,\"a \"\"quoted\"\" text, with more\"\r\n").unwrap();
        assert_eq!(fine[0].description, "a \"quoted\" text, with more");
        assert_eq!(fine[0].on, On::Acquisition { segment: Tier::Team });
        for (row, says) in [
            ("b,tomorrow,1.00 USD,team,x", "line 3: column day: "),
            ("b,2026-02-14,1.00,team,x", "line 3: column amount: "),
            ("b,2026-02-14,1.00 USD,nobody,x", "line 3: column on: 'nobody' is no "),
            ("b,2026-02-14,1.00 USD,hosting", "line 3: it has 4 columns, not 5"),
            ("b,2026-02-14,1.00 USD,hosting,x, y", "line 3: it has 6 columns, not 5"),
        ] {
            let refused = read(&format!("a,2026-02-14,1.00 USD,team,x\r\n{row}\r\n")).unwrap_err();
            assert!(refused.starts_with(says), "{refused}");
        }
    }
}
