//! Orders of services: agreed in milestones, each invoiced when the customer has accepted it.

use chandlery_package::column::Text;
use chandlery_package::wire::{
    Act, InvoiceLine, InvoiceLineKind, Milestone, NewServiceOrder, Page, Paging, ServiceOrder,
};
use chandlery_package::{Currency, Money, Namespace};
use jiff::Timestamp;
use serde_json::{Value, json};
use sqlx::AnyConnection;

use crate::Error;
use crate::billing::{NewInvoice, issue};
use crate::ledger::{self, By};
use crate::sharing::{self, NewSale};
use chandlery_accounts::Actor;
use chandlery_accounts::audit::record;
use chandlery_store::{Db, time};

#[derive(sqlx::FromRow)]
struct Row {
    reference: String,
    number: i64,
    namespace: Text<Namespace>,
    service: String,
    customer: Text<Namespace>,
    title: String,
    price_minor: i64,
    currency: Text<Currency>,
    ordered_at: Text<Timestamp>,
    accepted_at: Option<Text<Timestamp>>,
    invoice: Option<i64>,
}

macro_rules! select {
    ($condition:literal) => {
        concat!(
            "select reference, number, namespace, service, customer, title, price_minor, currency, ordered_at, accepted_at,
                    invoice
             from milestones ",
            $condition
        )
    };
}

/// Orders a service of a consultant who is certified now. The milestones sum to its price; without any, it is one.
pub async fn order(
    db: &Db,
    actor: &Actor,
    customer: &Namespace,
    new: &NewServiceOrder,
    now: Timestamp,
) -> Result<ServiceOrder, Error> {
    let mut write = db.write().await?;
    let known = find(&mut write, &new.reference).await?;
    if let Some(known) = known {
        let same =
            known.customer == *customer && known.consultant == new.consultant && known.service == new.service;
        return if same { Ok(known) } else { Err(Error::KeyReused { key: new.reference.clone() }) };
    }
    let consultant = super::find(&mut write, &new.consultant, now).await?;
    let consultant =
        consultant.ok_or_else(|| Error::NotFound(format!("certified consultant '{}'", new.consultant)))?;
    let service = consultant.services.get(&new.service);
    let service = service
        .ok_or_else(|| Error::NotFound(format!("service '{}' of '{}'", new.service, new.consultant)))?;
    let milestones = match new.milestones.is_empty() {
        true => vec![(service.title.clone(), service.price)],
        false => new.milestones.clone(),
    };
    let sum = milestones
        .iter()
        .try_fold(Money::zero(service.price.currency()), |sum, (_, price)| sum.plus(*price))?;
    if sum != service.price || milestones.iter().any(|(_, price)| price.minor() <= 0) {
        return Err(Error::Invalid(format!(
            "the milestones sum to {sum}, but the service costs {}",
            service.price
        )));
    }
    for (number, (title, price)) in milestones.iter().enumerate() {
        sqlx::query(
            "insert into milestones (reference, number, namespace, service, customer, title, price_minor, currency, ordered_at)
             values ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
        )
        .bind(&new.reference)
        .bind(number as i64 + 1)
        .bind(new.consultant.as_str())
        .bind(&new.service)
        .bind(customer.as_str())
        .bind(title)
        .bind(price.minor())
        .bind(price.currency().code())
        .bind(time(now))
        .execute(&mut *write)
        .await?;
    }
    let order = find(&mut write, &new.reference).await?;
    let subject = format!("service order {}", new.reference);
    record(&mut write, actor, Act::ServiceOrdered, &subject, Value::Null, json!(new)).await?;
    write.commit().await?;
    order.ok_or_else(|| Error::Damaged("an order of a service vanished".into()))
}

/// Accepts a milestone: it is invoiced and shared. Accepted again, nothing changes.
pub async fn accept(
    db: &Db,
    actor: &Actor,
    hold_days: u32,
    customer: &Namespace,
    reference: &str,
    number: i64,
    now: Timestamp,
) -> Result<ServiceOrder, Error> {
    let mut write = db.write().await?;
    ledger::by(&mut write, By::Actor(actor));
    let missing = || Error::NotFound(format!("milestone {number} of order '{reference}'"));
    let order = find(&mut write, reference).await?.filter(|order| order.customer == *customer);
    let order = order.ok_or_else(missing)?;
    let milestone =
        order.milestones.iter().find(|milestone| milestone.number == number).ok_or_else(missing)?;
    if milestone.invoice.is_none() {
        let sale = NewSale {
            source: format!("service {reference}, milestone {number}"),
            customer,
            seller: &order.consultant,
            plugin: None,
            gross: milestone.price,
            referrer: None,
            at: now,
            shared_by: now,
        };
        let sale = sharing::accrue(&mut write, &sale).await?;
        let line = InvoiceLine {
            kind: InvoiceLineKind::Service,
            description: format!("{} by {}: {}", order.service, order.consultant, milestone.title),
            quantity: "1".into(),
            amount: milestone.price,
            sale: Some(sale),
        };
        let new = NewInvoice {
            account: customer,
            currency: milestone.price.currency(),
            lines: &[line],
            told: None,
            period: None,
            hold_days,
        };
        let about = |transaction: ledger::Transaction| transaction.link("service-order", reference);
        let invoice = issue(&mut write, &new, about, now).await?;
        sqlx::query(
            "update milestones set accepted_at = $1, invoice = $2 where reference = $3 and number = $4",
        )
        .bind(time(now))
        .bind(invoice)
        .bind(reference)
        .bind(number)
        .execute(&mut *write)
        .await?;
        let (subject, after) =
            (format!("service order {reference}"), json!({ "milestone": number, "invoice": invoice }));
        record(&mut write, actor, Act::MilestoneAccepted, &subject, Value::Null, after).await?;
    }
    let order = find(&mut write, reference).await?.ok_or_else(missing)?;
    write.commit().await?;
    Ok(order)
}

/// An order of a customer's own.
pub async fn order_of(
    db: &mut AnyConnection,
    customer: &Namespace,
    reference: &str,
) -> Result<ServiceOrder, Error> {
    let order = find(db, reference).await?.filter(|order| order.customer == *customer);
    order.ok_or_else(|| Error::NotFound(format!("order '{reference}' of a service")))
}

/// An order's place among those of an account: when it was made, and its reference.
pub(crate) type Key = (Timestamp, String);

/// The orders of an account, newest first: as the customer, or as an owner of the consultant.
pub async fn orders(db: &Db, account: &Namespace, paging: &Paging<Key>) -> Result<Page<ServiceOrder>, Error> {
    let (before, after) = match paging.after() {
        None => (Timestamp::MAX, ""),
        Some((at, reference)) => (*at, reference.as_str()),
    };
    // The first milestone stands for its order.
    let mut db = db.snapshot().await?;
    let found: Vec<(Text<Timestamp>, String)> = sqlx::query_as(
        "select ordered_at, reference from milestones
         where number = 1 and ordered_at <= $2 and (ordered_at < $2 or reference > $3) and (customer = $1
            or namespace in (select namespace from namespace_members where account = $1 and role = 'owner'))
         order by ordered_at desc, reference limit $4",
    )
    .bind(account.as_str())
    .bind(time(before))
    .bind(after)
    .bind(paging.rows())
    .fetch_all(&mut *db)
    .await?;
    let page = paging.cut(found, |(Text(at), reference)| (*at, reference.clone()));
    let mut items = Vec::with_capacity(page.items.len());
    for (_, reference) in page.items {
        items.extend(find(&mut db, &reference).await?);
    }
    Ok(Page { items, next: page.next })
}

async fn find(db: &mut AnyConnection, reference: &str) -> Result<Option<ServiceOrder>, Error> {
    let rows: Vec<Row> =
        sqlx::query_as(select!("where reference = $1 order by number")).bind(reference).fetch_all(db).await?;
    let mut order: Option<ServiceOrder> = None;
    for row in rows {
        let order = order.get_or_insert_with(|| ServiceOrder {
            reference: row.reference,
            consultant: row.namespace.0,
            service: row.service,
            customer: row.customer.0,
            ordered_at: row.ordered_at.0,
            milestones: Vec::new(),
        });
        order.milestones.push(Milestone {
            number: row.number,
            title: row.title,
            price: Money::new(row.price_minor, row.currency.0)?,
            accepted_at: row.accepted_at.map(|Text(at)| at),
            invoice: row.invoice,
        });
    }
    Ok(order)
}
