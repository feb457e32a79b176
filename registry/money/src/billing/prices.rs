//! What plugins cost: each change is a version of its own, and orders keep the one that they were made at.

use chandlery_package::column::{Json, Text};
use chandlery_package::wire::{Act, Coupon, NewCoupon, NewPrice, Page, Paging, PriceVersion};
use chandlery_package::{Manifest, Namespace, Offer, PluginId, Price, Rate, Unit, meter};
use jiff::Timestamp;
use serde_json::{Value, json};
use sqlx::AnyConnection;

use crate::{Error, OnOffer};
use chandlery_accounts::audit::record;
use chandlery_accounts::{Actor, must_be_an_account};
use chandlery_store::{Db, Write, time};

/// The longest code of a coupon, in characters.
const CODE_CHARS_MAX: usize = 64;

/// Sets what a plugin costs from now on, for one customer or for everybody; of the latter the catalog is told.
pub async fn set_price(
    db: &Db,
    actor: &Actor,
    on_offer: OnOffer,
    plugin: &PluginId,
    new: &NewPrice,
    now: Timestamp,
) -> Result<(), Error> {
    new.offer.price.check()?;
    let offer = json!(new.offer).to_string();
    let mut write = db.write().await?;
    must_be_there(&mut write, plugin).await?;
    must_be_metered(&mut write, plugin, &new.offer.price).await?;
    if let Some(customer) = &new.customer {
        must_be_an_account(&mut write, customer).await?;
    }
    sqlx::query(
        "insert into prices (plugin, version, since, offer, customer)
         select $1, coalesce(max(version), 0) + 1, $2, $3, nullif($4, '') from prices where plugin = $1",
    )
    .bind(plugin.to_string())
    .bind(time(now))
    .bind(&offer)
    .bind(new.customer.as_ref().map_or("", Namespace::as_str))
    .execute(&mut *write)
    .await?;
    if new.customer.is_none() {
        on_offer(&mut write, plugin, &offer).await?;
    }
    record(&mut write, actor, Act::PriceSet, &plugin.to_string(), Value::Null, json!(new)).await?;
    write.commit().await?;
    Ok(())
}

async fn must_be_there(write: &mut Write, plugin: &PluginId) -> Result<(), Error> {
    let found: Option<(String,)> = sqlx::query_as("select id from plugins where id = $1")
        .bind(plugin.to_string())
        .fetch_optional(&mut **write)
        .await?;
    found.map(drop).ok_or_else(|| Error::NotFound(format!("plugin '{plugin}'")))
}

/// A price by what nobody reports would never be charged.
async fn must_be_metered(write: &mut Write, plugin: &PluginId, price: &Price) -> Result<(), Error> {
    let Price::Metered { unit: unit @ Unit::Reported(_), .. } = price else { return Ok(()) };
    let newest: Option<(Option<Json<Manifest>>,)> = sqlx::query_as(
        "select manifest from releases where plugin = $1 and yanked_at is null and withdrawn_at is null
         order by version_order desc limit 1",
    )
    .bind(plugin.to_string())
    .fetch_optional(&mut **write)
    .await?;
    let meters = newest.and_then(|(manifest,)| manifest).map(|Json(manifest)| manifest.meters);
    let meters = meters.unwrap_or_default();
    let reported = meter::units(&meters);
    if reported.contains(unit) {
        return Ok(());
    }
    let mut units = vec![Unit::GpuHour.to_string(), Unit::DeploymentHour.to_string()];
    units.extend(reported.into_iter().map(ToString::to_string));
    Err(Error::Invalid(format!(
        "the newest release of '{plugin}' meters no {unit}: its price can be by {}, or by the month",
        units.join(", ")
    )))
}

/// What a plugin cost a customer at a moment: its own offer before everybody's.
pub(crate) async fn offer_at(
    db: &mut AnyConnection,
    plugin: &PluginId,
    customer: &Namespace,
    at: Timestamp,
) -> Result<Option<Offer>, Error> {
    let found: Option<(Json<Offer>,)> = sqlx::query_as(
        "select offer from prices where plugin = $1 and since <= $2 and (customer = $3 or customer is null)
         order by case when customer is null then 1 else 0 end, version desc limit 1",
    )
    .bind(plugin.to_string())
    .bind(time(at))
    .bind(customer.as_str())
    .fetch_optional(db)
    .await?;
    Ok(found.map(|(Json(offer),)| offer))
}

/// The versions of what a plugin costs, the latest first: those that are for one customer alone are among them.
pub async fn prices(db: &Db, plugin: &PluginId, paging: &Paging<i64>) -> Result<Page<PriceVersion>, Error> {
    type Row = (i64, Text<Timestamp>, Json<Offer>, Option<Text<Namespace>>);
    let rows: Vec<Row> = sqlx::query_as(
        "select version, since, offer, customer from prices where plugin = $1 and version < $2
         order by version desc limit $3",
    )
    .bind(plugin.to_string())
    .bind(paging.after().copied().unwrap_or(i64::MAX))
    .bind(paging.rows())
    .fetch_all(db.read())
    .await?;
    let version = |(version, Text(since), Json(offer), customer): Row| PriceVersion {
        version,
        since,
        offer,
        customer: customer.map(|Text(name)| name),
    };
    Ok(paging.cut(rows, |(version, ..)| *version).map(version))
}

/// The coupons of a plugin by their codes, those that are over among them.
pub async fn coupons(db: &Db, plugin: &PluginId, paging: &Paging<String>) -> Result<Page<Coupon>, Error> {
    type Row = (String, Text<Rate>, Text<Timestamp>, i64, i64);
    let rows: Vec<Row> = sqlx::query_as(
        "select code, discount, until, uses, uses_max from coupons where plugin = $1 and code > $2
         order by code limit $3",
    )
    .bind(plugin.to_string())
    .bind(paging.after().map_or("", String::as_str))
    .bind(paging.rows())
    .fetch_all(db.read())
    .await?;
    let count = |count: i64| u32::try_from(count).unwrap_or(u32::MAX);
    let coupon = |(code, Text(discount), Text(until), uses, uses_max): Row| Coupon {
        code,
        discount,
        until,
        uses: count(uses),
        uses_max: count(uses_max),
    };
    Ok(paging.cut(rows, |(code, ..)| code.clone()).map(coupon))
}

/// Reads an offer as it is stored.
pub fn read_offer(text: &str) -> Result<Offer, Error> {
    serde_json::from_str(text).map_err(|_| Error::Damaged("an offer cannot be read".into()))
}

/// Makes a coupon. The same again changes nothing.
pub async fn make_coupon(db: &Db, actor: &Actor, plugin: &PluginId, new: &NewCoupon) -> Result<(), Error> {
    let is_plain = |c: char| !c.is_whitespace() && !c.is_control();
    if !(1..=CODE_CHARS_MAX).contains(&new.code.chars().count()) || !new.code.chars().all(is_plain) {
        return Err(Error::Invalid(format!(
            "a coupon's code has from 1 to {CODE_CHARS_MAX} characters without spaces, such as SPRING-20"
        )));
    }
    let mut write = db.write().await?;
    must_be_there(&mut write, plugin).await?;
    let inserted = sqlx::query(
        "insert into coupons (code, plugin, discount, until, uses, uses_max) values ($1, $2, $3, $4, 0, $5)
         on conflict do nothing",
    )
    .bind(&new.code)
    .bind(plugin.to_string())
    .bind(new.discount.to_string())
    .bind(time(new.until))
    .bind(i64::from(new.uses_max))
    .execute(&mut *write)
    .await?;
    if inserted.rows_affected() == 0 {
        return Err(Error::Conflict(format!("there is a coupon '{}' already", new.code)));
    }
    record(&mut write, actor, Act::CouponMade, &plugin.to_string(), Value::Null, json!(new)).await?;
    write.commit().await?;
    Ok(())
}

/// Uses a coupon once, and gives what it takes off.
pub(crate) async fn use_coupon(
    write: &mut Write,
    code: &str,
    plugin: &PluginId,
    now: Timestamp,
) -> Result<Rate, Error> {
    let used = sqlx::query(
        "update coupons set uses = uses + 1 where code = $1 and plugin = $2 and until > $3 and uses < uses_max",
    )
    .bind(code)
    .bind(plugin.to_string())
    .bind(time(now))
    .execute(&mut **write)
    .await?;
    if used.rows_affected() == 0 {
        return Err(Error::Conflict(format!("coupon '{code}' is not for '{plugin}', or over")));
    }
    let (Text(discount),) = sqlx::query_as("select discount from coupons where code = $1")
        .bind(code)
        .fetch_one(&mut **write)
        .await?;
    Ok(discount)
}
