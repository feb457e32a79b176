//! Orders of plugins that are sold once, paid by bank transfer: the customer's transfer names the order's reference, and
//! an operator records it when it arrives. The sale enters the ledger in the same database transaction.

use chandlery_package::wire::{NewPayment, Order};
use chandlery_package::{Money, Namespace, PluginId};
use jiff::Timestamp;
use rand::Rng as _;

use super::invoices;
use crate::ledger::{self, Sale};
use crate::{Error, Registry, catalog, time};

type Row = (String, String, String, i64, String, String, Option<String>, Option<String>);

macro_rules! select_orders {
    ($condition:literal) => {
        concat!(
            "select reference, customer, plugin, price_minor, price_currency, ordered_at, paid_at, bank_reference
             from orders ",
            $condition
        )
    };
}

/// Sets what an organisation pays once. Orders that were made keep the price that they were made at.
pub async fn set_price(registry: &Registry, plugin: &PluginId, price: Money) -> Result<(), Error> {
    if price.minor <= 0 {
        return Err(Error::Invalid(format!("a price is above zero, not {price}")));
    }
    let mut write = registry.db.write().await?;
    let updated = sqlx::query("update plugins set price_minor = $1, price_currency = $2 where id = $3")
        .bind(price.minor)
        .bind(price.currency.code())
        .bind(plugin.to_string())
        .execute(&mut *write)
        .await?;
    if updated.rows_affected() == 0 {
        return Err(Error::NotFound(format!("plugin '{plugin}'")));
    }
    catalog::changed(&mut write, plugin).await?;
    write.commit().await?;
    Ok(())
}

/// Orders a plugin. An account has one order of each plugin: asking again gives the same one.
pub async fn order(registry: &Registry, customer: &Namespace, plugin: &PluginId) -> Result<Order, Error> {
    let mut write = registry.db.write().await?;
    let price: Option<(Option<i64>, Option<String>)> =
        sqlx::query_as("select price_minor, price_currency from plugins where id = $1")
            .bind(plugin.to_string())
            .fetch_optional(&mut *write)
            .await?;
    let (minor, currency) = match price {
        None => return Err(Error::NotFound(format!("plugin '{plugin}'"))),
        Some((Some(minor), Some(currency))) => (minor, currency),
        Some(_) => return Err(Error::Invalid(format!("'{plugin}' is free: install it without an order"))),
    };
    sqlx::query(
        "insert into orders (reference, customer, plugin, price_minor, price_currency, ordered_at)
         values ($1, $2, $3, $4, $5, $6) on conflict do nothing",
    )
    .bind(new_reference())
    .bind(customer.as_str())
    .bind(plugin.to_string())
    .bind(minor)
    .bind(currency)
    .bind(time(Timestamp::now()))
    .execute(&mut *write)
    .await?;
    let row: Row = sqlx::query_as(select_orders!("where customer = $1 and plugin = $2"))
        .bind(customer.as_str())
        .bind(plugin.to_string())
        .fetch_one(&mut *write)
        .await?;
    write.commit().await?;
    read_row(row).map(|(order, _)| order)
}

/// The orders of an account, newest first.
pub async fn orders(registry: &Registry, customer: &Namespace) -> Result<Vec<Order>, Error> {
    let rows: Vec<Row> = sqlx::query_as(select_orders!("where customer = $1 order by ordered_at desc"))
        .bind(customer.as_str())
        .fetch_all(registry.db.read())
        .await?;
    rows.into_iter().map(|row| read_row(row).map(|(order, _)| order)).collect()
}

/// Records the payment of an order and shares it. Recording the same transfer again changes nothing; recording another
/// one for a paid order is refused.
pub async fn record_payment(
    registry: &Registry,
    reference: &str,
    payment: &NewPayment,
) -> Result<Order, Error> {
    let mut write = registry.db.write().await?;
    let row: Option<Row> = sqlx::query_as(select_orders!("where reference = $1"))
        .bind(reference)
        .fetch_optional(&mut *write)
        .await?;
    let row = row.ok_or_else(|| Error::NotFound(format!("order '{reference}'")))?;
    let (order, paid_by) = read_row(row)?;
    match paid_by {
        Some(bank) if bank == payment.bank_reference && payment.amount == order.price => return Ok(order),
        Some(bank) => {
            return Err(Error::Conflict(format!("order '{reference}' was paid by the transfer '{bank}'")));
        }
        None => {}
    }
    if payment.amount != order.price {
        return Err(Error::Invalid(format!("{} arrived, but {} is due", payment.amount, order.price)));
    }
    invoices::must_be_new(&mut write, &payment.bank_reference).await?;
    let now = Timestamp::now();
    let sale = Sale { order: reference, plugin: &order.plugin, gross: order.price, at: now };
    ledger::post_sale(&mut write, &sale, registry.hold_days).await?;
    sqlx::query("update orders set paid_at = $1, bank_reference = $2 where reference = $3")
        .bind(time(now))
        .bind(&payment.bank_reference)
        .bind(reference)
        .execute(&mut *write)
        .await?;
    write.commit().await?;
    Ok(Order { paid_at: Some(now), ..order })
}

/// Short enough for a transfer's text, and without letters that are misread.
fn new_reference() -> String {
    const LETTERS: &[u8] = b"23456789ABCDEFGHJKLMNPQRSTUVWXYZ";
    let mut rng = rand::rngs::OsRng;
    let code: String = (0..10).map(|_| char::from(LETTERS[rng.gen_range(0..LETTERS.len())])).collect();
    format!("CH-{code}")
}

fn read_row(row: Row) -> Result<(Order, Option<String>), Error> {
    let (reference, customer, plugin, minor, currency, ordered_at, paid_at, bank_reference) = row;
    let time =
        |text: String| text.parse().map_err(|_| Error::Damaged("an order's date cannot be read".into()));
    let order = Order {
        reference,
        customer: customer.parse()?,
        plugin: plugin.parse()?,
        price: Money::new(minor, currency.parse()?),
        ordered_at: time(ordered_at)?,
        paid_at: paid_at.map(time).transpose()?,
    };
    Ok((order, bank_reference))
}
