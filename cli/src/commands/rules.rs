//! `chandlery host rules`: what may be installed on a host, and what is installed against that.

use std::path::{Path, PathBuf};

use chandlery_package::InstallRules;
use chandlery_package::rules::Broken;
use chandlery_package::wire::Page;
use chandlery_package::wire::host::RulesChange;
use clap::Subcommand;
use reqwest::Method;

use crate::api::Context;
use crate::failure::{Failure, Result};
use crate::show;
use crate::words;

/// What may be installed on a host.
#[derive(Subcommand)]
pub enum Rules {
    /// Show the rules
    Show,
    /// Set all rules at once, and show what is installed and breaks one; an empty file takes them back
    Set {
        /// The rules, in TOML
        #[arg(value_name = "FILE")]
        rules: PathBuf,
    },
    /// Show what is installed and breaks a rule
    Check,
    /// Show when the rules were changed, and what they were from then on
    History,
}

impl Rules {
    /// Runs the command that was chosen.
    pub async fn run(self, context: &Context) -> Result {
        match self {
            Self::Show => show_rules(context).await,
            Self::Set { rules } => set(context, &rules).await,
            Self::Check => check(context).await,
            Self::History => history(context).await,
        }
    }
}

async fn show_rules(context: &Context) -> Result {
    let rules: InstallRules = context.host(Method::GET, "/api/v1/rules", ()).await?;
    match context.settings.json {
        true => show::json(rules),
        false => print(&rules)?,
    }
    Ok(())
}

fn print(rules: &InstallRules) -> Result {
    if rules.is_empty() {
        show::note("there are no rules: whatever is proved may be installed");
        return Ok(());
    }
    let text = toml::to_string(rules).map_err(|error| Failure::of(error.to_string()))?;
    show::document(&text);
    Ok(())
}

async fn set(context: &Context, path: &Path) -> Result {
    let text =
        std::fs::read_to_string(path).map_err(|error| Failure::of(format!("{}: {error}", path.display())))?;
    let rules: InstallRules = toml::from_str(&text)
        .map_err(|error| Failure::new(&words::NOT_RULES, format!("{}: {error}", path.display())))?;
    let broken: Page<Broken> = context.host(Method::PUT, "/api/v1/rules", &rules).await?;
    if context.settings.json {
        show::json(broken);
        return Ok(());
    }
    show::done(match rules.is_empty() {
        true => "there are no rules any more",
        false => "these rules hold for what is installed and deployed from now on",
    });
    warn(&broken.items);
    Ok(())
}

async fn check(context: &Context) -> Result {
    let broken = broken(context).await?;
    match context.settings.json {
        true => show::json(broken),
        false if broken.items.is_empty() => show::done("nothing that is installed breaks a rule"),
        false => warn(&broken.items),
    }
    Ok(())
}

/// What is installed and breaks a rule.
pub async fn broken(context: &Context) -> Result<Page<Broken>> {
    context.host_list("/api/v1/rules/broken").await
}

/// Tells of what breaks a rule: it serves on, and nothing more is made of it.
pub fn warn(broken: &[Broken]) {
    for found in broken {
        show::warning(format!("{found}; nothing new is deployed of it: {}", found.remedy));
    }
}

async fn history(context: &Context) -> Result {
    let page: Page<RulesChange> = context.host_list("/api/v1/rules/changes").await?;
    if context.settings.json {
        show::json(page);
        return Ok(());
    }
    for change in page.items {
        show::done(format!("from {} on", change.at.strftime("%F %T UTC")));
        print(&change.rules)?;
    }
    Ok(())
}
