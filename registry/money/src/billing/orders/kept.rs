//! Orders as they are kept, with what has become of the money for them.

use chandlery_package::column::{Json, Text};
use chandlery_package::wire::{DisputeState, Order, OrderDispute, Page, Paging};
use chandlery_package::{Namespace, Offer, PluginId, Price, Rate};
use jiff::Timestamp;
use sqlx::AnyConnection;

use crate::Error;
use chandlery_store::{Db, time};

#[derive(sqlx::FromRow)]
struct Row {
    reference: String,
    customer: Text<Namespace>,
    plugin: Text<PluginId>,
    offer: Json<Offer>,
    discount: Text<Rate>,
    referrer: Option<Text<Namespace>>,
    tax_minor: i64,
    ordered_at: Text<Timestamp>,
    ended_at: Option<Text<Timestamp>>,
    paid_at: Option<Text<Timestamp>>,
    invoice: Option<i64>,
    /// How many of its sales were given back whole.
    refunded: i64,
    /// Since when the customer's bank holds, or has for good, a payment of it.
    disputed_at: Option<Text<Timestamp>>,
    /// How many disputes of it are lost.
    lost: i64,
}

/// That a sale is of an order: it is called `order CH-…`, followed by the month where it is invoiced by the month.
macro_rules! of_order {
    () => {
        "sales.source >= 'order ' || orders.reference and sales.source < 'order ' || orders.reference || '-'"
    };
}

macro_rules! select_orders {
    ($condition:literal) => {
        concat!(
            "select reference, customer, plugin, offer, discount, referrer, tax_minor, ordered_at, ended_at, paid_at, invoice,
                    (select cast(count(*) as bigint) from sales
                     where ", of_order!(), " and gross_minor > 0 and refunded_minor >= gross_minor) as refunded,
                    (select min(disputes.opened_at) from sales join disputes on disputes.sale = sales.id
                     where ", of_order!(), " and disputes.state <> 'won') as disputed_at,
                    (select cast(count(*) as bigint) from sales join disputes on disputes.sale = sales.id
                     where ", of_order!(), " and disputes.state = 'lost') as lost
             from orders ",
            $condition
        )
    };
}

/// The order of this reference, or that there is none.
pub(crate) async fn find(db: &mut AnyConnection, reference: &str) -> Result<Order, Error> {
    let row: Option<Row> =
        sqlx::query_as(select_orders!("where reference = $1")).bind(reference).fetch_optional(db).await?;
    read(row.ok_or_else(|| Error::NotFound(format!("order '{reference}'")))?)
}

/// An order of a customer's own.
pub async fn order_of(db: &mut AnyConnection, customer: &Namespace, reference: &str) -> Result<Order, Error> {
    let order = find(db, reference).await?;
    match order.customer == *customer {
        true => Ok(order),
        false => Err(Error::NotFound(format!("order '{reference}'"))),
    }
}

/// A customer's order of a plugin: the one that has not ended or, where each has, the last one.
pub async fn find_of(
    db: &mut AnyConnection,
    customer: &Namespace,
    plugin: &PluginId,
) -> Result<Option<Order>, Error> {
    let row: Option<Row> = sqlx::query_as(select_orders!(
        "where customer = $1 and plugin = $2
         order by case when ended_at is null then 0 else 1 end, case when paid_at is null then 1 else 0 end,
                  ordered_at desc, reference limit 1"
    ))
    .bind(customer.as_str())
    .bind(plugin.to_string())
    .fetch_optional(db)
    .await?;
    row.map(read).transpose()
}

/// An order's place among its customer's: when it was made, and its reference.
pub(crate) type Key = (Timestamp, String);

/// The orders of an account, newest first.
pub async fn orders(db: &Db, customer: &Namespace, paging: &Paging<Key>) -> Result<Page<Order>, Error> {
    let (before, after) = match paging.after() {
        None => (Timestamp::MAX, ""),
        Some((at, reference)) => (*at, reference.as_str()),
    };
    let rows: Vec<Row> = sqlx::query_as(select_orders!(
        "where customer = $1 and ordered_at <= $2 and (ordered_at < $2 or reference > $3)
         order by ordered_at desc, reference limit $4"
    ))
    .bind(customer.as_str())
    .bind(time(before))
    .bind(after)
    .bind(paging.rows())
    .fetch_all(db.read())
    .await?;
    paging.cut(rows, |row| (row.ordered_at.0, row.reference.clone())).try_map(read)
}

/// Every customer that has an order which is invoiced by the month, or one that is not paid.
pub(crate) async fn customers(db: &mut AnyConnection) -> Result<Vec<Namespace>, Error> {
    let rows: Vec<(Text<Namespace>,)> =
        sqlx::query_as("select distinct customer from orders where invoice is null order by customer")
            .fetch_all(db)
            .await?;
    Ok(rows.into_iter().map(|(Text(customer),)| customer).collect())
}

/// The orders of a customer that are invoiced by the month, the first one first.
pub(crate) async fn lasting_of(db: &mut AnyConnection, customer: &Namespace) -> Result<Vec<Order>, Error> {
    let rows: Vec<Row> = sqlx::query_as(select_orders!(
        "where customer = $1 and invoice is null order by ordered_at, reference"
    ))
    .bind(customer.as_str())
    .fetch_all(db)
    .await?;
    let all: Vec<Order> = rows.into_iter().map(read).collect::<Result<_, _>>()?;
    Ok(all.into_iter().filter(|order| order.due.is_none()).collect())
}

fn read(row: Row) -> Result<Order, Error> {
    let (Json(offer), Text(discount)) = (row.offer, row.discount);
    let due = match &offer.price {
        Price::Once { amount } => {
            let net = amount.at(discount.rest())?;
            Some(net.plus(net.with_minor(row.tax_minor)?)?)
        }
        Price::Monthly { .. } | Price::Metered { .. } => None,
    };
    let state = if row.lost > 0 { DisputeState::Lost } else { DisputeState::Open };
    Ok(Order {
        refunded: due.is_some() && row.refunded > 0,
        dispute: row.disputed_at.map(|Text(since)| OrderDispute { since, state }),
        reference: row.reference,
        customer: row.customer.0,
        plugin: row.plugin.0,
        offer,
        discount,
        due,
        referrer: row.referrer.map(|Text(name)| name),
        ordered_at: row.ordered_at.0,
        ended_at: row.ended_at.map(|Text(at)| at),
        paid_at: row.paid_at.map(|Text(at)| at),
        invoice: row.invoice,
    })
}
