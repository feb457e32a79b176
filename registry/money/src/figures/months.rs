//! The figures of every month from the first one with something in it.

use std::collections::BTreeMap;

use chandlery_package::column::Text;
use chandlery_package::wire::{Change, MonthFigures, Ratio, Segment};
use chandlery_package::{Balance, Month, Tier};
use jiff::Timestamp;
use sqlx::AnyConnection;

use super::CURRENCY;
use super::rows::{Accounts, accounts_at, changes, postings_in};
use crate::Error;

/// What a month is made of.
struct Basis {
    month: Month,
    accounts: Accounts,
    won: BTreeMap<Tier, i64>,
    lost: BTreeMap<Tier, i64>,
    new: i128,
    expansion: i128,
    contraction: i128,
    churn: i128,
    plans: i128,
    commission: i128,
    cost: i128,
    acquisition: BTreeMap<String, i128>,
    /// What has no exchange rate, and is in none of it.
    left_out: Vec<String>,
}

const COSTS: [&str; 5] = [
    "expenses:processor fees",
    "expenses:dispute fees",
    "expenses:payout fees",
    "expenses:bank fees",
    "expenses:hosting",
];
const ACQUISITION: &str = "expenses:acquisition:";

fn usd(minor: i128) -> Result<Balance, Error> {
    Ok(Balance::new(minor, CURRENCY)?)
}

/// The figures of every month until the one of `now`, which is not over.
pub async fn months(db: &mut AnyConnection, now: Timestamp) -> Result<Vec<MonthFigures>, Error> {
    let (first,): (Option<Text<Timestamp>>,) =
        sqlx::query_as("select min(at) from ledger_transactions").fetch_one(&mut *db).await?;
    let Some(Text(first)) = first else { return Ok(Vec::new()) };
    let mut bases: Vec<Basis> = Vec::new();
    let mut month = Month::of(first);
    while month.first_moment() <= now {
        let none = Accounts::new();
        let before = bases.last().map_or(&none, |basis| &basis.accounts);
        let basis = basis(db, month, before).await?;
        bases.push(basis);
        month = month.next();
    }
    (0..bases.len()).map(|index| figures(&bases, index)).collect()
}

async fn basis(db: &mut AnyConnection, month: Month, before: &Accounts) -> Result<Basis, Error> {
    let mut left_out = Vec::new();
    let accounts = accounts_at(db, month, &mut left_out).await?;
    let mut basis = Basis {
        month,
        won: BTreeMap::new(),
        lost: BTreeMap::new(),
        new: 0,
        expansion: 0,
        contraction: 0,
        churn: 0,
        plans: 0,
        commission: 0,
        cost: 0,
        acquisition: BTreeMap::new(),
        left_out: Vec::new(),
        accounts,
    };
    for row in changes(before, &basis.accounts)? {
        let by = i128::from(row.now.minor()) - i128::from(row.before.minor());
        match row.change {
            Change::New => {
                basis.new += by;
                *basis.won.entry(row.tier).or_default() += 1;
            }
            Change::Churn => {
                basis.churn -= by;
                *basis.lost.entry(row.tier).or_default() += 1;
            }
            Change::Expansion => basis.expansion += by,
            Change::Contraction => basis.contraction -= by,
            Change::Same => {}
        }
    }
    for row in postings_in(db, month, &mut left_out).await? {
        let minor = i128::from(row.converted.minor());
        match row.account.as_str() {
            "revenue:plans" => basis.plans -= minor,
            "revenue:commission" => basis.commission -= minor,
            cost if COSTS.contains(&cost) => basis.cost += minor,
            other => {
                if let Some(segment) = other.strip_prefix(ACQUISITION) {
                    *basis.acquisition.entry(segment.into()).or_default() += minor;
                }
            }
        }
    }
    basis.left_out = left_out;
    Ok(basis)
}

fn figures(bases: &[Basis], index: usize) -> Result<MonthFigures, Error> {
    let basis = &bases[index];
    let mrr: i128 = basis.accounts.values().map(|has| i128::from(has.minor)).sum();
    let (nrr, grr) = retention(bases, index);
    let accounts = basis.accounts.len() as i64;
    let revenue = basis.plans + basis.commission;
    let gross_margin = Ratio::of(revenue - basis.cost, revenue);
    let plans_of = |months: &[Basis]| months.iter().map(|basis| basis.plans).sum::<i128>();
    let magic_number = match index.checked_sub(5) {
        Some(begin) => {
            let (earlier, later) = bases[begin..=index].split_at(3);
            let spent: i128 = earlier.iter().flat_map(|basis| basis.acquisition.values()).sum();
            Ratio::of(4 * (plans_of(later) - plans_of(earlier)), spent)
        }
        None => None,
    };
    let segments = Tier::ALL.into_iter().filter(|tier| *tier != Tier::Free);
    let segments: Vec<_> =
        segments.map(|tier| segment(bases, index, tier, gross_margin)).collect::<Result<_, Error>>()?;
    Ok(MonthFigures {
        month: basis.month,
        mrr: usd(mrr)?,
        arr: usd(12 * mrr)?,
        new: usd(basis.new)?,
        expansion: usd(basis.expansion)?,
        contraction: usd(basis.contraction)?,
        churn: usd(basis.churn)?,
        accounts,
        nrr,
        grr,
        arpa: match accounts {
            0 => None,
            _ => Some(usd(mrr)?.times(1, accounts)?),
        },
        plans: usd(basis.plans)?,
        commission: usd(basis.commission)?,
        cost: usd(basis.cost)?,
        gross_margin,
        acquisition: usd(basis.acquisition.values().sum())?,
        magic_number,
        segments,
        left_out: basis.left_out.clone(),
    })
}

/// Net and gross, against 12 months before.
fn retention(bases: &[Basis], index: usize) -> (Option<Ratio>, Option<Ratio>) {
    let Some(then) = index.checked_sub(12).map(|then| &bases[then].accounts) else { return (None, None) };
    let now = &bases[index].accounts;
    let (mut had, mut net, mut gross) = (0_i128, 0_i128, 0_i128);
    for (account, before) in then {
        let has = now.get(account).map_or(0, |has| i128::from(has.minor));
        had += i128::from(before.minor);
        net += has;
        gross += has.min(i128::from(before.minor));
    }
    (Ratio::of(net, had), Ratio::of(gross, had))
}

fn segment(bases: &[Basis], index: usize, tier: Tier, gross_margin: Option<Ratio>) -> Result<Segment, Error> {
    let basis = &bases[index];
    let name = tier.to_string();
    let of = |basis: &Basis| -> (i64, i128) {
        let has = basis.accounts.values().filter(|has| has.tier == tier);
        has.fold((0, 0), |(count, mrr), has| (count + 1, mrr + i128::from(has.minor)))
    };
    let (accounts, mrr) = of(basis);
    let quarter = &bases[(index + 1).saturating_sub(3)..=index];
    let spent: i128 = quarter.iter().filter_map(|basis| basis.acquisition.get(&name)).sum();
    let won: i64 = quarter.iter().filter_map(|basis| basis.won.get(&tier)).sum();
    let cac = match won {
        0 => None,
        _ => Some(usd(spent)?.times(1, won)?),
    };
    let year = (index + 1).saturating_sub(12);
    let lost: i64 = bases[year..=index].iter().filter_map(|basis| basis.lost.get(&tier)).sum();
    let exposed: i64 = (year..=index).filter_map(|month| Some(of(&bases[month.checked_sub(1)?]).0)).sum();
    let ltv = match gross_margin {
        Some(margin) if accounts > 0 && lost > 0 => {
            // ARPA × margin ÷ (lost ÷ exposed), rounded once.
            let share = usd(mrr)?.times(margin.numerator, margin.denominator)?;
            Some(share.times(exposed, accounts * lost)?)
        }
        _ => None,
    };
    Ok(Segment {
        tier,
        accounts,
        mrr: usd(mrr)?,
        won: basis.won.get(&tier).copied().unwrap_or(0),
        lost: basis.lost.get(&tier).copied().unwrap_or(0),
        acquisition: usd(basis.acquisition.get(&name).copied().unwrap_or(0))?,
        ltv_to_cac: ltv.zip(cac).and_then(|(ltv, cac)| Ratio::of(ltv.minor().into(), cac.minor().into())),
        cac,
        ltv,
    })
}
