//! The check-out of a plugin: what it costs, with which tax, on which terms; and then the order of it.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Redirect, Response};
use chandlery_edge::{Form, Path, Query};
use chandlery_money::Finance;
use chandlery_money::billing::{self, ForeseenOrder};
use chandlery_package::problem::Explain as _;
use chandlery_package::wire::{Acceptance, DisputeState, NewOrder, Order, OrderState, Quote};
use chandlery_package::{Money, Namespace, Offer, PluginId, PluginName, Rate, terms};
use chandlery_pages::{Field, Link, checkbox, command, crumbs, facts, with_commas};
use maud::{Markup, html};
use serde::Deserialize;
use serde_json::json;

use super::frame::{self, Customer};
use super::orders::withheld;
use super::paying::{self, Parties};
use crate::error::Error;
use crate::shell::shown_again;

type OfPlugin = (Namespace, PluginName);

/// What a link or a form says of an order.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct Given {
    coupon: String,
    referrer: String,
    /// The offer that was shown, as JSON.
    offer: String,
    terms: String,
    /// What was shown that is due, with taxes; nothing: it is invoiced by the month.
    due: String,
    accept: String,
    /// A coupon that was refused, which stays typed.
    #[serde(skip)]
    refused: String,
}

impl Given {
    /// The order that is meant, at whatever is offered.
    fn new_order(&self, plugin: &PluginId) -> Result<NewOrder, Error> {
        let referrer = match self.referrer.trim() {
            "" => None,
            name => Some(name.parse::<Namespace>()?),
        };
        let coupon = Some(self.coupon.trim().to_owned()).filter(|code| !code.is_empty());
        Ok(NewOrder { plugin: plugin.clone(), referrer, coupon, acceptance: None })
    }

    /// Whether it has neither a coupon nor a referrer.
    fn is_plain(&self) -> bool {
        self.coupon.trim().is_empty() && self.referrer.trim().is_empty()
    }

    /// What is agreed to.
    fn acceptance(&self) -> Result<Acceptance, Error> {
        let unreadable = |_| Error::invalid("the offer that was shown cannot be read: look at it again");
        let offer: Offer = serde_json::from_str(&self.offer).map_err(unreadable)?;
        Ok(Acceptance { offer, terms: self.terms.clone() })
    }

    /// What was shown that is due.
    fn shown(&self) -> Result<Option<Money>, Error> {
        match self.due.as_str() {
            "" => Ok(None),
            due => Ok(Some(due.parse::<Money>().map_err(chandlery_money::Error::from)?)),
        }
    }
}

/// The page `/checkout/plugins/{namespace}/{name}`.
pub(super) async fn page(
    State(finance): State<Finance>,
    caller: Customer,
    Path((namespace, name)): Path<OfPlugin>,
    Query(given): Query<Given>,
) -> Result<Response, Error> {
    let plugin = PluginId { namespace, name };
    match checkout(&finance, &caller, &plugin, &given, None).await {
        Ok(page) => Ok(page.into_response()),
        Err(error) if given.is_plain() => Err(error),
        Err(error) => {
            let page = without(&finance, &caller, &plugin, &given, &error.problem().in_words()).await?;
            shown_again(error, |_| page)
        }
    }
}

/// What is wrong with a coupon or a referrer is said beside an order without them.
async fn without(
    finance: &Finance,
    caller: &Customer,
    plugin: &PluginId,
    given: &Given,
    fault: &str,
) -> Result<Markup, Error> {
    let plain = Given { refused: given.coupon.clone(), ..Given::default() };
    checkout(finance, caller, plugin, &plain, Some(fault)).await
}

async fn checkout(
    finance: &Finance,
    caller: &Customer,
    plugin: &PluginId,
    given: &Given,
    fault: Option<&str>,
) -> Result<Markup, Error> {
    let now = finance.clock.now();
    let quote = billing::quote(&finance.db, caller, plugin, now).await?;
    let placed =
        billing::order_of_plugin(&mut *finance.db.read().acquire().await?, &caller.name, plugin).await?;
    let held = quote.dispute.filter(|dispute| dispute.state == DisputeState::Open);
    let content = match (&quote.offer, placed, (quote.order, held)) {
        (None, _, _) => html! {
            p { "It costs nothing: install it without an order." }
            (command(&format!("chandlery install {plugin}")))
        },
        (Some(_), Some(placed), (Some(order), _)) if order.entitles() => had(&placed, order),
        (Some(_), Some(placed), (_, Some(dispute))) => html! {
            (withheld(&placed, dispute, placed.due.is_none()))
            p { a href=(format!("/orders/{}", placed.reference)) { "Show order " (placed.reference) } }
        },
        (Some(offer), _, _) => {
            let new = given.new_order(plugin)?;
            let foreseen =
                billing::foresee_order(&finance.db, &caller.actor, &caller.name, &new, now).await?;
            let parties = Parties::of(finance, &caller.name).await?;
            offered(&quote, offer, &foreseen, &parties, given)?
        }
    };
    let path = format!("/plugins/{}/{}", plugin.namespace, plugin.name);
    let content = html! {
        (crumbs(&[Link { path: &path, name: plugin.name.as_str() }], "Check-out"))
        h1 { "Order " (plugin) }
        (frame::fault(fault))
        (content)
    };
    Ok(frame::page(caller, &format!("Order {plugin}"), "/orders", &content))
}

fn had(placed: &Order, state: OrderState) -> Markup {
    let Order { customer, plugin, reference, .. } = placed;
    html! {
        p {
            "'" (customer) "' has it already: order " a href=(format!("/orders/{reference}")) { (reference) } " is "
            strong { (state) } ". Install it:"
        }
        (command(&format!("chandlery install {plugin}")))
    }
}

fn offered(
    quote: &Quote,
    offer: &Offer,
    foreseen: &ForeseenOrder,
    parties: &Parties,
    given: &Given,
) -> Result<Markup, Error> {
    let action = format!("/checkout/plugins/{}/{}", quote.plugin.namespace, quote.plugin.name);
    let typed = if given.refused.is_empty() { &given.coupon } else { &given.refused };
    let due = foreseen.order.due.map(|due| due.to_string()).unwrap_or_default();
    Ok(html! {
        (price(foreseen)?)
        h2 { "Seller and buyer" }
        div.card { (parties.shown()) }
        h2 { "Coupon" }
        form.card method="get" action=(action) {
            input type="hidden" name="referrer" value=(given.referrer);
            (Field::new("coupon", "Code").value(typed))
            button { "Apply it" }
        }
        h2 { "Order" }
        form.card method="post" action=(action) {
            input type="hidden" name="offer" value=(json!(offer));
            input type="hidden" name="terms" value=(quote.terms);
            input type="hidden" name="due" value=(due);
            input type="hidden" name="coupon" value=(given.coupon);
            input type="hidden" name="referrer" value=(given.referrer);
            p { (quote.summary) "." }
            (checkbox("accept", &format!("I accept the terms of {}", quote.terms), false))
            p.note { a href="/terms" { "Read the terms" } }
            button { "Order it" }
        }
    })
}

/// What it costs: all of it, where it is paid once.
fn price(foreseen: &ForeseenOrder) -> Result<Markup, Error> {
    let ForeseenOrder { order, net, terms: tax } = foreseen;
    let mut said = vec![("Price", html! { (with_commas(&order.offer.to_string())) })];
    if order.discount != Rate::ZERO {
        said.push(("Discount", html! { (order.discount) }));
    }
    let amounts = match (net, order.due) {
        (Some(net), Some(due)) => {
            let on_it = due.minus(*net).map_err(chandlery_money::Error::from)?;
            let mut rows = vec![("Net".to_owned(), *net)];
            rows.extend(paying::tax_row(&tax.name, *net, on_it));
            rows.push(("To be paid".to_owned(), due));
            said.push((
                "Paid",
                html! { @if due.is_zero() { "nothing" } @else { "once, within " (terms::PAYMENT_DAYS) " days" } },
            ));
            paying::amounts("What it costs", &rows)
        }
        _ => {
            said.push((
                "Paid",
                html! { "when a month is over, with " (tax.name) ", until you end the order" },
            ));
            html! {}
        }
    };
    Ok(html! { div.card { (facts(&said)) } (amounts) })
}

/// Orders it, as it was shown.
pub(super) async fn order(
    State(finance): State<Finance>,
    caller: Customer,
    Path((namespace, name)): Path<OfPlugin>,
    Form(given): Form<Given>,
) -> Result<Response, Error> {
    let plugin = PluginId { namespace, name };
    if given.accept != "true" {
        let fault = "accept the terms to order it";
        let page = checkout(&finance, &caller, &plugin, &given, Some(fault)).await?;
        return Ok((StatusCode::BAD_REQUEST, page).into_response());
    }
    let new = NewOrder { acceptance: Some(given.acceptance()?), ..given.new_order(&plugin)? };
    let (db, shown, now) = (&finance.db, given.shown()?, finance.clock.now());
    match billing::order_as_foreseen(db, &caller.actor, &caller.name, &new, shown, now).await {
        Ok(order) => Ok(Redirect::to(&format!("/orders/{}", order.reference)).into_response()),
        Err(error) => {
            let error = Error::from(error);
            let fault = error.problem().in_words();
            let page = match checkout(&finance, &caller, &plugin, &given, Some(&fault)).await {
                Err(_) if !given.is_plain() => without(&finance, &caller, &plugin, &given, &fault).await?,
                checked_out => checked_out?,
            };
            shown_again(error, |_| page)
        }
    }
}
