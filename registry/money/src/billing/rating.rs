//! From use to what it costs: for each order and month, everything that is known by then is charged, less what was invoiced for
//! it before. So it makes no difference in which order events came, or how often; what comes late is an adjustment on the next
//! invoice.

use std::collections::{BTreeMap, BTreeSet};

use chandlery_package::column::{Json, Text};
use chandlery_package::money::divide_half_even;
use chandlery_package::wire::{InvoiceLine, InvoiceLineKind, NewRefund, Order};
use chandlery_package::{Currency, Money, Month, Namespace, Per, PluginId, Price, PriceError, Unit};
use futures::TryStreamExt as _;
use jiff::{SignedDuration, Timestamp};
use sqlx::AnyConnection;

use super::{orders, prices, refunds};
use crate::Error;
use crate::sharing::{self, NewSale};
use chandlery_store::{Write, time};

/// What a month comes to.
pub(crate) struct Rated {
    /// What is to be invoiced, by customer and currency.
    pub charges: BTreeMap<(Namespace, Currency), Vec<InvoiceLine>>,
    /// Orders that would cost more than an order can, and why. They are charged when a later month is closed, once their use is
    /// corrected, so that one of them does not keep the books of all open.
    pub left_out: Vec<String>,
}

/// What is to be invoiced, by customer and currency.
type Charges = BTreeMap<(Namespace, Currency), Vec<InvoiceLine>>;

/// The use of one plugin by one account in one month.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Use {
    deployments: u64,
    replica_millis: u64,
    gpu_millis: u64,
    units: BTreeMap<String, u64>,
    /// When the first of it began.
    first: Timestamp,
}

impl Use {
    /// In what the unit counts.
    fn of(&self, unit: &Unit) -> u64 {
        match unit {
            Unit::GpuHour => self.gpu_millis,
            Unit::DeploymentHour => self.replica_millis,
            Unit::Reported(word) => self.units.get(word).copied().unwrap_or(0),
        }
    }
}

/// The close that charges.
struct Run {
    month: Month,
    hold_days: u32,
    now: Timestamp,
}

/// Whose use of what.
type Key = (Namespace, PluginId);

/// The use of a month by all, or by one of one thing after a moment.
async fn used(
    db: &mut AnyConnection,
    month: Month,
    only: Option<(&Key, Timestamp)>,
) -> Result<BTreeMap<Key, Use>, Error> {
    let (account, plugin, after) = match only {
        Some(((account, plugin), after)) => (account.to_string(), plugin.to_string(), time(after)),
        None => Default::default(),
    };
    type Row = (Text<Namespace>, Text<PluginId>, i64, i64, i64, Text<Timestamp>);
    let rows: Vec<Row> = sqlx::query_as(
        "select account, plugin, count(distinct deployment), cast(sum(replica_millis) as bigint),
                cast(sum(gpu_millis) as bigint), min(from_at)
         from usage_events
         where month = $1 and ($2 = '' or account = $2 and plugin = $3 and from_at >= $4)
           and not exists (select 1 from usage_corrections where corrects = usage_events.id
                             and usage_corrections.account = usage_events.account
                             and usage_corrections.plugin = usage_events.plugin)
         group by account, plugin",
    )
    .bind(month.to_string())
    .bind(&account)
    .bind(&plugin)
    .bind(&after)
    .fetch_all(&mut *db)
    .await?;
    let mut all = BTreeMap::new();
    for (Text(account), Text(plugin), deployments, replicas, gpus, Text(first)) in rows {
        let used = Use {
            deployments: deployments as u64,
            replica_millis: replicas as u64,
            gpu_millis: gpus as u64,
            units: BTreeMap::new(),
            first,
        };
        all.insert((account, plugin), used);
    }
    // One for each event: as many as the month had.
    let mut reported = sqlx::query_as(
        "select account, plugin, units from usage_events
         where month = $1 and units <> '' and ($2 = '' or account = $2 and plugin = $3 and from_at >= $4)
           and not exists (select 1 from usage_corrections where corrects = usage_events.id
                             and usage_corrections.account = usage_events.account
                             and usage_corrections.plugin = usage_events.plugin)",
    )
    .bind(month.to_string())
    .bind(&account)
    .bind(&plugin)
    .bind(&after)
    .fetch(db);
    type Reported = (Text<Namespace>, Text<PluginId>, Json<BTreeMap<String, u64>>);
    while let Some(row) = reported.try_next().await? {
        let (Text(account), Text(plugin), Json(units)): Reported = row;
        if let Some(used) = all.get_mut(&(account, plugin)) {
            for (unit, count) in units {
                let sum = used.units.entry(unit).or_default();
                // So much use costs more than can be charged, or nothing.
                *sum = sum.saturating_add(count);
            }
        }
    }
    Ok(all)
}

/// What a month costs on an order, how much was used, and in what words.
async fn charge(
    write: &mut Write,
    order: &Order,
    month: Month,
    used: Option<&Use>,
) -> Result<(Money, u64, String), Error> {
    let (begin, end) = (month.first_moment(), month.next().first_moment());
    let trial = SignedDuration::from_hours(24 * i64::from(order.offer.trial_days));
    let paid_from = order.ordered_at.checked_add(trial).unwrap_or(Timestamp::MAX);
    let from = paid_from.max(begin);
    let to = order.ended_at.unwrap_or(end).min(end);
    let none = Money::zero(order.offer.price.currency());
    if from >= to {
        return Ok((none, 0, "0".into()));
    }
    let (price, count, quantity) = match &order.offer.price {
        Price::Once { .. } => (none, 0, "0".into()),
        Price::Monthly { amount, per } => {
            let day = |from: Timestamp, to: Timestamp| {
                let seconds = to.as_second() - from.as_second();
                seconds.div_euclid(86_400) + i64::from(seconds.rem_euclid(86_400) > 0)
            };
            let (days, all) = (day(from, to), day(begin, end));
            let count = match per {
                Per::Organisation => 1,
                Per::Deployment => used.map_or(0, |used| used.deployments),
            };
            // 50 bits of a price, 64 of a count, 5 of the days.
            let exact = i128::from(amount.minor()) * i128::from(count) * i128::from(days);
            (
                amount.with_minor(divide_half_even(exact, all.into())?)?,
                count,
                format!("{count} × {days} of {all} days"),
            )
        }
        Price::Metered { unit, .. } => {
            let key = (order.customer.clone(), order.plugin.clone());
            let on_trial = paid_from > begin && order.offer.trial_days > 0;
            let part = match on_trial {
                true => self::used(write, month, Some((&key, paid_from))).await?.remove(&key),
                false => used.cloned(),
            };
            let count = part.unwrap_or_default().of(unit);
            let shown = match unit.size() {
                1 => format!("{count} {unit}"),
                size => format!("{}.{:03} {unit}", count / size, count % size * 1000 / size),
            };
            (order.offer.price.charge(count)?, count, shown)
        }
    };
    Ok((price.at(order.discount.rest())?, count, quantity))
}

/// Charges what a month, and earlier ones that events came late for, are to be invoiced for. Again, it charges nothing.
pub(crate) async fn rate(
    write: &mut Write,
    month: Month,
    hold_days: u32,
    now: Timestamp,
) -> Result<Rated, Error> {
    let month_use = used(write, month, None).await?;
    begin_orders(write, &month_use).await?;
    let run = Run { month, hold_days, now };
    let (mut charges, mut left_out) = (Charges::new(), Vec::new());
    let late: BTreeSet<(Text<Month>, Text<Namespace>, Text<PluginId>)> =
        sqlx::query_as("select month, account, plugin from reopened_usage")
            .fetch_all(&mut **write)
            .await?
            .into_iter()
            .collect();
    for order in orders::lasting(write).await? {
        let key = (order.customer.clone(), order.plugin.clone());
        let of_it = late.iter().filter(|(_, account, plugin)| (&account.0, &plugin.0) == (&key.0, &key.1));
        for (Text(earlier), ..) in of_it {
            let earlier = *earlier;
            let then = used(write, earlier, Some((&key, Timestamp::UNIX_EPOCH))).await?;
            let charged = charge_difference(write, &mut charges, &order, earlier, then.get(&key), &run).await;
            leave_out(&mut left_out, &order, earlier, charged)?;
        }
        if order.ordered_at < month.next().first_moment() {
            let charged =
                charge_difference(write, &mut charges, &order, month, month_use.get(&key), &run).await;
            leave_out(&mut left_out, &order, month, charged)?;
        }
    }
    sqlx::query("delete from reopened_usage").execute(&mut **write).await?;
    for (order, month, _) in &left_out {
        sqlx::query(
            "insert into reopened_usage (month, account, plugin) values ($1, $2, $3) on conflict do nothing",
        )
        .bind(month.to_string())
        .bind(order.customer.as_str())
        .bind(order.plugin.to_string())
        .execute(&mut **write)
        .await?;
    }
    let in_words = |(order, month, why): (Order, Month, PriceError)| {
        format!("order {} of {} by {}, {month}: {why}", order.reference, order.plugin, order.customer)
    };
    Ok(Rated { charges, left_out: left_out.into_iter().map(in_words).collect() })
}

/// Remembers an order that costs too much.
fn leave_out(
    left_out: &mut Vec<(Order, Month, PriceError)>,
    order: &Order,
    month: Month,
    charged: Result<Option<PriceError>, Error>,
) -> Result<(), Error> {
    if let Some(why) = charged? {
        left_out.push((order.clone(), month, why));
    }
    Ok(())
}

/// Whoever uses what costs by use or by month without having ordered it agrees to what it cost when the use began.
async fn begin_orders(write: &mut Write, used: &BTreeMap<Key, Use>) -> Result<(), Error> {
    for ((account, plugin), used) in used {
        if orders::find_of(write, account, plugin).await?.is_some() {
            continue;
        }
        let offer = prices::offer_at(write, plugin, account, used.first).await?;
        if let Some(offer) = offer.filter(|offer| !matches!(offer.price, Price::Once { .. })) {
            orders::insert(write, account, plugin, &offer, Default::default(), None, used.first).await?;
        }
    }
    Ok(())
}

async fn charge_difference(
    write: &mut Write,
    charges: &mut Charges,
    order: &Order,
    month: Month,
    used: Option<&Use>,
    run: &Run,
) -> Result<Option<PriceError>, Error> {
    let (all, count, quantity) = match charge(write, order, month, used).await {
        Err(Error::Money(error)) => return Ok(Some(error.into())),
        other => other?,
    };
    if let Err(error) = chandlery_package::price::must_be_chargeable(all) {
        return Ok(Some(error));
    }
    let before: Option<(i64, Text<Month>)> = sqlx::query_as(
        "select charged_minor, invoiced_in from ratings where reference = $1 and month = $2
         order by invoiced_in desc limit 1",
    )
    .bind(&order.reference)
    .bind(month.to_string())
    .fetch_optional(&mut **write)
    .await?;
    if before.as_ref().is_some_and(|(_, Text(last))| *last == run.month) {
        return Ok(None);
    }
    let difference = all.minus(all.with_minor(before.map_or(0, |(minor, _)| minor))?)?;
    let mut sale = None;
    if difference.minor() > 0 {
        let source = match month == run.month {
            true => format!("order {}, {month}", order.reference),
            false => format!("order {}, {month}, late by {}", order.reference, run.month),
        };
        let new = NewSale {
            source,
            customer: &order.customer,
            seller: &order.plugin.namespace,
            plugin: Some(&order.plugin),
            gross: difference,
            referrer: order.referrer.as_ref(),
            at: run.month.last_moment(),
        };
        let id = sharing::accrue(write, &new).await?;
        sale = Some(id);
        let line = InvoiceLine {
            kind: match order.offer.price {
                Price::Monthly { .. } => InvoiceLineKind::Month,
                Price::Once { .. } | Price::Metered { .. } => InvoiceLineKind::Use,
            },
            description: format!("{}, {month}: {}", order.plugin, order.offer.price),
            quantity,
            amount: difference,
            sale: Some(id),
        };
        charges.entry((order.customer.clone(), difference.currency())).or_default().push(line);
    }
    if difference.minor() < 0 {
        credit(write, order, month, run, difference.negated()).await?;
    }
    sqlx::query(
        "insert into ratings (reference, month, invoiced_in, used, charged_minor, sale)
         values ($1, $2, $3, $4, $5, nullif($6, 0))",
    )
    .bind(&order.reference)
    .bind(month.to_string())
    .bind(run.month.to_string())
    .bind(i64::try_from(count).unwrap_or(i64::MAX))
    .bind(all.minor())
    .bind(sale.unwrap_or(0))
    .execute(&mut **write)
    .await?;
    Ok(None)
}

/// What was invoiced too much for a month is credited on the invoices that it was on, the latest first.
async fn credit(
    write: &mut Write,
    order: &Order,
    month: Month,
    run: &Run,
    mut left: Money,
) -> Result<(), Error> {
    let invoiced: Vec<(i64, i64, i64)> = sqlx::query_as(
        "select invoice, line, invoice_lines.sale
         from ratings join invoice_lines on invoice_lines.sale = ratings.sale join invoices on number = invoice
         where reference = $1 and month = $2 and state <> 'uncollectible' order by invoice desc, line",
    )
    .bind(&order.reference)
    .bind(month.to_string())
    .fetch_all(&mut **write)
    .await?;
    for (invoice, line, sale) in invoiced {
        // What was given back for another reason is not given back again.
        let open = sharing::find_sale(write, sale).await?.left()?;
        let amount = left.at_most(open)?;
        if amount.minor() <= 0 {
            continue;
        }
        let refund = NewRefund {
            key: format!(
                "correction of {}, {month}, by {}, of invoice {invoice}",
                order.reference, run.month
            ),
            amount,
            line: Some(line),
            reason: format!("less was used of {} in {month}", order.plugin),
            as_credit: true,
        };
        refunds::book_refund(write, invoice, &refund, run.hold_days, run.now).await?;
        left = left.minus(amount)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests;
