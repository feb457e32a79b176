//! Partners that leave, and what partners owe: settled in another currency, or given up.

use chandlery_package::wire::{
    DebtOffset, DebtWriteOff, HeldBack, Leaving, NewDebtWriteOff, Page, PayoutRun,
};
use chandlery_package::{Currency, Money, Namespace};
use clap::Subcommand;
use reqwest::Method;
use serde_json::json;

use crate::api::Context;
use crate::commands::record::record;
use crate::failure::Result;
use crate::show;

/// What is done about partners that leave or owe.
#[derive(Subcommand)]
pub enum Debts {
    /// Leave: be paid all that is left, however little, once nothing is held any more
    Leave {
        /// The partner's namespace
        partner: Namespace,
    },
    /// Stay after all
    Stay {
        /// The partner's namespace
        partner: Namespace,
    },
    /// Agree that what is owed in one currency is taken from what is available in another, at the day's rate
    AgreeOffset {
        /// The partner's namespace
        partner: Namespace,
        /// What is available in this currency is taken
        #[arg(long, value_name = "CURRENCY")]
        from: Currency,
        /// What is owed in this one is settled
        #[arg(long, value_name = "CURRENCY")]
        to: Currency,
        /// Agree no longer
        #[arg(long)]
        revoke: bool,
    },
    /// Propose to give up what a partner owes (for operators)
    WriteOff {
        /// The partner's namespace
        partner: Namespace,
        /// How much of it, such as "12.50 EUR"
        amount: Money,
        /// Why it will never be paid
        #[arg(long, value_name = "TEXT")]
        reason: String,
    },
    /// Show what was proposed to be given up (for operators)
    WriteOffs,
    /// Approve to give up what another operator has proposed
    ApproveWriteOff {
        /// The number of the proposal
        id: i64,
    },
    /// Take back a proposal to give something up (for operators)
    CancelWriteOff {
        /// The number of the proposal
        id: i64,
    },
}

impl Debts {
    /// Runs the command that was chosen.
    pub async fn run(self, context: &Context) -> Result {
        match self {
            Self::Leave { partner } => leaving(context, Method::PUT, &partner).await,
            Self::Stay { partner } => leaving(context, Method::DELETE, &partner).await,
            Self::AgreeOffset { partner, from, to, revoke } => {
                let path = format!("/api/v1/partners/{partner}/debt-offsets");
                let done = match revoke {
                    true => {
                        format!("what '{partner}' owes in {to} is no longer taken from what is in {from}")
                    }
                    false => {
                        format!("what '{partner}' owes in {to} is taken from what is available in {from}")
                    }
                };
                record(context, Method::PUT, &path, DebtOffset { from, to, agreed: !revoke }, done).await
            }
            Self::WriteOff { partner, amount, reason } => {
                let new = NewDebtWriteOff { partner, amount, reason };
                say(context, context.registry(Method::POST, "/api/v1/debt-write-offs", new).await?)
            }
            Self::WriteOffs => list(context).await,
            Self::ApproveWriteOff { id } => decide(context, id, "approve").await,
            Self::CancelWriteOff { id } => decide(context, id, "cancel").await,
        }
    }
}

async fn leaving(context: &Context, method: Method, partner: &Namespace) -> Result {
    let path = format!("/api/v1/partners/{partner}/leaving");
    let found: Leaving = context.registry(method, &path, json!({})).await?;
    if context.settings.json {
        show::json(found);
        return Ok(());
    }
    match found.since {
        Some(since) => show::done(format!("'{partner}' leaves since {}", since.strftime("%F"))),
        None => show::done(format!("'{partner}' stays")),
    }
    for HeldBack { reason, amount, until } in &found.held {
        let until = until.map(|at| format!(" until {}", at.strftime("%F"))).unwrap_or_default();
        show::note(format!("{amount} are held{until}: {reason}"));
    }
    if found.since.is_some() {
        show::note("the next run pays what is available in each currency of which nothing is held");
    }
    Ok(())
}

/// Says what of a run could not be done.
pub fn say_left_out(run: &PayoutRun) {
    for left_out in &run.left_out {
        show::warning(left_out);
    }
}

fn row(one: &DebtWriteOff) -> Vec<String> {
    vec![
        one.id.to_string(),
        one.partner.to_string(),
        one.amount.to_string(),
        one.reason.clone(),
        one.state.to_string(),
        one.proposed_by.to_string(),
        one.decided_by.as_ref().map(ToString::to_string).unwrap_or_default(),
    ]
}

fn show_all(rows: impl IntoIterator<Item = Vec<String>>) {
    show::table(&[">no.", "partner", ">amount", "reason", "state", "proposed by", "decided by"], rows);
}

async fn list(context: &Context) -> Result {
    let page: Page<DebtWriteOff> = context.registry_list("/api/v1/debt-write-offs").await?;
    match context.settings.json {
        true => show::json(page.items),
        false => show_all(page.items.iter().map(row)),
    }
    Ok(())
}

async fn decide(context: &Context, id: i64, how: &str) -> Result {
    let path = format!("/api/v1/debt-write-offs/{id}/{how}");
    say(context, context.registry(Method::POST, &path, json!({})).await?)
}

fn say(context: &Context, one: DebtWriteOff) -> Result {
    match context.settings.json {
        true => show::json(one),
        false => show_all([row(&one)]),
    }
    Ok(())
}
