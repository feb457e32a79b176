//! What becomes of invoices that are not paid in time.
//!
//! | what happens | debit | credit |
//! | --- | --- | --- |
//! | an invoice is never paid | deferred what is not earned, what was sold, sales tax, bad debt the rest | receivable; what was paid of it is the customer's credit |
//! | and is paid after all | receivable | sales tax, what is sold again, bad debt; what was not delivered is the customer's credit |

use chandlery_package::wire::{Invoice, InvoiceLineKind, TransactionKind};
use chandlery_package::{Money, Namespace};
use chandlery_store::{Write, time};
use jiff::Timestamp;
use sqlx::AnyConnection;

use super::{invoices, parts, periods};
use crate::ledger::{self, Account, Transaction};
use crate::{Error, sharing};

/// Those of an account that are open and were due before this moment.
pub(crate) async fn overdue(
    db: &mut AnyConnection,
    account: &Namespace,
    before: Timestamp,
) -> Result<Vec<Invoice>, Error> {
    let numbers: Vec<(i64,)> = sqlx::query_as(
        "select number from invoices where account = $1 and state = 'open' and due_at < $2 order by number",
    )
    .bind(account.as_str())
    .bind(time(before))
    .fetch_all(&mut *db)
    .await?;
    let mut overdue = Vec::new();
    for (number,) in numbers {
        overdue.push(invoices::find(db, number).await?);
    }
    Ok(overdue)
}

/// Writes off an invoice that was never paid: what is not earned yet never will be, and the rest is lost.
pub(crate) async fn write_off(write: &mut Write, number: i64, now: Timestamp) -> Result<(), Error> {
    let invoice = invoices::find(write, number).await?;
    let due = invoice.due()?;
    let paid = invoice.part_paid.unwrap_or(Money::zero(due.currency()));
    let mut transaction = Transaction::new(TransactionKind::WrittenOff, number, now)
        .about(format!("invoice {number} to {} was never paid", invoice.account))
        .link("invoice", number)
        .link("customer", &invoice.account)
        .credit(Account::Receivable, due)
        .credit(Account::Credit(invoice.account.clone()), paid);
    if let Some(mut plan) = periods::of_invoice(write, number).await? {
        let left = periods::cut_short(write, &mut plan, now).await?;
        transaction = transaction.debit(Account::Deferred, due.with_minor(left)?);
    }
    for line in &invoice.lines {
        if let Some(sale) = line.sale {
            transaction = sharing::void(write, sale, transaction, now).await?;
        }
    }
    transaction = transaction.debit(Account::SalesTax, tax_left(write, &invoice).await?);
    // What the customer had as credit was paid before, and is lost to it with the rest.
    let lost = -sum(&transaction);
    transaction = match lost {
        0.. => transaction.debit(Account::BadDebt, due.with_minor(lost)?),
        _ => transaction.credit(Account::Plans, due.with_minor(-lost)?),
    };
    ledger::post(write, transaction).await?;
    parts::forget(write, number).await?;
    parts::keep_credit(write, number, TransactionKind::WrittenOff, paid).await?;
    sqlx::query("update invoices set state = 'uncollectible' where number = $1")
        .bind(number)
        .execute(&mut **write)
        .await?;
    Ok(())
}

/// What the postings of a transaction in one currency come to, in minor units.
fn sum(transaction: &Transaction) -> i128 {
    transaction.postings.iter().map(|posting| i128::from(posting.amount.minor())).sum()
}

/// The tax of an invoice, less what credit notes have given back of it.
async fn tax_left(db: &mut AnyConnection, invoice: &Invoice) -> Result<Money, Error> {
    let (returned,): (i64,) =
        sqlx::query_as("select cast(coalesce(sum(tax_minor), 0) as bigint) from refunds where invoice = $1")
            .bind(invoice.number)
            .fetch_one(db)
            .await?;
    Ok(invoice.tax.minus(invoice.tax.with_minor(returned)?)?)
}

/// Opens an invoice that was given up again, since it is paid after all, in the same database transaction. What was sold by it is
/// sold again, by the policy of now; what of a subscription was not delivered is the customer's credit.
pub(crate) async fn revive(write: &mut Write, invoice: &Invoice, now: Timestamp) -> Result<(), Error> {
    let (number, due) = (invoice.number, invoice.due()?);
    let mut transaction = Transaction::new(TransactionKind::InvoiceRevived, number, now)
        .about(format!("invoice {number} to {} is paid after it was given up", invoice.account))
        .link("invoice", number)
        .link("customer", &invoice.account)
        .debit(Account::Receivable, due)
        .credit(Account::SalesTax, tax_left(write, invoice).await?);
    if let Some(mut plan) = periods::of_invoice(write, number).await? {
        let left = due.with_minor(periods::as_credit(write, &mut plan).await?)?;
        transaction = transaction.credit(Account::Credit(invoice.account.clone()), left);
        parts::keep_credit(write, number, TransactionKind::InvoiceRevived, left).await?;
        // It is not given back a second time.
        sqlx::query(
            "update invoice_lines set refunded_minor = refunded_minor + $1 where invoice = $2 and kind = $3",
        )
        .bind(left.minor())
        .bind(number)
        .bind(InvoiceLineKind::Plan.as_str())
        .execute(&mut **write)
        .await?;
    }
    for line in &invoice.lines {
        if let Some(sale) = line.sale
            && let Some((again, gross)) = sharing::sell_again(write, sale, now).await?
        {
            transaction = transaction.credit(Account::Unbilled, gross);
            for follow in [
                "update invoice_lines set sale = $1 where sale = $2",
                "update rating_sales set sale = $1 where sale = $2",
            ] {
                sqlx::query(follow).bind(again).bind(sale).execute(&mut **write).await?;
            }
        }
    }
    let lost = sum(&transaction);
    transaction = match lost {
        0.. => transaction.credit(Account::BadDebt, due.with_minor(lost)?),
        _ => transaction.debit(Account::Plans, due.with_minor(-lost)?),
    };
    ledger::post(write, transaction).await?;
    sqlx::query("update invoices set state = 'open' where number = $1")
        .bind(number)
        .execute(&mut **write)
        .await?;
    Ok(())
}
