//! What an order was quoted of the tax: that is what is invoiced, or the order is quoted anew.

use chandlery_package::column::{Json, Text};
use chandlery_package::wire::{Order, TaxTerms};
use chandlery_package::{Money, Price};
use chandlery_store::{Write, time};
use jiff::{SignedDuration, Timestamp};
use serde_json::json;
use sqlx::AnyConnection;

use super::taxes::{Tax, tax};
use crate::Error;

/// How long what was quoted holds, whatever becomes of the tax.
const HOLDS: SignedDuration = SignedDuration::from_hours(14 * 24);

/// What an order costs once, without taxes.
pub(super) fn price(order: &Order) -> Result<Money, Error> {
    match &order.offer.price {
        Price::Once { amount } => Ok(amount.at(order.discount.rest())?),
        Price::Monthly { .. } | Price::Metered { .. } => {
            Err(Error::Damaged(format!("order '{}' is not paid once", order.reference)))
        }
    }
}

/// Keeps what an order is quoted now.
pub(super) async fn keep(write: &mut Write, reference: &str, tax: &Tax, now: Timestamp) -> Result<(), Error> {
    sqlx::query("update orders set tax_minor = $1, quote = $2, quoted_at = $3 where reference = $4")
        .bind(tax.amount.minor())
        .bind(json!(tax.terms).to_string())
        .bind(time(now))
        .bind(reference)
        .execute(&mut **write)
        .await?;
    Ok(())
}

/// How an order stands to the tax of now.
enum Stands {
    /// It is to be taxed as it was quoted.
    AsQuoted(Tax),
    /// It was quoted otherwise, and that does not hold any more.
    Anew { was: Tax, now: Tax },
}

async fn stands(db: &mut AnyConnection, order: &Order, now: Timestamp) -> Result<Stands, Error> {
    let net = price(order)?;
    let (quote, at, minor): (Option<Json<TaxTerms>>, Option<Text<Timestamp>>, i64) =
        sqlx::query_as("select quote, quoted_at, tax_minor from orders where reference = $1")
            .bind(&order.reference)
            .fetch_one(&mut *db)
            .await?;
    let today = tax(db, &order.customer, net, now).await?;
    let amount = net.with_minor(minor)?;
    let since = at.map_or(order.ordered_at, |Text(at)| at);
    let holds = since.checked_add(HOLDS).is_ok_and(|until| now <= until);
    Ok(match quote {
        Some(Json(terms)) if holds || is_same(&terms, &today.terms) => {
            Stands::AsQuoted(Tax { terms, amount })
        }
        Some(Json(terms)) => Stands::Anew { was: Tax { terms, amount }, now: today },
        // An earlier version kept the amount alone.
        None if amount == today.amount => Stands::AsQuoted(today),
        None => Stands::Anew { was: Tax { terms: before(&today.terms), amount }, now: today },
    })
}

fn is_same(one: &TaxTerms, other: &TaxTerms) -> bool {
    let of = |terms: &TaxTerms| (terms.category, terms.rate, terms.country.clone());
    of(one) == of(other)
}

fn before(terms: &TaxTerms) -> TaxTerms {
    TaxTerms { name: "another tax".into(), ..terms.clone() }
}

/// The tax that an order is invoiced with: as it was quoted. Where the tax is another one by now, and the quote does not hold any
/// more, the payment is refused, unless a processor has taken it by that quote.
pub(super) async fn honoured(
    db: &mut AnyConnection,
    order: &Order,
    is_taken: bool,
    now: Timestamp,
) -> Result<Tax, Error> {
    let net = price(order)?;
    match stands(db, order, now).await? {
        Stands::AsQuoted(tax) => Ok(tax),
        Stands::Anew { was, .. } if is_taken => Ok(was),
        Stands::Anew { was, now } => Err(Error::QuotedAnew {
            reference: order.reference.clone(),
            was: format!("{} ({})", net.plus(was.amount)?, was.terms.name),
            now: format!("{} ({})", net.plus(now.amount)?, now.terms.name),
        }),
    }
}

/// Refuses to begin a payment of what an order was quoted, where that does not hold any more.
pub(crate) async fn must_hold(db: &mut AnyConnection, order: &Order, now: Timestamp) -> Result<(), Error> {
    honoured(db, order, false, now).await.map(drop)
}

/// Quotes an order anew that is paid once and is not, where what it was quoted does not hold any more.
pub(super) async fn renew(write: &mut Write, order: &Order, now: Timestamp) -> Result<(), Error> {
    if order.due.is_none() || order.paid_at.is_some() {
        return Ok(());
    }
    match stands(write, order, now).await? {
        Stands::AsQuoted(_) => Ok(()),
        Stands::Anew { now: tax, .. } => keep(write, &order.reference, &tax, now).await,
    }
}
