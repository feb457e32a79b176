//! The directory of consultants who are certified, for everybody.

use axum::extract::State;
use chandlery_accounts::Account;
use chandlery_edge::Query;
use chandlery_money::{Finance, consultants};
use chandlery_package::Namespace;
use chandlery_package::wire::{Consultant, Paging};
use chandlery_pages::{Column, command, day, empty, money, table};
use maud::{Markup, html};

use super::layout;
use crate::error::Error;

const PAGE: &str = "/consultants";
const ABOUT: &str =
    "Consultants whom the operator of this registry has certified, what they offer, and what it costs.";

/// The page `/consultants`.
pub(super) async fn page(
    State(finance): State<Finance>,
    caller: Option<Account>,
    Query(paging): Query<Paging<Namespace>>,
) -> Result<Markup, Error> {
    let mut db = finance.db.read().acquire().await?;
    let found = consultants::certified(&mut db, finance.clock.now(), &paging).await?;
    drop(db);
    let content = html! {
        h1 { "Consultants" }
        p.lead { "They are certified by whoever operates this registry. What they do is ordered here, paid for part by part, each when "
            "you have accepted it." }
        @if found.items.is_empty() {
            (empty("No consultant is certified yet.", &html! { "Owners of a namespace write their profile with " code { "chandlery consultants" } "." }))
        }
        @for consultant in &found.items { (about(consultant)) }
        (layout::next_page(PAGE, found.next.as_deref()))
    };
    Ok(layout::public("Consultants", ABOUT, caller.as_ref(), content))
}

fn about(consultant: &Consultant) -> Markup {
    let columns =
        [Column::Text("Service"), Column::Text("Ordered as"), Column::Number("Price"), Column::Text("")];
    let rows: Vec<Vec<Markup>> = consultant
        .services
        .iter()
        .map(|(name, service)| {
            vec![
                html! { (service.title) },
                html! { code { (name) } },
                html! { (money(service.price)) },
                order_button(&consultant.namespace, name),
            ]
        })
        .collect();
    html! {
        section {
            h2 id=(consultant.namespace) { (consultant.title) }
            p.note {
                a href=(format!("/publishers/{}", consultant.namespace)) { (consultant.namespace) }
                " · certified until " (day(consultant.certified_until))
            }
            p { (consultant.about) }
            @if !rows.is_empty() {
                (table(&format!("Services of {}", consultant.namespace), &columns, &rows))
                (command(&format!("chandlery consultants order {} SERVICE --reference YOURS", consultant.namespace)))
            }
        }
    }
}

/// Leads to the check-out of a service.
fn order_button(namespace: &Namespace, name: &str) -> Markup {
    html! {
        form method="get" action=(format!("/checkout/services/{namespace}/{name}")) {
            button.quiet aria-label=(format!("Order {name} of {namespace}")) { "Order" }
        }
    }
}
