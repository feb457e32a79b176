//! `chandlery figures target`: what figures are meant to be.

use chandlery_package::Month;
use chandlery_package::wire::{Figure, FigureTarget, Quantity, TargetRow};
use clap::{Args, Subcommand};
use reqwest::Method;

use super::answer::ask;
use crate::api::Context;
use crate::commands::record::record;
use crate::failure::Result;
use crate::show;

/// Set what figures are meant to be, and compare them
#[derive(Subcommand)]
pub enum Target {
    /// Set what a figure of a month is meant to be
    Set(Set),
    /// Take a target back
    Remove(Remove),
    /// List all targets, and what the figures are
    List,
}

impl Target {
    /// Runs the command that was chosen.
    pub async fn run(self, context: &Context) -> Result {
        match self {
            Self::Set(Set { figure, month, value }) => {
                let new = FigureTarget { figure, month, target: Some(value) };
                tell(context, new, format!("the target of {} in {month} is {value}", figure.title())).await
            }
            Self::Remove(Remove { figure, month }) => {
                let new = FigureTarget { figure, month, target: None };
                tell(context, new, format!("{} has no target in {month}", figure.title())).await
            }
            Self::List => list(context).await,
        }
    }
}

/// Set what a figure of a month is meant to be
#[derive(Args)]
pub struct Set {
    /// The figure, such as mrr or gross-margin
    figure: Figure,
    /// The month, such as 2027-01
    month: Month,
    /// What it is meant to be, such as "50000.00 USD", "80 %" or 3
    #[arg(allow_hyphen_values = true)]
    value: Quantity,
}

/// Take a target back
#[derive(Args)]
pub struct Remove {
    /// The figure, such as mrr or gross-margin
    figure: Figure,
    /// The month, such as 2027-01
    month: Month,
}

async fn tell(context: &Context, new: FigureTarget, done: String) -> Result {
    record(context, Method::PUT, "/api/v1/figures/targets", new, done).await
}

async fn list(context: &Context) -> Result {
    let targets = ask(context).await?.targets;
    if context.settings.json {
        show::json(targets);
        return Ok(());
    }
    let text = |value: Option<Quantity>| value.map(|value| value.to_string()).unwrap_or_default();
    let row = |row: &TargetRow| {
        vec![
            row.month.to_string(),
            row.figure.title().into(),
            row.target.to_string(),
            text(row.actual),
            text(row.difference),
        ]
    };
    show::table(&["month", "figure", ">target", ">actual", ">difference"], targets.iter().map(row));
    Ok(())
}
