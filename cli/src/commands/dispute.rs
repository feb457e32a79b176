//! `chandlery dispute`: sales that a customer's bank disputes, and how that ended.

use chandlery_package::Money;
use chandlery_package::wire::{ClosedDispute, NewDispute};
use clap::{Args, Subcommand};
use reqwest::Method;

use super::record::record;
use crate::api::Context;
use crate::failure::Result;

/// Disputed sales (for operators).
#[derive(Subcommand)]
pub enum Dispute {
    /// Record that a customer's bank disputes a sale
    Open(Open),
    /// Record how a dispute was decided
    Resolve(Resolve),
}

impl Dispute {
    /// Runs the command that was chosen.
    pub async fn run(self, context: &Context) -> Result {
        match self {
            Self::Open(open) => open.run(context).await,
            Self::Resolve(resolve) => resolve.run(context).await,
        }
    }
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
