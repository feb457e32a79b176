//! `chandlery expense`: what the marketplace spends, one by one or from a file.

use std::path::PathBuf;

use chandlery_package::wire::{Expense as On, NewExpense};
use chandlery_package::words::UnknownWord;
use chandlery_package::{Money, Tier};
use clap::{Args, Subcommand};
use jiff::civil::Date;
use reqwest::Method;

use super::record::record;
use crate::api::Context;
use crate::failure::{Failure, Result};
use crate::show;

const COLUMNS: &str = "key,day,amount,on,description";

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
        let mut lines = text.lines().zip(1..);
        if lines.next().map(|(head, _)| head.trim()) != Some(COLUMNS) {
            return Err(Failure::of(format!("{} does not begin with {COLUMNS}", file.display())));
        }
        // All of it is read before any of it is recorded.
        let wrong =
            |number: i32, what: String| Failure::of(format!("{}, line {number}: {what}", file.display()));
        let expenses = lines
            .filter(|(line, _)| !line.trim().is_empty())
            .map(|(line, number)| expense(line).map_err(|what| wrong(number, what)))
            .collect::<Result<Vec<_>>>()?;
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

/// A line of a file of expenses, or what is wrong with it.
fn expense(line: &str) -> std::result::Result<NewExpense, String> {
    let fields: Vec<_> = line.splitn(5, ',').map(str::trim).collect();
    let [key, day, amount, on, description] = fields[..] else {
        return Err("it has not five columns".into());
    };
    Ok(NewExpense {
        key: key.into(),
        description: description.trim_matches('"').into(),
        amount: amount.parse().map_err(|error| format!("{error}"))?,
        on: match on {
            "hosting" => On::Hosting,
            tier => {
                On::Acquisition { segment: tier.parse().map_err(|error: UnknownWord| error.to_string())? }
            }
        },
        day: Some(day.parse().map_err(|error| format!("'{day}' is no day: {error}"))?),
    })
}
