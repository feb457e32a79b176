//! Parts of invoices that were paid while the rest is due.

use chandlery_package::Money;
use chandlery_package::wire::TransactionKind;
use chandlery_store::Write;

use crate::Error;

/// Writes down what payments have paid of an open invoice by now.
pub(super) async fn set_paid(write: &mut Write, number: i64, by_now: Money) -> Result<(), Error> {
    sqlx::query(
        "insert into part_payments (invoice, minor) values ($1, $2)
         on conflict (invoice) do update set minor = excluded.minor",
    )
    .bind(number)
    .bind(by_now.minor())
    .execute(&mut **write)
    .await?;
    Ok(())
}

/// An invoice that is not open any more has no part payments.
pub(super) async fn forget(write: &mut Write, number: i64) -> Result<(), Error> {
    sqlx::query("delete from part_payments where invoice = $1").bind(number).execute(&mut **write).await?;
    Ok(())
}

/// Writes down what a payment at the processor has paid of an invoice in part.
pub(super) async fn keep(write: &mut Write, payment: &str, number: i64, amount: Money) -> Result<(), Error> {
    sqlx::query(
        "insert into processor_parts (payment, invoice, minor, returned_minor) values ($1, $2, $3, 0)",
    )
    .bind(payment)
    .bind(number)
    .bind(amount.minor())
    .execute(&mut **write)
    .await?;
    Ok(())
}

/// The invoice that a payment at the processor has paid a part of, and what of that part was not given back while it was open, in
/// minor units.
pub(super) async fn of_payment(write: &mut Write, payment: &str) -> Result<Option<(i64, i64)>, Error> {
    let found: Option<(i64, i64)> =
        sqlx::query_as("select invoice, minor - returned_minor from processor_parts where payment = $1")
            .bind(payment)
            .fetch_optional(&mut **write)
            .await?;
    Ok(found)
}

/// What was given back of parts of an invoice while it was open, in minor units.
pub(super) async fn given_back(write: &mut Write, number: i64) -> Result<i64, Error> {
    let (minor,): (i64,) = sqlx::query_as(
        "select cast(coalesce(sum(returned_minor), 0) as bigint) from processor_parts where invoice = $1",
    )
    .bind(number)
    .fetch_one(&mut **write)
    .await?;
    Ok(minor)
}

/// Writes down what of an invoice became its customer's credit, and by which kind of transaction.
pub(super) async fn keep_credit(
    write: &mut Write,
    number: i64,
    cause: TransactionKind,
    amount: Money,
) -> Result<(), Error> {
    if amount.is_zero() {
        return Ok(());
    }
    sqlx::query(
        "insert into invoice_credits (invoice, cause, minor) values ($1, $2, $3)
         on conflict (invoice, cause) do update set minor = invoice_credits.minor + excluded.minor",
    )
    .bind(number)
    .bind(cause.as_str())
    .bind(amount.minor())
    .execute(&mut **write)
    .await?;
    Ok(())
}
