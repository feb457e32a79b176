//! Whom the documents of an account are made out to, where that is, and how it is taxed.

use axum::extract::State;
use axum::response::{IntoResponse as _, Redirect, Response};
use chandlery_accounts::Account;
use chandlery_accounts::organisations::Power;
use chandlery_edge::Form;
use chandlery_money::{Finance, billing};
use chandlery_package::wire::{BillingProfile, BillingStanding};
use chandlery_pages::{Field, Tone, badge, day, facts};
use maud::{Markup, html};
use serde::Deserialize;

use super::frame::{self, Customer};
use crate::error::Error;
use crate::shell::shown_again;

const PAGE: &str = "/billing";

/// What the form sends; what is left empty is not said.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct Given {
    country: String,
    name: String,
    street: String,
    postcode: String,
    city: String,
    email: String,
    tax_id: String,
}

impl Given {
    fn of(profile: &BillingProfile) -> Self {
        let text = |text: &Option<String>| text.clone().unwrap_or_default();
        Self {
            country: profile.country.clone(),
            name: text(&profile.name),
            street: text(&profile.street),
            postcode: text(&profile.postcode),
            city: text(&profile.city),
            email: text(&profile.email),
            tax_id: text(&profile.tax_id),
        }
    }

    fn profile(&self) -> BillingProfile {
        let said = |text: &str| Some(text.trim().to_owned()).filter(|text| !text.is_empty());
        BillingProfile {
            country: self.country.trim().to_uppercase(),
            name: said(&self.name),
            street: said(&self.street),
            postcode: said(&self.postcode),
            city: said(&self.city),
            email: said(&self.email),
            tax_id: said(&self.tax_id),
        }
    }
}

/// The page `/billing`.
pub(super) async fn page(State(finance): State<Finance>, caller: Customer) -> Result<Markup, Error> {
    let standing = standing(&finance, &caller).await?;
    let may_set = caller.may(&finance.db, Power::Pay).await?;
    let given = standing.profile.as_ref().map(Given::of).unwrap_or_default();
    Ok(shown(&caller, &standing, &given, may_set, None))
}

async fn standing(finance: &Finance, caller: &Account) -> Result<BillingStanding, Error> {
    let mut db = finance.db.read().acquire().await?;
    Ok(billing::billing_standing(&mut db, &caller.name, finance.clock.now()).await?)
}

fn shown(
    caller: &Account,
    standing: &BillingStanding,
    given: &Given,
    may_set: bool,
    fault: Option<&str>,
) -> Markup {
    let content = html! {
        h1 { "Billing address of " (caller.name) }
        (frame::fault(fault))
        div.card { (facts(&tax(standing))) }
        @if may_set { h2 { "Address" } (form(given)) } @else { (written(given)) }
        p.note { "Documents keep what was true when they were issued: what you change here is on the next one." }
    };
    frame::page(caller, "Billing address", PAGE, &content)
}

/// How the account is taxed, and what is known of its number.
fn tax(standing: &BillingStanding) -> Vec<(&'static str, Markup)> {
    let terms = &standing.terms;
    let mut facts =
        vec![("Taxed by", html! { (terms.name) @if let Some(note) = &terms.note { p.note { (note) } } })];
    if let Some(check) = &standing.check {
        let said = if check.valid { badge(Tone::Good, "valid") } else { badge(Tone::Bad, "not valid") };
        facts.push(("VIES says of", html! { code { (check.number) } " " (said) " on " (day(check.at)) }));
    }
    facts
}

fn form(given: &Given) -> Markup {
    html! {
        form.card method="post" action=(PAGE) {
            (Field::new("name", "Legal name").value(&given.name).complete("organization"))
            (Field::new("street", "Street and number").value(&given.street).complete("street-address"))
            (Field::new("postcode", "Postal code").value(&given.postcode).complete("postal-code"))
            (Field::new("city", "City").value(&given.city).complete("address-level2"))
            (Field::new("country", "Country").value(&given.country).complete("country").required()
                .hint("Its code of two letters, such as DE."))
            (Field::new("tax_id", "Tax number").value(&given.tax_id)
                .hint("A VAT number of the European Union is checked with VIES. If it is valid, you account for the tax yourself."))
            (Field::new("email", "E-mail for reminders").kind("email").value(&given.email).complete("email"))
            button { "Save" }
        }
    }
}

fn written(given: &Given) -> Markup {
    let facts_of = [
        ("Legal name", &given.name),
        ("Street", &given.street),
        ("Postal code", &given.postcode),
        ("City", &given.city),
        ("Country", &given.country),
        ("Tax number", &given.tax_id),
        ("E-mail", &given.email),
    ];
    let said: Vec<(&str, Markup)> =
        facts_of.into_iter().map(|(name, text)| (name, html! { (text) })).collect();
    html! { div.card { (facts(&said)) } }
}

/// Keeps the address. The tax number is asked for at once.
pub(super) async fn set(
    State(finance): State<Finance>,
    caller: Customer,
    Form(given): Form<Given>,
) -> Result<Response, Error> {
    let (db, now) = (&finance.db, finance.clock.now());
    match billing::set_profile(db, &caller.actor, &caller.name, &given.profile()).await {
        Ok(kept) => {
            billing::prove_tax_number(db, finance.vies.as_deref(), &kept, now).await?;
            Ok(Redirect::to(PAGE).into_response())
        }
        Err(error) => {
            let standing = standing(&finance, &caller).await?;
            shown_again(error, |fault| shown(&caller, &standing, &given, true, Some(fault)))
        }
    }
}
