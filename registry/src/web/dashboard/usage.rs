//! What runs of a partner's plugins: how often each release was fetched, and what is in use.

use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use chandlery_accounts::Account;
use chandlery_edge::{Path, Query};
use chandlery_money::Finance;
use chandlery_money::partners::{self, InUse, Installed, in_use_csv};
use chandlery_package::Namespace;
use chandlery_pages::{Column, signed, table};
use maud::{Markup, html};

use super::asked::{Asked, View, file};
use crate::error::Error;
use crate::shell::LogIn;

const PAGE: &str = "/use";

/// The page `/dashboard/{partner}/use`.
pub(in crate::web) async fn page(
    State(finance): State<Finance>,
    caller: Option<Account>,
    log_in: LogIn,
    Path(partner): Path<Namespace>,
    Query(asked): Query<Asked>,
) -> Result<Response, Error> {
    let Some(caller) = caller else { return Ok(log_in.then(&format!("/dashboard/{partner}"))) };
    caller.must_see(&finance.db, &partner).await?;
    let mut db = finance.db.snapshot().await?;
    let view = View::read(&mut db, &finance, partner, &asked).await?;
    let in_use = partners::in_use(&mut db, &view.partner, &view.range, finance.clock.now()).await?;
    let installs = partners::installs(&mut db, &view.partner).await?;
    drop(db);
    let content = html! {
        (view.form(PAGE, &[]))
        div.above { h2 { "In use" } (view.csv("/use.csv")) }
        (used(&in_use))
        p.note { "As hosts report their use: a deployment is active where use was reported for the last 24 hours." }
        h2 { "Fetched since publication" }
        (fetched(&installs))
    };
    Ok(view.page(&caller, PAGE, &content))
}

/// The table `/dashboard/{partner}/use.csv`.
pub(in crate::web) async fn csv(
    State(finance): State<Finance>,
    caller: Account,
    Path(partner): Path<Namespace>,
    Query(asked): Query<Asked>,
) -> Result<Response, Error> {
    caller.must_see(&finance.db, &partner).await?;
    let mut db = finance.db.snapshot().await?;
    let view = View::read(&mut db, &finance, partner, &asked).await?;
    let found = partners::in_use(&mut db, &view.partner, &view.range, finance.clock.now()).await?;
    Ok((file("use"), in_use_csv(&found)?).into_response())
}

/// Thousandths of an hour, to a tenth.
fn hours(thousandths: i64) -> String {
    format!("{}.{}", signed(thousandths / 1000), thousandths / 100 % 10)
}

fn used(rows: &[InUse]) -> Markup {
    let columns = [
        Column::Text("Release"),
        Column::Number("Active now"),
        Column::Number("Deployments"),
        Column::Number("Customers"),
        Column::Number("Replica-hours"),
        Column::Number("GPU-hours"),
    ];
    let cells = |row: &InUse| {
        vec![
            html! { (row.release) },
            html! { (signed(row.active)) },
            html! { (signed(row.deployments)) },
            html! { (signed(row.customers)) },
            html! { (hours(row.replica_hours_thousandths)) },
            html! { (hours(row.gpu_hours_thousandths)) },
        ]
    };
    table("Releases in use", &columns, &rows.iter().map(cells).collect::<Vec<_>>())
}

fn fetched(rows: &[Installed]) -> Markup {
    let cells = |row: &Installed| vec![html! { (row.release) }, html! { (signed(row.times)) }];
    let columns = [Column::Text("Release"), Column::Number("Times")];
    table("Releases fetched", &columns, &rows.iter().map(cells).collect::<Vec<_>>())
}
