//! `chandlery payouts`: balances, transactions, statements, and paying partners.

mod debts;
mod partner;
mod profile;

use std::path::PathBuf;

use chandlery_package::wire::{
    BankAccount, NewPayout, Page, Payout, PayoutConfirmation, PayoutRun, ProfileVersion,
};
use chandlery_package::{Currency, Money, Month, Namespace};
use clap::Subcommand;
use jiff::Timestamp;
use reqwest::Method;
use serde::Serialize;
use serde_json::json;

use self::profile::Profile;
use super::policy;
use super::record::record;
use crate::api::Context;
use crate::failure::Result;
use crate::show;

/// What partners earn, and how it is paid to them.
#[derive(Subcommand)]
pub enum Payouts {
    /// Show what a partner has on hold, available and paid
    Balance {
        /// The partner's namespace
        partner: Namespace,
    },
    /// Show every change of a partner's money
    Transactions {
        /// The partner's namespace
        partner: Namespace,
        /// As comma-separated values
        #[arg(long)]
        csv: bool,
    },
    /// Show a partner's statements, each with its place in the transparency log
    Statements {
        /// The partner's namespace
        partner: Namespace,
        /// Of one month, such as 2026-10
        #[arg(long)]
        month: Option<Month>,
    },
    /// Show the invoices that the marketplace has issued to itself in a partner's name, or print one
    SelfBilled {
        /// The partner's namespace
        partner: Namespace,
        /// Print the one of this number, as a page
        number: Option<i64>,
        /// Print it as EN 16931 has it
        #[arg(long, requires = "number")]
        xml: bool,
    },
    /// Choose how a partner is paid; it holds once an operator has approved it
    Profile(Box<Profile>),
    /// Approve a version of a partner's payout profile that somebody else has written (for operators)
    ApproveProfile {
        /// The partner's namespace
        partner: Namespace,
        /// The version's number
        number: i64,
    },
    /// Show where every cent of a payout came from
    Explain {
        /// The payout's number
        id: i64,
    },
    /// Propose to pay out all that is available to a partner (for operators)
    Propose {
        /// The partner's namespace
        partner: Namespace,
        /// In which currency
        #[arg(default_value = "USD")]
        currency: Currency,
    },
    /// Propose to pay every partner to whom enough is available (for operators)
    Run {
        /// Pay one partner that leaves all that is left, however little, in each currency of which nothing is held
        #[arg(long = "final", value_name = "PARTNER")]
        last_of: Option<Namespace>,
    },
    #[command(flatten)]
    Debts(debts::Debts),
    /// Approve a payout that another operator has proposed
    Approve {
        /// The payout's number
        id: i64,
    },
    /// Cancel a proposed payout (for operators)
    Cancel {
        /// The payout's number
        id: i64,
    },
    /// Send the approved payouts of a run by their rails (for operators)
    Send {
        /// The number of the run
        run: i64,
    },
    /// Print the bank file of a run, ISO 20022 pain.001 (for operators)
    BankFile {
        /// The number of the run
        run: i64,
    },
    /// Say which account bank files pay from (for operators)
    From {
        /// Whose it is
        holder: String,
        /// The IBAN of the account
        iban: String,
        /// The BIC of its bank
        bic: String,
        /// The most that the bank takes for a transfer, such as "5.00 EUR": one for each currency
        #[arg(long, value_name = "AMOUNT")]
        fee_max: Vec<Money>,
    },
    /// Record that the bank has paid (for operators)
    Confirm {
        /// The payout's number
        id: i64,
        /// The bank's own reference
        #[arg(long, value_name = "TEXT")]
        bank_reference: String,
        /// What left the bank, with its fee
        #[arg(long, value_name = "AMOUNT")]
        left: Option<Money>,
    },
    /// Record that the bank could not pay; the money is available again (for operators)
    Return {
        /// The payout's number
        id: i64,
    },
    /// Show all payouts (for operators)
    List,
    #[command(hide = true)]
    Policies,
    #[command(hide = true)]
    Follow {
        #[arg(long, value_name = "FILE")]
        policy: PathBuf,
        #[arg(long, value_name = "TIME")]
        since: Timestamp,
    },
    #[command(hide = true)]
    Replay {
        #[arg(long, value_name = "FILE")]
        policy: PathBuf,
    },
}

impl Payouts {
    /// Runs the command that was chosen.
    pub async fn run(self, context: &Context) -> Result {
        match self {
            Self::Balance { partner } => partner::balance(context, &partner).await,
            Self::Transactions { partner, csv } => partner::transactions(context, &partner, csv).await,
            Self::Propose { partner, currency } => {
                step(context, "/api/v1/payouts".into(), NewPayout { partner, currency }).await
            }
            Self::Approve { id } => step(context, format!("/api/v1/payouts/{id}/approve"), json!({})).await,
            Self::Confirm { id, bank_reference, left } => {
                let confirmation = PayoutConfirmation { bank_reference, left };
                step(context, format!("/api/v1/payouts/{id}/confirm"), confirmation).await
            }
            Self::Return { id } => step(context, format!("/api/v1/payouts/{id}/return"), json!({})).await,
            Self::Cancel { id } => step(context, format!("/api/v1/payouts/{id}/cancel"), json!({})).await,
            Self::Run { last_of } => {
                let path = match last_of {
                    Some(partner) => format!("/api/v1/partners/{partner}/final-payouts"),
                    None => "/api/v1/payout-runs".to_owned(),
                };
                propose_run(context, &path).await
            }
            Self::Debts(debts) => debts.run(context).await,
            Self::Send { run } => many(context, &format!("/api/v1/payout-runs/{run}/send")).await,
            Self::BankFile { run } => {
                show::document(&context.registry_text(&format!("/api/v1/payout-runs/{run}/pain.001")).await?);
                Ok(())
            }
            Self::From { holder, iban, bic, fee_max } => {
                let done = format!("bank files pay from {iban} of {holder}");
                let (name, currency) = ("main".into(), None);
                let account = BankAccount { name, currency, holder, iban, bic, fees_max: fee_max };
                record(context, Method::PUT, "/api/v1/bank-account", account, done).await
            }
            Self::List => list(context).await,
            Self::SelfBilled { partner, number, xml } => {
                partner::self_billed(context, &partner, number, xml).await
            }
            Self::Statements { partner, month } => partner::statements(context, &partner, month).await,
            Self::Profile(profile) => profile.run(context).await,
            Self::ApproveProfile { partner, number } => {
                let path = format!("/api/v1/partners/{partner}/payout-profile/{number}/approve");
                let found: ProfileVersion = context.registry(Method::POST, &path, json!({})).await?;
                profile::say(context, &partner, &found);
                Ok(())
            }
            Self::Explain { id } => partner::explain(context, id).await,
            Self::Policies => policy::list(context).await,
            Self::Follow { policy, since } => policy::set(context, &policy, since).await,
            Self::Replay { policy } => policy::replay(context, &policy).await,
        }
    }
}

async fn step(context: &Context, path: String, body: impl Serialize) -> Result {
    let payout: Payout = context.registry(Method::POST, &path, body).await?;
    match context.settings.json {
        true => show::json(payout),
        false => show::done(format!(
            "payout {} of {} to '{}' is {}",
            payout.id, payout.amount, payout.partner, payout.state
        )),
    }
    Ok(())
}

async fn list(context: &Context) -> Result {
    let page: Page<Payout> = context.registry_list("/api/v1/payouts").await?;
    say_payouts(context, &page);
    Ok(())
}

fn say_payouts(context: &Context, page: &Page<Payout>) {
    let row = |payout: &Payout| {
        let approved = payout.approved_by.as_ref().map(ToString::to_string).unwrap_or_default();
        vec![
            payout.id.to_string(),
            payout.run.map(|run| run.to_string()).unwrap_or_default(),
            payout.partner.to_string(),
            payout.amount.to_string(),
            payout.sent.to_string(),
            payout.rail.to_string(),
            payout.state.to_string(),
            payout.proposed_by.to_string(),
            approved,
        ]
    };
    let headings =
        [">no.", ">run", "partner", ">amount", ">sent", "rail", "state", "proposed by", "approved by"];
    match context.settings.json {
        true => show::json(page),
        false => show::table(&headings, page.items.iter().map(row)),
    }
}

async fn propose_run(context: &Context, path: &str) -> Result {
    let run: PayoutRun = context.registry(Method::POST, path, json!({})).await?;
    match context.settings.json {
        true => show::json(run),
        false => {
            say_payouts(context, &Page::whole(run.items.clone()));
            debts::say_left_out(&run);
        }
    }
    Ok(())
}

async fn many(context: &Context, path: &str) -> Result {
    let page: Page<Payout> = context.registry(Method::POST, path, json!({})).await?;
    say_payouts(context, &page);
    Ok(())
}
