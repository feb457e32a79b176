//! `chandlery-simulator`: a real registry in a process of its own, by a virtual clock, and everybody who would use it, acting by
//! chance. The same seed acts in the same way. It is the test of the money as a whole, its load, and what there is to look at in
//! a demo.

mod bank;
mod market;
mod partners;
mod registry;

use std::path::PathBuf;
use std::time::Duration;

use anyhow::Result;
use clap::Parser;
use indicatif::ProgressBar;

use market::{Market, Scenario, Summary};
use registry::Launch;

/// Simulate years of a marketplace: customers, partners and operators, with whatever goes wrong; the invariants of the books are
/// checked after every day.
#[derive(Parser)]
#[command(name = "chandlery-simulator", version, max_term_width = 100)]
struct Options {
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
    /// The `chandlery` that serves the registry; the one beside this program, unless given
    #[arg(long, value_name = "PATH")]
    binary: Option<PathBuf>,
    /// Print JSON, for scripts
    #[arg(long)]
    json: bool,
}

#[tokio::main]
async fn main() -> Result<()> {
    // Fails only where one is installed already, which is as good.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let options = Options::parse();
    let temporary = tempfile::tempdir()?;
    let launch = Launch {
        binary: options.binary.clone().map_or_else(binary_beside, Ok)?,
        data: options.data.clone().unwrap_or_else(|| temporary.path().join("registry")),
        database: options.database.clone(),
        stripe: None,
    };
    let scenario = Scenario {
        seed: options.seed,
        months: options.months,
        customers: options.customers,
        kills: options.kills,
        batch: options.batch.max(1),
        refusals: options.refusals,
    };
    let spinner = if options.json { ProgressBar::hidden() } else { ProgressBar::new_spinner() };
    spinner.enable_steady_tick(Duration::from_millis(100));
    spinner.set_message("the market opens");
    let mut market = Market::open(scenario, launch).await?;
    let summary = market.run(|day| spinner.set_message(day)).await?;
    drop(market);
    spinner.finish_and_clear();
    if options.json {
        println!("{}", serde_json::to_string(&summary)?);
    } else {
        tell(&options, &summary);
    }
    Ok(())
}

fn binary_beside() -> Result<PathBuf> {
    let binary = std::env::current_exe()?.with_file_name("chandlery");
    anyhow::ensure!(
        binary.exists(),
        "{} is missing: build it by `cargo build`, or name another one by --binary PATH",
        binary.display()
    );
    Ok(binary)
}

fn tell(options: &Options, summary: &Summary) {
    println!(
        "seed {}: {} days, {} transactions, {} crashes; the books held on every day",
        options.seed, summary.days, summary.transactions, summary.crashes
    );
    for (what, count) in &summary.done {
        println!("  {what:<28} {count:>7}");
    }
    if let Some(data) = &options.data {
        println!(
            "look at it: `chandlery registry serve --virtual-clock --data {}`, as 'operator'",
            data.display()
        );
    }
}
