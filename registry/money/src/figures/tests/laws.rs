//! What holds of whatever accounts have.

use proptest::prelude::*;

use super::*;

const NAMES: [&str; 6] = ["ann", "bob", "cat", "dan", "eve", "fay"];

fn any_accounts() -> impl Strategy<Value = Accounts> {
    let any_has = proptest::option::of((0usize..4, 1i64..100_000));
    proptest::collection::vec(any_has, NAMES.len()).prop_map(|all| {
        let tiers = [Tier::Developer, Tier::Team, Tier::Enterprise, Tier::EnterprisePlus];
        let both = NAMES.iter().zip(all).filter_map(|(account, has)| Some((account, has?)));
        both.map(|(account, (tier, minor))| (name(account), Has { tier: tiers[tier], ..has(minor) }))
            .collect()
    })
}

proptest! {
    #[test]
    fn movements_tie_one_month_to_the_next(all in proptest::collection::vec(any_accounts(), 1..16)) {
        let bases = months(all);
        let minor = |found: Option<chandlery_package::Balance>| found.unwrap().minor();
        let mut before = (0, 0);
        for index in 0..bases.len() {
            let found = of_month(&bases, index);
            let moved = minor(found.new) + minor(found.expansion) - minor(found.contraction) - minor(found.churn);
            prop_assert_eq!(minor(found.mrr), before.0 + moved);
            let segments = &found.segments;
            prop_assert_eq!(segments.iter().map(|segment| minor(segment.mrr)).sum::<i64>(), minor(found.mrr));
            let won_less_lost: i64 = segments.iter().map(|segment| segment.won - segment.lost).sum();
            prop_assert_eq!(found.accounts, before.1 + won_less_lost);
            before = (minor(found.mrr), found.accounts);
            // Every figure is there, or says why not; never both.
            for figure in Figure::ALL {
                prop_assert_eq!(found.value(figure).is_none(), found.why_none(figure).is_some(), "{}", figure);
            }
        }
    }

    #[test]
    fn cohorts_sum_to_all_customers_and_to_mrr(
        all in proptest::collection::vec(any_accounts(), 1..10),
        paid in proptest::collection::vec(proptest::option::of(0usize..10), NAMES.len()),
    ) {
        let all: Vec<_> = all.into_iter().enumerate().map(|(at, accounts)| (month(at), accounts)).collect();
        let first: BTreeMap<_, _> = NAMES
            .iter()
            .zip(paid)
            .filter_map(|(account, at)| Some((name(account), month(at?.min(all.len() - 1)))))
            .collect();
        let cohorts = tabulate(&all, &first, &BTreeSet::new());
        prop_assert_eq!(cohorts.iter().map(|cohort| cohort.customers).sum::<i64>(), first.len() as i64);
        for cohort in &cohorts {
            prop_assert_eq!(cohort.accounts.len() as i64, cohort.customers);
            prop_assert!(cohort.months.iter().all(|cell| cell.active <= cohort.customers));
            prop_assert_eq!(cohort.months.first().map(|cell| cell.month), Some(cohort.month));
        }
        // In each month, the MRR of all cohorts is that of all who have paid by then.
        for (month, accounts) in &all {
            let cells = cohorts.iter().flat_map(|cohort| &cohort.months).filter(|cell| cell.month == *month);
            let mrr: i64 = cells.map(|cell| cell.mrr.unwrap().minor()).sum();
            let paid = |account: &Namespace| first.get(account).is_some_and(|first| first <= month);
            let expected = accounts.iter().filter(|(account, _)| paid(account));
            prop_assert_eq!(mrr, expected.map(|(_, has)| has.minor.clone().unwrap()).sum::<i64>());
        }
    }
}
