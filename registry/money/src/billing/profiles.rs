//! Where customers are, and whom their documents are made out to.

use chandlery_package::wire::{Act, BillingProfile, BillingStanding, Party};
use chandlery_package::{Namespace, TaxNumber};
use jiff::Timestamp;
use serde_json::{Value, json};
use sqlx::AnyConnection;

use super::taxes;
use super::vies;
use crate::{Error, Vies, documents};
use chandlery_accounts::Actor;
use chandlery_accounts::audit::record;
use chandlery_store::Db;

#[derive(sqlx::FromRow)]
struct Row {
    country: String,
    email: Option<String>,
    tax_id: Option<String>,
    name: Option<String>,
    street: Option<String>,
    postcode: Option<String>,
    city: Option<String>,
}

/// What a customer has said of itself.
pub(super) async fn find(
    db: &mut AnyConnection,
    account: &Namespace,
) -> Result<Option<BillingProfile>, Error> {
    let row: Option<Row> = sqlx::query_as(
        "select country, email, tax_id, name, street, postcode, city from billing_profiles where account = $1",
    )
    .bind(account.as_str())
    .fetch_optional(db)
    .await?;
    Ok(row.map(|row| BillingProfile {
        country: row.country,
        email: row.email,
        tax_id: row.tax_id,
        name: row.name,
        street: row.street,
        postcode: row.postcode,
        city: row.city,
    }))
}

/// A customer as documents name it. One that has not said where it is has no country.
pub(super) async fn buyer(db: &mut AnyConnection, account: &Namespace) -> Result<Party, Error> {
    Ok(party(account, find(db, account).await?))
}

fn party(account: &Namespace, profile: Option<BillingProfile>) -> Party {
    let profile = profile.unwrap_or(BillingProfile {
        country: String::new(),
        email: None,
        tax_id: None,
        name: None,
        street: None,
        postcode: None,
        city: None,
    });
    Party {
        name: profile.name.unwrap_or_else(|| account.to_string()),
        street: profile.street,
        postcode: profile.postcode,
        city: profile.city,
        country: profile.country,
        tax_number: profile.tax_id,
        registration: None,
        email: profile.email,
        id: Some(account.to_string()),
    }
}

/// Says where an account is, and gives what is kept: its tax number as it is written.
pub async fn set_profile(
    db: &Db,
    actor: &Actor,
    account: &Namespace,
    profile: &BillingProfile,
) -> Result<BillingProfile, Error> {
    if profile.email.as_ref().is_some_and(|email| !email.contains('@') || email.contains(char::is_whitespace))
    {
        return Err(Error::Invalid("that is not an e-mail address".into()));
    }
    let given = |text: &Option<String>| text.clone().filter(|text| !text.is_empty());
    let mut after = BillingProfile {
        country: profile.country.clone(),
        email: given(&profile.email),
        tax_id: given(&profile.tax_id),
        name: given(&profile.name),
        street: given(&profile.street),
        postcode: given(&profile.postcode),
        city: given(&profile.city),
    };
    after.tax_id = documents::check_party(&party(account, Some(after.clone())))?;
    let mut write = db.write().await?;
    let before = find(&mut write, account).await?;
    if before.as_ref() == Some(&after) {
        return Ok(after);
    }
    // The trail goes to others: it says that an address has changed, and not to which.
    let was = before.as_ref().map_or(Value::Null, |before| json!({ "country": before.country }));
    let private = |profile: &BillingProfile| {
        let BillingProfile { name, street, postcode, city, .. } = profile.clone();
        (profile.email.clone(), profile.tax_id.clone(), [name, street, postcode, city])
    };
    let (email, tax_id, address) = before.as_ref().map(private).unwrap_or_default();
    let what = json!({
        "country": after.country,
        "email_changed": email != after.email,
        "tax_id_changed": tax_id != after.tax_id,
        "address_changed": address != private(&after).2,
    });
    record(&mut write, actor, Act::BillingProfileSet, account.as_str(), was, what).await?;
    sqlx::query(
        "insert into billing_profiles (account, country, email, tax_id, name, street, postcode, city)
         values ($1, $2, nullif($3, ''), nullif($4, ''), nullif($5, ''), nullif($6, ''), nullif($7, ''), nullif($8, ''))
         on conflict (account) do update set country = excluded.country, email = excluded.email, tax_id = excluded.tax_id,
           name = excluded.name, street = excluded.street, postcode = excluded.postcode, city = excluded.city",
    )
    .bind(account.as_str())
    .bind(&after.country)
    .bind(after.email.as_deref().unwrap_or(""))
    .bind(after.tax_id.as_deref().unwrap_or(""))
    .bind(after.name.as_deref().unwrap_or(""))
    .bind(after.street.as_deref().unwrap_or(""))
    .bind(after.postcode.as_deref().unwrap_or(""))
    .bind(after.city.as_deref().unwrap_or(""))
    .execute(&mut *write)
    .await?;
    if let Some(number) = number_of(&after) {
        vies::enlist(&mut write, &number).await?;
    }
    write.commit().await?;
    Ok(after)
}

/// The tax number of a profile, as far as it can be read.
fn number_of(profile: &BillingProfile) -> Option<TaxNumber> {
    TaxNumber::read(&profile.country, profile.tax_id.as_deref()?).ok()
}

/// Asks VIES for the number of a profile, where there is one that it knows: at once, or when it is its turn. No answer is no fault: it is
/// asked again.
pub async fn prove(
    db: &Db,
    vies: Option<&Vies>,
    profile: &BillingProfile,
    now: Timestamp,
) -> Result<(), Error> {
    let number = number_of(profile).filter(|number| number.in_vies().is_some());
    let Some((vies, number)) = vies.zip(number) else { return Ok(()) };
    let mut read = db.read().acquire().await?;
    let at_once = vies::is_asked_at_once(&mut read, &number, now).await?;
    drop(read);
    if at_once { vies::ask(db, vies, &number, now).await } else { Ok(()) }
}

/// What an account has said of itself, what VIES says of its number, and how it would be taxed.
pub async fn standing(
    db: &mut AnyConnection,
    account: &Namespace,
    now: Timestamp,
) -> Result<BillingStanding, Error> {
    let profile = find(db, account).await?;
    let check = match profile.as_ref().and_then(number_of) {
        Some(number) => vies::check_of(db, &number).await?,
        None => None,
    };
    Ok(BillingStanding { profile, check, terms: taxes::terms(db, account, now).await? })
}
