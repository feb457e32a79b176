//! What the present month comes to, and on what it was spent.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use chandlery_package::wire::{DeploymentSpending, InvoiceLineKind, Spending, SpendingItem, TeamSpending};
use chandlery_package::{Currency, Money, Month, Namespace, TeamName};
use jiff::{SignedDuration, Timestamp};
use sqlx::AnyConnection;

use super::kept;
use crate::Error;
use crate::billing;
use crate::billing::rating::foreseen::foresee;

/// How much of a month must be over before it says something of the rest.
const FORESEEN_AFTER: SignedDuration = SignedDuration::from_hours(24);
/// How many deployments are told of.
const DEPLOYMENTS: usize = 100;

/// What was spent on one thing, and what of that on each deployment.
struct Item {
    item: SpendingItem,
    deployments: BTreeMap<String, Money>,
}

/// What an account has spent in the present month, in one currency: in the budget's, or the first in which it has spent anything, unless
/// one is wanted.
pub async fn spending(
    db: &mut AnyConnection,
    account: &Namespace,
    wanted: Option<Currency>,
    now: Timestamp,
) -> Result<Spending, Error> {
    let month = Month::of(now);
    let budget = kept::budget(db, account).await?;
    let items = items(db, account, month).await?;
    let is_spent = |currency: &Currency| items.iter().any(|item| item.item.amount.currency() == *currency);
    let currency =
        wanted.or(budget.map(Money::currency)).or_else(|| Currency::ALL.into_iter().find(is_spent));
    let currency = currency.unwrap_or(Currency::Usd);
    let budget = budget.filter(|budget| budget.currency() == currency);
    let (items, others): (Vec<Item>, Vec<Item>) =
        items.into_iter().partition(|item| item.item.amount.currency() == currency);
    let spent = sum(currency, &items)?;
    let teams = kept::teams(db, account).await?;
    let deployments = deployments(&items, &teams)?;
    Ok(Spending {
        month,
        currency,
        budget,
        spent,
        percent: budget.map(|budget| percent(spent, budget)),
        forecast: forecast(&items, spent, month, now),
        teams: by_team(spent, &deployments)?,
        deployments: deployments.into_iter().take(DEPLOYMENTS).collect(),
        items: items.into_iter().map(|item| item.item).collect(),
        others: in_others(currency, &others)?,
    })
}

/// What was invoiced in a month but for what was used in those before; and then what its own close will charge.
async fn items(db: &mut AnyConnection, account: &Namespace, month: Month) -> Result<Vec<Item>, Error> {
    let mut items = Vec::new();
    for spent in billing::spend(db, account, month).await? {
        let is_of_close = matches!(spent.kind, InvoiceLineKind::Month | InvoiceLineKind::Use);
        if spent.month == month && !is_of_close && !spent.net.is_zero() {
            let (plugin, kind, amount) = (spent.plugin, spent.kind, spent.net);
            let item = SpendingItem { plugin, kind, quantity: None, amount };
            items.push(Item { item, deployments: BTreeMap::new() });
        }
    }
    for foreseen in foresee(db, account, month).await? {
        let (plugin, kind, amount) = (Some(foreseen.plugin), foreseen.kind, foreseen.amount);
        let item = SpendingItem { plugin, kind, quantity: Some(foreseen.quantity), amount };
        items.push(Item { item, deployments: foreseen.deployments });
    }
    Ok(items)
}

fn sum(currency: Currency, items: &[Item]) -> Result<Money, Error> {
    Ok(Money::sum(currency, items.iter().map(|item| item.item.amount))?)
}

/// How much of a budget is spent, in percent that are complete.
fn percent(spent: Money, budget: Money) -> u64 {
    let of_it = u128::from(spent.minor().max(0).unsigned_abs()) * 100;
    let budget = u128::from(budget.minor().max(1).unsigned_abs());
    u64::try_from(of_it / budget).unwrap_or(u64::MAX)
}

/// What the whole month comes to: what is charged by use goes on in proportion to the time, and all else is as it is. None: too little of
/// it is over, or no amount is so large.
fn forecast(items: &[Item], spent: Money, month: Month, now: Timestamp) -> Option<Money> {
    let (begin, end) = (month.first_moment(), month.next().first_moment());
    let so_far = now.duration_since(begin);
    if so_far < FORESEEN_AFTER {
        return None;
    }
    let by_use = items.iter().filter(|item| item.item.kind == InvoiceLineKind::Use);
    let by_use = Money::sum(spent.currency(), by_use.map(|item| item.item.amount)).ok()?;
    let all_of_it = by_use.times(end.duration_since(begin).as_secs(), so_far.as_secs()).ok()?;
    spent.minus(by_use).ok()?.plus(all_of_it).ok()
}

/// What was spent on each deployment, the dearest first.
fn deployments(items: &[Item], teams: &BTreeMap<String, TeamName>) -> Result<Vec<DeploymentSpending>, Error> {
    let mut all: BTreeMap<&String, Money> = BTreeMap::new();
    for (deployment, amount) in items.iter().flat_map(|item| &item.deployments) {
        let so_far = all.entry(deployment).or_insert(Money::zero(amount.currency()));
        *so_far = so_far.plus(*amount)?;
    }
    let told = |(deployment, amount): (&String, Money)| {
        let team = teams.get(deployment).cloned();
        DeploymentSpending { deployment: deployment.clone(), team, amount }
    };
    let mut told: Vec<DeploymentSpending> = all.into_iter().map(told).collect();
    told.sort_by_key(|deployment| Reverse(deployment.amount.minor()));
    Ok(told)
}

/// What was spent on each team, the dearest first; what is of none, too.
fn by_team(spent: Money, deployments: &[DeploymentSpending]) -> Result<Vec<TeamSpending>, Error> {
    let mut teams: BTreeMap<&TeamName, Money> = BTreeMap::new();
    let mut left = spent;
    for deployment in deployments {
        let Some(team) = &deployment.team else { continue };
        let so_far = teams.entry(team).or_insert(Money::zero(spent.currency()));
        *so_far = so_far.plus(deployment.amount)?;
        left = left.minus(deployment.amount)?;
    }
    let told = |(team, amount): (&TeamName, Money)| TeamSpending { team: Some(team.clone()), amount };
    let mut told: Vec<TeamSpending> = teams.into_iter().map(told).collect();
    if !left.is_zero() {
        told.push(TeamSpending { team: None, amount: left });
    }
    told.sort_by_key(|team| Reverse(team.amount.minor()));
    Ok(told)
}

/// What comes to something in each currency but one.
fn in_others(currency: Currency, others: &[Item]) -> Result<Vec<Money>, Error> {
    let mut sums = Vec::new();
    for other in Currency::ALL.into_iter().filter(|other| *other != currency) {
        let of_it = others.iter().map(|item| item.item.amount).filter(|amount| amount.currency() == other);
        sums.push(Money::sum(other, of_it)?);
    }
    sums.retain(|sum| !sum.is_zero());
    Ok(sums)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::at;

    fn usd(minor: i64) -> Money {
        Money::new(minor, Currency::Usd).unwrap()
    }

    fn item(kind: InvoiceLineKind, minor: i64) -> Item {
        let item = SpendingItem { plugin: None, kind, quantity: None, amount: usd(minor) };
        Item { item, deployments: BTreeMap::new() }
    }

    #[test]
    fn only_percent_that_are_complete_are_told() {
        for (spent, budget, expected) in
            [(0, 100, 0), (-5, 100, 0), (7_999, 10_000, 79), (8_000, 10_000, 80), (250, 100, 250)]
        {
            assert_eq!(percent(usd(spent), usd(budget)), expected, "{spent} of {budget}");
        }
        assert_eq!(percent(usd(Money::LARGEST), usd(1)), 100_000_000_000_000_000);
    }

    #[test]
    fn what_is_charged_by_use_goes_on_as_it_did() {
        let items = [
            item(InvoiceLineKind::Plan, 9_900),
            item(InvoiceLineKind::Month, 3_000),
            item(InvoiceLineKind::Use, 1_000),
        ];
        let spent = sum(Currency::Usd, &items).unwrap();
        let month = Month::of(at("2026-06-15T00:00:00Z"));
        let forecast = |now: &str| forecast(&items, spent, month, at(now));
        assert_eq!(forecast("2026-06-01T23:59:59Z"), None, "too early to tell");
        assert_eq!(forecast("2026-06-02T00:00:00Z"), Some(usd(42_900)));
        assert_eq!(forecast("2026-06-16T00:00:00Z"), Some(usd(14_900)));
        assert_eq!(forecast("2026-07-01T00:00:00Z"), Some(spent));
    }
}
