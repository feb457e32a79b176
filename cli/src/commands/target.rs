//! `chandlery target`: where deployments run.

use std::io::Read as _;
use std::path::PathBuf;

use chandlery_package::plan::{EngineKind, Facts, GpuPool, there_is};
use chandlery_package::wire::Page;
use chandlery_package::wire::host::{NewTarget, Prices, Target as Known};
use chandlery_package::{Currency, Money, TargetName};
use clap::{Args, Subcommand};
use reqwest::Method;
use serde_json::{Map, Value, json};

use super::plan::parse_set;
use crate::api::Context;
use crate::arguments::one_of;
use crate::failure::{Failure, Result};
use crate::show;
use crate::words;

/// Where deployments run.
#[derive(Subcommand)]
pub enum Target {
    /// Add a target once it answers, or change one
    Add(Add),
    /// Show all targets
    List,
    /// Show what a target has, and what of it is free
    Inventory {
        /// The target's name
        #[arg(default_value = "local")]
        name: String,
    },
    /// Forget a target on which nothing is deployed
    Remove {
        /// The target's name
        name: TargetName,
    },
}

/// Add a target.
#[derive(Args)]
pub struct Add {
    /// What to call it
    name: TargetName,
    /// `slurm` or `kubernetes`; `local` is this machine, whose prices can be set
    #[arg(long, value_parser = one_of::<EngineKind>())]
    engine: EngineKind,
    /// A setting of the engine, such as `directory=/shared/chandlery`; several may be set
    #[arg(long = "set", short = 's', value_name = "NAME=VALUE", value_parser = parse_set)]
    set: Vec<(String, Value)>,
    /// A file with what opens it, kept encrypted: a token or a kubeconfig; `-` reads standard input
    #[arg(long, value_name = "FILE")]
    credential: Option<PathBuf>,
    /// What a GPU of a kind, or a core, costs by the hour, such as `h100=2.50` or `cpu=0.04`; several may be set
    #[arg(long = "price", value_name = "KIND=AMOUNT")]
    prices: Vec<String>,
    /// The currency of the prices
    #[arg(long, default_value = "USD")]
    currency: Currency,
}

impl Target {
    pub async fn run(self, context: &Context) -> Result {
        match self {
            Self::Add(add) => add.run(context).await,
            Self::List => list(context).await,
            Self::Inventory { name } => {
                let facts: Facts =
                    context.host(Method::GET, &format!("/api/v1/targets/{name}/inventory"), ()).await?;
                match context.settings.json {
                    true => show::json(facts),
                    false => print(&facts),
                }
                Ok(())
            }
            Self::Remove { name } => {
                context.tell_host(Method::DELETE, &format!("/api/v1/targets/{name}"), ()).await?;
                match context.settings.json {
                    true => show::json(json!({ "removed": name })),
                    false => show::done(format!("the target {name} is forgotten")),
                }
                Ok(())
            }
        }
    }
}

impl Add {
    async fn run(self, context: &Context) -> Result {
        let credential = self.credential.as_deref().map(read).transpose()?;
        let new = NewTarget {
            engine: self.engine,
            settings: self.set.into_iter().collect::<Map<_, _>>().into(),
            credential,
            prices: prices(&self.prices, self.currency)?,
        };
        let facts: Facts = context.host(Method::PUT, &format!("/api/v1/targets/{}", self.name), new).await?;
        match context.settings.json {
            true => show::json(facts),
            false => show::done(format!("{} is a target: {}", self.name, there_is(&facts))),
        }
        Ok(())
    }
}

fn read(path: &std::path::Path) -> Result<String> {
    let mut text = String::new();
    match path.to_str() {
        Some("-") => std::io::stdin().read_to_string(&mut text).map(drop),
        _ => std::fs::read_to_string(path).map(|read| text = read),
    }
    .map_err(|error| Failure::of(format!("{}: {error}", path.display())))?;
    Ok(text.trim().to_owned())
}

fn prices(given: &[String], currency: Currency) -> Result<Prices> {
    let each = given.iter().map(|text| {
        let refuse =
            || Failure::new(&words::NOT_A_TARGET_PRICE, format!("'{text}' is no price; write h100=2.50"));
        let (kind, amount) = text.split_once('=').ok_or_else(refuse)?;
        let price: Money = format!("{amount} {currency}").parse().map_err(|_| refuse())?;
        Ok((kind.to_owned(), price))
    });
    each.collect()
}

async fn list(context: &Context) -> Result {
    let page: Page<Known> = context.host_list("/api/v1/targets").await?;
    if context.settings.json {
        show::json(page.items);
        return Ok(());
    }
    let row = |target: &Known| {
        let prices: Vec<_> = target.prices.iter().map(|(kind, price)| format!("{kind} {price}")).collect();
        vec![
            target.name.clone(),
            target.engine.to_string(),
            target.deployments.join(", "),
            prices.join(", "),
            target.pass_millis.map(|millis| format!("{millis} ms")).unwrap_or_default(),
            target.trouble.clone().or_else(|| target.warning.clone()).unwrap_or_else(|| "answers".into()),
        ]
    };
    let headings = ["target", "engine", "deployments", "per hour", ">last look", "state"];
    show::table(&headings, page.items.iter().map(row));
    Ok(())
}

fn print(facts: &Facts) {
    let runtimes: Vec<_> = facts.runtimes.iter().map(|runtime| runtime.as_str()).collect();
    let rest = format!("({}, {}) runs {}", facts.engine, facts.architecture, runtimes.join(", "));
    show::headline(&facts.name, &rest);
    if facts.gpu_pools.is_empty() {
        show::note("it has no GPUs that can be found");
        return;
    }
    let row = |pool: &GpuPool| {
        let memory = if pool.memory_mib == 0 { "?".into() } else { format!("{} MiB", pool.memory_mib) };
        vec![pool.kind.clone(), memory, pool.nodes.to_string(), pool.total.to_string(), pool.free.to_string()]
    };
    show::table(&["gpu", ">memory", ">nodes", ">total", ">free"], facts.gpu_pools.iter().map(row));
}
