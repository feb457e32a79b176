//! How an order is placed: at what somebody has agreed to, by whoever may see the plugin, and not again and again.

use chandlery_package::wire::{Acceptance, Act, DisputeState, NewOrder, Order};
use chandlery_package::{Namespace, Offer, PluginId, Price, Rate, terms};
use jiff::{SignedDuration, Timestamp};
use rand::seq::IndexedRandom as _;
use serde_json::{Value, json};

use super::ending::end_now;
use super::kept::{find, find_of};
use crate::Error;
use crate::billing::taxes::tax;
use crate::billing::{invoices, prices, quotes};
use crate::sharing;
use chandlery_accounts::audit::record;
use chandlery_accounts::{Actor, role_within};
use chandlery_store::{Db, Write, time};

/// How often an account may order one plugin anew within 30 days.
const ORDERS_MAX: i64 = 20;

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
pub(in super::super) async fn order_within(
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
        "insert into orders (reference, customer, plugin, offer, discount, referrer, tax_minor, ordered_at, price_kind)
         values ($1, $2, $3, $4, $5, nullif($6, ''), 0, $7, $8)",
    )
    .bind(&reference)
    .bind(customer.as_str())
    .bind(plugin.to_string())
    .bind(json!(offer).to_string())
    .bind(discount.to_string())
    .bind(referrer.map_or("", Namespace::as_str))
    .bind(time(now))
    .bind(offer.price.kind())
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

/// Short enough for a transfer's text, and without letters that are misread.
fn new_reference() -> String {
    const LETTERS: &[u8] = b"23456789ABCDEFGHJKLMNPQRSTUVWXYZ";
    let code: String =
        (0..10).filter_map(|_| LETTERS.choose(&mut rand::rng())).map(|letter| char::from(*letter)).collect();
    format!("CH-{code}")
}
