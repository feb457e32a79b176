//! An order of a consultant's service: its milestones, each of which is invoiced when it is accepted.

use axum::extract::State;
use axum::response::{IntoResponse as _, Redirect, Response};
use chandlery_accounts::organisations::Power;
use chandlery_edge::{Form, Path};
use chandlery_money::{Finance, billing, consultants};
use chandlery_package::terms;
use chandlery_package::wire::Milestone;
use chandlery_pages::{Column, Link, crumbs, day, facts, money, table};
use maud::{Markup, html};
use serde::Deserialize;

use super::frame::{self, Customer};
use super::orders::service_path;
use super::paying::Parties;
use crate::error::Error;

const ABOVE: Link<'static> = Link { path: "/orders", name: "Orders" };
const COLUMNS: [Column<'static>; 6] = [
    Column::Text("Milestone"),
    Column::Number("Price"),
    Column::Number("Tax"),
    Column::Number("To be paid"),
    Column::Text("Accepted on"),
    Column::Text("Invoice"),
];

const ACCEPT: &str = "Accept, and be invoiced";

/// The page `/service-orders/{reference}`.
pub(super) async fn page(
    State(finance): State<Finance>,
    caller: Customer,
    Path(reference): Path<String>,
) -> Result<Markup, Error> {
    let may_pay = caller.may(&finance.db, Power::Pay).await?;
    let parties = Parties::of(&finance, &caller.name).await?;
    let mut db = finance.db.read().acquire().await?;
    let order = consultants::order_of(&mut db, &caller.name, &reference).await?;
    let mut rows = Vec::with_capacity(order.milestones.len());
    for milestone in &order.milestones {
        let tax = billing::tax(&mut db, &caller.name, milestone.price, finance.clock.now()).await?.amount;
        let all = milestone.price.plus(tax).map_err(chandlery_money::Error::from)?;
        rows.push(row(milestone, (money(tax), money(all)), &reference, may_pay));
    }
    drop(db);
    let about = [
        (
            "Consultant",
            html! { a href=(format!("/consultants#{}", order.consultant)) { (order.consultant) } },
        ),
        ("Ordered on", day(order.ordered_at)),
    ];
    let content = html! {
        (crumbs(&[ABOVE], &order.reference))
        h1 { (order.service) }
        div.card { (facts(&about)) (parties.shown()) }
        h2 { "Milestones" }
        p { "Each is invoiced when you accept it, with the tax of that day, and is to be paid within " (terms::PAYMENT_DAYS) " days. What is accepted stays so." }
        (table("Milestones", &COLUMNS, &rows))
    };
    Ok(frame::page(&caller, &format!("Order {reference}"), ABOVE.path, &content))
}

/// A milestone with its tax and with what both come to, as of now; what is invoiced says the rest.
fn row(milestone: &Milestone, (tax, all): (String, String), reference: &str, may_pay: bool) -> Vec<Markup> {
    let is_open = milestone.invoice.is_none();
    vec![
        html! { (milestone.number) ". " (milestone.title) },
        html! { (money(milestone.price)) },
        html! { @if is_open { (tax) } },
        html! { @if is_open { (all) } },
        html! {
            @if let Some(at) = milestone.accepted_at { (day(at)) } @else if may_pay {
                form method="post" action=(service_path(reference)) {
                    input type="hidden" name="milestone" value=(milestone.number);
                    button.quiet aria-label=(format!("{ACCEPT}: milestone {}", milestone.number)) { (ACCEPT) }
                }
            }
        },
        html! { @if let Some(number) = milestone.invoice { a href=(format!("/invoices/{number}")) { (number) } } },
    ]
}

/// Which milestone is accepted.
#[derive(Deserialize)]
pub(super) struct Accepted {
    #[serde(default)]
    milestone: i64,
}

/// Accepts a milestone, and leads to its invoice.
pub(super) async fn accept(
    State(finance): State<Finance>,
    caller: Customer,
    Path(reference): Path<String>,
    Form(accepted): Form<Accepted>,
) -> Result<Response, Error> {
    let (number, now) = (accepted.milestone, finance.clock.now());
    let (db, hold_days) = (&finance.db, finance.hold_days);
    let order =
        consultants::accept(db, &caller.actor, hold_days, &caller.name, &reference, number, now).await?;
    let milestone = order.milestones.iter().find(|milestone| milestone.number == number);
    let invoice = milestone.and_then(|milestone| milestone.invoice);
    let next = invoice.map_or_else(|| service_path(&reference), |invoice| format!("/invoices/{invoice}"));
    Ok(Redirect::to(&next).into_response())
}
