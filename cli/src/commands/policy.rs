//! `chandlery policy`: how sales are shared between those who earn of them.

use std::path::{Path, PathBuf};

use chandlery_package::RevenueSharePolicy;
use chandlery_package::wire::ReplayDifference;
use chandlery_package::wire::{NewPolicy, Page, PolicyVersion};
use clap::Subcommand;
use jiff::Timestamp;
use reqwest::Method;

use crate::api::Context;
use crate::failure::{Failure, Result};
use crate::show;
use crate::words;

/// How sales are shared.
#[derive(Subcommand)]
pub enum Policy {
    /// Show how sales are shared, by date
    List,
    /// Set another policy from a moment on (for operators)
    Set {
        /// The policy, in TOML
        #[arg(value_name = "FILE")]
        policy: PathBuf,
        /// From when on
        #[arg(long, value_name = "TIME")]
        since: Timestamp,
    },
    /// Show what each partner would have got by another policy, changing nothing (for operators)
    Replay {
        /// The policy, in TOML
        #[arg(value_name = "FILE")]
        policy: PathBuf,
    },
}

impl Policy {
    /// Runs the command that was chosen.
    pub async fn run(self, context: &Context) -> Result {
        match self {
            Self::List => list(context).await,
            Self::Set { policy, since } => set(context, &policy, since).await,
            Self::Replay { policy } => replay(context, &policy).await,
        }
    }
}

/// Shows every policy, from the first one on.
pub async fn list(context: &Context) -> Result {
    let page: Page<PolicyVersion> = context.registry_list("/api/v1/policies").await?;
    if context.settings.json {
        show::json(page.items);
        return Ok(());
    }
    for version in page.items {
        show::done(format!("policy {} from {} on", version.version, version.since.strftime("%F")));
        let text = toml::to_string(&version.policy).map_err(|error| Failure::of(error.to_string()))?;
        show::document(&text);
    }
    Ok(())
}

fn read_policy(path: &Path) -> Result<RevenueSharePolicy> {
    let text =
        std::fs::read_to_string(path).map_err(|error| Failure::of(format!("{}: {error}", path.display())))?;
    toml::from_str(&text)
        .map_err(|error| Failure::new(&words::NOT_A_POLICY, format!("{}: {error}", path.display())))
}

/// Sets a policy from a moment on.
pub async fn set(context: &Context, path: &Path, since: Timestamp) -> Result {
    let new = NewPolicy { since, policy: read_policy(path)? };
    let set: PolicyVersion = context.registry(Method::POST, "/api/v1/policies", new).await?;
    match context.settings.json {
        true => show::json(set),
        false => show::done(format!("policy {} holds from {since} on", set.version)),
    }
    Ok(())
}

/// Shows what each partner would have got by another policy.
pub async fn replay(context: &Context, path: &Path) -> Result {
    let policy = read_policy(path)?;
    let page: Page<ReplayDifference> =
        context.registry(Method::POST, "/api/v1/policies/replay", policy).await?;
    let row = |difference: &ReplayDifference| {
        let who = difference.partner.as_ref().map_or("the marketplace".into(), ToString::to_string);
        vec![
            who,
            difference.was.to_string(),
            difference.would_be.to_string(),
            difference.difference.to_string(),
        ]
    };
    match context.settings.json {
        true => show::json(page.items),
        false => {
            show::table(&["who", ">got", ">would have got", ">difference"], page.items.iter().map(row));
            show::note("nothing was changed");
        }
    }
    Ok(())
}
