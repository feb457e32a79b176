//! Orders of services: agreed in milestones, each invoiced when the customer has accepted it.

use chandlery_package::wire::{InvoiceLine, Milestone, NewServiceOrder, ServiceOrder};
use chandlery_package::{Currency, Money, Namespace};
use jiff::Timestamp;
use sqlx::AnyConnection;

use crate::Error;
use crate::billing::{NewInvoice, issue};
use crate::sharing::{self, NewSale};
use chandlery_store::{Db, time};

#[derive(sqlx::FromRow)]
struct Row {
    reference: String,
    number: i64,
    namespace: String,
    service: String,
    customer: String,
    title: String,
    price_minor: i64,
    currency: String,
    ordered_at: String,
    accepted_at: Option<String>,
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
    let consultants = super::certified(&mut write, now).await?;
    let consultant = consultants.into_iter().find(|consultant| consultant.namespace == new.consultant);
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
    write.commit().await?;
    order.ok_or_else(|| Error::Damaged("an order of a service vanished".into()))
}

/// Accepts a milestone: it is invoiced and shared. Accepted again, nothing changes.
pub async fn accept(
    db: &Db,
    hold_days: u32,
    customer: &Namespace,
    reference: &str,
    number: i64,
    now: Timestamp,
) -> Result<ServiceOrder, Error> {
    let mut write = db.write().await?;
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
        };
        let sale = sharing::accrue(&mut write, &sale).await?;
        let line = InvoiceLine {
            kind: "service".into(),
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
            hold_days,
        };
        let about = |transaction: crate::ledger::Transaction| transaction.link("service-order", reference);
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
    }
    let order = find(&mut write, reference).await?.ok_or_else(missing)?;
    write.commit().await?;
    Ok(order)
}

/// The orders of an account: as the customer, or as an owner of the consultant.
pub async fn orders(db: &Db, account: &Namespace) -> Result<Vec<ServiceOrder>, Error> {
    let rows: Vec<Row> = sqlx::query_as(select!(
        "where customer = $1
            or namespace in (select namespace from namespace_members where account = $1 and role = 'owner')
         order by ordered_at desc, reference, number"
    ))
    .bind(account.as_str())
    .fetch_all(db.read())
    .await?;
    read(rows)
}

async fn find(db: &mut AnyConnection, reference: &str) -> Result<Option<ServiceOrder>, Error> {
    let rows: Vec<Row> =
        sqlx::query_as(select!("where reference = $1 order by number")).bind(reference).fetch_all(db).await?;
    Ok(read(rows)?.into_iter().next())
}

/// Rows of milestones, those of one order next to each other.
fn read(rows: Vec<Row>) -> Result<Vec<ServiceOrder>, Error> {
    let time =
        |text: &str| text.parse().map_err(|_| Error::Damaged("a milestone's date cannot be read".into()));
    let mut orders: Vec<ServiceOrder> = Vec::new();
    for row in rows {
        let currency: Currency = row.currency.parse()?;
        let milestone = Milestone {
            number: row.number,
            title: row.title,
            price: Money::new(row.price_minor, currency)?,
            accepted_at: row.accepted_at.as_deref().map(time).transpose()?,
            invoice: row.invoice,
        };
        if let Some(last) = orders.last_mut().filter(|last| last.reference == row.reference) {
            last.milestones.push(milestone);
            continue;
        }
        orders.push(ServiceOrder {
            reference: row.reference,
            consultant: row.namespace.parse()?,
            service: row.service,
            customer: row.customer.parse()?,
            ordered_at: time(&row.ordered_at)?,
            milestones: vec![milestone],
        });
    }
    Ok(orders)
}
