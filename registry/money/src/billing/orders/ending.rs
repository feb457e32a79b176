//! How an order that is invoiced by the month ends.

use chandlery_package::Namespace;
use chandlery_package::wire::Order;
use jiff::Timestamp;

use super::kept::find;
use crate::Error;
use crate::billing::entitlements::{self, OrderEvent, Paying};
use chandlery_store::{Db, Write, time};

/// Ends an order that is invoiced by the month: from now on nothing is charged.
pub async fn end(db: &Db, customer: &Namespace, reference: &str, now: Timestamp) -> Result<Order, Error> {
    let mut write = db.write().await?;
    let order = find(&mut write, reference).await?;
    if order.customer != *customer {
        return Err(Error::NotFound(format!("order '{reference}'")));
    }
    if let Some(standing) = entitlements::standing_of(&mut write, customer, reference, now).await? {
        let paying = Paying::of(&order.offer.price);
        entitlements::after(paying, standing.state, OrderEvent::End)
            .map_err(|why| Error::Invalid(format!("order '{reference}' is {}: {why}", standing.state)))?;
    }
    end_now(&mut write, reference, now).await?;
    entitlements::tell_of_end(&mut write, customer, reference, now).await?;
    let order = find(&mut write, reference).await?;
    write.commit().await?;
    Ok(order)
}

/// The same within a transaction, whoever asks.
pub(super) async fn end_now(write: &mut Write, reference: &str, now: Timestamp) -> Result<(), Error> {
    sqlx::query("update orders set ended_at = $1 where reference = $2 and ended_at is null")
        .bind(time(now))
        .bind(reference)
        .execute(&mut **write)
        .await?;
    Ok(())
}
