//! `chandlery payouts`: balances, transactions, the books, and paying partners.

use chandlery_package::wire::{Balance, Earning, Page, Payout};
use chandlery_package::{Currency, Namespace};
use clap::Subcommand;
use reqwest::Method;
use serde_json::{Value, json};

use crate::api::Context;
use crate::failure::{Failure, Result};
use crate::show;

/// Payouts.
#[derive(Subcommand)]
pub enum Payouts {
    /// Show what a partner has on hold, available and paid
    Balance {
        /// The partner
        partner: Namespace,
    },
    /// Show every change of a partner's money
    Transactions {
        /// The partner
        partner: Namespace,
        /// As comma-separated values
        #[arg(long)]
        csv: bool,
    },
    /// Propose to pay out all that is available to a partner (for operators)
    Propose {
        /// The partner
        partner: Namespace,
        /// In which currency
        #[arg(default_value = "USD")]
        currency: Currency,
    },
    /// Approve a payout that another operator has proposed
    Approve {
        /// The payout
        id: i64,
    },
    /// Record that the bank has paid (for operators)
    Confirm {
        /// The payout
        id: i64,
        /// The bank's own reference
        #[arg(long, value_name = "TEXT")]
        bank_reference: String,
    },
    /// Record that the bank could not pay; the money is available again (for operators)
    Return {
        /// The payout
        id: i64,
    },
    /// Show all payouts (for operators)
    List,
    /// Print the books as a journal for hledger (for operators)
    Journal,
    /// Recompute the books and say whether they balance (for operators)
    Check,
}

impl Payouts {
    /// Does it.
    pub async fn run(self, context: &Context) -> Result {
        match self {
            Self::Balance { partner } => balance(context, &partner).await,
            Self::Transactions { partner, csv } => transactions(context, &partner, csv).await,
            Self::Propose { partner, currency } => {
                step(context, "/api/v1/payouts".into(), json!({ "partner": partner, "currency": currency }))
                    .await
            }
            Self::Approve { id } => step(context, format!("/api/v1/payouts/{id}/approve"), json!({})).await,
            Self::Confirm { id, bank_reference } => {
                let body = json!({ "bank_reference": bank_reference });
                step(context, format!("/api/v1/payouts/{id}/confirm"), body).await
            }
            Self::Return { id } => step(context, format!("/api/v1/payouts/{id}/return"), json!({})).await,
            Self::List => list(context).await,
            Self::Journal => {
                print!("{}", context.registry_text("/api/v1/ledger/journal").await?);
                Ok(())
            }
            Self::Check => check(context).await,
        }
    }
}

async fn balance(context: &Context, partner: &Namespace) -> Result {
    let page: Page<Balance> =
        context.registry(Method::GET, &format!("/api/v1/partners/{partner}/balances"), ()).await?;
    let row = |balance: &Balance| {
        [balance.on_hold, balance.available, balance.in_transit, balance.paid]
            .map(|money| money.to_string())
            .to_vec()
    };
    match context.settings.json {
        true => show::json(page),
        false => show::table(&[">on hold", ">available", ">on its way", ">paid"], page.items.iter().map(row)),
    }
    Ok(())
}

async fn transactions(context: &Context, partner: &Namespace, csv: bool) -> Result {
    let path = format!("/api/v1/partners/{partner}/transactions");
    if csv {
        print!("{}", context.registry_text(&format!("{path}.csv")).await?);
        return Ok(());
    }
    let page: Page<Earning> = context.registry(Method::GET, &path, ()).await?;
    let row = |earning: &Earning| {
        vec![
            earning.transaction.to_string(),
            earning.at.strftime("%F").to_string(),
            earning.description.clone(),
            earning.gross.map(|gross| gross.to_string()).unwrap_or_default(),
            earning.net.to_string(),
        ]
    };
    match context.settings.json {
        true => show::json(page),
        false => {
            show::table(&[">no.", "date", "what", ">customer paid", ">balance"], page.items.iter().map(row))
        }
    }
    Ok(())
}

async fn step(context: &Context, path: String, body: Value) -> Result {
    let payout: Payout = context.registry(Method::POST, &path, body).await?;
    match context.settings.json {
        true => show::json(payout),
        false => show::done(format!(
            "payout {} of {} to '{}' is {}",
            payout.id,
            payout.amount,
            payout.partner,
            show::word(payout.state)
        )),
    }
    Ok(())
}

async fn list(context: &Context) -> Result {
    let page: Page<Payout> = context.registry(Method::GET, "/api/v1/payouts", ()).await?;
    let row = |payout: &Payout| {
        let approved = payout.approved_by.as_ref().map(ToString::to_string).unwrap_or_default();
        vec![
            payout.id.to_string(),
            payout.partner.to_string(),
            payout.amount.to_string(),
            show::word(payout.state),
            payout.proposed_by.to_string(),
            approved,
        ]
    };
    match context.settings.json {
        true => show::json(page),
        false => show::table(
            &[">no.", "partner", ">amount", "state", "proposed by", "approved by"],
            page.items.iter().map(row),
        ),
    }
    Ok(())
}

async fn check(context: &Context) -> Result {
    let check: Value = context.registry(Method::GET, "/api/v1/ledger/check", ()).await?;
    let faults: Vec<_> = check["faults"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    if !faults.is_empty() {
        return Err(Failure::new("unbalanced", "The books do not balance", faults.join("; ")));
    }
    match context.settings.json {
        true => show::json(check),
        false => show::done(format!(
            "the books balance: {} transactions, {} postings",
            check["transactions"], check["postings"]
        )),
    }
    Ok(())
}
