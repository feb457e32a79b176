//! `chandlery dispute`: payments that customers' banks have taken back, and how that ended.

use chandlery_package::Money;
use chandlery_package::wire::{self, ClosedDispute, DisputeState, NewDispute, Page};
use clap::{Args, Subcommand};
use reqwest::Method;

use super::record::record;
use crate::api::Context;
use crate::failure::Result;
use crate::show;

/// Disputes (for operators).
#[derive(Subcommand)]
pub enum Dispute {
    /// Show the payments that customers' banks have taken back, the one that was opened first before all others
    List {
        /// Those in this state alone: open, won or lost
        #[arg(long)]
        state: Option<DisputeState>,
    },
    /// Record that a customer's bank disputes a sale
    Open(Open),
    /// Record how a dispute was decided
    Resolve(Resolve),
}

impl Dispute {
    /// Runs the command that was chosen.
    pub async fn run(self, context: &Context) -> Result {
        match self {
            Self::List { state } => list(context, state).await,
            Self::Open(open) => open.run(context).await,
            Self::Resolve(resolve) => resolve.run(context).await,
        }
    }
}

async fn list(context: &Context, state: Option<DisputeState>) -> Result {
    let query = state.map(|state| format!("?state={state}")).unwrap_or_default();
    let page: Page<wire::Dispute> = context.registry_list(&format!("/api/v1/disputes{query}")).await?;
    let row = |dispute: &wire::Dispute| {
        vec![
            dispute.id.clone(),
            dispute.state.to_string(),
            dispute.customer.as_ref().map(ToString::to_string).unwrap_or_default(),
            dispute.amount.to_string(),
            dispute.opened_at.strftime("%F").to_string(),
            dispute.answer_by.map(|until| until.strftime("%F %H:%M UTC").to_string()).unwrap_or_default(),
            dispute.reason.clone().unwrap_or_default(),
        ]
    };
    match context.settings.json {
        true => show::json(page.items),
        false => {
            let columns = ["dispute", "state", "customer", ">amount", "opened", "answer by", "reason"];
            show::table(&columns, page.items.iter().map(row));
        }
    }
    Ok(())
}

/// Record that a customer's bank disputes a sale
#[derive(Args)]
pub struct Open {
    /// As the processor calls it
    id: String,
    /// The number of the sale
    sale: i64,
    /// How much of it
    amount: Money,
    /// What the processor takes for it
    #[arg(long)]
    fee: Option<Money>,
}

impl Open {
    /// Puts what is disputed on hold.
    pub async fn run(self, context: &Context) -> Result {
        let Self { id, sale, amount, fee } = self;
        let fee = fee.unwrap_or(Money::zero(amount.currency()));
        let done = format!("dispute '{id}' holds {amount} of sale {sale}");
        let new = NewDispute { id, sale, amount, fee };
        record(context, Method::POST, "/api/v1/disputes", new, done).await
    }
}

/// Record how a dispute was decided
#[derive(Args)]
pub struct Resolve {
    /// The dispute, as the processor calls it
    id: String,
    /// For the marketplace; against it, unless given
    #[arg(long)]
    won: bool,
}

impl Resolve {
    /// Releases what was on hold to whoever won.
    pub async fn run(self, context: &Context) -> Result {
        let Self { id, won } = self;
        let outcome = if won { "won" } else { "lost" };
        let done = format!("dispute '{id}' is {outcome}");
        record(context, Method::PUT, &format!("/api/v1/disputes/{id}"), ClosedDispute { won }, done).await
    }
}
