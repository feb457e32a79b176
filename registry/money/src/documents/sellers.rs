//! Who sells here, by day.

use chandlery_accounts::Actor;
use chandlery_accounts::audit::record_once;
use chandlery_package::TaxNumber;
use chandlery_package::column::{Json, Text};
use chandlery_package::wire::{Act, Page, Paging, Party, Seller, SellerVersion};
use chandlery_store::{Db, Write};
use iban::{Iban, IbanLike as _};
use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use serde_json::json;
use sqlx::AnyConnection;

use crate::Error;

/// How long a part of a name or an address may be.
const LETTERS_MAX: usize = 200;

/// Refuses a party that no document can name, and gives its tax number as it is written.
pub(crate) fn check_party(party: &Party) -> Result<Option<String>, Error> {
    let country = &party.country;
    if country.len() != 2 || !country.bytes().all(|byte| byte.is_ascii_uppercase()) {
        return Err(Error::Invalid(format!(
            "'{country}' is not a country: write its ISO 3166 code, such as DE"
        )));
    }
    if party.name.trim().is_empty() {
        return Err(Error::Invalid("a document names somebody: the legal name is missing".into()));
    }
    let Party { name, street, postcode, city, registration, email, .. } = party;
    let more = [street, postcode, city, registration, email].into_iter().flatten();
    for text in [name].into_iter().chain(more) {
        if text.chars().count() > LETTERS_MAX || text.chars().any(char::is_control) {
            return Err(Error::Invalid(format!(
                "a name and each part of an address is one line of {LETTERS_MAX} letters"
            )));
        }
    }
    match &party.tax_number {
        None => Ok(None),
        Some(number) => match TaxNumber::read(country, number) {
            Ok(number) => Ok(Some(number.to_string())),
            Err(error) => Err(Error::Invalid(error.to_string())),
        },
    }
}

/// Refuses a seller that no document can name, and gives it with its tax number as it is written.
pub(super) fn check(mut version: SellerVersion) -> Result<SellerVersion, Error> {
    let party = &mut version.seller.party;
    party.tax_number = check_party(party)?;
    if party.tax_number.is_none() {
        return Err(Error::Invalid("whoever sells has a tax number: documents must name it".into()));
    }
    let account = version.seller.bank.as_ref().map(|bank| bank.iban.as_str());
    if let Some(account) = account
        && !account.parse::<Iban>().is_ok_and(|iban| iban.electronic_str() == account)
    {
        return Err(Error::Invalid(format!("'{account}' is not an IBAN: a letter or digit of it is wrong")));
    }
    Ok(version)
}

/// Whether customers would be asked to pay to another account than the one that holds on that day.
pub(super) async fn pays_elsewhere(db: &mut AnyConnection, version: &SellerVersion) -> Result<bool, Error> {
    let before = on(db, version.since).await?.and_then(|seller| seller.bank);
    Ok(version.seller.bank.is_some() && version.seller.bank != before)
}

/// Sets who sells here from a day on, as long as no document of that day or later names another seller.
pub(super) async fn set(
    db: &Db,
    actor: &Actor,
    version: &SellerVersion,
    now: Timestamp,
) -> Result<(), Error> {
    let mut write = db.write().await?;
    set_within(&mut write, actor, version, now).await?;
    Ok(write.commit().await?)
}

/// The same within a transaction.
pub(crate) async fn set_within(
    write: &mut Write,
    actor: &Actor,
    version: &SellerVersion,
    now: Timestamp,
) -> Result<(), Error> {
    let today = now.to_zoned(TimeZone::UTC).date();
    let known: Option<(Json<Seller>,)> = sqlx::query_as("select body from sellers where since = $1")
        .bind(version.since.to_string())
        .fetch_optional(&mut **write)
        .await?;
    if known.as_ref().is_some_and(|(Json(seller),)| *seller == version.seller) {
        return Ok(());
    }
    // Those before the first one name none.
    let named: Option<(String,)> = sqlx::query_as(
        "select series from documents where issued_on >= $1 and body like '%\"seller\":{%' limit 1",
    )
    .bind(version.since.to_string())
    .fetch_optional(&mut **write)
    .await?;
    if named.is_some() {
        return Err(Error::Conflict(format!(
            "documents of {} or later name who sold then: let it hold from a later day on; today is {today}",
            version.since
        )));
    }
    sqlx::query(
        "insert into sellers (since, body) values ($1, $2) on conflict (since) do update set body = excluded.body",
    )
    .bind(version.since.to_string())
    .bind(json!(version.seller).to_string())
    .execute(&mut **write)
    .await?;
    record_once(write, actor, Act::SellerSet, &version.since.to_string(), json!(version.seller)).await?;
    Ok(())
}

/// Who sells at a moment, if the operator has said so.
pub async fn in_force(db: &mut AnyConnection, at: Timestamp) -> Result<Option<Seller>, Error> {
    on(db, at.to_zoned(TimeZone::UTC).date()).await
}

async fn on(db: &mut AnyConnection, day: Date) -> Result<Option<Seller>, Error> {
    let found: Option<(Json<Seller>,)> =
        sqlx::query_as("select body from sellers where since <= $1 order by since desc limit 1")
            .bind(day.to_string())
            .fetch_optional(db)
            .await?;
    Ok(found.map(|(Json(seller),)| seller))
}

/// Who has sold here and does, the latest first.
pub(super) async fn versions(db: &Db, paging: &Paging<Date>) -> Result<Page<SellerVersion>, Error> {
    let before = paging.after().map_or_else(|| "9999-12-31".into(), Date::to_string);
    let rows: Vec<(Text<Date>, Json<Seller>)> =
        sqlx::query_as("select since, body from sellers where since < $1 order by since desc limit $2")
            .bind(before)
            .bind(paging.rows())
            .fetch_all(db.read())
            .await?;
    let page = paging.cut(rows, |(Text(since), _)| *since);
    Ok(page.map(|(Text(since), Json(seller))| SellerVersion { since, seller }))
}
