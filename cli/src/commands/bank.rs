//! The bank's statements: bringing them, looking at the lines that are open, and saying what these are for.

use std::path::Path;

use chandlery_package::wire::{Allotment, BankBalance, BankLine, NewAllotment, Page};
use chandlery_package::{Money, Namespace};
use clap::Args;
use reqwest::Method;

use crate::api::Context;
use crate::failure::{Failure, Result};
use crate::show;

/// Brings a statement, and shows what became of its lines.
pub async fn reconcile(context: &Context, statement: &Path) -> Result {
    let text = std::fs::read_to_string(statement)
        .map_err(|error| Failure::of(format!("{}: {error}", statement.display())))?;
    let page: Page<BankLine> = context.send_text("/api/v1/bank-statements", text).await?;
    show_lines(context, page)
}

/// Shows the lines that are open, or all.
pub async fn lines(context: &Context, all: bool) -> Result {
    let path = if all { "/api/v1/bank/lines" } else { "/api/v1/bank/lines?state=open" };
    show_lines(context, context.registry_list(path).await?)
}

fn show_lines(context: &Context, page: Page<BankLine>) -> Result {
    let row = |line: &BankLine| {
        let amount = |amount: Option<Money>| amount.map_or_else(String::new, |amount| amount.to_string());
        let suggestion = line.suggestions.first().map_or_else(String::new, |first| first.why.clone());
        vec![
            line.id.clone(),
            line.day.map_or_else(String::new, |day| day.to_string()),
            amount(line.amount),
            amount(line.open),
            line.text.clone(),
            line.outcome.clone(),
            suggestion,
        ]
    };
    let columns = ["line", "day", ">amount", ">open", "text", "outcome", "may be"];
    match context.settings.json {
        true => show::json(page.items),
        false => show::table(&columns, page.items.iter().map(row)),
    }
    Ok(())
}

/// Shows what the bank and the books say.
pub async fn balances(context: &Context) -> Result {
    let page: Page<BankBalance> = context.registry(Method::GET, "/api/v1/bank/balances", ()).await?;
    let row = |held: &BankBalance| {
        vec![
            held.day.to_string(),
            held.bank.to_string(),
            held.books.to_string(),
            held.unseen.to_string(),
            held.suspense.to_string(),
            held.difference.to_string(),
        ]
    };
    let columns = ["day", ">bank", ">books", ">by hand, unseen", ">in suspense", ">difference"];
    match context.settings.json {
        true => show::json(page.items),
        false => show::table(&columns, page.items.iter().map(row)),
    }
    Ok(())
}

/// Say what a line of the bank's statement is for, all of it or a part
#[derive(Args)]
pub struct Allot {
    /// The line's id
    line: String,
    /// How much of it, such as "100.00 USD"
    amount: Money,
    #[command(flatten)]
    to: To,
}

/// What a line is for: one of these.
#[derive(Args)]
#[group(required = true, multiple = false)]
struct To {
    /// It pays this invoice, or a part of it
    #[arg(long, value_name = "NUMBER")]
    invoice: Option<i64>,
    /// It pays the order of this reference
    #[arg(long, value_name = "REFERENCE")]
    order: Option<String>,
    /// It is what this payout left by, or what came back of it
    #[arg(long, value_name = "NUMBER")]
    payout: Option<i64>,
    /// It is this transaction of the ledger, which was recorded by hand
    #[arg(long, value_name = "NUMBER")]
    recorded: Option<i64>,
    /// It is kept as this customer's credit
    #[arg(long, value_name = "ACCOUNT")]
    credit: Option<Namespace>,
    /// It is sent back, by a transfer that you make; also what of it is a customer's credit
    #[arg(long)]
    send_back: bool,
}

impl To {
    fn allotment(self, amount: Money) -> Allotment {
        match self {
            Self { invoice: Some(number), .. } => Allotment::Invoice { number, amount },
            Self { order: Some(reference), .. } => Allotment::Order { reference, amount },
            Self { payout: Some(id), .. } => Allotment::Payout { id, amount },
            Self { recorded: Some(transaction), .. } => Allotment::Recorded { transaction },
            Self { credit: Some(customer), .. } => Allotment::Credit { customer, amount },
            Self { .. } => Allotment::SendBack { amount },
        }
    }
}

impl Allot {
    /// Says what the line is for.
    pub async fn run(self, context: &Context) -> Result {
        let Self { line, amount, to } = self;
        let new = NewAllotment { line, to: vec![to.allotment(amount)] };
        let line: BankLine = context.registry(Method::POST, "/api/v1/bank/allotments", new).await?;
        match context.settings.json {
            true => show::json(line),
            false => show::done(format!("bank line {} {}", line.id, line.outcome)),
        }
        Ok(())
    }
}
