//! The invoice that a period begins with.

use chandlery_package::wire::{InvoiceLine, InvoiceLineKind};
use chandlery_package::{Money, Namespace, Tier};
use chandlery_store::{Write, time};
use jiff::Timestamp;

use crate::Error;
use crate::billing::invoices::{self, NewInvoice};
use crate::ledger::Transaction;

/// What is to be invoiced.
pub(crate) struct NewPeriod<'a> {
    pub account: &'a Namespace,
    pub tier: Tier,
    pub from: Timestamp,
    pub to: Timestamp,
    /// How many months that are.
    pub months: i32,
    pub price: Money,
    /// What is left of the period that this one replaces, in minor units.
    pub credit_minor: i64,
    /// The invoice of that period.
    pub replaces: Option<i64>,
}

/// Issues the invoice for a period.
pub(crate) async fn bill(write: &mut Write, new: &NewPeriod<'_>, now: Timestamp) -> Result<i64, Error> {
    let NewPeriod { account, tier, from, to, months, price, credit_minor, replaces } = new;
    if *credit_minor > price.minor() {
        return Err(Error::Conflict(format!(
            "{} are left of what '{account}' has, more than the new price of {price}: change when its period is over",
            price.with_minor(*credit_minor)?
        )));
    }
    let day = |at: &Timestamp| at.strftime("%Y-%m-%d").to_string();
    let line = |kind, description, amount| InvoiceLine {
        kind,
        description,
        quantity: "1".into(),
        amount,
        sale: None,
    };
    let mut lines =
        vec![line(InvoiceLineKind::Plan, format!("{tier}, {} to {}", day(from), day(to)), *price)];
    if *credit_minor > 0 {
        lines.push(line(
            InvoiceLineKind::Unused,
            "what is left of the subscription before".into(),
            price.with_minor(-credit_minor)?,
        ));
    }
    let about = |transaction: Transaction| {
        transaction
            .link("tier", tier)
            .link("from", time(*from))
            .link("to", time(*to))
            .link("months", months)
            .link("price", price.minor())
            .link("currency", price.currency())
    };
    let period = Some((*from, Timestamp::from_second(to.as_second() - 1).unwrap_or(*to)));
    let new =
        NewInvoice { account, currency: price.currency(), lines: &lines, told: None, period, hold_days: 0 };
    let number = invoices::issue(write, &new, about, now).await?;
    sqlx::query(
        "insert into plan_periods (invoice, tier, from_at, to_at, months, price_minor, credit_minor, recognised_minor)
         values ($1, $2, $3, $4, $5, $6, $7, 0)",
    )
    .bind(number)
    .bind(tier.to_string())
    .bind(time(*from))
    .bind(time(*to))
    .bind(i64::from(*months))
    .bind(price.minor())
    .bind(credit_minor)
    .execute(&mut **write)
    .await?;
    if let Some(replaces) = replaces {
        sqlx::query("insert into plan_successions (invoice, replaces) values ($1, $2)")
            .bind(number)
            .bind(replaces)
            .execute(&mut **write)
            .await?;
    }
    Ok(number)
}
