//! The bank's statements: bringing them, looking at the lines that are open, and saying what these are for.

use std::path::PathBuf;

use chandlery_package::wire::{Allotment, BankAccount, BankBalance, BankLine, NewAllotment, Page};
use chandlery_package::{Currency, Money, Namespace};
use clap::{Args, Subcommand};
use reqwest::Method;

use super::record::record;
use crate::api::Context;
use crate::failure::{Failure, Result};
use crate::show;

/// Look at the bank's statement, and record what it pays and returns
#[derive(Args)]
pub struct Reconcile {
    /// camt.053, or CSV with the columns id,date,amount,currency,text
    statement: PathBuf,
    /// The bank account that it is of, where it does not say that
    #[arg(long, value_name = "NAME")]
    bank_account: Option<Namespace>,
}

impl Reconcile {
    /// Brings a statement, and shows what became of its lines.
    pub async fn run(self, context: &Context) -> Result {
        let Self { statement, bank_account } = self;
        let text = std::fs::read_to_string(&statement)
            .map_err(|error| Failure::of(format!("{}: {error}", statement.display())))?;
        let query = bank_account.map_or_else(String::new, |account| format!("?account={account}"));
        let path = format!("/api/v1/bank-statements{query}");
        let page: Page<BankLine> = context.send_text(&path, text).await?;
        show_lines(context, page)
    }
}

/// Compare what the bank says that it holds with what the books say, or name the bank accounts
#[derive(Args)]
pub struct Bank {
    #[command(subcommand)]
    accounts: Option<Accounts>,
}

/// The marketplace's own bank accounts.
#[derive(Subcommand)]
enum Accounts {
    /// Name a bank account: its statements are brought, and transfers in its currency leave from it
    Add {
        /// Such as main-eur
        name: Namespace,
        /// Whose it is
        #[arg(long, value_name = "TEXT")]
        holder: String,
        /// The IBAN of the account
        #[arg(long)]
        iban: String,
        /// The BIC of its bank
        #[arg(long)]
        bic: String,
        /// The currency that it is of
        #[arg(long)]
        currency: Currency,
        /// The most that the bank takes for a transfer, such as "5.00 EUR"
        #[arg(long, value_name = "AMOUNT")]
        fee_max: Vec<Money>,
    },
    /// Show the bank accounts
    List,
}

impl Bank {
    /// Compares, or does what is asked of the accounts.
    pub async fn run(self, context: &Context) -> Result {
        match self.accounts {
            None => balances(context).await,
            Some(Accounts::List) => list_accounts(context).await,
            Some(Accounts::Add { name, holder, iban, bic, currency, fee_max }) => {
                let done = format!("bank account '{name}' is {iban} of {holder} in {currency}");
                let (name, currency) = (name.to_string(), Some(currency));
                let account = BankAccount { name, currency, holder, iban, bic, fees_max: fee_max };
                record(context, Method::PUT, "/api/v1/bank-account", account, done).await
            }
        }
    }
}

async fn list_accounts(context: &Context) -> Result {
    let page: Page<BankAccount> = context.registry(Method::GET, "/api/v1/bank-accounts", ()).await?;
    let row = |account: &BankAccount| {
        let currency = account.currency.map_or_else(|| "all others".to_owned(), |of| of.to_string());
        let (name, holder) = (account.name.clone(), account.holder.clone());
        vec![name, currency, holder, account.iban.clone(), account.bic.clone()]
    };
    match context.settings.json {
        true => show::json(page.items),
        false => {
            let columns = ["account", "currency", "holder", "IBAN", "BIC"];
            show::table(&columns, page.items.iter().map(row));
        }
    }
    Ok(())
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
            line.account.clone(),
            line.id.clone(),
            line.day.map_or_else(String::new, |day| day.to_string()),
            amount(line.amount),
            amount(line.open),
            line.text.clone(),
            line.outcome.clone(),
            suggestion,
        ]
    };
    let columns = ["account", "line", "day", ">amount", ">open", "text", "outcome", "may be"];
    match context.settings.json {
        true => show::json(page.items),
        false => show::table(&columns, page.items.iter().map(row)),
    }
    Ok(())
}

/// Shows what the bank and the books say.
async fn balances(context: &Context) -> Result {
    let page: Page<BankBalance> = context.registry(Method::GET, "/api/v1/bank/balances", ()).await?;
    let row = |held: &BankBalance| {
        vec![
            held.account.clone(),
            held.day.to_string(),
            held.bank.to_string(),
            held.books.to_string(),
            held.unseen.to_string(),
            held.suspense.to_string(),
            held.difference.to_string(),
        ]
    };
    let columns = ["account", "day", ">bank", ">books", ">by hand, unseen", ">in suspense", ">difference"];
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
    /// It moves between bank accounts of the marketplace's own
    #[arg(long)]
    own: bool,
    /// It is what the bank takes
    #[arg(long)]
    charges: bool,
    /// It is kept as this customer's credit
    #[arg(long, value_name = "ACCOUNT")]
    credit: Option<Namespace>,
    /// It is sent back, by a transfer that you make or, where the processor has it, by that; also what of it is a customer's credit
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
            Self { own: true, .. } => Allotment::Own { amount },
            Self { charges: true, .. } => Allotment::Charges { amount },
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
