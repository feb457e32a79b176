//! `chandlery usage`.

mod audit;
mod evidence;
mod hosts;

use chandlery_package::wire::host::Metered;
use chandlery_package::wire::{CorrectionDecision, Page, UsageCorrection};
use clap::{Args, Subcommand};
use reqwest::Method;
use uuid::Uuid;

use crate::api::Context;
use crate::failure::Result;
use crate::show;

/// Show what deployments have used.
#[derive(Args)]
pub struct Usage {
    #[command(subcommand)]
    command: Option<Command>,
}

/// What hosts have signed, and corrections of use, which wait where they may lower what is owed.
#[derive(Subcommand)]
enum Command {
    /// Show the hosts that sign their usage, how far each has come and what is wrong with it
    Hosts,
    /// Check what was charged against the records that hosts have signed and their root in the registry's log
    Audit(audit::Audit),
    /// Show corrections of this account's use, and of what it sells
    Corrections,
    /// Let a correction count (for the seller, or an operator)
    Confirm {
        /// The id of the event that corrects
        event: Uuid,
    },
    /// Let what was corrected go on counting (for the seller, or an operator)
    Refuse {
        /// The id of the event that corrects
        event: Uuid,
    },
}

impl Usage {
    pub async fn run(self, context: &Context) -> Result {
        match self.command {
            None => metered(context).await,
            Some(Command::Hosts) => hosts::list(context).await,
            Some(Command::Audit(audit)) => audit.run(context).await,
            Some(Command::Corrections) => corrections(context).await,
            Some(Command::Confirm { event }) => decide(context, event, true).await,
            Some(Command::Refuse { event }) => decide(context, event, false).await,
        }
    }
}

async fn metered(context: &Context) -> Result {
    let metered: Metered = context.host(Method::GET, "/api/v1/usage", ()).await?;
    if context.settings.json {
        show::json(metered);
        return Ok(());
    }
    show::check("replicas ran", &show::duration(metered.replica_millis));
    for (unit, count) in &metered.units {
        show::check(unit, &count.to_string());
    }
    let Metered { sent, waiting, refused, .. } = metered;
    show::check(
        "usage events",
        &format!("{sent} acknowledged by the registry, {waiting} waiting, {refused} refused"),
    );
    Ok(())
}

async fn corrections(context: &Context) -> Result {
    let page: Page<UsageCorrection> = context.registry_list("/api/v1/usage-corrections").await?;
    let row = |held: &UsageCorrection| {
        let before = held.corrected.as_ref().map(|counts| show::duration(counts.gpu_millis));
        vec![
            held.event.id.to_string(),
            held.account.to_string(),
            held.event.release.to_string(),
            before.unwrap_or_default(),
            show::duration(held.event.gpu_millis),
            held.state.to_string(),
        ]
    };
    match context.settings.json {
        true => show::json(page.items),
        false => show::table(
            &["event", "account", "release", "GPUs", "corrected to", "state"],
            page.items.iter().map(row),
        ),
    }
    Ok(())
}

async fn decide(context: &Context, event: Uuid, confirmed: bool) -> Result {
    let path = format!("/api/v1/usage-corrections/{event}");
    let held: UsageCorrection =
        context.registry(Method::PUT, &path, CorrectionDecision { confirmed }).await?;
    match context.settings.json {
        true => show::json(held),
        false => show::done(format!("the correction of {}'s use is {}", held.account, held.state)),
    }
    Ok(())
}
