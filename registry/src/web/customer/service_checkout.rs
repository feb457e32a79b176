//! The check-out of a consultant's service: what it costs, and then the order of it, which is invoiced when it is accepted.

use axum::extract::State;
use axum::response::{IntoResponse as _, Redirect, Response};
use chandlery_edge::{Form, Path};
use chandlery_money::{Finance, billing, consultants};
use chandlery_package::problem::Explain as _;
use chandlery_package::wire::{Consultant, NewServiceOrder, Service};
use chandlery_package::{Digest, Money, Namespace, random_bytes, terms};
use chandlery_pages::{Field, Link, crumbs, facts};
use maud::{Markup, html};
use serde::Deserialize;

use super::frame::{self, Customer};
use super::orders::service_path;
use super::paying::{self, Parties};
use crate::error::Error;
use crate::shell::shown_again;

/// How long a reference may be that is chosen here, in characters.
const REFERENCE_CHARS_MAX: usize = 64;

/// What the form sends.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct Given {
    reference: String,
    /// The price that was shown.
    price: String,
}

/// A service that is offered now.
async fn offered(
    finance: &Finance,
    namespace: &Namespace,
    name: &str,
) -> Result<(Consultant, Service), Error> {
    let mut db = finance.db.read().acquire().await?;
    let found = consultants::find(&mut db, namespace, finance.clock.now()).await?;
    let consultant = found.ok_or_else(|| Error::not_found(format!("certified consultant '{namespace}'")))?;
    let service = consultant.services.get(name).cloned();
    let service = service.ok_or_else(|| Error::not_found(format!("service '{name}' of '{namespace}'")))?;
    Ok((consultant, service))
}

/// The page `/checkout/services/{namespace}/{name}`.
pub(super) async fn page(
    State(finance): State<Finance>,
    caller: Customer,
    Path((namespace, name)): Path<(Namespace, String)>,
) -> Result<Markup, Error> {
    let given = Given { reference: new_reference(), ..Given::default() };
    checkout(&finance, &caller, (&namespace, name.as_str()), &given, None).await
}

/// Another one for each look at the page: the same form sent twice is one order.
fn new_reference() -> String {
    let digits: String = Digest::of(random_bytes::<16>()).hex().chars().take(10).collect();
    format!("SV-{}", digits.to_uppercase())
}

async fn checkout(
    finance: &Finance,
    caller: &Customer,
    (namespace, name): (&Namespace, &str),
    given: &Given,
    fault: Option<&str>,
) -> Result<Markup, Error> {
    let (consultant, service) = offered(finance, namespace, name).await?;
    let parties = Parties::of(finance, &caller.name).await?;
    let mut db = finance.db.read().acquire().await?;
    let tax = billing::tax(&mut db, &caller.name, service.price, finance.clock.now()).await?;
    drop(db);
    let all = service.price.plus(tax.amount).map_err(chandlery_money::Error::from)?;
    let mut rows = vec![(service.title.clone(), service.price)];
    rows.extend(paying::tax_row(&tax.terms.name, service.price, tax.amount));
    rows.push(("To be paid, once it is done".to_owned(), all));
    let by = [("By", html! { (consultant.title) ", " code { (namespace) } })];
    let content = html! {
        (crumbs(&[Link { path: "/consultants", name: "Consultants" }], "Check-out"))
        h1 { "Order " (service.title) }
        (frame::fault(fault))
        div.card { (facts(&by)) (parties.shown()) }
        (paying::amounts("What it costs", &rows))
        p { "Nothing is charged now. It is invoiced when you accept what was done, with the tax of that day, and is to be paid within " (terms::PAYMENT_DAYS) " days." }
        form.card method="post" action=(format!("/checkout/services/{namespace}/{name}")) {
            input type="hidden" name="price" value=(service.price);
            (Field::new("reference", "Your reference").value(&given.reference).required()
                .hint("What you call this order: the same one again is the same order."))
            button { "Order it" }
        }
    };
    Ok(frame::page(caller, &format!("Order {}", service.title), "/orders", &content))
}

/// Orders it, at the price that was shown.
pub(super) async fn order(
    State(finance): State<Finance>,
    caller: Customer,
    Path((namespace, name)): Path<(Namespace, String)>,
    Form(given): Form<Given>,
) -> Result<Response, Error> {
    let (_, service) = offered(&finance, &namespace, &name).await?;
    match place(&finance, &caller, (&namespace, name.as_str()), service, &given).await {
        Ok(reference) => Ok(Redirect::to(&service_path(&reference)).into_response()),
        Err(error) => {
            let fault = error.problem().in_words();
            let page = checkout(&finance, &caller, (&namespace, name.as_str()), &given, Some(&fault)).await?;
            shown_again(error, |_| page)
        }
    }
}

async fn place(
    finance: &Finance,
    caller: &Customer,
    (namespace, name): (&Namespace, &str),
    service: Service,
    given: &Given,
) -> Result<String, Error> {
    let reference = given.reference.trim();
    let is_bounded = (1..=REFERENCE_CHARS_MAX).contains(&reference.chars().count());
    if !is_bounded || reference.chars().any(char::is_control) {
        return Err(Error::invalid(format!(
            "a reference is one line of 1 to {REFERENCE_CHARS_MAX} characters"
        )));
    }
    let shown = given.price.parse::<Money>().map_err(chandlery_money::Error::from)?;
    let new = NewServiceOrder {
        reference: reference.to_owned(),
        consultant: namespace.clone(),
        service: name.to_owned(),
        // A price that has changed since it was shown is another sum, and refused.
        milestones: vec![(service.title, shown)],
    };
    let made =
        consultants::order(&finance.db, &caller.actor, &caller.name, &new, finance.clock.now()).await?;
    Ok(made.reference)
}
