//! Every change of a partner's money, and what came of each plugin of all time.

use axum::extract::State;
use axum::response::Response;
use chandlery_accounts::Account;
use chandlery_edge::{Path, Query};
use chandlery_money::Finance;
use chandlery_money::payouts::{self, EarningKey, PluginKey};
use chandlery_package::Namespace;
use chandlery_package::wire::{Earning, Paging, PluginEarning};
use chandlery_pages::{Column, day, minute, money, next_page, number, table};
use maud::{Markup, html};

use super::asked::{Asked, View, after};
use crate::error::Error;
use crate::shell::LogIn;

/// The page `/dashboard/{partner}/transactions`.
pub(in crate::web) async fn list(
    State(finance): State<Finance>,
    caller: Option<Account>,
    log_in: LogIn,
    Path(partner): Path<Namespace>,
    Query(asked): Query<Asked>,
    Query(paging): Query<Paging<EarningKey>>,
) -> Result<Response, Error> {
    const PAGE: &str = "/transactions";
    let Some(caller) = caller else { return Ok(log_in.then(&format!("/dashboard/{partner}"))) };
    caller.must_see(&finance.db, &partner).await?;
    let mut db = finance.db.snapshot().await?;
    let view = View::read(&mut db, &finance, partner, &asked).await?;
    let found = payouts::transactions(&mut db, &view.partner, &paging).await?;
    drop(db);
    let columns = [
        Column::Text("No."),
        Column::Text("Date"),
        Column::Text("What"),
        Column::Text("Available from"),
        Column::Number("Customer pays"),
        Column::Number("Your balance"),
    ];
    let rows: Vec<Vec<Markup>> = found.items.iter().map(cells).collect();
    let content = html! {
        div.above {
            h2 { "Transactions of all time" }
            a href=(format!("/dashboard/{}/transactions.csv", view.partner)) { "Download as CSV" }
        }
        (table("Transactions", &columns, &rows))
        (next_page(after(&view.path(PAGE), found.next.as_deref()).as_deref()))
    };
    Ok(view.page(&caller, PAGE, &content))
}

fn cells(row: &Earning) -> Vec<Markup> {
    vec![
        html! { (row.transaction) },
        minute(row.at),
        html! { (row.description) },
        html! { @if let Some(at) = row.available_at { (day(at)) } },
        html! { @if let Some(gross) = row.gross { (money(gross)) } },
        html! { (money(row.net)) },
    ]
}

/// The page `/dashboard/{partner}/plugins`.
pub(in crate::web) async fn plugins(
    State(finance): State<Finance>,
    caller: Option<Account>,
    log_in: LogIn,
    Path(partner): Path<Namespace>,
    Query(asked): Query<Asked>,
    Query(paging): Query<Paging<PluginKey>>,
) -> Result<Response, Error> {
    const PAGE: &str = "/plugins";
    let Some(caller) = caller else { return Ok(log_in.then(&format!("/dashboard/{partner}"))) };
    caller.must_see(&finance.db, &partner).await?;
    let mut db = finance.db.snapshot().await?;
    let view = View::read(&mut db, &finance, partner, &asked).await?;
    let found = payouts::by_plugin(&mut db, &view.partner, &paging).await?;
    drop(db);
    let columns = [
        Column::Text("Plugin"),
        Column::Number("Sales"),
        Column::Number("Customers pay"),
        Column::Number("Your share"),
    ];
    let cells = |row: &PluginEarning| {
        vec![
            html! { (row.plugin) },
            html! { (number(row.sales)) },
            html! { (money(row.gross)) },
            html! { (money(row.net)) },
        ]
    };
    let rows: Vec<Vec<Markup>> = found.items.iter().map(cells).collect();
    let content = html! {
        h2 { "By plugin, of all time" }
        (table("Earnings by plugin", &columns, &rows))
        (next_page(after(&view.path(PAGE), found.next.as_deref()).as_deref()))
    };
    Ok(view.page(&caller, PAGE, &content))
}
