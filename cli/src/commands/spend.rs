//! `chandlery spend`: what this account spends in the present month, beside its budget.

use chandlery_package::wire::{NewBudget, NewCostTeam, Spending};
use chandlery_package::{Currency, Money, TeamName};
use clap::{Args, Subcommand};
use reqwest::Method;
use serde_json::json;

use crate::api::Context;
use crate::failure::Result;
use crate::show;

const PATH: &str = "/api/v1/spend";
const BUDGET: &str = "/api/v1/spend/budget";
const TEAMS: &str = "/api/v1/spend/teams";

/// Show what this account spends in the present month.
#[derive(Args)]
pub struct Spend {
    /// In this currency, instead of the budget's
    #[arg(long, value_name = "CURRENCY")]
    currency: Option<Currency>,
    #[command(subcommand)]
    command: Option<Command>,
}

/// The budget, and the teams that deployments are counted to.
#[derive(Subcommand)]
enum Command {
    /// Set what a month may cost, without taxes: you are told when 50, 80 and 100 % of it are spent
    Budget {
        /// The budget, such as "500.00 USD"
        #[arg(required_unless_present = "none")]
        monthly: Option<Money>,
        /// Have no budget any more
        #[arg(long, conflicts_with = "monthly")]
        none: bool,
    },
    /// Say which team a deployment is counted to
    Team {
        /// The deployment, as its host calls it
        deployment: String,
        /// The team; none, where it is to be counted to none
        team: Option<TeamName>,
    },
}

impl Spend {
    /// Runs the command that was chosen; none: shows the present month.
    pub async fn run(self, context: &Context) -> Result {
        match self.command {
            None => {
                let query = self.currency.map(|currency| format!("?currency={currency}")).unwrap_or_default();
                tell(context, &context.registry(Method::GET, &format!("{PATH}{query}"), ()).await?);
            }
            Some(Command::Budget { monthly: Some(monthly), .. }) => {
                let spending = context.registry(Method::PUT, BUDGET, NewBudget { monthly }).await?;
                tell(context, &spending);
            }
            Some(Command::Budget { monthly: None, .. }) => {
                context.tell_registry(Method::DELETE, BUDGET, ()).await?;
                match context.settings.json {
                    true => show::json(json!({ "budget": null })),
                    false => show::done("there is no budget any more"),
                }
            }
            Some(Command::Team { deployment, team }) => {
                let new = NewCostTeam { deployment, team };
                context.tell_registry(Method::PUT, TEAMS, &new).await?;
                let to = new.team.as_ref().map_or("no team", |team| team.as_str());
                match context.settings.json {
                    true => show::json(&new),
                    false => show::done(format!("'{}' is counted to {to}", new.deployment)),
                }
            }
        }
        Ok(())
    }
}

fn tell(context: &Context, spending: &Spending) {
    if context.settings.json {
        return show::json(spending);
    }
    let of_budget = match spending.budget.zip(spending.percent) {
        Some((budget, percent)) => format!(", {percent} % of the budget of {budget}"),
        None => ", and there is no budget".into(),
    };
    show::headline(spending.month, &format!("{} are spent, without taxes{of_budget}", spending.spent));
    if let Some(forecast) = spending.forecast {
        show::note(format!(
            "if use goes on as it did so far, in a straight line, the month comes to {forecast}"
        ));
    }
    let items = spending.items.iter().map(|item| {
        let thing = item.plugin.as_ref().map_or_else(|| "-".to_owned(), ToString::to_string);
        vec![thing, item.kind.to_string(), item.quantity.clone().unwrap_or_default(), item.amount.to_string()]
    });
    show::table(&["plugin", "charged", "used", ">without taxes"], items);
    let none = || "no team".to_owned();
    let teams = spending.teams.iter().map(|of_it| {
        vec![of_it.team.as_ref().map_or_else(none, ToString::to_string), of_it.amount.to_string()]
    });
    show::table(&["team", ">without taxes"], teams);
    let deployments = spending.deployments.iter().map(|of_it| {
        let team = of_it.team.as_ref().map_or_else(none, ToString::to_string);
        vec![of_it.deployment.clone(), team, of_it.amount.to_string()]
    });
    show::table(&["deployment", "team", ">without taxes"], deployments);
    for other in &spending.others {
        show::note(format!("{other} are not counted here: --currency {}", other.currency()));
    }
}
