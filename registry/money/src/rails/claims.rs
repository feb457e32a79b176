//! Whose a payment at the processor is that nobody has begun here, as far as somebody has said so. It is of one customer and for one thing
//! at most, since that is where whatever goes back of it later is taken from.

use chandlery_package::column::Text;
use chandlery_package::{Money, Namespace};
use chandlery_store::Write;

use super::Subject;
use crate::Error;

/// Says whose a payment is: for what it pays, or so much as the customer's credit.
pub(super) async fn claim(
    write: &mut Write,
    payment: &str,
    subject: Option<&Subject>,
    customer: &Namespace,
    credit: Money,
) -> Result<(), Error> {
    let known: Option<(String, Option<Text<Namespace>>)> =
        sqlx::query_as("select subject, customer from processor_payments where id = $1")
            .bind(payment)
            .fetch_optional(&mut **write)
            .await?;
    let none = || Error::NotFound(format!("payment '{payment}' at the processor"));
    let (paid, whose) = known.ok_or_else(none)?;
    if let Some(Text(whose)) = whose.filter(|Text(whose)| whose != customer) {
        return Err(Error::Conflict(format!(
            "payment '{payment}' is {whose}'s: what is left of it is that customer's credit, or goes back"
        )));
    }
    if subject.is_some() && !paid.is_empty() {
        return Err(Error::Conflict(format!(
            "payment '{payment}' has paid {paid}: what is left of it is {customer}'s credit, or goes back"
        )));
    }
    sqlx::query(
        "update processor_payments set subject = $1, customer = $2, surplus_minor = surplus_minor + $3 where id = $4",
    )
    .bind(subject.map_or(paid, ToString::to_string))
    .bind(customer.as_str())
    .bind(credit.minor())
    .bind(payment)
    .execute(&mut **write)
    .await?;
    Ok(())
}

/// Refuses to let anything become of a payment before the customer's bank has decided whose it is.
pub(super) async fn must_not_be_disputed(write: &mut Write, payment: &str) -> Result<(), Error> {
    let (open,): (i64,) =
        sqlx::query_as("select count(*) from processor_disputes where payment = $1 and state = 'open'")
            .bind(payment)
            .fetch_one(&mut **write)
            .await?;
    match open {
        0 => Ok(()),
        _ => Err(Error::Conflict(format!(
            "payment '{payment}' is disputed: say what it is for when the customer's bank has decided"
        ))),
    }
}
