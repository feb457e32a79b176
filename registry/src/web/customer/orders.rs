//! What an account has ordered, how each order stands, and until when it may have what it ordered.

use axum::extract::State;
use chandlery_edge::Query;
use chandlery_money::billing::Standing;
use chandlery_money::{Finance, billing, consultants};
use chandlery_package::terms;
use chandlery_package::wire::{DisputeState, Order, OrderDispute, OrderState, Page, Paging, ServiceOrder};
use chandlery_pages::{Column, Tone, badge, banner, day, empty, money, next_page, table, with_commas};
use jiff::Timestamp;
use maud::{Markup, html};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

use super::frame::{self, Customer};
use crate::error::Error;

const PAGE: &str = "/orders";
/// How many of the latest orders of services are shown.
const SERVICES_SHOWN: u32 = 100;

/// The page `/orders`.
pub(super) async fn page(
    State(finance): State<Finance>,
    caller: Customer,
    Query(paging): Query<Paging<(Timestamp, String)>>,
) -> Result<Markup, Error> {
    let now = finance.clock.now();
    let orders = billing::orders(&finance.db, &caller.name, &paging).await?;
    let services = consultants::orders(&finance.db, &caller.name, &Paging::first(SERVICES_SHOWN)).await?;
    let mut db = finance.db.read().acquire().await?;
    let mut rows = Vec::with_capacity(orders.items.len());
    for order in &orders.items {
        let standing = billing::order_standing(&mut db, &caller.name, &order.reference, now).await?;
        rows.push(row(order, standing));
    }
    drop(db);
    // Those of others are what the account sells.
    let placed: Vec<&ServiceOrder> =
        services.items.iter().filter(|order| order.customer == caller.name).collect();
    let content = html! {
        h1 { "Orders of " (caller.name) }
        (of_plugins(&orders, &rows))
        @if !placed.is_empty() { h2 { "Services" } (of_services(&placed)) }
    };
    Ok(frame::page(&caller, "Orders", PAGE, &content))
}

fn of_plugins(orders: &Page<Order>, rows: &[Vec<Markup>]) -> Markup {
    let columns = [
        Column::Text("Order"),
        Column::Text("Plugin"),
        Column::Text("Price"),
        Column::Text("Ordered on"),
        Column::Text("State"),
        Column::Text("Covered until"),
        Column::Number("To be paid"),
    ];
    let next = orders.next.as_deref().map(|after| format!("{PAGE}?after={after}"));
    html! {
        @if rows.is_empty() {
            (empty("There are no orders yet.", &html! { "What costs something is ordered on its page. " a href="/search" { "Search plugins" } }))
        } @else {
            (table("Orders of plugins", &columns, rows))
            (next_page(next.as_deref()))
            p.note { "Hosts of this account deploy what is covered; their licence says so, without the registry, too." }
        }
    }
}

fn row(order: &Order, standing: Option<Standing>) -> Vec<Markup> {
    let due = order.due.filter(|_| order.paid_at.is_none() && order.ended_at.is_none());
    vec![
        html! { a href=(format!("{PAGE}/{}", order.reference)) { (order.reference) } },
        html! { a href=(format!("/plugins/{}/{}", order.plugin.namespace, order.plugin.name)) { (order.plugin) } },
        html! { (with_commas(&order.offer.to_string())) },
        day(order.ordered_at),
        html! {
            @if let Some(standing) = standing {
                (state(standing.state))
                @if let Some(dispute) = disputed(order, standing) { " since " (day(dispute.since)) }
            }
        },
        html! { @if let Some(standing) = standing { (until(standing)) } },
        html! { @if let Some(due) = due { (money(due)) } },
    ]
}

/// The dispute by which an order covers nothing; none: it has none, or has ended.
pub(super) fn disputed(order: &Order, standing: Standing) -> Option<OrderDispute> {
    order.dispute.filter(|_| standing.state == OrderState::Disputed)
}

/// What a dispute withholds, and what its customer can do about it. `may_end`: whether the order is invoiced by the month, and the
/// customer may end it.
pub(super) fn withheld(order: &Order, dispute: OrderDispute, may_end: bool) -> Markup {
    let Order { plugin, reference, .. } = order;
    let anew = format!("/checkout/plugins/{}/{}", plugin.namespace, plugin.name);
    let is_lost = dispute.state == DisputeState::Lost;
    let said = html! {
        p {
            strong { "The payment is disputed since " (day(dispute.since)) ". " }
            @if is_lost { "Your bank has taken it back, and decided for you: the money is yours again. " }
            @else { "Your bank has taken it back, and has not decided. " }
            "Nothing new of " (plugin) " is pulled, installed or deployed. What serves goes on for " (terms::NOTICE_DAYS)
            " days from the day on which its host tells of it."
        }
        @if is_lost {
            p { "To have it again, " a href=(anew) { "order it anew" } "." }
        } @else {
            p {
                "If the dispute is a mistake, withdraw it at the bank or card issuer that you paid with: the order holds again once the "
                "bank reports that."
                @if may_end { " Or " a href=(format!("{PAGE}/{reference}/end")) { "end this order" } ", and order the plugin anew." }
            }
        }
    };
    banner(Tone::Bad, &said)
}

/// How an order stands, in a word.
pub(super) fn state(state: OrderState) -> Markup {
    let tone = match state {
        OrderState::Trial | OrderState::Running | OrderState::Paid => Tone::Good,
        OrderState::Ordered => Tone::Warning,
        OrderState::Overdue | OrderState::Disputed => Tone::Bad,
        OrderState::Refunded | OrderState::Ended => Tone::Plain,
    };
    badge(tone, state.as_str())
}

/// Until when what was ordered may be deployed.
pub(super) fn until(standing: Standing) -> Markup {
    html! {
        @match (standing.state, standing.until) {
            (OrderState::Ordered, Some(until)) => { (day(until)) ", unless it is paid" }
            (OrderState::Trial, Some(until)) => { "you end it; charged from " (day(until)) " on" }
            (OrderState::Paid, _) => "no end",
            (state, _) if state.entitles() => "you end it",
            _ => "not covered",
        }
    }
}

fn of_services(orders: &[&ServiceOrder]) -> Markup {
    let columns = [
        Column::Text("Order"),
        Column::Text("Consultant"),
        Column::Text("Service"),
        Column::Text("Ordered on"),
        Column::Number("Accepted"),
    ];
    let row = |order: &&ServiceOrder| {
        let accepted = order.milestones.iter().filter(|milestone| milestone.accepted_at.is_some()).count();
        vec![
            html! { a href=(service_path(&order.reference)) { (order.reference) } },
            html! { (order.consultant) },
            html! { (order.service) },
            day(order.ordered_at),
            html! { (accepted) " of " (order.milestones.len()) },
        ]
    };
    let rows: Vec<Vec<Markup>> = orders.iter().map(row).collect();
    table("Orders of services", &columns, &rows)
}

/// The page of an order of a service, whose reference its customer has chosen.
pub(super) fn service_path(reference: &str) -> String {
    format!("/service-orders/{}", utf8_percent_encode(reference, NON_ALPHANUMERIC))
}
