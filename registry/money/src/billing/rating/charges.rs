//! What a month costs on an order, and the difference to what was invoiced for it before: a line of an invoice, or a credit note.

use std::collections::BTreeMap;

use chandlery_package::column::Text;
use chandlery_package::money::divide_half_even;
use chandlery_package::wire::{InvoiceLine, InvoiceLineKind, NewRefund, Order};
use chandlery_package::{Currency, Money, Month, Per, Price, PriceError};
use jiff::Timestamp;
use sqlx::AnyConnection;

use super::spans::{self, paid_from};
use super::used::{self, Use};
use crate::Error;
use crate::billing::refunds;
use crate::sharing::{self, NewSale};
use chandlery_store::Write;

/// What a customer is to be invoiced for, by currency.
pub(super) type Charges = BTreeMap<Currency, Vec<InvoiceLine>>;

/// The close that charges.
pub(super) struct Run {
    pub month: Month,
    pub hold_days: u32,
    pub now: Timestamp,
}

/// What a month costs on an order, how much was used, and in what words.
pub(super) struct Charge {
    pub amount: Money,
    count: u64,
    pub quantity: String,
}

/// What of a month's use is to be paid on an order: what began after its trial, and before its end.
async fn part(db: &mut AnyConnection, order: &Order, month: Month, used: Option<&Use>) -> Result<Use, Error> {
    let (from, to) = (paid_from(order), order.ended_at);
    match used {
        None => Ok(Use::default()),
        Some(used) if used.is_within(from, to) => Ok(used.clone()),
        Some(_) => {
            let key = (order.customer.clone(), order.plugin.clone());
            Ok(used::within(db, month, &key, from, to).await?.unwrap_or_default())
        }
    }
}

/// What a month costs on an order, as far as that holds, or why it cannot be charged. `earlier` is what was used in the month on orders
/// before; what was used on this one is added to it.
pub(super) async fn cost(
    db: &mut AnyConnection,
    order: &Order,
    month: Month,
    used: Option<&Use>,
    earlier: &mut Use,
) -> Result<Result<Charge, PriceError>, Error> {
    let part = part(db, order, month, used).await?;
    let charged = charge(order, month, &part, earlier);
    earlier.add(&part);
    let charge = match charged {
        Err(Error::Money(error)) => return Ok(Err(error.into())),
        other => other?,
    };
    Ok(chandlery_package::price::must_be_chargeable(charge.amount).map(|()| charge))
}

/// As what a price is charged where it is invoiced by the month.
pub(super) fn kind(price: &Price) -> InvoiceLineKind {
    match price {
        Price::Monthly { .. } => InvoiceLineKind::Month,
        Price::Once { .. } | Price::Metered { .. } => InvoiceLineKind::Use,
    }
}

/// What a month costs on an order. `earlier` is what was used in it on orders before: what is free of a month, and its steps, do not
/// begin anew.
fn charge(order: &Order, month: Month, part: &Use, earlier: &Use) -> Result<Charge, Error> {
    let none = Money::zero(order.offer.price.currency());
    let (amount, count, quantity) = match &order.offer.price {
        Price::Once { .. } => (none, 0, "0".into()),
        Price::Monthly { amount, per } => {
            let (begin, end) = (month.first_moment(), month.next().first_moment());
            let (from, to) = (paid_from(order).max(begin), order.ended_at.unwrap_or(end).min(end));
            let day = |from: Timestamp, to: Timestamp| {
                let seconds = (to.as_second() - from.as_second()).max(0);
                seconds.div_euclid(86_400) + i64::from(seconds.rem_euclid(86_400) > 0)
            };
            let (days, all) = (day(from, to), day(begin, end));
            let count = match per {
                Per::Organisation => u64::from(days > 0),
                Per::Deployment => part.deployments,
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
            let (price, before, count) = (&order.offer.price, earlier.of(unit), part.of(unit));
            let shown = match unit.size() {
                1 => format!("{count} {unit}"),
                size => format!("{}.{:03} {unit}", count / size, count % size * 1000 / size),
            };
            let amount = price.charge(before.saturating_add(count))?.minus(price.charge(before)?)?;
            (amount, count, shown)
        }
    };
    Ok(Charge { amount: amount.at(order.discount.rest())?, count, quantity })
}

/// Charges what a month costs on an order, less what was charged before. Gives why it cannot be charged, if it cannot.
pub(super) async fn charge_difference(
    write: &mut Write,
    charges: &mut Charges,
    order: &Order,
    month: Month,
    used: Option<&Use>,
    earlier: &mut Use,
    run: &Run,
) -> Result<Option<PriceError>, Error> {
    let order = &spans::while_it_holds(write, order).await?;
    let Charge { amount: all, count, quantity } = match cost(write, order, month, used, earlier).await? {
        Ok(charge) => charge,
        Err(error) => return Ok(Some(error)),
    };
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
    if difference.minor() > 0 {
        sell(write, charges, order, month, run, difference, &quantity).await?;
    }
    if difference.minor() < 0 {
        credit(write, order, month, run, difference.negated()).await?;
    }
    sqlx::query(
        "insert into ratings (reference, month, invoiced_in, used, charged_minor) values ($1, $2, $3, $4, $5)",
    )
    .bind(&order.reference)
    .bind(month.to_string())
    .bind(run.month.to_string())
    .bind(i64::try_from(count).unwrap_or(i64::MAX))
    .bind(all.minor())
    .execute(&mut **write)
    .await?;
    Ok(None)
}

/// Shares what is to be paid more for a month, by each policy that was in force in it, and adds the lines of its invoice.
async fn sell(
    write: &mut Write,
    charges: &mut Charges,
    order: &Order,
    month: Month,
    run: &Run,
    difference: Money,
    quantity: &str,
) -> Result<(), Error> {
    let parts = spans::by_policy(write, order, month, difference).await?;
    let (count, at) = (parts.len(), run.month.last_moment());
    for (shared_by, amount) in &parts {
        let stops = || format!("the charge of {} to {} for {month}", order.plugin, order.customer);
        sharing::must_have_rate(write, amount.currency(), at, *shared_by, stops).await?;
    }
    for (index, (shared_by, amount)) in parts.into_iter().enumerate() {
        let mut source = match month == run.month {
            true => format!("order {}, {month}", order.reference),
            false => format!("order {}, {month}, late by {}", order.reference, run.month),
        };
        let mut quantity = quantity.to_owned();
        if count > 1 {
            source = format!("{source}, by the policy of {shared_by}");
            quantity = format!("part {} of {count} of {quantity}", index + 1);
        }
        let new = NewSale {
            source,
            customer: &order.customer,
            seller: &order.plugin.namespace,
            plugin: Some(&order.plugin),
            gross: amount,
            referrer: order.referrer.as_ref(),
            at,
            shared_by,
        };
        let sale = sharing::accrue(write, &new).await?;
        sqlx::query("insert into rating_sales (sale, reference, month, invoiced_in) values ($1, $2, $3, $4)")
            .bind(sale)
            .bind(&order.reference)
            .bind(month.to_string())
            .bind(run.month.to_string())
            .execute(&mut **write)
            .await?;
        let line = InvoiceLine {
            kind: kind(&order.offer.price),
            description: format!("{}, {month}: {}", order.plugin, order.offer.price),
            quantity,
            amount,
            sale: Some(sale),
        };
        charges.entry(amount.currency()).or_default().push(line);
    }
    Ok(())
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
         from rating_sales join invoice_lines on invoice_lines.sale = rating_sales.sale join invoices on number = invoice
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
                "correction of {}, {month}, by {}, of invoice {invoice}, line {line}",
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
