//! What an account spends: the present month beside its budget, what was invoiced by month and by plugin, and what its deployments have
//! used.

use std::collections::BTreeSet;

use axum::extract::State;
use chandlery_edge::Query;
use chandlery_money::Finance;
use chandlery_money::billing::{self, Spent};
use chandlery_package::wire::{Page, Paging, UsageTotal};
use chandlery_package::{Currency, Money, Month, PluginId};
use chandlery_pages::{Column, empty, money, next_page, select, table};
use maud::{Markup, html};
use serde::Deserialize;

use super::budget;
use super::frame::{self, Customer};
use super::spent::{charged, thing};
use crate::error::Error;

const PAGE: &str = "/spend";
/// How many months are looked back at.
const MONTHS: usize = 12;
/// Milliseconds of an hour.
const HOUR: u64 = 3_600_000;

/// The month whose use is shown.
#[derive(Deserialize)]
pub(super) struct Of {
    #[serde(default)]
    month: String,
}

/// The page `/spend`.
pub(super) async fn page(
    State(finance): State<Finance>,
    caller: Customer,
    Query(of): Query<Of>,
    Query(paging): Query<Paging<(String, PluginId)>>,
) -> Result<Markup, Error> {
    let this = Month::of(finance.clock.now());
    let month = match of.month.as_str() {
        "" => this,
        text => text.parse::<Month>().map_err(|error| Error::invalid(error.to_string()))?,
    };
    let months: Vec<Month> =
        std::iter::successors(Some(this), |month| Some(month.previous())).take(MONTHS).collect();
    let mut db = finance.db.read().acquire().await?;
    let since = months.last().copied().unwrap_or(this);
    let spent = billing::spend(&mut db, &caller.name, since).await?;
    drop(db);
    let used = billing::totals_in(&finance.db, &caller.name, Some(month), &paging).await?;
    let has = billing::subscription(&finance.db, &caller.name, finance.clock.now()).await?;
    let spending = budget::read(&finance, &caller).await?;
    let may_set = budget::may_set(&finance, &caller).await?;
    let content = html! {
        h1 { "Spend of " (caller.name) }
        (budget::section(&spending, may_set))
        h2 { "What was invoiced" }
        (by_month(&spent)?)
        (by_plugin(&spent))
        h2 { "Use by deployment" }
        form.filters method="get" action=(PAGE) {
            (month_choice(&months, month))
            button { "Show" }
        }
        (by_deployment(&used, month))
        h2 { "Notices" }
        p {
            "You are told when 50, 80 and 100 % of a budget are spent, when 80 % and 100 % of the deployments are used that " (has.tier)
            " allows, before a trial or a period ends, and of "
            "invoices that are due: " a href="/account" { "notices" } "."
        }
    };
    Ok(frame::page(&caller, "Spend", PAGE, &content))
}

fn month_choice(months: &[Month], chosen: Month) -> Markup {
    let names: Vec<String> = months.iter().map(Month::to_string).collect();
    let options: Vec<(&str, &str)> = names.iter().map(|name| (name.as_str(), name.as_str())).collect();
    select("month", "Month", &chosen.to_string(), &options)
}

/// What was invoiced in each month, in each currency.
fn by_month(spent: &[Spent]) -> Result<Markup, Error> {
    let months: BTreeSet<(Month, &str)> =
        spent.iter().map(|row| (row.month, row.net.currency().code())).collect();
    let mut rows = Vec::new();
    for (month, code) in months.into_iter().rev() {
        let of_it = spent.iter().filter(|row| row.month == month && row.net.currency().code() == code);
        let all: Vec<Money> = of_it.map(|row| row.net).collect();
        let Some(currency) = all.first().map(|amount| amount.currency()) else { continue };
        rows.push(vec![html! { (month) }, html! { (money(sum(currency, &all)?)) }]);
    }
    let columns = [Column::Text("Month"), Column::Number("Invoiced, without taxes")];
    Ok(html! {
        @if rows.is_empty() {
            (empty("There are no invoices yet.", &html! { "What you order and subscribe to is shown here by month." }))
        } @else {
            (table("By month", &columns, &rows))
        }
    })
}

fn sum(currency: Currency, amounts: &[Money]) -> Result<Money, Error> {
    Ok(Money::sum(currency, amounts.iter().copied()).map_err(chandlery_money::Error::from)?)
}

fn by_plugin(spent: &[Spent]) -> Markup {
    let columns = [
        Column::Text("Month"),
        Column::Text("For"),
        Column::Text("Charged"),
        Column::Number("Without taxes"),
    ];
    let row = |row: &Spent| {
        vec![
            html! { (row.month) },
            thing(row.plugin.as_ref(), row.kind),
            html! { (charged(row.kind)) },
            html! { (money(row.net)) },
        ]
    };
    let rows: Vec<Vec<Markup>> = spent.iter().map(row).collect();
    html! { @if !rows.is_empty() { h3 { "By plugin" } (table("By plugin", &columns, &rows)) } }
}

fn by_deployment(used: &Page<UsageTotal>, month: Month) -> Markup {
    let columns = [
        Column::Text("Deployment"),
        Column::Text("Plugin"),
        Column::Number("Hours of replicas"),
        Column::Number("Hours of GPUs"),
    ];
    let row = |row: &UsageTotal| {
        vec![
            html! { (row.deployment) },
            html! { (row.plugin) },
            html! { (hours(row.replica_millis)) },
            html! { (hours(row.gpu_millis)) },
        ]
    };
    let rows: Vec<Vec<Markup>> = used.items.iter().map(row).collect();
    let next = used.next.as_deref().map(|after| format!("{PAGE}?month={month}&after={after}"));
    html! { (table(&format!("Use in {month}"), &columns, &rows)) (next_page(next.as_deref())) }
}

/// Hours, to the hundredth that is complete.
fn hours(millis: u64) -> String {
    let hundredths = u128::from(millis) * 100 / u128::from(HOUR);
    format!("{}.{:02}", hundredths / 100, hundredths % 100)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hours_are_written_with_two_digits() {
        for (millis, expected) in
            [(0, "0.00"), (36_000, "0.01"), (35_999, "0.00"), (HOUR, "1.00"), (5_430_000, "1.50")]
        {
            assert_eq!(hours(millis), expected);
        }
        assert!(hours(u64::MAX).starts_with("5124095576030"));
    }
}
