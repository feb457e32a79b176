//! Sales taxes: by where the seller is, where the customer is, what its tax number proves, and a table of rules by country and day.

use chandlery_package::column::Text;
use chandlery_package::tax_number::is_member_state;
use chandlery_package::wire::{Act, TaxCategory, TaxRule, TaxTerms};
use chandlery_package::{Money, Namespace, Rate, TaxNumber};
use jiff::Timestamp;
use serde_json::json;
use sqlx::AnyConnection;

use super::vies;
use crate::{Error, documents};
use chandlery_accounts::Actor;
use chandlery_accounts::audit::record_once;
use chandlery_store::{Db, Write};

/// What Article 226 of Directive 2006/112/EC wants to be said.
const REVERSE_CHARGE: &str =
    "Reverse charge: the customer accounts for the tax (Article 196 of Council Directive 2006/112/EC)";
const OUTSIDE: &str = "Not subject to value added tax: supplied outside the European Union (Articles 44 and 58 of Council Directive 2006/112/EC)";

/// A tax on an amount, and by which rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tax {
    /// By which rule.
    pub terms: TaxTerms,
    /// How much, rounded half to even.
    pub amount: Money,
}

/// The tax on what an account buys at a moment.
pub async fn tax(
    db: &mut AnyConnection,
    account: &Namespace,
    net: Money,
    at: Timestamp,
) -> Result<Tax, Error> {
    let terms = terms(db, account, at).await?;
    // What is given back is not taxed here: a credit note takes its own tax along.
    let amount = net.or_zero().at(terms.rate)?;
    Ok(Tax { terms, amount })
}

/// By which rule an account is taxed at a moment.
pub(super) async fn terms(
    db: &mut AnyConnection,
    account: &Namespace,
    at: Timestamp,
) -> Result<TaxTerms, Error> {
    let seller = documents::in_force(db, at).await?.map(|seller| seller.party.country);
    let profile: Option<(String, Option<String>)> =
        sqlx::query_as("select country, tax_id from billing_profiles where account = $1")
            .bind(account.as_str())
            .fetch_optional(&mut *db)
            .await?;
    let (buyer, number) = profile.map_or((None, None), |(country, number)| (Some(country), number));
    let mut proof = Proof::None;
    if let Some((country, number)) = buyer.as_deref().zip(number)
        && let Ok(number) = TaxNumber::read(country, &number)
        && number.in_vies().is_some()
    {
        let check = vies::check_of(db, &number).await?;
        proof = match check.is_some_and(|check| vies::proves(&check, at)) {
            true => Proof::Given,
            false => Proof::Missing(number),
        };
    }
    let at_seller = rule_of(db, seller.as_deref(), at).await?;
    let at_buyer = rule_of(db, buyer.as_deref(), at).await?;
    Ok(decide(seller.as_deref(), buyer.as_deref(), &proof, at_seller, at_buyer))
}

/// Whether a customer has proved that it trades in a member state.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Proof {
    /// It has no number of a member state.
    None,
    /// VIES has said that its number is valid.
    Given,
    /// It has this number, and VIES has not said so, or not lately.
    Missing(TaxNumber),
}

/// A rule of the table.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Rule {
    country: String,
    since: String,
    name: String,
    rate: Rate,
}

async fn rule_of(
    db: &mut AnyConnection,
    country: Option<&str>,
    at: Timestamp,
) -> Result<Option<Rule>, Error> {
    let Some(country) = country else { return Ok(None) };
    let found: Option<(String, String, Text<Rate>)> = sqlx::query_as(
        "select since, name, rate from tax_rules where country = $1 and since <= $2 order by since desc limit 1",
    )
    .bind(country)
    .bind(at.strftime("%Y-%m-%d").to_string())
    .fetch_optional(db)
    .await?;
    Ok(found.map(|(since, name, Text(rate))| Rule { country: country.into(), since, name, rate }))
}

/// The tax of a country at a moment, where the table has one.
pub(crate) async fn tax_rule(
    db: &mut AnyConnection,
    country: &str,
    at: Timestamp,
) -> Result<Option<TaxTerms>, Error> {
    let rule = rule_of(db, Some(country), at).await?;
    Ok(rule.map(|rule| charged(Some(rule), None)))
}

/// By which rule a supply is taxed, from `seller` to `buyer`: countries, as far as they are known.
fn decide(
    seller: Option<&str>,
    buyer: Option<&str>,
    proof: &Proof,
    at_seller: Option<Rule>,
    at_buyer: Option<Rule>,
) -> TaxTerms {
    let is_in_union = |country: Option<&str>| country.is_some_and(is_member_state);
    let crosses = seller.is_some() && buyer.is_some() && seller != buyer;
    match (crosses, proof) {
        // At home, and where it is not known who sells or who buys: a number makes no difference.
        (false, _) => charged(at_buyer.or(at_seller), None),
        (true, Proof::Given) => TaxTerms {
            category: TaxCategory::ReverseCharge,
            rate: Rate::ZERO,
            name: format!("{}: reverse charge", at_buyer.map_or_else(|| "VAT".into(), |rule| rule.name)),
            country: buyer.map(Into::into),
            rule: None,
            note: Some(REVERSE_CHARGE.into()),
        },
        (true, proof) if is_in_union(seller) && is_in_union(buyer) => {
            let note = match proof {
                Proof::Missing(number) => {
                    Some(format!("VIES has not confirmed the tax number {number}: the tax is charged"))
                }
                Proof::None | Proof::Given => None,
            };
            // Below the threshold of Article 59c the rate is the seller's: then the table has none of the customer's country.
            charged(at_buyer.or(at_seller), note)
        }
        (true, _) => {
            let outside = (is_in_union(seller) && at_buyer.is_none()).then(|| OUTSIDE.to_owned());
            charged(at_buyer, outside)
        }
    }
}

/// The tax by a rule of the table or, where there is none, no tax.
fn charged(rule: Option<Rule>, note: Option<String>) -> TaxTerms {
    let Some(Rule { country, since, name, rate }) = rule else {
        return TaxTerms {
            category: TaxCategory::OutOfScope,
            rate: Rate::ZERO,
            name: "no tax".into(),
            country: None,
            rule: None,
            note,
        };
    };
    TaxTerms {
        category: if rate == Rate::ZERO { TaxCategory::Zero } else { TaxCategory::Standard },
        rate,
        name: format!("{name} {rate}"),
        rule: Some(format!("{country} {since}")),
        country: Some(country),
        note,
    }
}

/// Refuses what is no country.
fn must_be_country(text: &str) -> Result<(), Error> {
    match text.len() == 2 && text.bytes().all(|b| b.is_ascii_uppercase()) {
        true => Ok(()),
        false => {
            Err(Error::Invalid(format!("'{text}' is not a country: write its ISO 3166 code, such as DE")))
        }
    }
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
    must_be_country(&rule.country)?;
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_supply_is_taxed_by_where_it_comes_from_and_goes_to() {
        let rule = |country: &str, rate: &str| Rule {
            country: country.into(),
            since: "2026-01-01".into(),
            name: "VAT".into(),
            rate: rate.parse().unwrap(),
        };
        let of = |country: Option<&str>| match country {
            Some("DE") => Some(rule("DE", "19%")),
            Some("FR") => Some(rule("FR", "20%")),
            Some("GB") => Some(rule("GB", "20%")),
            Some("MT") => Some(rule("MT", "0%")),
            _ => None,
        };
        let french = || TaxNumber::read("FR", "FR40303265045").unwrap();
        let missing = || Proof::Missing(french());
        for (seller, buyer, proof, category, name) in [
            // At home a number makes no difference, proved or not.
            (Some("DE"), Some("DE"), Proof::None, "S", "VAT 19%"),
            (Some("DE"), Some("DE"), Proof::Given, "S", "VAT 19%"),
            (Some("DE"), Some("DE"), missing(), "S", "VAT 19%"),
            (Some("MT"), Some("MT"), Proof::None, "Z", "VAT 0%"),
            (Some("PL"), Some("PL"), Proof::Given, "O", "no tax"),
            // To another member state.
            (Some("DE"), Some("FR"), Proof::Given, "AE", "VAT: reverse charge"),
            (Some("DE"), Some("FR"), Proof::None, "S", "VAT 20%"),
            (Some("DE"), Some("FR"), missing(), "S", "VAT 20%"),
            (Some("DE"), Some("PL"), Proof::None, "S", "VAT 19%"),
            // Out of the Union, and into it.
            (Some("DE"), Some("CH"), Proof::None, "O", "no tax"),
            (Some("DE"), Some("GB"), Proof::None, "S", "VAT 20%"),
            (Some("US"), Some("FR"), Proof::Given, "AE", "VAT: reverse charge"),
            (Some("US"), Some("FR"), Proof::None, "S", "VAT 20%"),
            (Some("US"), Some("US"), Proof::None, "O", "no tax"),
            (Some("US"), Some("PL"), Proof::None, "O", "no tax"),
            // Where it is not known who sells or who buys.
            (None, Some("DE"), missing(), "S", "VAT 19%"),
            (None, Some("DE"), Proof::Given, "S", "VAT 19%"),
            (None, None, Proof::None, "O", "no tax"),
            (Some("DE"), None, Proof::None, "S", "VAT 19%"),
        ] {
            let terms = decide(seller, buyer, &proof, of(seller), of(buyer));
            let found = (terms.category.as_str(), terms.name.as_str());
            assert_eq!(found, (category, name), "{seller:?} {buyer:?} {proof:?}");
        }
        let told = decide(Some("DE"), Some("FR"), &missing(), of(Some("DE")), of(Some("FR"))).note.unwrap();
        assert!(told.contains("FR40303265045"), "{told}");
        let abroad = decide(Some("DE"), Some("CH"), &Proof::None, of(Some("DE")), None).note.unwrap();
        assert!(abroad.contains("outside the European Union"), "{abroad}");
    }
}
