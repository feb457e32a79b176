//! Orders of plugins, each at the offer that it was made at. What costs once is paid by a transfer that names the order's
//! reference; everything else is invoiced when the month is over.

use chandlery_package::column::{Json, Text};
use chandlery_package::wire::{
    Acceptance, Act, DisputeState, InvoiceLine, InvoiceLineKind, NewOrder, NewPayment, Order, OrderDispute,
    Page, Paging,
};
use chandlery_package::{Money, Namespace, Offer, PluginId, Price, Rate, terms};
use jiff::{SignedDuration, Timestamp};
use rand::seq::IndexedRandom as _;
use serde_json::{Value, json};
use sqlx::AnyConnection;

use super::entitlements::{self, OrderEvent, Paying};
use super::invoices::{self, NewInvoice, Paid};
use super::payments;
use super::prices;
use super::quotes;
use super::taxes::tax;
use crate::Error;
use crate::ledger::{self, By};
use crate::sharing::{self, NewSale};
use chandlery_accounts::audit::{record, record_once};
use chandlery_accounts::{Actor, role_within};
use chandlery_store::{Db, Write, time};

/// How often an account may order one plugin anew within 30 days.
const ORDERS_MAX: i64 = 20;

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

/// Orders a plugin at what it costs now, where that and the terms are what somebody has agreed to. Of each plugin one order of an
/// account stands: asking again gives the same one, unless the price is another one by now. Then that is agreed to from now on, and
/// the order before ends.
pub async fn order(
    db: &Db,
    actor: &Actor,
    customer: &Namespace,
    new: &NewOrder,
    now: Timestamp,
) -> Result<Order, Error> {
    let mut write = db.write().await?;
    let order = order_within(&mut write, actor, customer, new, now).await?;
    write.commit().await?;
    Ok(order)
}

/// The same within a transaction.
pub(super) async fn order_within(
    write: &mut Write,
    actor: &Actor,
    customer: &Namespace,
    new: &NewOrder,
    now: Timestamp,
) -> Result<Order, Error> {
    let known = find_of(write, customer, &new.plugin).await?;
    if known.is_none() {
        must_be_visible(write, customer, &new.plugin).await?;
    }
    let Some(mut offer) = prices::offer_at(write, &new.plugin, customer, now).await? else {
        return Err(Error::Invalid(format!("'{}' is free: install it without an order", new.plugin)));
    };
    if let Some(order) = &known
        && stands(write, order).await?
        && (order.paid_at.is_some() || order.offer.price == offer.price)
    {
        quotes::renew(write, order, now).await?;
        return find(write, &order.reference).await;
    }
    if let Some(Acceptance { offer: agreed, terms }) = &new.acceptance
        && (*agreed != offer || terms != terms::VERSION)
    {
        let version = terms::VERSION;
        return Err(Error::Conflict(format!(
            "'{}' costs {offer} now, on the terms of {version}, and not {agreed} on those of {terms}: look at it again",
            new.plugin
        )));
    }
    let mut referrer = new.referrer.clone();
    if let Some(order) = known {
        must_not_be_too_many(write, customer, &new.plugin, now).await?;
        // A trial is given once, and not by each order anew.
        offer.trial_days = 0;
        referrer = referrer.or(order.referrer);
        end_now(write, &order.reference, now).await?;
    }
    if new.referrer.as_ref() == Some(&new.plugin.namespace) {
        return Err(Error::Invalid(format!("'{}' does not refer customers to itself", new.plugin.namespace)));
    }
    let discount = match &new.coupon {
        Some(code) => prices::use_coupon(write, code, &new.plugin, now).await?,
        None => Rate::ZERO,
    };
    let made = insert(write, customer, &new.plugin, &offer, discount, referrer.as_ref(), now).await?;
    let agreed =
        json!({ "plugin": new.plugin, "offer": offer, "discount": discount, "terms": terms::VERSION });
    record(write, actor, Act::OrderPlaced, &format!("order {}", made.reference), Value::Null, agreed).await?;
    Ok(made)
}

/// Refuses to sell a plugin that the customer may not see, as if it were not there: what it costs is told to its namespace alone.
async fn must_be_visible(write: &mut Write, customer: &Namespace, plugin: &PluginId) -> Result<(), Error> {
    let is_member = role_within(write, &plugin.namespace, customer).await?.is_some();
    let found: Option<(String,)> = sqlx::query_as(
        "select plugins.id from plugins join namespaces on namespaces.name = plugins.namespace
         where plugins.id = $1 and (namespaces.visibility = 'public' or $3 = 1
           or exists (select 1 from accounts where accounts.name = $2 and accounts.role = 'operator'))",
    )
    .bind(plugin.to_string())
    .bind(customer.as_str())
    .bind(i64::from(is_member))
    .fetch_optional(&mut **write)
    .await?;
    found.map(drop).ok_or_else(|| Error::NotFound(format!("plugin '{plugin}'")))
}

/// Writes an order down.
async fn insert(
    write: &mut Write,
    customer: &Namespace,
    plugin: &PluginId,
    offer: &Offer,
    discount: Rate,
    referrer: Option<&Namespace>,
    now: Timestamp,
) -> Result<Order, Error> {
    let quoted = match &offer.price {
        Price::Once { amount } => Some(tax(write, customer, amount.at(discount.rest())?, now).await?),
        Price::Monthly { .. } | Price::Metered { .. } => None,
    };
    if let Some(referrer) = referrer {
        let known: Option<(String,)> = sqlx::query_as("select name from namespaces where name = $1")
            .bind(referrer.as_str())
            .fetch_optional(&mut **write)
            .await?;
        if known.is_none() {
            return Err(Error::NotFound(format!("namespace '{referrer}', which should have referred you")));
        }
    }
    let reference = new_reference();
    sqlx::query(
        "insert into orders (reference, customer, plugin, offer, discount, referrer, tax_minor, ordered_at)
         values ($1, $2, $3, $4, $5, nullif($6, ''), 0, $7)",
    )
    .bind(&reference)
    .bind(customer.as_str())
    .bind(plugin.to_string())
    .bind(serde_json::json!(offer).to_string())
    .bind(discount.to_string())
    .bind(referrer.map_or("", Namespace::as_str))
    .bind(time(now))
    .execute(&mut **write)
    .await?;
    if let Some(quoted) = quoted {
        quotes::keep(write, &reference, &quoted, now).await?;
    }
    find(write, &reference).await
}

/// Whether an order is in force, or can still be paid: it has not ended, and what was paid for it was neither given back nor taken back
/// for good.
async fn stands(write: &mut Write, order: &Order) -> Result<bool, Error> {
    let is_lost = order.dispute.is_some_and(|dispute| dispute.state == DisputeState::Lost);
    if order.ended_at.is_some() || is_lost {
        return Ok(false);
    }
    let Some(invoice) = order.invoice else { return Ok(true) };
    for line in invoices::find(write, invoice).await?.lines {
        if let Some(sale) = line.sale {
            let sale = sharing::find_sale(write, sale).await?;
            if sale.void_at.is_some() || sale.gross.is_positive() && sale.refunded == sale.gross {
                return Ok(false);
            }
        }
    }
    Ok(true)
}

/// Refuses to agree again and again: each order is rated by itself when a month is closed.
async fn must_not_be_too_many(
    write: &mut Write,
    customer: &Namespace,
    plugin: &PluginId,
    now: Timestamp,
) -> Result<(), Error> {
    let since = now.checked_sub(SignedDuration::from_hours(30 * 24)).unwrap_or(Timestamp::UNIX_EPOCH);
    let (count,): (i64,) = sqlx::query_as(
        "select count(*) from orders where customer = $1 and plugin = $2 and ordered_at >= $3",
    )
    .bind(customer.as_str())
    .bind(plugin.to_string())
    .bind(time(since))
    .fetch_one(&mut **write)
    .await?;
    match count < ORDERS_MAX {
        true => Ok(()),
        false => Err(Error::Conflict(format!(
            "'{plugin}' was ordered {count} times within 30 days: wait, or ask its seller"
        ))),
    }
}

async fn end_now(write: &mut Write, reference: &str, now: Timestamp) -> Result<(), Error> {
    sqlx::query("update orders set ended_at = $1 where reference = $2 and ended_at is null")
        .bind(time(now))
        .bind(reference)
        .execute(&mut **write)
        .await?;
    Ok(())
}

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

/// An order of a customer's own.
pub async fn order_of(db: &mut AnyConnection, customer: &Namespace, reference: &str) -> Result<Order, Error> {
    let order = find(db, reference).await?;
    match order.customer == *customer {
        true => Ok(order),
        false => Err(Error::NotFound(format!("order '{reference}'"))),
    }
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

/// The order of this reference, or that there is none.
pub(crate) async fn find(db: &mut AnyConnection, reference: &str) -> Result<Order, Error> {
    let row: Option<Row> =
        sqlx::query_as(select_orders!("where reference = $1")).bind(reference).fetch_optional(db).await?;
    read(row.ok_or_else(|| Error::NotFound(format!("order '{reference}'")))?)
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

/// Short enough for a transfer's text, and without letters that are misread.
fn new_reference() -> String {
    const LETTERS: &[u8] = b"23456789ABCDEFGHJKLMNPQRSTUVWXYZ";
    let code: String =
        (0..10).filter_map(|_| LETTERS.choose(&mut rand::rng())).map(|letter| char::from(*letter)).collect();
    format!("CH-{code}")
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
