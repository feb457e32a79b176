//! Where a line goes, whether the bank or the processor has told of it. A payment at the processor that nobody has begun here is for one
//! invoice or order, a customer's credit, or goes back the way it came; from then on it is as any other payment there.
//!
//! | what happens | debit | credit |
//! | --- | --- | --- |
//! | it pays an invoice or an order | suspense | receivable |
//! | it is kept as a customer's credit | suspense | credit |
//! | it is sent back | suspense | processor |

use std::collections::BTreeMap;

use chandlery_package::column::Json;
use chandlery_package::wire::{Allotment, Invoice, TransactionKind};
use chandlery_package::{Money, Namespace};
use chandlery_store::Write;

use super::super::own_accounts::PROCESSOR;
use super::super::{Subject, claims, outbox};
use super::lines::{self, Line, Tie};
use super::settling::{self, Rules, leave, must_be_known, must_fit};
use crate::Error;
use crate::billing::invoices::Paid;
use crate::billing::{find_invoice, payments};
use crate::ledger::Account;

/// Lets a part of a line be what it is said to be.
pub(super) async fn settle(
    write: &mut Write,
    rules: &Rules,
    line: &mut Line,
    to: &Allotment,
) -> Result<(), Error> {
    if line.account != PROCESSOR {
        return settling::settle(write, rules, line, to).await;
    }
    let payment = line.reference().to_owned();
    claims::must_not_be_disputed(write, &payment).await?;
    match to {
        // What was recorded by hand is the same happening, wherever it is told of.
        Allotment::Recorded { transaction } => {
            settling::settle(write, rules, line, to).await?;
            claim_recorded(write, &payment, *transaction).await
        }
        Allotment::Invoice { number, amount } => {
            pay(write, rules, line, &Subject::Invoice(*number), *amount).await
        }
        Allotment::Order { reference, amount } => {
            pay(write, rules, line, &Subject::Order(reference.clone()), *amount).await
        }
        Allotment::Credit { customer, amount } => credit(write, rules, line, customer, *amount).await,
        Allotment::SendBack { amount } => {
            fit(line, *amount)?;
            let about = format!("{amount} of payment {payment} go back to whoever has paid it");
            let kind = TransactionKind::BankSentBack;
            let number = leave(write, kind, line, *amount, Account::Processor, &about, rules.now).await?;
            let key = format!("held-{payment}-{number}");
            outbox::owe_refund(write, &key, &payment, *amount, rules.now).await?;
            lines::allot(write, line, *amount, "is sent back by the processor", Tie::Nothing, rules.now).await
        }
        Allotment::Payout { .. }
        | Allotment::Own { .. }
        | Allotment::Charges { .. }
        | Allotment::CameBack { .. } => Err(Error::Conflict(format!(
            "{payment} is a payment at the processor: it is for an invoice or an order, a customer's credit, or is sent back"
        ))),
    }
}

/// A payment that was recorded by hand is whose the invoice is that it has paid, and goes back through the processor.
async fn claim_recorded(write: &mut Write, payment: &str, transaction: i64) -> Result<(), Error> {
    let found: Option<(Json<BTreeMap<String, String>>,)> =
        sqlx::query_as("select links from ledger_transactions where id = $1 and kind = $2")
            .bind(transaction)
            .bind(TransactionKind::InvoicePaid.as_str())
            .fetch_optional(&mut **write)
            .await?;
    let invoice: Option<i64> = found.and_then(|(Json(links),)| links.get("invoice")?.parse().ok());
    let Some(number) = invoice else { return Ok(()) };
    let Invoice { account, total, .. } = find_invoice(write, number).await?;
    let none = Money::zero(total.currency());
    claims::claim(write, payment, Some(&Subject::Invoice(number)), &account, none).await?;
    payments::came_through_processor(write, number, payment).await
}

/// Refuses a part that is not one of what is open.
fn fit(line: &Line, amount: Money) -> Result<(), Error> {
    let none = || Error::Conflict(format!("nothing of bank line {} is open", line.id));
    must_fit(line.open()?.ok_or_else(none)?, amount, true)
}

async fn pay(
    write: &mut Write,
    rules: &Rules,
    line: &mut Line,
    subject: &Subject,
    amount: Money,
) -> Result<(), Error> {
    fit(line, amount)?;
    let payment = line.reference().to_owned();
    let customer = subject.customer(write).await?;
    claims::claim(write, &payment, Some(subject), &customer, Money::zero(amount.currency())).await?;
    subject.pay(write, &Paid::Claimed(&payment), amount, rules.hold_days, rules.now).await?;
    lines::allot(write, line, amount, &format!("paid {subject}"), Tie::Nothing, rules.now).await
}

async fn credit(
    write: &mut Write,
    rules: &Rules,
    line: &mut Line,
    customer: &Namespace,
    amount: Money,
) -> Result<(), Error> {
    fit(line, amount)?;
    must_be_known(write, customer).await?;
    let payment = line.reference().to_owned();
    claims::claim(write, &payment, None, customer, amount).await?;
    let about = format!("{amount} of payment {payment} are credit of {customer}");
    let to = Account::Credit(customer.clone());
    leave(write, TransactionKind::BankCredit, line, amount, to, &about, rules.now).await?;
    // The payment itself says from here on what of it is credit, and gives that back.
    lines::allot(write, line, amount, &format!("is credit of {customer}"), Tie::Nothing, rules.now).await
}
