//! Figures worked out by hand, and what holds of all of them.

mod books;
mod laws;

use std::collections::{BTreeMap, BTreeSet};

use chandlery_package::wire::{Figure, MonthFigures, Ratio};
use chandlery_package::{Month, Namespace, Tier};

use super::basis::Basis;
use super::cohorts::tabulate;
use super::months::of_month;
use super::rows::{Accounts, Has};

fn month(number: usize) -> Month {
    let first: Month = "2026-01".parse().unwrap();
    (0..number).fold(first, |month, _| month.next())
}

fn name(text: &str) -> Namespace {
    text.parse().unwrap()
}

fn has(minor: i64) -> Has {
    Has { tier: Tier::Team, invoice: 1, minor: Ok(minor) }
}

fn accounts(all: &[(&str, i64)]) -> Accounts {
    all.iter().map(|(account, minor)| (name(account), has(*minor))).collect()
}

/// Months that follow each other, in which accounts have this.
fn months(all: Vec<Accounts>) -> Vec<Basis> {
    let mut bases: Vec<Basis> = Vec::new();
    for (number, accounts) in all.into_iter().enumerate() {
        let before = bases.last().map(|basis| basis.accounts.clone()).unwrap_or_default();
        bases.push(Basis::of_accounts(month(number), None, &before, accounts));
    }
    bases
}

fn post(basis: &mut Basis, postings: &[(&str, i128)]) {
    basis.posted = postings.iter().map(|(account, minor)| ((*account).into(), Ok(*minor))).collect();
}

fn check(found: &MonthFigures, expected: &[(Figure, &str)]) {
    for (figure, shown) in expected {
        assert_eq!(found.shown(*figure), *shown, "{figure} of {}", found.month);
    }
}

#[test]
fn a_first_month_has_no_figure_that_divides_by_nothing() {
    let bases = months(vec![accounts(&[("globex", 49_900)])]);
    let found = of_month(&bases, 0);
    check(
        &found,
        &[
            (Figure::Mrr, "499.00 USD"),
            (Figure::Arr, "5988.00 USD"),
            (Figure::New, "499.00 USD"),
            (Figure::Churn, "0.00 USD"),
            (Figure::Accounts, "1"),
            (Figure::Arpa, "499.00 USD"),
            (Figure::Cac, "0.00 USD"),
            (Figure::Gmv, "0.00 USD"),
            (Figure::Nrr, "none: there is no month 12 months before"),
            (Figure::Grr, "none: there is no month 12 months before"),
            (Figure::Growth, "none: there is no month 12 months before"),
            (Figure::RuleOf40, "none: there is no month 12 months before"),
            (Figure::MagicNumber, "none: there are no five months before it"),
            (Figure::GrossMargin, "none: there is no revenue"),
            (Figure::Subscriptions, "none: there is no revenue"),
            (Figure::Services, "none: there is no revenue"),
            (Figure::TakeRate, "none: nothing was sold"),
            (Figure::Ltv, "none: there is no revenue"),
            (Figure::LtvToCac, "none: there is no revenue"),
            (Figure::Payback, "none: there is no revenue"),
            (Figure::OperatingMargin, "none: there was no revenue in this month and the 11 before"),
        ],
    );
    let nobody = of_month(&months(vec![Accounts::new()]), 0);
    check(
        &nobody,
        &[
            (Figure::Mrr, "0.00 USD"),
            (Figure::Arpa, "none: no account has MRR"),
            (Figure::Cac, "none: no account was won in this month and the two before"),
        ],
    );
}

/// Two months: of five accounts two leave, one has more, one less, and one comes.
fn second_month() -> Vec<Basis> {
    let mut bases = months(vec![
        accounts(&[("ann", 20_000), ("bob", 20_000), ("cat", 20_000), ("dan", 20_000), ("eve", 10_000)]),
        accounts(&[("ann", 40_000), ("bob", 10_000), ("cat", 20_000), ("fay", 30_000)]),
    ]);
    let later = &mut bases[1];
    post(
        later,
        &[
            ("revenue:plans", -100_000),
            ("revenue:commission", -40_000),
            ("revenue:fx gain", -5),
            ("expenses:processor fees", 7_000),
            ("expenses:hosting", 14_000),
            ("expenses:bad debt", 3_500),
            ("expenses:acquisition:team", 20_000),
            ("expenses:fx loss", 999),
        ],
    );
    // Refunds have taken 2,000 of what was kept off the revenue.
    (later.gmv, later.kept, later.services) = (Ok(200_000), Ok(42_000), Ok(10_000));
    (later.refunds, later.chargebacks) = (Ok(12_000), Ok(5_000));
    bases
}

#[test]
fn a_second_month_is_what_is_worked_out_by_hand() {
    let found = of_month(&second_month(), 1);
    check(
        &found,
        &[
            (Figure::Mrr, "1000.00 USD"),
            (Figure::New, "300.00 USD"),
            (Figure::Expansion, "200.00 USD"),
            (Figure::Contraction, "100.00 USD"),
            (Figure::Churn, "300.00 USD"),
            (Figure::Accounts, "4"),
            (Figure::Arpa, "250.00 USD"),
            (Figure::Revenue, "1400.00 USD"),
            (Figure::Cost, "210.00 USD"),
            (Figure::BadDebt, "35.00 USD"),
            (Figure::Refunds, "120.00 USD"),
            (Figure::Chargebacks, "50.00 USD"),
            // (140,000 − 21,000 − 3,500) ÷ 140,000
            (Figure::GrossMargin, "82.5 %"),
            (Figure::Gmv, "2000.00 USD"),
            (Figure::TakeRate, "21.0 %"),
            (Figure::Subscriptions, "71.4 %"),
            (Figure::RevenueShare, "21.4 %"),
            (Figure::Services, "7.1 %"),
            // 20,000 for the five of the first month and the one of this.
            (Figure::Cac, "33.33 USD"),
            // 100,000 × 82.5 % ÷ 4 accounts, by 2 lost of 5: 51,562.5, to the even one.
            (Figure::Ltv, "515.62 USD"),
            (Figure::LtvToCac, "15.4"),
            // 3,333 × 4 ÷ 82,500
            (Figure::Payback, "0.1"),
            // (140,000 − 7,000 − 14,000 − 3,500 − 20,000) ÷ 140,000: without what exchange has lost.
            (Figure::OperatingMargin, "68.2 %"),
        ],
    );
    let team = found.segments.iter().find(|segment| segment.tier == Tier::Team).unwrap();
    assert_eq!((team.accounts, team.won, team.lost), (4, 1, 2));
    assert_eq!((team.cac, team.ltv, team.ltv_to_cac), (found.cac, found.ltv, found.ltv_to_cac));
    let other = found.segments.iter().find(|segment| segment.tier == Tier::Enterprise).unwrap();
    assert_eq!((other.accounts, other.cac, other.ltv), (0, None, None));
}

#[test]
fn a_year_later_there_is_growth() {
    let mut all = vec![accounts(&[("ann", 100_000), ("bob", 100_000)]); 12];
    all.push(accounts(&[("ann", 150_000), ("cat", 90_000)]));
    let mut bases = months(all);
    post(&mut bases[8], &[("expenses:acquisition:team", 50_000)]);
    post(&mut bases[12], &[("revenue:plans", -100_000), ("expenses:hosting", 25_000)]);
    check(
        &of_month(&bases, 12),
        &[
            (Figure::Growth, "20.0 %"),
            (Figure::Nrr, "75.0 %"),
            (Figure::Grr, "50.0 %"),
            (Figure::OperatingMargin, "25.0 %"),
            (Figure::RuleOf40, "45.0 %"),
            // 4 × (100,000 − 0) ÷ 50,000
            (Figure::MagicNumber, "8"),
            (Figure::Cac, "0.00 USD"),
            (Figure::LtvToCac, "none: nothing was spent on winning them"),
        ],
    );
}

#[test]
fn a_missing_rate_stops_what_needs_it_and_nothing_else() {
    let mut now = accounts(&[("ann", 40_000)]);
    let missing = "there is no rate from EUR to USD for 2026-02-28";
    now.insert(name("bob"), Has { minor: Err(missing.into()), ..has(0) });
    let mut bases =
        months(vec![accounts(&[("ann", 30_000), ("dan", 10_000)]), now, accounts(&[("ann", 40_000)])]);
    post(&mut bases[1], &[("revenue:plans", -100_000), ("expenses:hosting", 40_000)]);
    bases[1].gmv = Err(missing.into());
    let none = format!("none: {missing}");
    let none = none.as_str();
    check(
        &of_month(&bases, 1),
        &[
            (Figure::Mrr, none),
            (Figure::Arr, none),
            (Figure::New, none),
            (Figure::Arpa, none),
            (Figure::Gmv, none),
            (Figure::TakeRate, none),
            (Figure::Expansion, "100.00 USD"),
            (Figure::Churn, "100.00 USD"),
            (Figure::Accounts, "2"),
            (Figure::Revenue, "1000.00 USD"),
            (Figure::GrossMargin, "60.0 %"),
        ],
    );
    // The month after has all but what has left with an amount that nobody knows.
    check(
        &of_month(&bases, 2),
        &[(Figure::Mrr, "400.00 USD"), (Figure::Churn, none), (Figure::Expansion, "0.00 USD")],
    );
}

#[test]
fn cohorts_are_worked_out_by_hand() {
    let all = [
        (month(0), accounts(&[("ann", 10_000), ("bob", 30_000)])),
        (month(1), accounts(&[("ann", 15_000), ("cat", 5_000)])),
        (month(2), accounts(&[("ann", 50_000)])),
    ];
    let first: BTreeMap<_, _> =
        [("ann", 0), ("bob", 0), ("cat", 1), ("dan", 1)].map(|(who, at)| (name(who), month(at))).into();
    // Dan buys now and then, and subscribes to nothing.
    let bought: BTreeSet<_> = [(month(1), name("dan")), (month(2), name("dan"))].into();
    let cohorts = tabulate(&all, &first, &bought);
    let shown = |cohort: usize| -> Vec<_> {
        let cells = cohorts[cohort].months.iter();
        cells
            .map(|cell| {
                let part = |ratio: Option<Ratio>| ratio.unwrap().percent();
                format!("{} {} {} {}", cell.active, part(cell.by_count), cell.mrr.unwrap(), part(cell.by_mrr))
            })
            .collect()
    };
    assert_eq!(
        shown(0),
        ["2 100.0 % 400.00 USD 100.0 %", "1 50.0 % 150.00 USD 37.5 %", "1 50.0 % 500.00 USD 125.0 %"]
    );
    assert_eq!(shown(1), ["2 100.0 % 50.00 USD 100.0 %", "1 50.0 % 0.00 USD 0.0 %"]);
    assert_eq!(cohorts.iter().map(|cohort| cohort.customers).collect::<Vec<_>>(), [2, 2]);
}

#[test]
fn a_cohort_that_subscribed_to_nothing_has_no_part_of_mrr() {
    let all = [(month(0), Accounts::new())];
    let cohorts = tabulate(&all, &[(name("dan"), month(0))].into(), &BTreeSet::new());
    let cell = &cohorts[0].months[0];
    assert_eq!((cell.active, cell.mrr.map(|mrr| mrr.minor()), cell.by_mrr), (0, Some(0), None));
    assert_eq!(cell.none.as_deref(), Some("the cohort had no MRR at the end of its first month"));
}
