//! Who buys here, found by letters of their names, and what each owes.

use axum::extract::State;
use chandlery_edge::Query;
use chandlery_money::reports::Customer;
use chandlery_money::{Finance, reports};
use chandlery_package::Namespace;
use chandlery_package::wire::{Page, Paging};
use chandlery_pages::{Column, Field, Tone, badge, day, empty, money, next_page, signed, table};
use maud::{Markup, html};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Deserialize;

use crate::console::{self, CUSTOMERS, Operator};
use crate::error::Error;

/// Whom somebody looks for.
#[derive(Deserialize)]
pub(super) struct Sought {
    #[serde(default)]
    q: String,
}

/// The path of a customer's page.
pub(super) fn path(account: &Namespace) -> String {
    format!("{CUSTOMERS}/{account}")
}

/// The page `/operator/customers`.
pub(super) async fn page(
    State(finance): State<Finance>,
    operator: Operator,
    Query(sought): Query<Sought>,
    Query(paging): Query<Paging<Namespace>>,
) -> Result<Markup, Error> {
    let mut db = finance.db.snapshot().await?;
    let found = reports::customers(&mut db, &sought.q, finance.clock.now(), &paging).await?;
    drop(db);
    let content = html! {
        h1 { "Customers" }
        form.card.filters method="get" action=(CUSTOMERS) {
            (Field::new("q", "Name, or a part of it").kind("search").value(&sought.q))
            div { button { "Search" } }
        }
        (all(&found, &sought.q))
    };
    Ok(console::page(&operator, "Customers", CUSTOMERS, &content))
}

fn all(page: &Page<Customer>, letters: &str) -> Markup {
    let columns = [
        Column::Text("Customer"),
        Column::Text("Subscription"),
        Column::Text("Invoiced last"),
        Column::Number("Invoices"),
        Column::Number("Owed"),
        Column::Number("Overdue"),
    ];
    let rows: Vec<Vec<Markup>> = page.items.iter().map(row).collect();
    let next = page.next.as_deref();
    let next = next.map(|after| {
        format!("{CUSTOMERS}?q={}&after={after}", utf8_percent_encode(letters, NON_ALPHANUMERIC))
    });
    html! {
        @if rows.is_empty() && letters.is_empty() {
            (empty("Nobody has bought anything yet.", &html! { "Whoever subscribes or orders appears here." }))
        } @else if rows.is_empty() {
            (empty("No customer has this name.", &html! { "Names have lower-case letters, digits and dashes. " a href=(CUSTOMERS) { "All customers" } }))
        } @else {
            (table("Customers", &columns, &rows)) (next_page(next.as_deref()))
        }
    }
}

fn row(customer: &Customer) -> Vec<Markup> {
    let overdue = customer.owed.iter().filter(|(_, overdue)| overdue.minor() > 0);
    vec![
        html! { a href=(path(&customer.account)) { (customer.account) } },
        html! { (customer.tier) },
        html! { @match customer.invoiced_at { Some(at) => (day(at)), None => "–" } },
        html! { (signed(customer.invoices)) },
        html! { @if customer.owed.is_empty() { "–" } @for (owed, _) in &customer.owed { div { (money(*owed)) } } },
        html! { @for (_, overdue) in overdue { div { (badge(Tone::Bad, &money(*overdue))) } } },
    ]
}
