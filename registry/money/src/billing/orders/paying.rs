//! How an order that costs once is paid: its invoice is issued with the payment, and what was paid is shared.

use chandlery_package::Money;
use chandlery_package::wire::{Act, InvoiceLine, InvoiceLineKind, NewPayment, Order};
use jiff::Timestamp;
use serde_json::json;

use super::find;
use crate::Error;
use crate::billing::invoices::{self, NewInvoice, Paid};
use crate::billing::{payments, quotes};
use crate::ledger::{self, By};
use crate::sharing::{self, NewSale};
use chandlery_accounts::Actor;
use chandlery_accounts::audit::record_once;
use chandlery_store::{Db, Write, time};

/// Records the payment of an order by a bank transfer, and shares it.
pub async fn record_payment(
    db: &Db,
    actor: &Actor,
    hold_days: u32,
    reference: &str,
    payment: &NewPayment,
    now: Timestamp,
) -> Result<Order, Error> {
    let (actor, reference, payment) = (actor.clone(), reference.to_owned(), payment.clone());
    db.group_commit(move |write| {
        Box::pin(
            async move { record_payment_within(write, &actor, hold_days, &reference, &payment, now).await },
        )
    })
    .await
}

/// The same within a transaction.
pub(crate) async fn record_payment_within(
    write: &mut Write,
    actor: &Actor,
    hold_days: u32,
    reference: &str,
    payment: &NewPayment,
    now: Timestamp,
) -> Result<Order, Error> {
    ledger::by(write, By::Actor(actor));
    let paid = Paid::Bank(&payment.bank_reference);
    let paid = pay(write, reference, &paid, payment.amount, hold_days, now).await?;
    let subject = format!("order {reference}");
    record_once(write, actor, Act::PaymentRecorded, &subject, json!(payment)).await?;
    Ok(paid)
}

/// Pays an order: its invoice is issued and paid in one. Recording the same payment again changes nothing; another one for a paid
/// order is refused.
pub(crate) async fn pay(
    write: &mut Write,
    reference: &str,
    paid: &Paid<'_>,
    amount: Money,
    hold_days: u32,
    now: Timestamp,
) -> Result<Order, Error> {
    let order = find(write, reference).await?;
    let Some(due) = order.due else {
        return Err(Error::Invalid(format!(
            "order '{reference}' is invoiced by the month: pay its invoices"
        )));
    };
    if let Some(invoice) = order.invoice {
        payments::pay(write, invoice, paid, amount, hold_days, now).await?;
        return Ok(order);
    }
    if order.paid_at.is_some() {
        return Err(Error::Conflict(format!(
            "order '{reference}' was paid before there were invoices for it"
        )));
    }
    if amount != due {
        return Err(Error::Invalid(format!("{amount} arrived, but {due} is due")));
    }
    let net = quotes::price(&order)?;
    let told = quotes::honoured(write, &order, matches!(paid, Paid::Processor(..)), now).await?;
    let sale = NewSale {
        source: format!("order {reference}"),
        customer: &order.customer,
        seller: &order.plugin.namespace,
        plugin: Some(&order.plugin),
        gross: net,
        referrer: order.referrer.as_ref(),
        at: now,
        shared_by: now,
    };
    let sale = sharing::accrue(write, &sale).await?;
    let line = InvoiceLine {
        kind: InvoiceLineKind::Once,
        description: order.plugin.to_string(),
        quantity: "1".into(),
        amount: net,
        sale: Some(sale),
    };
    let about = |transaction: crate::ledger::Transaction| transaction.link("order", reference);
    let new = NewInvoice {
        account: &order.customer,
        currency: net.currency(),
        lines: &[line],
        told: Some(&told),
        period: None,
        hold_days,
    };
    let invoice = invoices::issue(write, &new, about, now).await?;
    if due.minor() > 0 {
        payments::pay(write, invoice, paid, amount, hold_days, now).await?;
    }
    // What was quoted and paid stands, also where another price was agreed to meanwhile.
    sqlx::query("update orders set paid_at = $1, invoice = $2, ended_at = null where reference = $3")
        .bind(time(now))
        .bind(invoice)
        .bind(reference)
        .execute(&mut **write)
        .await?;
    find(write, reference).await
}
