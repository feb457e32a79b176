//! The present month beside its budget: a bar with words, on what it was spent, and the forms that set the budget and say which team a
//! deployment is counted to.

use axum::extract::State;
use axum::response::{IntoResponse as _, Redirect, Response};
use chandlery_accounts::organisations::Power;
use chandlery_edge::Form;
use chandlery_money::{Finance, budgets};
use chandlery_package::wire::{NewBudget, NewCostTeam, Spending, SpendingItem};
use chandlery_package::{Currency, Money};
use chandlery_pages::{Column, Field, money, select, table};
use maud::{Markup, html};
use serde::Deserialize;

use super::frame::{self, Customer};
use super::spent::{charged, thing};
use crate::error::Error;
use crate::shell::shown_again;

const PAGE: &str = "/spend";

/// What the form of the budget sends.
#[derive(Deserialize)]
pub(super) struct Given {
    /// An amount without its currency; empty: there is to be no budget.
    #[serde(default)]
    monthly: String,
    #[serde(default)]
    currency: String,
}

/// What the form of teams sends.
#[derive(Deserialize)]
pub(super) struct Counted {
    #[serde(default)]
    deployment: String,
    /// Empty: it is counted to none.
    #[serde(default)]
    team: String,
}

/// Sets the budget, or removes it.
pub(super) async fn set(
    State(finance): State<Finance>,
    caller: Customer,
    Form(given): Form<Given>,
) -> Result<Response, Error> {
    let done = match given.monthly.trim() {
        "" => budgets::remove(&finance.db, &caller.actor, &caller.name).await,
        amount => match format!("{amount} {}", given.currency).parse::<Money>() {
            Ok(monthly) => {
                let (db, now) = (&finance.db, finance.clock.now());
                budgets::set(db, &caller.actor, &caller.name, &NewBudget { monthly }, now).await
            }
            Err(error) => Err(error.into()),
        },
    };
    answered(&finance, &caller, done).await
}

/// Counts a deployment to a team, or to none.
pub(super) async fn count(
    State(finance): State<Finance>,
    caller: Customer,
    Form(given): Form<Counted>,
) -> Result<Response, Error> {
    let team = match given.team.trim() {
        "" => Ok(None),
        name => name.parse().map(Some).map_err(chandlery_money::Error::from),
    };
    let done = match team {
        Ok(team) => {
            let new = NewCostTeam { deployment: given.deployment.trim().to_owned(), team };
            budgets::count_to_team(&finance.db, &caller.actor, &caller.name, &new).await
        }
        Err(error) => Err(error),
    };
    answered(&finance, &caller, done).await
}

/// Back to the page, or a page that says what was wrong.
async fn answered(
    finance: &Finance,
    caller: &Customer,
    done: Result<(), chandlery_money::Error>,
) -> Result<Response, Error> {
    let Err(error) = done else { return Ok(Redirect::to(PAGE).into_response()) };
    let spending = read(finance, caller).await?;
    shown_again(error, |fault| {
        let content = html! {
            h1 { "Spend of " (caller.name) }
            (frame::fault(Some(fault)))
            (section(&spending, true))
        };
        frame::page(caller, "Spend", PAGE, &content)
    })
}

/// What is spent in the present month.
pub(super) async fn read(finance: &Finance, caller: &Customer) -> Result<Spending, Error> {
    let mut db = finance.db.snapshot().await?;
    Ok(budgets::spending(&mut db, &caller.name, None, finance.clock.now()).await?)
}

/// Whether whoever looks at the page may change what it shows.
pub(super) async fn may_set(finance: &Finance, caller: &Customer) -> Result<bool, Error> {
    Ok(caller.may(&finance.db, Power::Pay).await?)
}

/// The present month, and the forms for whoever may set something.
pub(super) fn section(spending: &Spending, may_set: bool) -> Markup {
    html! {
        h2 { "This month, " (spending.month) }
        div.card { (bar(spending)) }
        (things(&spending.items))
        (teams(spending))
        @if may_set { (budget_form(spending)) (team_form(spending)) }
    }
}

/// How much is spent, as a bar where there is a budget, and in words.
fn bar(spending: &Spending) -> Markup {
    let Spending { spent, budget, percent, forecast, others, .. } = spending;
    html! {
        p {
            strong data-figure="spent" { (money(*spent)) }
            @match budget.zip(*percent) {
                Some((budget, percent)) => {
                    " of " span data-figure="budget" { (money(budget)) } " are spent, "
                    span data-figure="percent" { (percent) " %" } "."
                },
                None => " are spent. There is no budget.",
            }
        }
        @if let Some(percent) = percent {
            meter min="0" max="100" high="80" optimum="0" value=(percent.min(&100)) aria-label="How much of the budget is spent" {
                (percent) " %"
            }
        }
        @if let Some(forecast) = forecast {
            p.note {
                "The month comes to " span data-figure="forecast" { (money(*forecast)) }
                " if use goes on as it did so far: a straight line, which knows of no steps of prices and no weekends."
            }
        }
        @if !others.is_empty() {
            p.note { "Not counted here: " (others.iter().map(|amount| money(*amount)).collect::<Vec<_>>().join(", ")) "." }
        }
        p.note { "Without taxes. What is used is counted at the price that the close of the month will charge." }
    }
}

fn things(items: &[SpendingItem]) -> Markup {
    let columns =
        [Column::Text("For"), Column::Text("Charged"), Column::Text("Used"), Column::Number("Without taxes")];
    let row = |item: &SpendingItem| {
        vec![
            thing(item.plugin.as_ref(), item.kind),
            html! { (charged(item.kind)) },
            html! { (item.quantity.as_deref().unwrap_or_default()) },
            html! { (money(item.amount)) },
        ]
    };
    let rows: Vec<Vec<Markup>> = items.iter().map(row).collect();
    html! { @if !rows.is_empty() { h3 { "On what" } (table("On what", &columns, &rows)) } }
}

fn teams(spending: &Spending) -> Markup {
    let mut rows: Vec<Vec<Markup>> = Vec::new();
    for of_team in &spending.teams {
        let name = of_team.team.as_ref().map_or("no team", |team| team.as_str());
        rows.push(vec![html! { strong { (name) } }, html! {}, html! { (money(of_team.amount)) }]);
        for deployment in spending.deployments.iter().filter(|deployment| deployment.team == of_team.team) {
            rows.push(vec![
                html! {},
                html! { (deployment.deployment) },
                html! { (money(deployment.amount)) },
            ]);
        }
    }
    let columns = [Column::Text("Team"), Column::Text("Deployment"), Column::Number("Without taxes")];
    html! {
        @if !rows.is_empty() {
            h3 { "By team and deployment" }
            (table("By team and deployment", &columns, &rows))
        }
    }
}

fn budget_form(spending: &Spending) -> Markup {
    let text = spending.budget.map(|budget| budget.to_string()).unwrap_or_default();
    let amount = text.split(' ').next().unwrap_or_default();
    let currencies = Currency::ALL.map(|currency| (currency.code(), currency.code()));
    html! {
        h3 { "Budget" }
        form.card method="post" action="/spend/budget" {
            (Field::new("monthly", "What a month may cost, without taxes").value(amount)
                .hint("You are told when 50, 80 and 100 % of it are spent; nothing stops. Empty: no budget."))
            (select("currency", "Currency", spending.currency.code(), &currencies))
            button { "Save" }
        }
    }
}

fn team_form(spending: &Spending) -> Markup {
    html! {
        @if !spending.deployments.is_empty() {
            h3 { "Teams" }
            form.card method="post" action="/spend/teams" {
                div.field {
                    label for="deployment" { "Deployment" }
                    select id="deployment" name="deployment" {
                        @for deployment in &spending.deployments {
                            option value=(deployment.deployment) { (deployment.deployment) }
                        }
                    }
                }
                (Field::new("team", "The team that it is counted to")
                    .hint("Lower-case letters, digits and dashes. Empty: none."))
                button { "Save" }
            }
        }
    }
}
