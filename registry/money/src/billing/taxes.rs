//! Sales taxes, by a table of rules and where the customer is.

use chandlery_package::column::Text;
use chandlery_package::wire::{Act, BillingProfile, TaxRule};
use chandlery_package::{Money, Namespace, Rate};
use jiff::Timestamp;
use serde_json::{Value, json};
use sqlx::AnyConnection;

use crate::Error;
use chandlery_accounts::Actor;
use chandlery_accounts::audit::{record, record_once};
use chandlery_store::{Db, Write};

/// A tax on an amount.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Tax {
    /// `VAT 19%`, or why there is none.
    pub name: String,
    pub amount: Money,
}

/// The tax on what an account buys at a moment, rounded half to even.
pub(crate) async fn tax(
    db: &mut AnyConnection,
    account: &Namespace,
    net: Money,
    at: Timestamp,
) -> Result<Tax, Error> {
    let none = |name: &str| Tax { name: name.into(), amount: Money::zero(net.currency()) };
    let profile: Option<(String, Option<String>)> =
        sqlx::query_as("select country, tax_id from billing_profiles where account = $1")
            .bind(account.as_str())
            .fetch_optional(&mut *db)
            .await?;
    let Some((country, tax_id)) = profile else { return Ok(none("no tax")) };
    let rule: Option<(String, Text<Rate>)> = sqlx::query_as(
        "select name, rate from tax_rules where country = $1 and since <= $2 order by since desc limit 1",
    )
    .bind(&country)
    .bind(at.strftime("%Y-%m-%d").to_string())
    .fetch_optional(db)
    .await?;
    match (rule, tax_id) {
        (None, _) => Ok(none("no tax")),
        (Some((name, _)), Some(_)) => Ok(none(&format!("{name}: reverse charge"))),
        (Some((name, Text(rate))), None) => {
            // What is given back is not taxed here: a credit note takes its own tax along.
            let taxed = net.or_zero();
            Ok(Tax { name: format!("{name} {rate}"), amount: taxed.at(rate)? })
        }
    }
}

fn country(text: &str) -> Result<(), Error> {
    match text.len() == 2 && text.bytes().all(|b| b.is_ascii_uppercase()) {
        true => Ok(()),
        false => {
            Err(Error::Invalid(format!("'{text}' is not a country: write its ISO 3166 code, such as DE")))
        }
    }
}

/// Says where an account is.
pub async fn set_profile(
    db: &Db,
    actor: &Actor,
    account: &Namespace,
    profile: &BillingProfile,
) -> Result<(), Error> {
    country(&profile.country)?;
    if profile.email.as_ref().is_some_and(|email| !email.contains('@') || email.contains(char::is_whitespace))
    {
        return Err(Error::Invalid("that is not an e-mail address".into()));
    }
    let mut write = db.write().await?;
    type Row = (String, Option<String>, Option<String>);
    let before: Option<Row> =
        sqlx::query_as("select country, email, tax_id from billing_profiles where account = $1")
            .bind(account.as_str())
            .fetch_optional(&mut *write)
            .await?;
    let given = |text: &Option<String>| text.clone().filter(|text| !text.is_empty());
    let after = (profile.country.clone(), given(&profile.email), given(&profile.tax_id));
    if before.as_ref() == Some(&after) {
        return Ok(());
    }
    // The trail goes to others: it says that an address has changed, and not to which.
    let was = before.as_ref().map_or(Value::Null, |(country, ..)| json!({ "country": country }));
    let (_, email, tax_id) = before.unwrap_or_default();
    let what = json!({
        "country": after.0,
        "email_changed": email != after.1,
        "tax_id_changed": tax_id != after.2,
    });
    record(&mut write, actor, Act::BillingProfileSet, account.as_str(), was, what).await?;
    sqlx::query(
        "insert into billing_profiles (account, country, email, tax_id) values ($1, $2, nullif($3, ''), nullif($4, ''))
         on conflict (account) do update set country = excluded.country, email = excluded.email, tax_id = excluded.tax_id",
    )
    .bind(account.as_str())
    .bind(&profile.country)
    .bind(profile.email.as_deref().unwrap_or(""))
    .bind(profile.tax_id.as_deref().unwrap_or(""))
    .execute(&mut *write)
    .await?;
    write.commit().await?;
    Ok(())
}

/// Adds a rule of the table. One that is there for the day already is not changed.
pub async fn add_rule(db: &Db, actor: &Actor, rule: &TaxRule) -> Result<(), Error> {
    let mut write = db.write().await?;
    add_rule_within(&mut write, actor, rule).await?;
    write.commit().await?;
    Ok(())
}

/// The same within a transaction.
pub(crate) async fn add_rule_within(write: &mut Write, actor: &Actor, rule: &TaxRule) -> Result<(), Error> {
    country(&rule.country)?;
    sqlx::query(
        "insert into tax_rules (country, since, name, rate) values ($1, $2, $3, $4) on conflict do nothing",
    )
    .bind(&rule.country)
    .bind(rule.since.to_string())
    .bind(&rule.name)
    .bind(rule.rate.to_string())
    .execute(&mut **write)
    .await?;
    let (name, Text(rate)): (String, Text<Rate>) =
        sqlx::query_as("select name, rate from tax_rules where country = $1 and since = $2")
            .bind(&rule.country)
            .bind(rule.since.to_string())
            .fetch_one(&mut **write)
            .await?;
    if (name.as_str(), rate) != (rule.name.as_str(), rule.rate) {
        return Err(Error::Conflict(format!("from {} on, {} has {name} {rate}", rule.since, rule.country)));
    }
    record_once(write, actor, Act::TaxRuleSet, &rule.country, json!(rule)).await?;
    Ok(())
}
