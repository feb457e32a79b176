//! A transaction as amounts that move from one account to another, for programs that know no other postings.

use chandlery_package::Currency;

use super::Entry;
use super::chart::Chart;

/// An amount above zero, in minor units, that is debited to the one account and credited to the other.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Pair {
    pub debit: String,
    pub credit: String,
    pub minor: i64,
    pub currency: Currency,
}

/// The pairs of a transaction: debits and credits are matched in their order, and each amount is as large as both sides allow. What
/// moves within one account of the other program is no movement there.
pub(super) fn pairs(entry: &Entry, chart: &Chart) -> Vec<Pair> {
    let side = |sign: i64| -> Vec<(String, i64)> {
        let of_it = entry.postings.iter().filter(|(_, amount)| amount.minor() * sign > 0);
        of_it.map(|(account, amount)| (chart.name(account).to_owned(), amount.minor().abs())).collect()
    };
    let (debits, credits) = (side(1), side(-1));
    let mut credits = credits.into_iter();
    let mut credit = credits.next();
    let mut pairs = Vec::new();
    for (account, mut left) in debits {
        while left > 0 {
            let Some((other, open)) = &mut credit else { return pairs };
            let minor = left.min(*open);
            (left, *open) = (left - minor, *open - minor);
            if *other != account {
                let currency = entry.postings[0].1.currency();
                pairs.push(Pair { debit: account.clone(), credit: other.clone(), minor, currency });
            }
            if *open == 0 {
                credit = credits.next();
            }
        }
    }
    pairs
}
