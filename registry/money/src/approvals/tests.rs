//! Who may approve what, with how many.

use std::collections::BTreeSet;

use chandlery_accounts::{Actor, Address, Credential, operators};
use chandlery_package::wire::{ApprovalKind, ApprovalRule};
use chandlery_package::{Money, Namespace};
use chandlery_store::Db;
use jiff::{SignedDuration, Timestamp};
use proptest::prelude::*;

use super::{Ask, Verdict, Wanted, approve, ask, check_rule, list_rules, refuse, set_rule};
use crate::testing::finance;
use crate::{Error, Finance};

mod alone;

const OLD: &str = "2020-01-01T00:00:00.000000Z";

fn name(text: &str) -> Namespace {
    text.parse().unwrap()
}

fn actor(account: &Namespace) -> Actor {
    Actor::new(account, &Credential::Password(String::new()), Address(None))
}

fn money(text: &str) -> Money {
    text.parse().unwrap()
}

/// An account that everybody has known for long.
async fn open(db: &Db, account: &str) -> Namespace {
    sqlx::query("insert into accounts (name, password_hash, role, created_at) values ($1, '', 'member', $2)")
        .bind(account)
        .bind(OLD)
        .execute(db.read())
        .await
        .unwrap();
    name(account)
}

/// An operator that whoever holds the machine has made.
async fn vouched(db: &Db, account: &str) -> Namespace {
    let account = open(db, account).await;
    operators::promote(db, &account).await.unwrap();
    account
}

/// An operator that one has proposed and another confirmed.
async fn made(db: &Db, account: &str, proposer: &Namespace, confirmer: &Namespace) -> Namespace {
    let account = open(db, account).await;
    operators::propose(db, &actor(proposer), proposer, &account).await.unwrap();
    operators::confirm(db, &actor(confirmer), confirmer, &account).await.unwrap();
    account
}

/// Asks for a payout of this number; none: it needs nobody else.
async fn asks(finance: &Finance, by: &Namespace, id: i64) -> Option<i64> {
    let wanted = Wanted::Payout { id };
    let asked = Ask { by, wanted: &wanted, amount: Some(money("85.00 USD")) };
    ask(finance, &actor(by), &asked).await.unwrap().map(|request| request.id)
}

/// Whether an approval is the last one that is needed.
async fn approves(finance: &Finance, by: &Namespace, id: i64, at: Timestamp) -> Result<bool, Error> {
    let mut write = finance.db.write().await?;
    let verdict = approve(&mut write, finance.approval_hours, &actor(by), by, id, at).await?;
    write.commit().await?;
    Ok(matches!(verdict, Verdict::Ready(_)))
}

async fn set(db: &Db, kind: ApprovalKind, approvals: i64) {
    let mut write = db.write().await.unwrap();
    let rule = ApprovalRule { kind, above: None, approvals };
    set_rule(&mut write, &Actor::machine(), &rule).await.unwrap();
    write.commit().await.unwrap();
}

#[tokio::test]
async fn how_many_are_needed_follows_from_the_kind_and_the_amount() {
    let (_folder, finance) = finance().await;
    let mut rules = list_rules(&mut finance.db.read().acquire().await.unwrap()).await.unwrap();
    let needed = |rules: &[ApprovalRule], kind, amount: Option<&str>| {
        super::rules::needed_by(rules, kind, amount.map(money))
    };
    for (kind, amount, expected) in [
        (ApprovalKind::Payout, Some("0.01 USD"), 1),
        (ApprovalKind::Refund, Some("1000.00 USD"), 0),
        (ApprovalKind::Refund, Some("1000.01 USD"), 1),
        (ApprovalKind::Refund, Some("100000 JPY"), 0),
        (ApprovalKind::Refund, Some("100001 JPY"), 1),
        (ApprovalKind::Payment, Some("1000.00 EUR"), 0),
        (ApprovalKind::Payment, Some("1000.01 GBP"), 1),
        (ApprovalKind::Payment, None, 1),
        (ApprovalKind::Agreement, Some("1.00 USD"), 0),
        (ApprovalKind::Expense, Some("1000000.00 USD"), 0),
        (ApprovalKind::WriteOff, Some("0.01 USD"), 1),
        (ApprovalKind::PartnerBank, None, 1),
        (ApprovalKind::HouseBank, None, 1),
        (ApprovalKind::Policy, None, 1),
        (ApprovalKind::TaxRule, None, 1),
        (ApprovalKind::Rules, None, 1),
    ] {
        assert_eq!(needed(&rules, kind, amount), expected, "{kind} {amount:?}");
    }
    // Of what cannot be compared, the strictest rule holds.
    rules.retain(|rule| rule.above.is_none_or(|above| above.currency().code() != "EUR"));
    assert_eq!(needed(&rules, ApprovalKind::Refund, Some("0.01 EUR")), 1);
    rules.push(ApprovalRule { kind: ApprovalKind::Refund, above: Some(money("5000.00 USD")), approvals: 2 });
    assert_eq!(needed(&rules, ApprovalKind::Refund, Some("5000.01 USD")), 2);
    assert_eq!(needed(&[], ApprovalKind::Refund, Some("0.01 USD")), 1);
    let rule =
        |kind, above: Option<&str>, approvals| ApprovalRule { kind, above: above.map(money), approvals };
    for wrong in [
        rule(ApprovalKind::Rules, None, 0),
        rule(ApprovalKind::Rules, Some("1.00 USD"), 1),
        rule(ApprovalKind::Payout, None, 3),
        rule(ApprovalKind::Payout, None, -1),
        rule(ApprovalKind::Payout, Some("-1.00 USD"), 1),
    ] {
        assert!(matches!(check_rule(&wrong), Err(Error::Invalid(_))), "{wrong:?}");
    }
}

#[tokio::test]
async fn nobody_approves_through_an_account_that_is_its_own() {
    let (_folder, finance) = finance().await;
    let db = &finance.db;
    let first = name("operator");
    let (second, third) = (vouched(db, "second").await, vouched(db, "third").await);
    let mine = made(db, "mine", &first, &second).await;
    let deeper = made(db, "deeper", &mine, &third).await;
    let now = Timestamp::now();
    for (number, (asker, approver, may)) in [
        (&first, &second, true),
        (&first, &first, false),
        (&first, &mine, false),
        (&first, &deeper, false),
        (&mine, &first, false),
        (&mine, &deeper, false),
        (&mine, &third, true),
        (&second, &mine, false),
        (&second, &third, true),
        (&third, &deeper, false),
    ]
    .into_iter()
    .enumerate()
    {
        let id = asks(&finance, asker, number as i64).await.unwrap();
        match approves(&finance, approver, id, now).await {
            Ok(ready) => assert!(ready && may, "{approver} approves what {asker} asked for"),
            Err(error) => assert!(
                !may && matches!(error, Error::Accounts(chandlery_accounts::Error::Forbidden { .. })),
                "{approver} does not approve what {asker} asked for: {error}"
            ),
        }
    }
    // Once the machine vouches for it, it is an operator like others.
    operators::promote(db, &mine).await.unwrap();
    let id = asks(&finance, &first, 100).await.unwrap();
    assert!(approves(&finance, &mine, id, now).await.unwrap());
}

#[tokio::test]
async fn one_alone_waits_and_is_not_alone_where_others_are() {
    let (_folder, mut finance) = finance().await;
    let first = name("operator");
    let id = asks(&finance, &first, 1).await.unwrap();
    assert_eq!(asks(&finance, &first, 1).await, Some(id), "asked again, it is the same");
    let now = Timestamp::now();
    let hours = |hours| now + SignedDuration::from_hours(hours);
    assert!(!approves(&finance, &first, id, now).await.unwrap());
    assert!(!approves(&finance, &first, id, hours(23)).await.unwrap());
    assert!(approves(&finance, &first, id, hours(25)).await.unwrap());
    assert!(matches!(approves(&finance, &first, id, hours(7 * 24)).await, Err(Error::Conflict(_))), "lapsed");
    let second = vouched(&finance.db, "second").await;
    assert!(approves(&finance, &first, id, hours(25)).await.is_err(), "another one is there now");
    assert!(approves(&finance, &second, id, now).await.unwrap());
    finance.approval_hours = 0;
    assert!(asks(&finance, &first, 2).await.is_some(), "who is not alone waits for others");
    operators::demote(&finance.db, &actor(&second), &second, &second).await.unwrap();
    assert_eq!(asks(&finance, &first, 3).await, None);
}

#[tokio::test]
async fn what_those_who_left_have_asked_for_and_approved_counts_no_more() {
    let (_folder, finance) = finance().await;
    let db = &finance.db;
    let first = name("operator");
    let mut others = Vec::new();
    for account in ["second", "third", "fourth"] {
        others.push(vouched(db, account).await);
    }
    let [second, third, fourth] = <[Namespace; 3]>::try_from(others).unwrap();
    set(db, ApprovalKind::Payout, 2).await;
    let now = Timestamp::now;
    let (kept, lapsing) =
        (asks(&finance, &first, 1).await.unwrap(), asks(&finance, &second, 2).await.unwrap());
    assert!(!approves(&finance, &second, kept, now()).await.unwrap());
    assert!(!approves(&finance, &second, kept, now()).await.unwrap(), "twice is once");
    operators::demote(db, &actor(&first), &first, &second).await.unwrap();
    assert!(approves(&finance, &second, kept, now()).await.is_err(), "no operator any more");
    assert!(!approves(&finance, &third, kept, now()).await.unwrap());
    assert!(approves(&finance, &fourth, kept, now()).await.unwrap());
    // Nor when they come back.
    operators::promote(db, &second).await.unwrap();
    assert!(matches!(approves(&finance, &third, lapsing, now()).await, Err(Error::Conflict(_))));
    let mut write = db.write().await.unwrap();
    refuse(&mut write, &actor(&third), &third, kept, "not now", now()).await.unwrap();
    write.commit().await.unwrap();
    assert!(matches!(approves(&finance, &fourth, kept, now()).await, Err(Error::Conflict(_))));
}

/// What somebody does: with which of all accounts, and to what.
#[derive(Debug, Clone, Copy)]
enum Step {
    Make { proposer: usize, confirmer: usize },
    Ask { by: usize },
    Approve { by: usize, request: usize },
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = (0_u8..8, 0_usize..64, 0_usize..64).prop_map(|(kind, one, other)| match kind {
        0 | 1 => Step::Make { proposer: one, confirmer: other },
        2 => Step::Ask { by: one },
        _ => Step::Approve { by: one, request: other },
    });
    proptest::collection::vec(step, 1..40)
}

proptest! {
    #![proptest_config(crate::testing::cases(12))]

    /// Three people make accounts of their own and approve by them. Whatever is ready, so many people beside whoever asked want it.
    #[test]
    fn nothing_is_done_that_too_few_people_want(all in steps(), rule in 1_i64..=2) {
        tokio::runtime::Runtime::new().unwrap().block_on(async {
            let (_folder, finance) = finance().await;
            let db = &finance.db;
            set(db, ApprovalKind::Payout, rule).await;
            // Each account, and who has it: whoever proposed it.
            let mut accounts = vec![(name("operator"), 0)];
            for (person, account) in [(1, "second"), (2, "third")] {
                accounts.push((vouched(db, account).await, person));
            }
            // Each request, who asked for it, and who approved it so far.
            let mut requests: Vec<(i64, usize, BTreeSet<usize>)> = Vec::new();
            for (index, step) in all.into_iter().enumerate() {
                match step {
                    Step::Make { proposer, confirmer } => {
                        let (proposer, person) = accounts[proposer % accounts.len()].clone();
                        let confirmer = accounts[confirmer % accounts.len()].0.clone();
                        if confirmer != proposer {
                            let own = made(db, &format!("own-{index}"), &proposer, &confirmer).await;
                            accounts.push((own, person));
                        }
                    }
                    Step::Ask { by } => {
                        let (by, person) = accounts[by % accounts.len()].clone();
                        let id = asks(&finance, &by, index as i64).await.unwrap();
                        requests.push((id, person, BTreeSet::new()));
                    }
                    Step::Approve { by, request } if !requests.is_empty() => {
                        let (by, person) = accounts[by % accounts.len()].clone();
                        let index = request % requests.len();
                        let (id, asker, people) = &mut requests[index];
                        let Ok(ready) = approves(&finance, &by, *id, Timestamp::now()).await else { continue };
                        people.insert(person);
                        assert!(person != *asker, "{by} is of whoever asked");
                        assert!(!ready || people.len() as i64 >= rule, "{people:?} are too few");
                    }
                    Step::Approve { .. } => {}
                }
            }
        });
    }
}
