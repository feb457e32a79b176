//! Disputes of a partner's sales, with what each holds and until when it is answered.

use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use chandlery_accounts::Account;
use chandlery_edge::{Path, Query};
use chandlery_money::Finance;
use chandlery_money::partners::{self, Disputed, disputes_csv};
use chandlery_package::Namespace;
use chandlery_package::wire::{PAGE_ITEMS_MAX, Paging};
use chandlery_pages::{Column, day, minute, money, next_page, table};
use jiff::Timestamp;
use maud::{Markup, html};

use super::asked::{Asked, View, after, file, state};
use crate::error::Error;
use crate::shell::LogIn;

const PAGE: &str = "/disputes";

/// The page `/dashboard/{partner}/disputes`.
pub(in crate::web) async fn list(
    State(finance): State<Finance>,
    caller: Option<Account>,
    log_in: LogIn,
    Path(partner): Path<Namespace>,
    Query(asked): Query<Asked>,
    Query(paging): Query<Paging<(Timestamp, String)>>,
) -> Result<Response, Error> {
    let Some(caller) = caller else { return Ok(log_in.then(&format!("/dashboard/{partner}"))) };
    caller.must_see(&finance.db, &partner).await?;
    let mut db = finance.db.snapshot().await?;
    let view = View::read(&mut db, &finance, partner, &asked).await?;
    let found = partners::disputes(&mut db, &view.partner, view.currency, &paging).await?;
    drop(db);
    let content = html! {
        (view.form(PAGE, &[]))
        div.above { h2 { "Disputes of all time" } (view.csv("/disputes.csv")) }
        (rows(&view, &found.items))
        (next_page(after(&view.path(PAGE), found.next.as_deref()).as_deref()))
    };
    Ok(view.page(&caller, PAGE, &content))
}

/// The table `/dashboard/{partner}/disputes.csv`: the latest thousand.
pub(in crate::web) async fn csv(
    State(finance): State<Finance>,
    caller: Account,
    Path(partner): Path<Namespace>,
    Query(asked): Query<Asked>,
) -> Result<Response, Error> {
    caller.must_see(&finance.db, &partner).await?;
    let mut db = finance.db.snapshot().await?;
    let view = View::read(&mut db, &finance, partner, &asked).await?;
    let paging = Paging::first(PAGE_ITEMS_MAX);
    let found = partners::disputes(&mut db, &view.partner, view.currency, &paging).await?;
    Ok((file("disputes"), disputes_csv(&found.items)?).into_response())
}

/// Disputes in a table.
pub(super) fn rows(view: &View, disputes: &[Disputed]) -> Markup {
    let columns = [
        Column::Text("Dispute"),
        Column::Text("Sale"),
        Column::Text("State"),
        Column::Text("Opened"),
        Column::Text("Answered until"),
        Column::Text("Decided"),
        Column::Number("Of the price"),
        Column::Number("Of your share"),
    ];
    let cells = |dispute: &Disputed| {
        vec![
            html! { (dispute.id) },
            html! { a href=(format!("/dashboard/{}/sales/{}", view.partner, dispute.sale)) { (dispute.sale) } },
            state(&dispute.state),
            minute(dispute.opened_at),
            html! {
                @match (dispute.answer_by, dispute.closed_at) {
                    (Some(at), _) => { (minute(at)) }
                    (None, None) => { "not told" }
                    (None, Some(_)) => {}
                }
            },
            html! { @if let Some(at) = dispute.closed_at { (day(at)) } },
            html! { @if let Some(amount) = dispute.amount { (money(amount)) } },
            html! { (money(dispute.held)) },
        ]
    };
    table("Disputes", &columns, &disputes.iter().map(cells).collect::<Vec<_>>())
}
