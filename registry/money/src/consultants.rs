//! Consultants: namespaces that an operator has certified for a while, what they offer, and orders in milestones, each invoiced once
//! the customer has accepted it. What they earn is shared, held and paid out like what plugins earn.

mod orders;
mod routes;

use std::collections::BTreeMap;

use chandlery_package::column::Text;
use chandlery_package::wire::{Act, Consultant, NewConsultant, Page, Paging, Service};
use chandlery_package::{Currency, Money, Namespace, PluginName};
use jiff::Timestamp;
use serde_json::{Value, json};
use sqlx::AnyConnection;

use crate::Error;
use chandlery_accounts::Actor;
use chandlery_accounts::audit::record;
use chandlery_store::{Db, time};

pub use orders::{accept, order, order_of, orders};
pub use routes::routes;

/// Writes a consultant's profile.
pub async fn introduce(
    db: &Db,
    actor: &Actor,
    namespace: &Namespace,
    new: &NewConsultant,
) -> Result<(), Error> {
    let mut write = db.write().await?;
    let before: Option<(String, String)> =
        sqlx::query_as("select title, about from consultants where namespace = $1")
            .bind(namespace.as_str())
            .fetch_optional(&mut *write)
            .await?;
    if before.is_some_and(|before| before == (new.title.clone(), new.about.clone())) {
        return Ok(());
    }
    sqlx::query(
        "insert into consultants (namespace, title, about) values ($1, $2, $3)
         on conflict (namespace) do update set title = excluded.title, about = excluded.about",
    )
    .bind(namespace.as_str())
    .bind(&new.title)
    .bind(&new.about)
    .execute(&mut *write)
    .await?;
    let after = json!({ "title": new.title });
    record(&mut write, actor, Act::ConsultantIntroduced, namespace.as_str(), Value::Null, after).await?;
    write.commit().await?;
    Ok(())
}

/// Certifies a consultant until a moment; one that is past ends it.
pub async fn certify(db: &Db, actor: &Actor, namespace: &Namespace, until: Timestamp) -> Result<(), Error> {
    let mut write = db.write().await?;
    let known: Option<(Option<Text<Timestamp>>,)> =
        sqlx::query_as("select certified_until from consultants where namespace = $1")
            .bind(namespace.as_str())
            .fetch_optional(&mut *write)
            .await?;
    let (before,) = known.ok_or_else(|| {
        Error::NotFound(format!("consultant '{namespace}': an owner of it writes its profile first"))
    })?;
    let before = before.map(|Text(until)| until);
    if before.map(time) == Some(time(until)) {
        return Ok(());
    }
    sqlx::query("update consultants set certified_until = $1 where namespace = $2")
        .bind(time(until))
        .bind(namespace.as_str())
        .execute(&mut *write)
        .await?;
    let (before, after) = (json!({ "certified_until": before }), json!({ "certified_until": until }));
    record(&mut write, actor, Act::ConsultantCertified, namespace.as_str(), before, after).await?;
    write.commit().await?;
    Ok(())
}

/// Offers a service, or changes what it costs from now on.
pub async fn offer(
    db: &Db,
    actor: &Actor,
    namespace: &Namespace,
    name: &PluginName,
    service: &Service,
) -> Result<(), Error> {
    if service.price.minor() <= 0 {
        return Err(Error::Invalid(format!("a price is above zero, not {}", service.price)));
    }
    let mut write = db.write().await?;
    let known: Option<(String,)> = sqlx::query_as("select namespace from consultants where namespace = $1")
        .bind(namespace.as_str())
        .fetch_optional(&mut *write)
        .await?;
    if known.is_none() {
        return Err(Error::NotFound(format!("consultant '{namespace}': write its profile first")));
    }
    let before: Option<(String, i64, Text<Currency>)> = sqlx::query_as(
        "select title, price_minor, currency from services where namespace = $1 and name = $2",
    )
    .bind(namespace.as_str())
    .bind(name.as_str())
    .fetch_optional(&mut *write)
    .await?;
    let price = (service.price.minor(), service.price.currency());
    if before
        .is_some_and(|(title, minor, Text(currency))| title == service.title && (minor, currency) == price)
    {
        return Ok(());
    }
    sqlx::query(
        "insert into services (namespace, name, title, price_minor, currency) values ($1, $2, $3, $4, $5)
         on conflict (namespace, name) do update set title = excluded.title, price_minor = excluded.price_minor,
             currency = excluded.currency",
    )
    .bind(namespace.as_str())
    .bind(name.as_str())
    .bind(&service.title)
    .bind(service.price.minor())
    .bind(service.price.currency().code())
    .execute(&mut *write)
    .await?;
    let subject = format!("{namespace}/{name}");
    record(&mut write, actor, Act::ServiceOffered, &subject, Value::Null, json!(service)).await?;
    write.commit().await?;
    Ok(())
}

type Row = (Text<Namespace>, String, String, Text<Timestamp>);

/// Everybody who is certified at a moment, with what they offer, in order of their names.
pub async fn certified(
    db: &mut AnyConnection,
    now: Timestamp,
    paging: &Paging<Namespace>,
) -> Result<Page<Consultant>, Error> {
    let rows: Vec<Row> = sqlx::query_as(
        "select namespace, title, about, certified_until from consultants
         where certified_until > $1 and namespace > $2 order by namespace limit $3",
    )
    .bind(time(now))
    .bind(paging.after().map_or("", Namespace::as_str))
    .bind(paging.rows())
    .fetch_all(&mut *db)
    .await?;
    let page = paging.cut(rows, |(Text(namespace), ..)| namespace.clone());
    let mut offered = services(db, now, &page.items).await?;
    Ok(page.map(|(Text(namespace), title, about, Text(certified_until))| {
        let services = offered.remove(&namespace).unwrap_or_default();
        Consultant { namespace, title, about, certified_until, services }
    }))
}

/// What these offer, who come one after another among all that are certified at a moment, by the consultant's name.
async fn services(
    db: &mut AnyConnection,
    now: Timestamp,
    rows: &[Row],
) -> Result<BTreeMap<Namespace, BTreeMap<String, Service>>, Error> {
    let mut offered: BTreeMap<Namespace, BTreeMap<String, Service>> = BTreeMap::new();
    let (Some((Text(first), ..)), Some((Text(last), ..))) = (rows.first(), rows.last()) else {
        return Ok(offered);
    };
    let found: Vec<(Text<Namespace>, String, String, i64, Text<Currency>)> = sqlx::query_as(
        "select services.namespace, services.name, services.title, services.price_minor, services.currency
         from services join consultants on consultants.namespace = services.namespace
         where consultants.certified_until > $1 and services.namespace >= $2 and services.namespace <= $3",
    )
    .bind(time(now))
    .bind(first.as_str())
    .bind(last.as_str())
    .fetch_all(db)
    .await?;
    for (Text(namespace), name, title, minor, Text(currency)) in found {
        let service = Service { title, price: Money::new(minor, currency)? };
        offered.entry(namespace).or_default().insert(name, service);
    }
    Ok(offered)
}

/// A consultant who is certified at a moment.
pub async fn find(
    db: &mut AnyConnection,
    name: &Namespace,
    now: Timestamp,
) -> Result<Option<Consultant>, Error> {
    let row: Option<Row> = sqlx::query_as(
        "select namespace, title, about, certified_until from consultants
         where certified_until > $1 and namespace = $2",
    )
    .bind(time(now))
    .bind(name.as_str())
    .fetch_optional(&mut *db)
    .await?;
    match row {
        Some(row) => Ok(Some(read(db, row).await?)),
        None => Ok(None),
    }
}

async fn read(
    db: &mut AnyConnection,
    (Text(namespace), title, about, Text(certified_until)): Row,
) -> Result<Consultant, Error> {
    let services: Vec<(String, String, i64, Text<Currency>)> = sqlx::query_as(
        "select name, title, price_minor, currency from services where namespace = $1 order by name",
    )
    .bind(namespace.as_str())
    .fetch_all(db)
    .await?;
    let service = |(name, title, minor, Text(currency)): (String, String, i64, Text<Currency>)| {
        Ok((name, Service { title, price: Money::new(minor, currency)? }))
    };
    let services = services.into_iter().map(service).collect::<Result<_, Error>>()?;
    Ok(Consultant { namespace, title, about, certified_until, services })
}
