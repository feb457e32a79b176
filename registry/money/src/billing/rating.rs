//! From use to what it costs: for each order and month, everything that is known by then is charged, less what was invoiced for
//! it before. So it makes no difference in which order events came, or how often; what comes late is an adjustment on the next
//! invoice. Each customer is charged and invoiced by itself: what cannot be charged is set aside, and the others are closed.

pub(crate) mod aside;
pub(crate) mod charged;
mod charges;
pub(crate) mod foreseen;
mod spans;
pub(crate) mod unlicensed;
mod used;

use std::collections::{BTreeMap, BTreeSet};

use chandlery_package::wire::{InvoiceLine, Order};
use chandlery_package::{Money, Month, Namespace, PluginId};
use jiff::Timestamp;

use super::invoices::{self, NewInvoice};
use super::orders;
use super::usage::SPAN_MAX;
use crate::{Error, ledger};
use aside::Aside;
use chandlery_store::Write;
use charges::{Charges, Run};
use used::{Key, Use};

/// What a month has come to.
#[derive(Default)]
pub(crate) struct Rated {
    /// The invoices that were issued, by number.
    pub invoices: Vec<i64>,
    /// What could not be charged, and why, in words.
    pub left_out: Vec<String>,
}

/// What a customer's month has come to.
#[derive(Default)]
struct Done {
    invoices: Vec<i64>,
    asides: Vec<Aside>,
}

/// The months, and of which plugin or of all, that a customer is to be rated again for.
type Again = BTreeSet<(Month, Option<PluginId>)>;

/// Charges and invoices a month, and earlier ones that events came late for or that were set aside. Again, it charges nothing.
pub(crate) async fn rate(
    write: &mut Write,
    month: Month,
    hold_days: u32,
    now: Timestamp,
) -> Result<Rated, Error> {
    let run = Run { month, hold_days, now };
    let month_use = used::by_all(write, month).await?;
    let late = aside::late(write).await?;
    unlicensed::note(write, month, &month_use, &late).await?;
    let (mut invoices, mut asides, nothing) = (Vec::new(), Vec::new(), Again::new());
    for customer in orders::customers(write).await? {
        let again = late.get(&customer).unwrap_or(&nothing);
        write.savepoint().await?;
        match rate_customer(write, &customer, again, &month_use, &run).await {
            Ok(done) => {
                write.keep().await?;
                invoices.extend(done.invoices);
                asides.extend(done.asides);
            }
            Err(error) => {
                write.undo().await?;
                asides.extend(all_of(&customer, again, month, &error));
            }
        }
    }
    aside::replace(write, &asides, now).await?;
    Ok(Rated { invoices, left_out: asides.iter().map(ToString::to_string).collect() })
}

/// Everything that was to be charged to a customer, for whom it ended in an error.
fn all_of(customer: &Namespace, again: &Again, month: Month, error: &Error) -> Vec<Aside> {
    let months: BTreeSet<Month> = again.iter().map(|(month, _)| *month).chain([month]).collect();
    let aside = |month| Aside { month, account: customer.clone(), plugin: None, reason: error.to_string() };
    months.into_iter().map(aside).collect()
}

async fn rate_customer(
    write: &mut Write,
    customer: &Namespace,
    again: &Again,
    month_use: &BTreeMap<Key, Use>,
    run: &Run,
) -> Result<Done, Error> {
    let mut done = Done::default();
    let mut charges = Charges::new();
    // What was used of a plugin in a month on the orders before.
    let mut so_far: BTreeMap<(PluginId, Month), Use> = BTreeMap::new();
    for order in orders::lasting_of(write, customer).await? {
        let key = (customer.clone(), order.plugin.clone());
        for month in months_of(&order, again, run.month) {
            let read = match month == run.month {
                true => None,
                false => used::within(write, month, &key, Timestamp::UNIX_EPOCH, None).await?,
            };
            let used = if month == run.month { month_use.get(&key) } else { read.as_ref() };
            let earlier = so_far.entry((order.plugin.clone(), month)).or_default();
            let charged =
                charges::charge_difference(write, &mut charges, &order, month, used, earlier, run).await;
            let refused = match charged {
                // It was missed before anything of the order was written: the other orders are charged.
                Err(missing @ Error::NoRate { .. }) => Some(missing.to_string()),
                other => other?.map(|why| why.to_string()),
            };
            if let Some(why) = refused {
                let (account, plugin) = (customer.clone(), Some(order.plugin.clone()));
                let reason = format!("order {}: {why}", order.reference);
                done.asides.push(Aside { month, account, plugin, reason });
            }
        }
    }
    for (currency, lines) in charges {
        for lines in parts(&lines) {
            let hold_days = run.hold_days;
            let period = Some((run.month.first_moment(), run.month.last_moment()));
            let new = NewInvoice { account: customer, currency, lines, told: None, period, hold_days };
            let about = |transaction: ledger::Transaction| transaction.link("month", run.month);
            done.invoices.push(invoices::issue(write, &new, about, run.now).await?);
        }
    }
    Ok(done)
}

/// For which months an order may have something to charge, the earliest first.
fn months_of(order: &Order, again: &Again, month: Month) -> BTreeSet<Month> {
    let again =
        again.iter().filter(|(_, plugin)| plugin.as_ref().is_none_or(|plugin| *plugin == order.plugin));
    let months = again.map(|(month, _)| *month).chain([month]);
    months.filter(|month| stood_in(order, *month)).collect()
}

/// Whether use that counts in a month may have begun while an order stood.
fn stood_in(order: &Order, month: Month) -> bool {
    let begin = month.first_moment().checked_sub(SPAN_MAX).unwrap_or(Timestamp::MIN);
    order.ordered_at < month.next().first_moment() && order.ended_at.is_none_or(|end| begin <= end)
}

/// The lines of as many invoices as it takes: the net of each, and the tax on it, is an amount.
fn parts(lines: &[InvoiceLine]) -> impl Iterator<Item = &[InvoiceLine]> {
    let mut sum = 0_i128;
    lines.chunk_by(move |line, next| {
        sum += i128::from(line.amount.minor());
        let fits = sum + i128::from(next.amount.minor()) <= i128::from(Money::LARGEST / 2);
        if !fits {
            sum = 0;
        }
        fits
    })
}

#[cfg(test)]
mod tests;
