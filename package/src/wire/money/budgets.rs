//! What an account spends in a month, and the budget that it has set itself.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::InvoiceLineKind;
use crate::{Currency, Money, Month, PluginId, TeamName};

/// Sets the budget of each month.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct NewBudget {
    /// What a month may cost, without taxes; in the currency in which it is counted.
    pub monthly: Money,
}

/// Says which team a deployment is counted to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct NewCostTeam {
    /// The deployment, as its host calls it.
    pub deployment: String,
    /// The team; none: it is counted to none any more.
    pub team: Option<TeamName>,
}

/// What an account has spent in the present month: what was invoiced in it, and what its close will charge for what was used so far.
/// Without taxes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Spending {
    /// The present month, in UTC.
    pub month: Month,
    /// What all amounts are in: as it was asked for, or the budget's, or that in which most is spent.
    pub currency: Currency,
    /// The budget; none: there is none, or it is in another currency.
    pub budget: Option<Money>,
    /// All of `items`.
    pub spent: Money,
    /// How much of the budget is spent, in percent that are complete.
    pub percent: Option<u64>,
    /// What the whole month comes to if use goes on as it did so far, in proportion to the time; none: less than a day of it is over.
    pub forecast: Option<Money>,
    /// What it was spent on; in all, what is spent.
    pub items: Vec<SpendingItem>,
    /// What it was spent on by team, the dearest first; in all, what is spent.
    pub teams: Vec<TeamSpending>,
    /// The 100 deployments that cost most, the dearest first.
    pub deployments: Vec<DeploymentSpending>,
    /// What is spent in other currencies, and counted nowhere here.
    pub others: Vec<Money>,
}

/// What was spent on one thing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SpendingItem {
    /// The plugin; none: a subscription or a service.
    pub plugin: Option<PluginId>,
    /// What kind of thing is charged.
    pub kind: InvoiceLineKind,
    /// How much of it was used, where the close of the month will charge it; none: it is invoiced.
    pub quantity: Option<String>,
    /// What it comes to; below zero, where more was given back.
    pub amount: Money,
}

/// What was spent on the deployments of one team.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct TeamSpending {
    /// The team; none: deployments of no team, and what is for no deployment alone.
    pub team: Option<TeamName>,
    /// What it comes to.
    pub amount: Money,
}

/// What was spent on one deployment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct DeploymentSpending {
    /// The deployment, as its host calls it.
    pub deployment: String,
    /// The team that it is counted to.
    pub team: Option<TeamName>,
    /// What it comes to.
    pub amount: Money,
}
