//! What is invoiced for subscriptions and not earned yet, by the month in which its days will have passed.

use std::collections::BTreeMap;

use chandlery_package::wire::DeferredMonth;
use chandlery_package::{Balance, Currency, Month};
use jiff::Timestamp;
use sqlx::AnyConnection;

use crate::Error;
use crate::billing::periods;

/// What of the periods that last will be earned in each month, from the one of `now` on: all of it sums to what is deferred.
pub async fn deferred(db: &mut AnyConnection, now: Timestamp) -> Result<Vec<DeferredMonth>, Error> {
    let mut months: BTreeMap<(Month, Currency), i128> = BTreeMap::new();
    for plan in periods::lasting(db).await? {
        let (mut month, mut earned) = (Month::of(now), plan.recognised_minor);
        let worth = earned + plan.deferred_minor();
        while earned < worth {
            let by_then = plan.earned_minor(month.last_moment()).max(earned);
            *months.entry((month, plan.price.currency())).or_default() += i128::from(by_then - earned);
            (month, earned) = (month.next(), by_then);
        }
    }
    let months = months.into_iter().filter(|(_, minor)| *minor != 0);
    months
        .map(|((month, currency), minor)| Ok(DeferredMonth { month, earned: Balance::new(minor, currency)? }))
        .collect()
}
