//! `chandlery figures cohorts`: customers by the month of their first payment, and what became of them.

use chandlery_package::wire::{Cohorts as Answer, Ratio};
use clap::Args;
use reqwest::Method;

use super::answer::money;
use crate::api::Context;
use crate::failure::Result;
use crate::show;

/// Show customers by the month of their first payment
#[derive(Args)]
pub struct Cohorts {
    /// Print comma-separated values
    #[arg(long)]
    csv: bool,
}

impl Cohorts {
    /// Prints a row for each month of each cohort.
    pub async fn run(self, context: &Context) -> Result {
        if self.csv {
            show::document(&context.registry_text("/api/v1/figures/cohorts.csv").await?);
            return Ok(());
        }
        let answer: Answer = context.registry(Method::GET, "/api/v1/figures/cohorts", ()).await?;
        if context.settings.json {
            show::json(answer);
            return Ok(());
        }
        let percent = |ratio: Option<Ratio>| ratio.map_or_else(|| "none".into(), Ratio::percent);
        let rows = answer.cohorts.iter().flat_map(|cohort| {
            cohort.months.iter().map(move |cell| {
                vec![
                    cohort.month.to_string(),
                    cell.month.to_string(),
                    format!("{} of {}", cell.active, cohort.customers),
                    percent(cell.by_count),
                    money(cell.mrr),
                    percent(cell.by_mrr),
                ]
            })
        });
        show::table(&["first paid in", "month", ">active", ">by count", ">MRR", ">by MRR"], rows);
        show::note(&answer.definition);
        Ok(())
    }
}
