//! `chandlery simulate`: years of a marketplace in minutes, driven through a real registry's API by a virtual clock.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use crate::api::Context;
use crate::failure::Result;
use crate::show;
use crate::simulation::{Market, Settings};

/// Simulations.
#[derive(Subcommand)]
pub enum Simulate {
    /// Customers, partners and operators of a marketplace, with whatever goes wrong; the laws are checked after every day
    Market(SimulateMarket),
}

/// A simulated market.
#[derive(Args)]
pub struct SimulateMarket {
    /// The same seed makes the same market
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// For how long
    #[arg(long, default_value_t = 24)]
    months: u32,
    /// How many customers there may be
    #[arg(long, default_value_t = 12)]
    customers: usize,
    /// How many requests, of a thousand, are cut off by killing the registry
    #[arg(long, value_name = "OF-A-THOUSAND", default_value_t = 2)]
    kills: u32,
    /// How many usage events a customer sends in a batch, at most
    #[arg(long, value_name = "EVENTS", default_value_t = 20)]
    batch: usize,
    /// Say why the registry has refused what it refused
    #[arg(long)]
    refusals: bool,
    /// Keep the registry here, to be looked at afterwards; thrown away, unless given
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// The database, postgres://…, which must be empty; SQLite, unless given
    #[arg(long, value_name = "URL", env = "CHANDLERY_REGISTRY_DATABASE", hide_env_values = true)]
    database: Option<String>,
}

impl Simulate {
    /// Does it.
    pub async fn run(self, context: &Context) -> Result {
        let Self::Market(options) = self;
        let thrown_away = tempfile::tempdir()?;
        let data = options.data.clone().unwrap_or_else(|| thrown_away.path().join("registry"));
        let settings = Settings {
            seed: options.seed,
            months: options.months,
            customers: options.customers,
            kills: options.kills,
            batch: options.batch.max(1),
            refusals: options.refusals,
            data: data.clone(),
            database: options.database,
        };
        let spinner = (!context.settings.json).then(|| show::spinner("the market opens"));
        let mut market = Market::open(settings).await?;
        let summary = market.run(|day| {
            if let Some(spinner) = &spinner {
                spinner.set_message(day);
            }
        });
        let summary = summary.await?;
        drop(market);
        if let Some(spinner) = spinner {
            spinner.finish_and_clear();
        }
        if context.settings.json {
            show::json(summary);
            return Ok(());
        }
        show::done(format!(
            "seed {}: {} days, {} transactions, {} crashes; the books held on every day",
            options.seed, summary.days, summary.transactions, summary.crashes
        ));
        for (what, count) in &summary.done {
            show::check(what, &count.to_string());
        }
        if let Some(data) = options.data {
            show::note(format!(
                "look at it: `chandlery registry serve --virtual-clock --data {}`, as 'operator'",
                data.display()
            ));
        }
        Ok(())
    }
}
