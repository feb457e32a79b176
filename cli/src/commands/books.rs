//! `chandlery books`: the ledger, its checks and exports, the close of months, and what operators write into it.

mod close;
mod reports;

use chandlery_package::wire::{
    AccountBalance, BooksCheck, ClosedMonth, FxRate, NewExchange, Page, SetAside, TaxRule, UnlicensedUse,
};
use chandlery_package::{Currency, Money, Month, Rate};
use clap::Subcommand;
use jiff::Timestamp;
use jiff::civil::Date;
use reqwest::Method;

use super::record::record;
use super::{bank, dispute, expense, party, processor, send_back};
use crate::api::Context;
use crate::failure::{Failure, Result};
use crate::show;
use crate::words;

/// The ledger, and what operators write into it.
#[derive(Subcommand)]
pub enum Books {
    /// Recompute the books and say whether they balance
    Check,
    /// Print the books as a journal for hledger
    Journal {
        /// For beancount instead
        #[arg(long)]
        beancount: bool,
    },
    /// Print every posting as comma-separated values
    Csv,
    /// Show what every account holds, or held at a moment
    Balances {
        /// The moment, such as 2026-10-31T23:59:59Z
        #[arg(long, value_name = "TIME")]
        at: Option<Timestamp>,
    },
    /// Show which months are over and open, and which are closed
    Months,
    /// Close a month: invoice its use, make its statements, and let nothing be posted in it any more
    Close {
        /// Such as 2026-10; the earliest that is open, unless given
        month: Option<Month>,
        /// Show what that would do, and change nothing
        #[arg(long)]
        dry_run: bool,
    },
    /// Show what could not be charged when months were closed, and is taken up again by the next close
    SetAside,
    /// Show use of plugins that cost something by accounts that had no order of them
    Unlicensed,
    #[command(flatten)]
    Report(reports::Report),
    Reconcile(bank::Reconcile),
    /// Show the lines of the bank's statements that nobody knows what they are for, and what they may be for
    Lines {
        /// Show all lines instead
        #[arg(long)]
        all: bool,
    },
    /// Say what a line of the bank's statement is for, all of it or a part
    Allot(bank::Allot),
    Bank(bank::Bank),
    /// Give customers back what they have paid by the bank, or see what goes back
    #[command(subcommand)]
    SendBack(send_back::SendBacks),
    Events(processor::Events),
    Surplus(processor::Surplus),
    Requests(processor::Requests),
    #[command(hide = true)]
    Spend(expense::Record),
    #[command(hide = true)]
    ImportSpend(expense::Import),
    /// Record that the bank has exchanged one currency for another
    Exchange {
        /// What was sold
        sold: Money,
        /// What was bought
        bought: Money,
        /// The bank's own reference
        #[arg(long, value_name = "TEXT")]
        bank_reference: String,
    },
    /// Set an exchange rate from a day on
    Rate {
        /// One of these …
        base: Currency,
        /// … costs so much of the other, such as 0.92
        rate: String,
        /// The other currency
        quote: Currency,
        /// From this day on; today, unless given
        #[arg(long, value_name = "DAY")]
        day: Option<Date>,
    },
    /// Say who sells here, as documents name it from a day on; without a name, show who does
    Seller(Box<party::SellerArguments>),
    /// Set a sales tax of a country from a day on
    Tax {
        /// ISO 3166 code, such as DE
        country: String,
        /// VAT, GST, …
        name: String,
        /// Such as 19%
        rate: Rate,
        /// From this day on
        #[arg(long, value_name = "DAY")]
        since: Date,
    },
    #[command(hide = true)]
    Dispute(dispute::Open),
    #[command(hide = true)]
    Decide(dispute::Resolve),
}

impl Books {
    /// Runs the command that was chosen.
    pub async fn run(self, context: &Context) -> Result {
        match self {
            Self::Check => check(context).await,
            Self::Journal { beancount } => {
                let query = if beancount { "?format=beancount" } else { "" };
                print_text(context, &format!("/api/v1/ledger/journal{query}")).await
            }
            Self::Csv => print_text(context, "/api/v1/ledger/postings.csv").await,
            Self::Balances { at } => balances(context, at).await,
            Self::Months => months(context).await,
            Self::Close { month, dry_run } => close::run(context, month, dry_run).await,
            Self::SetAside => set_aside(context).await,
            Self::Unlicensed => unlicensed(context).await,
            Self::Report(report) => report.run(context).await,
            Self::Reconcile(reconcile) => reconcile.run(context).await,
            Self::Lines { all } => bank::lines(context, all).await,
            Self::Allot(allot) => allot.run(context).await,
            Self::Bank(bank) => bank.run(context).await,
            Self::SendBack(what) => what.run(context).await,
            Self::Events(events) => events.run(context).await,
            Self::Surplus(surplus) => surplus.run(context).await,
            Self::Requests(requests) => requests.run(context).await,
            Self::Spend(record) => record.run(context).await,
            Self::ImportSpend(import) => import.run(context).await,
            Self::Exchange { sold, bought, bank_reference } => {
                let new = NewExchange { key: bank_reference, sold, bought };
                let done = format!("{sold} were exchanged for {bought}");
                record(context, Method::POST, "/api/v1/ledger/exchanges", new, done).await
            }
            Self::Rate { base, rate, quote, day } => set_rate(context, base, &rate, quote, day).await,
            Self::Seller(seller) => seller.run(context).await,
            Self::Tax { country, name, rate, since } => {
                let rule = TaxRule { country, since, name, rate };
                let done = format!("{} {} in {} from {since} on", rule.name, rule.rate, rule.country);
                record(context, Method::POST, "/api/v1/tax-rules", rule, done).await
            }
            Self::Dispute(open) => open.run(context).await,
            Self::Decide(resolve) => resolve.run(context).await,
        }
    }
}

async fn print_text(context: &Context, path: &str) -> Result {
    show::document(&context.registry_text(path).await?);
    Ok(())
}

async fn check(context: &Context) -> Result {
    let check: BooksCheck = context.registry(Method::GET, "/api/v1/ledger/check", ()).await?;
    if !check.faults.is_empty() {
        return Err(Failure::new(&words::UNBALANCED, check.faults.join("; ")));
    }
    match context.settings.json {
        true => show::json(check),
        false => show::done(format!(
            "the books balance: {} transactions, {} postings{}{}{}",
            check.transactions,
            check.postings,
            close::left_out(&check.set_aside),
            remark("to be decided", &check.undecided),
            remark("not followed", &check.unfollowed)
        )),
    }
    Ok(())
}

/// Says what an operator should look at though the books balance, behind a sentence.
fn remark(about: &str, what: &[String]) -> String {
    match what.is_empty() {
        true => String::new(),
        false => format!("; {about}: {}", what.join("; ")),
    }
}

async fn set_aside(context: &Context) -> Result {
    let page: Page<SetAside> = context.registry_list("/api/v1/ledger/set-aside").await?;
    let row = |aside: &SetAside| {
        let plugin = aside.plugin.as_ref().map_or_else(|| "everything".into(), ToString::to_string);
        vec![aside.month.to_string(), aside.account.to_string(), plugin, aside.reason.clone()]
    };
    match context.settings.json {
        true => show::json(page.items),
        false => show::table(&["month", "customer", "plugin", "reason"], page.items.iter().map(row)),
    }
    Ok(())
}

async fn unlicensed(context: &Context) -> Result {
    let page: Page<UnlicensedUse> = context.registry_list("/api/v1/unlicensed-use").await?;
    let row = |used: &UnlicensedUse| {
        let (month, account, plugin) =
            (used.month.to_string(), used.account.to_string(), used.plugin.to_string());
        vec![month, account, plugin, show::duration(used.replica_millis), show::duration(used.gpu_millis)]
    };
    match context.settings.json {
        true => show::json(page.items),
        false => show::table(&["month", "account", "plugin", "replicas", "GPUs"], page.items.iter().map(row)),
    }
    Ok(())
}

async fn balances(context: &Context, at: Option<Timestamp>) -> Result {
    let query = at.map(|at| format!("?at={at}")).unwrap_or_default();
    let page: Page<AccountBalance> =
        context.registry_list(&format!("/api/v1/ledger/balances{query}")).await?;
    let row = |held: &AccountBalance| vec![held.account.clone(), held.balance.to_string()];
    match context.settings.json {
        true => show::json(page.items),
        false => show::table(&["account", ">debits less credits"], page.items.iter().map(row)),
    }
    Ok(())
}

async fn months(context: &Context) -> Result {
    let months = close::all_months(context).await?;
    if context.settings.json {
        show::json(months);
        return Ok(());
    }
    let due = |month: &Month| vec![month.to_string(), "over and open".into(), String::new()];
    let closed = |closed: &ClosedMonth| {
        let by = format!("closed by {}", closed.closed_by);
        vec![closed.month.to_string(), by, closed.balances_digest.to_string()]
    };
    let rows = months.due.iter().rev().map(due).chain(months.closed.iter().map(closed));
    show::table(&["month", "state", "balances"], rows);
    Ok(())
}

async fn set_rate(
    context: &Context,
    base: Currency,
    rate: &str,
    quote: Currency,
    day: Option<Date>,
) -> Result {
    let malformed = || Failure::new(&words::NOT_A_RATE, format!("'{rate}': write it as 0.92"));
    let (whole, part) = rate.split_once('.').unwrap_or((rate, ""));
    let numerator: i64 = format!("{whole}{part}").parse().map_err(|_| malformed())?;
    let digits = u32::try_from(part.len()).map_err(|_| malformed())?;
    let denominator = 10_i64.checked_pow(digits).ok_or_else(malformed)?;
    let day = day.unwrap_or_else(|| Timestamp::now().to_zoned(jiff::tz::TimeZone::UTC).date());
    let new = FxRate { base, quote, day, numerator, denominator };
    let done = format!("1 {base} is {rate} {quote} from {day} on");
    record(context, Method::PUT, "/api/v1/exchange-rates", new, done).await
}
