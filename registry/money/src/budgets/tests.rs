//! What is spent is what will be invoiced, to the cent; and each part of a budget is told once.

use std::collections::BTreeMap;

use chandlery_accounts::Actor;
use chandlery_package::wire::{NewBudget, NewCostTeam, Paging, Spending, UsageEvent};
use chandlery_package::{Currency, Money, Namespace};
use jiff::SignedDuration;

use crate::billing::{UsageBounds, invoices, notices, order, receive};
use crate::books::close;
use crate::testing::{at, market, operator};
use crate::{Finance, budgets};

/// 0.50 USD for each of ten GPU-hours after the first of each month, which is free, and less for those after them.
const OFFER: &str = r#"{"price": {"kind": "metered", "unit": "gpu-hour", "free": 1,
    "steps": [{"up_to": 10, "price": "0.50 USD"}, {"price": "0.333333 USD"}]}, "trial_days": 0}"#;

fn globex() -> Namespace {
    "globex".parse().unwrap()
}

async fn set_clock(finance: &Finance, now: &str) {
    finance.clock.set(&finance.db, at(now)).await.unwrap();
}

/// An hour of so many GPUs that a deployment has used.
async fn use_gpus(finance: &Finance, deployment: &str, from: &str, gpus: u64) {
    let from = at(from);
    let event = UsageEvent {
        id: uuid::Uuid::now_v7(),
        deployment: deployment.into(),
        release: "acme:serving@1.0.0".parse().unwrap(),
        from,
        to: from + SignedDuration::from_hours(1),
        replica_millis: 3_600_000,
        gpu_millis: gpus * 3_600_000,
        units: BTreeMap::new(),
        corrects: None,
    };
    let bounds = UsageBounds { now: finance.clock.now(), days: finance.usage_days };
    let receipt = receive(&finance.db, &globex(), &[event], bounds).await.unwrap();
    assert_eq!(receipt.accepted, 1, "{receipt:?}");
}

async fn spending(finance: &Finance) -> Spending {
    let mut db = finance.db.read().acquire().await.unwrap();
    budgets::spending(&mut db, &globex(), None, finance.clock.now()).await.unwrap()
}

async fn set_budget(finance: &Finance, minor: i64) {
    let monthly = Money::new(minor, Currency::Usd).unwrap();
    let now = finance.clock.now();
    budgets::set(&finance.db, &Actor::machine(), &globex(), &NewBudget { monthly }, now).await.unwrap();
}

/// Compares with the budget, and gives what the account was told of it, the first one first.
async fn told(finance: &Finance) -> Vec<String> {
    budgets::warn(&finance.db, finance.clock.now()).await.unwrap();
    let page = notices(&finance.db, &globex(), &Paging::first(100)).await.unwrap();
    let mut subjects: Vec<String> = page.items.into_iter().map(|notice| notice.subject).collect();
    subjects.retain(|subject| subject.contains("budget"));
    // Those of one moment have no order.
    subjects.sort();
    subjects
}

/// A market at the beginning of June, in which globex has ordered what acme sells.
async fn june() -> (tempfile::TempDir, Finance) {
    let (folder, finance) = market(&["globex"], OFFER).await;
    set_clock(&finance, "2026-06-01T00:00:00Z").await;
    let new = serde_json::from_value(serde_json::json!({ "plugin": "acme:serving" })).unwrap();
    order(&finance.db, &Actor::machine(), &globex(), &new, finance.clock.now()).await.unwrap();
    (folder, finance)
}

#[tokio::test]
async fn what_is_spent_is_what_the_close_invoices() {
    let (_folder, finance) = june().await;
    set_clock(&finance, "2026-06-16T00:00:00Z").await;
    for (deployment, gpus) in [("chat", 7), ("ocr", 4), ("batch", 3)] {
        use_gpus(&finance, deployment, "2026-06-10T00:00:00Z", gpus).await;
    }
    let ml = || Some("ml".parse().unwrap());
    for deployment in ["chat", "ocr"] {
        let new = NewCostTeam { deployment: deployment.into(), team: ml() };
        budgets::count_to_team(&finance.db, &Actor::machine(), &globex(), &new).await.unwrap();
    }
    let spending = spending(&finance).await;
    // 14 GPU-hours: one is free, ten cost 0.50, and three 0.333333.
    assert_eq!(spending.spent.to_string(), "6.00 USD");
    assert_eq!(spending.forecast.unwrap().to_string(), "12.00 USD");
    assert_eq!((spending.budget, spending.percent, spending.others.len()), (None, None, 0));
    let by_deployment: Vec<String> =
        spending.deployments.iter().map(|of_it| format!("{} {}", of_it.deployment, of_it.amount)).collect();
    assert_eq!(by_deployment, ["chat 3.00 USD", "ocr 1.71 USD", "batch 1.29 USD"]);
    let teams: Vec<_> =
        spending.teams.iter().map(|of_it| (of_it.team.clone(), of_it.amount.minor())).collect();
    assert_eq!(teams, [(ml(), 471), (None, 129)]);

    set_clock(&finance, "2026-07-01T00:00:00Z").await;
    let (june, now) = ("2026-06".parse().unwrap(), finance.clock.now());
    close(&finance.db, &Actor::machine(), finance.hold_days, june, &operator(), now).await.unwrap();
    let invoiced = invoices(&finance.db, &globex(), &Paging::first(10)).await.unwrap().items;
    assert_eq!(invoiced.iter().map(|invoice| invoice.net).collect::<Vec<_>>(), [spending.spent]);
    // What June has cost is no spending of July, though it is invoiced in July.
    assert!(self::spending(&finance).await.spent.is_zero());
}

#[tokio::test]
async fn each_part_of_a_budget_is_told_once() {
    let (_folder, finance) = june().await;
    set_budget(&finance, 1_000).await;
    set_clock(&finance, "2026-06-16T00:00:00Z").await;
    assert!(told(&finance).await.is_empty());
    // 4.50 USD, and then 5.33 USD.
    use_gpus(&finance, "web", "2026-06-10T00:00:00Z", 10).await;
    assert!(told(&finance).await.is_empty());
    use_gpus(&finance, "web", "2026-06-11T00:00:00Z", 2).await;
    let half = "50 % of the budget of 10.00 USD for 2026-06 is spent";
    assert_eq!(told(&finance).await, [half]);
    assert_eq!(told(&finance).await, [half], "once");
    // From half of it to more than all of it, 12.00 USD, at once.
    use_gpus(&finance, "web", "2026-06-12T00:00:00Z", 20).await;
    let all = "The budget of 10.00 USD for 2026-06 is spent";
    assert_eq!(told(&finance).await, [half, all]);
    assert_eq!(told(&finance).await, [half, all], "and not that 80 % are");

    // Another budget has parts of its own.
    set_budget(&finance, 1_400).await;
    let other = "80 % of the budget of 14.00 USD for 2026-06 is spent";
    assert_eq!(told(&finance).await, [half, other, all]);
    budgets::remove(&finance.db, &Actor::machine(), &globex()).await.unwrap();
    use_gpus(&finance, "web", "2026-06-13T00:00:00Z", 90).await;
    assert_eq!(told(&finance).await.len(), 3);
}

#[tokio::test]
async fn what_no_budget_and_no_deployment_is_is_refused() {
    let (_folder, finance) = june().await;
    for minor in [0, -100] {
        let new = NewBudget { monthly: Money::new(minor, Currency::Usd).unwrap() };
        let now = finance.clock.now();
        assert!(budgets::set(&finance.db, &Actor::machine(), &globex(), &new, now).await.is_err(), "{minor}");
    }
    for deployment in [String::new(), "a\nb".into(), "x".repeat(256)] {
        let new = NewCostTeam { deployment, team: Some("ml".parse().unwrap()) };
        assert!(
            budgets::count_to_team(&finance.db, &Actor::machine(), &globex(), &new).await.is_err(),
            "{new:?}"
        );
    }
}
