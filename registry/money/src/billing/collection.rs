//! What becomes of invoices that are not paid in time.
//!
//! | what happens | debit | credit |
//! | --- | --- | --- |
//! | an invoice is never paid | deferred what is not earned, what was sold, sales tax, bad debt the rest | receivable |

use chandlery_package::Namespace;
use chandlery_package::wire::{Invoice, TransactionKind};
use chandlery_store::{Write, time};
use jiff::Timestamp;
use sqlx::AnyConnection;

use super::{invoices, periods};
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
    let due = invoice.total.minus(invoice.refunded)?;
    let mut transaction = Transaction::new(TransactionKind::WrittenOff, number, now)
        .about(format!("invoice {number} to {} was never paid", invoice.account))
        .link("invoice", number)
        .link("customer", &invoice.account)
        .credit(Account::Receivable, due);
    if let Some(mut plan) = periods::of_invoice(write, number).await? {
        let left = periods::cut_short(write, &mut plan, now).await?;
        transaction = transaction.debit(Account::Deferred, due.with_minor(left)?);
    }
    for line in &invoice.lines {
        if let Some(sale) = line.sale {
            transaction = sharing::void(write, sale, transaction, now).await?;
        }
    }
    let (returned,): (i64,) =
        sqlx::query_as("select cast(coalesce(sum(tax_minor), 0) as bigint) from refunds where invoice = $1")
            .bind(number)
            .fetch_one(&mut **write)
            .await?;
    transaction = transaction.debit(Account::SalesTax, invoice.tax.minus(invoice.tax.with_minor(returned)?)?);
    // What the customer had as credit was paid before, and is lost to it with the rest.
    let lost = -transaction.postings.iter().map(|posting| i128::from(posting.amount.minor())).sum::<i128>();
    transaction = match lost {
        0.. => transaction.debit(Account::BadDebt, due.with_minor(lost)?),
        _ => transaction.credit(Account::Plans, due.with_minor(-lost)?),
    };
    ledger::post(write, transaction).await?;
    sqlx::query("update invoices set state = 'uncollectible' where number = $1")
        .bind(number)
        .execute(&mut **write)
        .await?;
    Ok(())
}
