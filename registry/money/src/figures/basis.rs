//! What a month's figures are computed from, in minor units of [`CURRENCY`](super::CURRENCY).

use std::collections::BTreeMap;

use chandlery_package::column::Text;
use chandlery_package::wire::Change;
use chandlery_package::{Month, Tier};
use jiff::Timestamp;
use sqlx::AnyConnection;

use super::activation::{self, SignUps};
use super::known::Known;
use super::rows::{self, Accounts, Converted, Moved};
use crate::Error;

/// What revenue costs.
const COSTS: [&str; 5] = [
    "expenses:processor fees",
    "expenses:dispute fees",
    "expenses:payout fees",
    "expenses:bank fees",
    "expenses:hosting",
];
const ACQUISITION: &str = "expenses:acquisition:";
/// What is neither earned nor spent by what the business does.
const EXCHANGE_LOSS: &str = "expenses:fx loss";

/// What a month is made of.
#[derive(Debug, Clone)]
pub(super) struct Basis {
    pub month: Month,
    pub to_date: Option<Timestamp>,
    pub accounts: Accounts,
    pub won: BTreeMap<Tier, i64>,
    pub lost: BTreeMap<Tier, i64>,
    pub new: Known<i128>,
    pub expansion: Known<i128>,
    pub contraction: Known<i128>,
    pub churn: Known<i128>,
    /// Debits less credits, by account of the ledger.
    pub posted: BTreeMap<String, Known<i128>>,
    pub gmv: Known<i128>,
    /// What was kept of that.
    pub kept: Known<i128>,
    /// What was kept of services.
    pub services: Known<i128>,
    pub refunds: Known<i128>,
    pub chargebacks: Known<i128>,
    pub sign_ups: SignUps,
}

impl Basis {
    /// A month in which nothing has been posted, sold or given back, but accounts have changed.
    pub fn of_accounts(
        month: Month,
        to_date: Option<Timestamp>,
        before: &Accounts,
        accounts: Accounts,
    ) -> Self {
        let moved = rows::changes(before, &accounts);
        let count = |wanted: Change| {
            let mut counts: BTreeMap<Tier, i64> = BTreeMap::new();
            for row in moved.iter().filter(|row| row.change == Ok(wanted)) {
                *counts.entry(row.tier).or_default() += 1;
            }
            counts
        };
        Self {
            month,
            to_date,
            won: count(Change::New),
            lost: count(Change::Churn),
            new: movement(&moved, Change::New),
            expansion: movement(&moved, Change::Expansion),
            contraction: movement(&moved, Change::Contraction).map(|minor| -minor),
            churn: movement(&moved, Change::Churn).map(|minor| -minor),
            accounts,
            posted: BTreeMap::new(),
            gmv: Ok(0),
            kept: Ok(0),
            services: Ok(0),
            refunds: Ok(0),
            chargebacks: Ok(0),
            sign_ups: SignUps::default(),
        }
    }

    /// What all accounts have together.
    pub fn mrr(&self) -> Known<i128> {
        self.accounts.values().map(|has| has.minor.clone().map(i128::from)).sum()
    }

    fn posted_to(&self, wanted: impl Fn(&str) -> bool) -> Known<i128> {
        self.posted.iter().filter(|(account, _)| wanted(account)).map(|(_, minor)| minor.clone()).sum()
    }

    pub fn plans(&self) -> Known<i128> {
        Ok(-self.posted_to(|account| account == "revenue:plans")?)
    }

    pub fn commission(&self) -> Known<i128> {
        Ok(-self.posted_to(|account| account == "revenue:commission")?)
    }

    pub fn revenue(&self) -> Known<i128> {
        Ok(self.plans()? + self.commission()?)
    }

    pub fn cost(&self) -> Known<i128> {
        self.posted_to(|account| COSTS.contains(&account))
    }

    pub fn bad_debt(&self) -> Known<i128> {
        self.posted_to(|account| account == "expenses:bad debt")
    }

    /// What was spent on winning customers, of one segment or of all.
    pub fn acquisition(&self, tier: Option<Tier>) -> Known<i128> {
        self.posted_to(|account| match (account.strip_prefix(ACQUISITION), tier) {
            (Some(segment), Some(tier)) => segment == tier.as_str(),
            (Some(_), None) => true,
            (None, _) => false,
        })
    }

    /// All that was spent.
    pub fn expenses(&self) -> Known<i128> {
        self.posted_to(|account| account.starts_with("expenses:") && account != EXCHANGE_LOSS)
    }
}

/// What the changes of one kind come to. Without a rate nobody knows whether an account has more or less than it had.
fn movement(moved: &[Moved], wanted: Change) -> Known<i128> {
    moved.iter().try_fold(0, |sum, row| match &row.change {
        Ok(change) if *change == wanted => Ok(sum + row.by()?),
        Err(reason) if matches!(wanted, Change::Expansion | Change::Contraction) => Err(reason.clone()),
        _ => Ok(sum),
    })
}

/// The sum of rows, or why one of them has no value.
fn sum<'a>(mut minors: impl Iterator<Item = &'a Known<i64>>) -> Known<i128> {
    minors.try_fold(0, |sum, minor| Ok(sum + i128::from(minor.clone()?)))
}

/// The months from the first one with a transaction until the one of `now`, which is not over.
pub(super) async fn months_until(db: &mut AnyConnection, now: Timestamp) -> Result<Vec<Month>, Error> {
    let (first,): (Option<Text<Timestamp>>,) =
        sqlx::query_as("select min(at) from ledger_transactions").fetch_one(&mut *db).await?;
    let Some(Text(first)) = first else { return Ok(Vec::new()) };
    let months = std::iter::successors(Some(Month::of(first)), |month| Some(month.next()));
    Ok(months.take_while(|month| month.first_moment() <= now).collect())
}

/// What every month until the one of `now` is made of.
pub(super) async fn bases(db: &mut AnyConnection, now: Timestamp) -> Result<Vec<Basis>, Error> {
    let mut bases: Vec<Basis> = Vec::new();
    let sign_ups = activation::sign_ups(&mut *db, now).await?;
    for month in months_until(&mut *db, now).await? {
        let none = Accounts::new();
        let until = rows::counted_until(month, now);
        let accounts = rows::accounts_at(&mut *db, until).await?;
        let before = bases.last().map_or(&none, |basis| &basis.accounts);
        let mut basis = Basis::of_accounts(month, rows::to_date(month, now), before, accounts);
        for Converted { what, minor, .. } in rows::postings_in(&mut *db, month, until).await? {
            let so_far = basis.posted.remove(&what).unwrap_or(Ok(0));
            let both = so_far.and_then(|so_far| minor.map(|minor| so_far + i128::from(minor)));
            basis.posted.insert(what, both);
        }
        let sold = rows::sold_in(&mut *db, month, until).await?;
        basis.gmv = sum(sold.iter().map(|row| &row.minor));
        basis.kept = sum(sold.iter().map(|row| &row.what.kept.minor));
        basis.services = sum(sold.iter().filter(|row| row.what.services).map(|row| &row.what.kept.minor));
        basis.refunds = sum(rows::refunds_in(&mut *db, month, until).await?.iter().map(|row| &row.minor));
        let chargebacks = rows::chargebacks_in(&mut *db, month, until).await?;
        basis.sign_ups = sign_ups.get(&month).copied().unwrap_or_default();
        basis.chargebacks = sum(chargebacks.iter().map(|row| &row.minor));
        bases.push(basis);
    }
    Ok(bases)
}
