//! An order of a plugin: how it stands, how it is paid, and its end.

use axum::extract::State;
use axum::response::{IntoResponse as _, Redirect, Response};
use chandlery_accounts::organisations::Power;
use chandlery_edge::Path;
use chandlery_money::{Finance, billing, rails};
use chandlery_package::wire::Order;
use chandlery_package::{Rate, terms};
use chandlery_pages::{Link, command, crumbs, day, facts, money, with_commas};
use maud::{Markup, html};

use super::frame::{self, Customer};
use super::orders::{disputed, state, until, withheld};
use super::paying::{self, Parties};
use crate::error::Error;

const ABOVE: Link<'static> = Link { path: "/orders", name: "Orders" };

/// The page `/orders/{reference}`.
pub(super) async fn page(
    State(finance): State<Finance>,
    caller: Customer,
    Path(reference): Path<String>,
) -> Result<Markup, Error> {
    let may_pay = caller.may(&finance.db, Power::Pay).await?;
    let parties = Parties::of(&finance, &caller.name).await?;
    let mut db = finance.db.read().acquire().await?;
    let order = billing::order_of(&mut db, &caller.name, &reference).await?;
    let standing = billing::order_standing(&mut db, &caller.name, &reference, finance.clock.now()).await?;
    drop(db);
    let due =
        order.due.filter(|due| order.paid_at.is_none() && order.ended_at.is_none() && due.is_positive());
    let card = (may_pay && rails::offers_page(&finance)).then(|| format!("/orders/{reference}/payment"));
    let can_end = may_pay && order.due.is_none() && order.ended_at.is_none();
    let content = html! {
        (crumbs(&[ABOVE], &order.reference))
        h1 { "Order of " (order.plugin) }
        @if let Some(standing) = standing {
            p.badges data-figure="state" { (state(standing.state)) span.note { "may be deployed until: " (until(standing)) } }
            @if let Some(dispute) = disputed(&order, standing) { (withheld(&order, dispute, can_end)) }
        }
        div.card { (facts(&about(&order))) }
        @if let Some(due) = due {
            p { "It may be used meanwhile, and is to be paid within " (terms::PAYMENT_DAYS) " days of the order." }
            (paying::ways(card.as_deref(), due, &order.reference, parties.bank()))
        }
        @if standing.is_some_and(|standing| standing.state.entitles()) {
            h2 { "Install it" }
            (command(&format!("chandlery install {}", order.plugin)))
        }
        @if can_end { p { a href=(format!("/orders/{reference}/end")) { "End this order" } } }
    };
    Ok(frame::page(&caller, &format!("Order {reference}"), ABOVE.path, &content))
}

fn about(order: &Order) -> Vec<(&'static str, Markup)> {
    let plugin = &order.plugin;
    let mut facts = vec![
        ("Plugin", html! { a href=(format!("/plugins/{}/{}", plugin.namespace, plugin.name)) { (plugin) } }),
        ("Price", html! { (with_commas(&order.offer.to_string())) }),
        ("Ordered on", day(order.ordered_at)),
    ];
    if order.discount != Rate::ZERO {
        facts.push(("Discount", html! { (order.discount) }));
    }
    match order.due {
        Some(due) => facts.push(("With taxes", html! { span data-figure="due" { (money(due)) } })),
        None => facts.push(("Invoiced", html! { "when a month is over, with taxes" })),
    }
    if let Some(at) = order.paid_at {
        facts.push(("Paid on", day(at)));
    }
    if let Some(number) = order.invoice {
        facts.push(("Invoice", html! { a href=(format!("/invoices/{number}")) { (number) } }));
    }
    if let Some(at) = order.ended_at {
        facts.push(("Ended on", day(at)));
    }
    facts
}

/// The page `/orders/{reference}/end`.
pub(super) async fn end_page(
    State(finance): State<Finance>,
    caller: Customer,
    Path(reference): Path<String>,
) -> Result<Markup, Error> {
    let mut db = finance.db.read().acquire().await?;
    let order = billing::order_of(&mut db, &caller.name, &reference).await?;
    drop(db);
    let path = format!("/orders/{reference}");
    let content = html! {
        (crumbs(&[ABOVE, Link { path: &path, name: &order.reference }], "End"))
        h1 { "End the order of " (order.plugin) }
        @if order.due.is_some() {
            p { "It is paid once, and has no end. What is not paid in time is covered no more." }
        } @else if order.ended_at.is_some() {
            p { "It has ended." }
        } @else {
            p {
                "From now on nothing is charged; what was used until now is on the invoice of this month. Nothing new of " (order.plugin)
                " is pulled or deployed. What serves goes on for " (terms::NOTICE_DAYS) " days from the day on which its host tells of it."
            }
            form method="post" action=(format!("{path}/end")) { button { "End it now" } }
        }
    };
    Ok(frame::page(&caller, "End an order", ABOVE.path, &content))
}

/// Ends an order that is invoiced by the month.
pub(super) async fn end(
    State(finance): State<Finance>,
    caller: Customer,
    Path(reference): Path<String>,
) -> Result<Response, Error> {
    billing::end_order(&finance.db, &caller.name, &reference, finance.clock.now()).await?;
    Ok(Redirect::to(&format!("/orders/{reference}")).into_response())
}
