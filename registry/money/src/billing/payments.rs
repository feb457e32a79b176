//! Payments of invoices: a late one revives what was given up, and a part that goes back is due again.

use chandlery_accounts::Actor;
use chandlery_accounts::audit::record_once;
use chandlery_package::Money;
use chandlery_package::wire::{Act, Invoice, InvoiceState, NewPayment};
use chandlery_store::{Db, Write};
use jiff::Timestamp;
use serde_json::json;

use super::collection;
use super::invoices::{self, Paid};
use super::parts;
use crate::Error;
use crate::ledger::{self, By};
use crate::sharing::PaidThrough;

/// Pays an invoice. One that was given up is owed again first, where all of it is paid now.
pub(crate) async fn pay(
    write: &mut Write,
    number: i64,
    paid: &Paid<'_>,
    amount: Money,
    hold_days: u32,
    now: Timestamp,
) -> Result<Invoice, Error> {
    let invoice = invoices::find(write, number).await?;
    if invoice.state == InvoiceState::Uncollectible && amount == invoice.due()? {
        collection::revive(write, &invoice, now).await?;
    }
    invoices::pay(write, number, paid, amount, hold_days, now).await
}

/// Records the payment of an invoice by a bank transfer.
pub async fn record(
    db: &Db,
    actor: &Actor,
    hold_days: u32,
    number: i64,
    payment: &NewPayment,
    now: Timestamp,
) -> Result<Invoice, Error> {
    let (actor, payment) = (actor.clone(), payment.clone());
    db.group_commit(move |write| {
        Box::pin(async move { record_within(write, &actor, hold_days, number, &payment, now).await })
    })
    .await
}

/// The same within a transaction.
pub(crate) async fn record_within(
    write: &mut Write,
    actor: &Actor,
    hold_days: u32,
    number: i64,
    payment: &NewPayment,
    now: Timestamp,
) -> Result<Invoice, Error> {
    ledger::by(write, By::Actor(actor));
    let paid = Paid::Bank(&payment.bank_reference);
    let paid = pay(write, number, &paid, payment.amount, hold_days, now).await?;
    let subject = format!("invoice {number}");
    record_once(write, actor, Act::PaymentRecorded, &subject, json!(payment)).await?;
    Ok(paid)
}

/// That a transfer by which an invoice was recorded as paid is the processor's payment of this id: what is given back goes there.
pub(crate) async fn came_through_processor(
    write: &mut Write,
    number: i64,
    payment: &str,
) -> Result<(), Error> {
    sqlx::query(
        "update invoices set paid_through = $1, payment = $2 where number = $3 and paid_through = $4",
    )
    .bind(PaidThrough::Processor.as_str())
    .bind(payment)
    .bind(number)
    .bind(PaidThrough::Bank.as_str())
    .execute(&mut **write)
    .await?;
    Ok(())
}

/// Takes so much of a part back, as far as its invoice is open: it is due again. Gives how much that is, to be posted against
/// what customers owe.
pub(crate) async fn take_part_back(write: &mut Write, payment: &str, amount: Money) -> Result<Money, Error> {
    let none = Money::zero(amount.currency());
    let Some((number, left)) = parts::of_payment(write, payment).await? else { return Ok(none) };
    let Invoice { state, part_paid, total, .. } = invoices::find(write, number).await?;
    let Some(paid) =
        part_paid.filter(|_| state == InvoiceState::Open && total.currency() == amount.currency())
    else {
        return Ok(none);
    };
    let part = amount.at_most(amount.with_minor(left)?)?.at_most(paid)?.or_zero();
    parts::set_paid(write, number, paid.minus(part)?).await?;
    sqlx::query("update processor_parts set returned_minor = returned_minor + $1 where payment = $2")
        .bind(part.minor())
        .bind(payment)
        .execute(&mut **write)
        .await?;
    Ok(part)
}
