//! When an order is paid for, and by which policies what it costs is shared.

use chandlery_package::column::Text;
use chandlery_package::wire::Order;
use chandlery_package::{Money, Month, Price};
use chandlery_store::Write;
use jiff::{SignedDuration, Timestamp};
use sqlx::AnyConnection;

use super::used::{self, Use};
use crate::{Error, sharing};

/// From when on an order is paid for: from the end of its trial.
pub(super) fn paid_from(order: &Order) -> Timestamp {
    let trial = SignedDuration::from_hours(24 * i64::from(order.offer.trial_days));
    order.ordered_at.checked_add(trial).unwrap_or(Timestamp::MAX)
}

/// An order as far as it is paid for by the month: nobody pays for the time after its invoice was given up, or after its payment was
/// lost to the customer's bank, since nobody may use it then. What was used is charged in any case.
pub(super) async fn while_it_holds(db: &mut AnyConnection, order: &Order) -> Result<Order, Error> {
    let mut order = order.clone();
    if !matches!(order.offer.price, Price::Monthly { .. }) {
        return Ok(order);
    }
    let (lapsed,): (Option<Text<Timestamp>>,) = sqlx::query_as(
        "select min(lapsed_at) from (
             select void_at as lapsed_at from sales where source >= $1 and source < $2 and void_at is not null
               and not exists (select 1 from sales as again where again.source = sales.source || ', again')
             union all select disputes.closed_at from disputes join sales on sales.id = disputes.sale
             where sales.source >= $1 and sales.source < $2 and disputes.state = 'lost') as lapses",
    )
    .bind(format!("order {}", order.reference))
    .bind(format!("order {}-", order.reference))
    .fetch_one(db)
    .await?;
    order.ended_at = [order.ended_at, lapsed.map(|Text(at)| at)].into_iter().flatten().min();
    Ok(order)
}

/// What is to be paid for a month on an order, in parts by the policies that were in force in it: in proportion to what was used
/// under each or, where it is paid by the month, to the time. Each part comes with a moment of its policy.
pub(super) async fn by_policy(
    write: &mut Write,
    order: &Order,
    month: Month,
    amount: Money,
) -> Result<Vec<(Timestamp, Money)>, Error> {
    let (begin, end) = (month.first_moment(), month.last_moment());
    let mut begins = vec![begin];
    begins.extend(sharing::changes_within(write, begin, end).await?);
    if begins.len() == 1 {
        return Ok(vec![(end, amount)]);
    }
    let mut weights = Vec::with_capacity(begins.len());
    for (index, from) in begins.iter().enumerate() {
        let to = begins.get(index + 1).copied();
        let weight = match &order.offer.price {
            Price::Metered { unit, .. } => {
                // What counts in a month may have begun before it.
                let from = if index == 0 { Timestamp::UNIX_EPOCH } else { *from };
                used_within(write, order, month, from, to).await?.of(unit)
            }
            Price::Monthly { .. } | Price::Once { .. } => seconds(order, *from, to.unwrap_or(end)),
        };
        weights.push(weight);
    }
    if weights.iter().all(|weight| *weight == 0) {
        return Ok(vec![(end, amount)]);
    }
    let parts = begins.into_iter().zip(amount.split(&weights)?);
    Ok(parts.filter(|(_, part)| part.is_positive()).collect())
}

async fn used_within(
    write: &mut Write,
    order: &Order,
    month: Month,
    from: Timestamp,
    to: Option<Timestamp>,
) -> Result<Use, Error> {
    let key = (order.customer.clone(), order.plugin.clone());
    let from = from.max(paid_from(order));
    let to = [order.ended_at, to].into_iter().flatten().min();
    Ok(used::within(write, month, &key, from, to).await?.unwrap_or_default())
}

fn seconds(order: &Order, from: Timestamp, to: Timestamp) -> u64 {
    let (from, to) = (from.max(paid_from(order)), order.ended_at.unwrap_or(to).min(to));
    u64::try_from(to.as_second() - from.as_second()).unwrap_or(0)
}
