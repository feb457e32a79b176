//! The figures of every month from the first one with something in it.

use chandlery_package::Tier;
use chandlery_package::money::divide_half_even;
use chandlery_package::wire::{Figure, Figures, Mix, MonthFigures, NoFigure, Ratio};
use jiff::Timestamp;
use sqlx::AnyConnection;

use super::basis::{Basis, bases};
use super::known::{Known, ratio, times, usd};
use super::segments::{economics, segment};
use super::{definitions, targets};
use crate::Error;

const MILLION: i128 = 1_000_000;
const NO_YEAR: &str = "there is no month 12 months before";

/// The figures of every month until the one of `now`, which is not over.
pub async fn months(db: &mut AnyConnection, now: Timestamp) -> Result<Vec<MonthFigures>, Error> {
    let bases = bases(db, now).await?;
    Ok((0..bases.len()).map(|index| of_month(&bases, index)).collect())
}

/// The same, with what they mean and what they are meant to be.
pub async fn figures(db: &mut AnyConnection, now: Timestamp) -> Result<Figures, Error> {
    let months = months(&mut *db, now).await?;
    let targets = targets::compared(db, &months).await?;
    Ok(Figures { months, definitions: definitions::all(), targets })
}

/// The figures that a month does not have.
struct Missing(Vec<NoFigure>);

impl Missing {
    /// The figure; where there is none, the reason is kept.
    fn note<T>(&mut self, figure: Figure, found: Known<T>) -> Option<T> {
        found.map_err(|reason| self.0.push(NoFigure { figure, reason })).ok()
    }
}

/// The figures of one of several months that follow each other.
pub(super) fn of_month(bases: &[Basis], index: usize) -> MonthFigures {
    let basis = &bases[index];
    let (mrr, revenue) = (basis.mrr(), basis.revenue());
    let gross_margin = gross_margin(basis);
    let (nrr, grr) = retention(bases, index).map_or_else(|reason| (Err(reason.clone()), Err(reason)), ratios);
    let all = economics(bases, index, None, &gross_margin);
    let arpa = match basis.accounts.len() as i64 {
        0 => Err("no account has MRR".into()),
        accounts => usd(mrr.clone()).and_then(|mrr| times(mrr, 1, accounts)),
    };
    let part =
        |found: Known<i128>| -> Known<Ratio> { ratio(found?, revenue.clone()?, "there is no revenue") };
    let other_sales = || -> Known<i128> { Ok(basis.commission()? - basis.services.clone()?) };
    let take_rate = || -> Known<Ratio> { ratio(basis.kept.clone()?, basis.gmv.clone()?, "nothing was sold") };
    let (growth, operating_margin) = (growth(bases, index), operating_margin(bases, index));
    let rule_of_40 = rule_of_40(&growth, &operating_margin);
    let tiers = Tier::ALL.into_iter().filter(|tier| *tier != Tier::Free);
    let mut missing = Missing(Vec::new());
    let mut note = |figure, minor: Known<i128>| missing.note(figure, usd(minor));
    let mut found = MonthFigures {
        month: basis.month,
        to_date: basis.to_date,
        mrr: note(Figure::Mrr, mrr.clone()),
        arr: note(Figure::Arr, mrr.map(|mrr| 12 * mrr)),
        new: note(Figure::New, basis.new.clone()),
        expansion: note(Figure::Expansion, basis.expansion.clone()),
        contraction: note(Figure::Contraction, basis.contraction.clone()),
        churn: note(Figure::Churn, basis.churn.clone()),
        accounts: all.accounts,
        nrr: None,
        grr: None,
        arpa: None,
        revenue: note(Figure::Revenue, revenue.clone()),
        plans: usd(basis.plans()).ok(),
        commission: usd(basis.commission()).ok(),
        mix: Mix { subscriptions: None, revenue_share: None, services: None },
        gmv: note(Figure::Gmv, basis.gmv.clone()),
        take_rate: None,
        refunds: note(Figure::Refunds, basis.refunds.clone()),
        chargebacks: note(Figure::Chargebacks, basis.chargebacks.clone()),
        bad_debt: note(Figure::BadDebt, basis.bad_debt()),
        cost: note(Figure::Cost, basis.cost()),
        gross_margin: None,
        acquisition: note(Figure::Acquisition, basis.acquisition(None)),
        cac: None,
        ltv: None,
        ltv_to_cac: None,
        payback: None,
        growth: None,
        operating_margin: None,
        rule_of_40: None,
        magic_number: None,
        sign_ups: basis.sign_ups.accounts,
        activation_7: None,
        activation_30: None,
        segments: tiers.map(|tier| segment(bases, index, tier, &gross_margin)).collect(),
        none: Vec::new(),
    };
    found.nrr = missing.note(Figure::Nrr, nrr);
    found.grr = missing.note(Figure::Grr, grr);
    found.arpa = missing.note(Figure::Arpa, arpa);
    found.mix = Mix {
        subscriptions: missing.note(Figure::Subscriptions, part(basis.plans())),
        revenue_share: missing.note(Figure::RevenueShare, part(other_sales())),
        services: missing.note(Figure::Services, part(basis.services.clone())),
    };
    found.take_rate = missing.note(Figure::TakeRate, take_rate());
    found.gross_margin = missing.note(Figure::GrossMargin, gross_margin);
    found.cac = missing.note(Figure::Cac, all.cac);
    found.ltv = missing.note(Figure::Ltv, all.ltv);
    found.ltv_to_cac = missing.note(Figure::LtvToCac, all.ltv_to_cac);
    found.payback = missing.note(Figure::Payback, all.payback);
    found.growth = missing.note(Figure::Growth, growth);
    found.operating_margin = missing.note(Figure::OperatingMargin, operating_margin);
    found.rule_of_40 = missing.note(Figure::RuleOf40, rule_of_40);
    found.magic_number = missing.note(Figure::MagicNumber, magic_number(bases, index));
    let signed_up = basis.sign_ups;
    found.activation_7 = missing.note(Figure::Activation7, signed_up.part(signed_up.in_7_days));
    found.activation_30 = missing.note(Figure::Activation30, signed_up.part(signed_up.in_30_days));
    found.none = missing.0;
    found
}

fn gross_margin(basis: &Basis) -> Known<Ratio> {
    let revenue = basis.revenue()?;
    ratio(revenue - basis.cost()? - basis.bad_debt()?, revenue, "there is no revenue")
}

/// What the accounts of 12 months before had then, what they have, and what they have of what they had.
struct Retained {
    had: i128,
    net: i128,
    gross: i128,
}

fn retention(bases: &[Basis], index: usize) -> Known<Retained> {
    let then = index.checked_sub(12).ok_or(NO_YEAR)?;
    let now = &bases[index].accounts;
    let mut retained = Retained { had: 0, net: 0, gross: 0 };
    for (account, before) in &bases[then].accounts {
        let before = i128::from(before.minor.clone()?);
        let has = i128::from(now.get(account).map_or(Ok(0), |has| has.minor.clone())?);
        retained.had += before;
        retained.net += has;
        retained.gross += has.min(before);
    }
    Ok(retained)
}

fn ratios(retained: Retained) -> (Known<Ratio>, Known<Ratio>) {
    let Retained { had, net, gross } = retained;
    let of_had = |part| ratio(part, had, "no account had MRR 12 months before");
    (of_had(net), of_had(gross))
}

fn growth(bases: &[Basis], index: usize) -> Known<Ratio> {
    let then = bases[index.checked_sub(12).ok_or(NO_YEAR)?].mrr()?;
    ratio(bases[index].mrr()? - then, then, "no account had MRR 12 months before")
}

fn operating_margin(bases: &[Basis], index: usize) -> Known<Ratio> {
    let year = &bases[(index + 1).saturating_sub(12)..=index];
    let revenue: i128 = year.iter().map(Basis::revenue).sum::<Known<i128>>()?;
    let expenses: i128 = year.iter().map(Basis::expenses).sum::<Known<i128>>()?;
    ratio(revenue - expenses, revenue, "there was no revenue in this month and the 11 before")
}

fn rule_of_40(growth: &Known<Ratio>, margin: &Known<Ratio>) -> Known<Ratio> {
    let millionths = |part: &Known<Ratio>| -> Known<i128> {
        let Ratio { numerator, denominator } = part.clone()?;
        divide_half_even(i128::from(numerator) * MILLION, denominator.into())
            .map_err(|error| error.to_string())
    };
    ratio(millionths(growth)? + millionths(margin)?, MILLION, "")
}

fn magic_number(bases: &[Basis], index: usize) -> Known<Ratio> {
    let begin = index.checked_sub(5).ok_or("there are no five months before it")?;
    let (earlier, later) = bases[begin..=index].split_at(3);
    let plans = |months: &[Basis]| months.iter().map(Basis::plans).sum::<Known<i128>>();
    let spent: i128 = earlier.iter().map(|basis| basis.acquisition(None)).sum::<Known<i128>>()?;
    ratio(
        4 * (plans(later)? - plans(earlier)?),
        spent,
        "nothing was spent on winning customers in the months 3 to 5 before",
    )
}
