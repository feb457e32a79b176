//! What winning an account costs and what it brings: of each tier, and of all together.

use std::collections::BTreeMap;

use chandlery_package::wire::{Ratio, Segment};
use chandlery_package::{Balance, Tier};

use super::basis::Basis;
use super::known::{Known, ratio, times, usd};

/// What winning accounts of a segment costs, and what they bring.
pub(super) struct Economics {
    pub accounts: i64,
    pub mrr: Known<Balance>,
    pub won: i64,
    pub lost: i64,
    pub acquisition: Known<Balance>,
    pub cac: Known<Balance>,
    pub ltv: Known<Balance>,
    pub ltv_to_cac: Known<Ratio>,
    /// In how many months the margin of a customer pays for winning it.
    pub payback: Known<Ratio>,
}

/// The accounts of a tier, or of all, in a month: how many, and what they have.
fn accounts_of(basis: &Basis, tier: Option<Tier>) -> (i64, Known<i128>) {
    let of_tier = || basis.accounts.values().filter(move |has| tier.is_none_or(|tier| has.tier == tier));
    (of_tier().count() as i64, of_tier().map(|has| has.minor.clone().map(i128::from)).sum())
}

/// The economics of a tier's accounts, or of all.
pub(super) fn economics(
    bases: &[Basis],
    index: usize,
    tier: Option<Tier>,
    gross_margin: &Known<Ratio>,
) -> Economics {
    let basis = &bases[index];
    let counted = |counts: &BTreeMap<Tier, i64>| -> i64 {
        counts.iter().filter(|(of, _)| tier.is_none_or(|tier| **of == tier)).map(|(_, count)| count).sum()
    };
    let (accounts, mrr) = accounts_of(basis, tier);
    let mrr = usd(mrr);
    let quarter = &bases[(index + 1).saturating_sub(3)..=index];
    let won_in_quarter: i64 = quarter.iter().map(|basis| counted(&basis.won)).sum();
    let spent: Known<i128> = quarter.iter().map(|basis| basis.acquisition(tier)).sum();
    let cac = match won_in_quarter {
        0 => Err("no account was won in this month and the two before".into()),
        won => usd(spent).and_then(|spent| times(spent, 1, won)),
    };
    let year = (index + 1).saturating_sub(12);
    let lost: i64 = bases[year..=index].iter().map(|basis| counted(&basis.lost)).sum();
    let before = (year..=index).filter_map(|month| bases.get(month.checked_sub(1)?));
    let exposed: i64 = before.map(|basis| accounts_of(basis, tier).0).sum();
    let margin = margin_of(&mrr, gross_margin);
    let ltv = lifetime_value(&margin, accounts, lost, exposed);
    Economics {
        accounts,
        won: counted(&basis.won),
        lost: counted(&basis.lost),
        acquisition: usd(basis.acquisition(tier)),
        ltv_to_cac: ltv_to_cac(&ltv, &cac),
        payback: payback(&cac, &margin, accounts),
        mrr,
        cac,
        ltv,
    }
}

/// What is left of MRR after what it costs.
fn margin_of(mrr: &Known<Balance>, gross_margin: &Known<Ratio>) -> Known<Balance> {
    let Ratio { numerator, denominator } = gross_margin.clone()?;
    times(mrr.clone()?, numerator, denominator)
}

/// The margin of an account ÷ (lost ÷ exposed), rounded once.
fn lifetime_value(margin: &Known<Balance>, accounts: i64, lost: i64, exposed: i64) -> Known<Balance> {
    let margin = margin.clone()?;
    match (accounts, lost) {
        (0, _) => Err("no account has MRR".into()),
        (_, 0) => Err("no account was lost in 12 months".into()),
        _ => times(margin, exposed, accounts * lost),
    }
}

fn ltv_to_cac(ltv: &Known<Balance>, cac: &Known<Balance>) -> Known<Ratio> {
    let (ltv, cac) = (ltv.clone()?, cac.clone()?);
    ratio(ltv.minor().into(), cac.minor().into(), "nothing was spent on winning them")
}

fn payback(cac: &Known<Balance>, margin: &Known<Balance>, accounts: i64) -> Known<Ratio> {
    let spent = i128::from(cac.clone()?.minor()) * i128::from(accounts);
    ratio(spent, margin.clone()?.minor().into(), "the accounts bring no margin")
}

/// The figures of a tier's accounts.
pub(super) fn segment(bases: &[Basis], index: usize, tier: Tier, gross_margin: &Known<Ratio>) -> Segment {
    let found = economics(bases, index, Some(tier), gross_margin);
    Segment {
        tier,
        accounts: found.accounts,
        mrr: found.mrr.ok(),
        won: found.won,
        lost: found.lost,
        acquisition: found.acquisition.ok(),
        cac: found.cac.ok(),
        ltv: found.ltv.ok(),
        ltv_to_cac: found.ltv_to_cac.ok(),
    }
}
