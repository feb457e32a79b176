//! Payouts to a partner, each down to its lines and the bank's reference.

use axum::body::Body;
use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use chandlery_accounts::Account;
use chandlery_edge::{Path, Query};
use chandlery_money::Finance;
use chandlery_money::partners::payouts_csv;
use chandlery_money::payouts;
use chandlery_package::Namespace;
use chandlery_package::wire::{ExplainedPayout, Paging, Payout, PayoutItem, PayoutStep, Recovery};
use chandlery_pages::{Column, Link, command, crumbs, facts, minute, money, next_page, table};
use maud::{Markup, html};

use super::asked::{Asked, View, after, file, state};
use crate::error::Error;
use crate::shell::LogIn;
use crate::web::layout::rail;

const PAGE: &str = "/payouts";

/// The page `/dashboard/{partner}/payouts`.
pub(in crate::web) async fn list(
    State(finance): State<Finance>,
    caller: Option<Account>,
    log_in: LogIn,
    Path(partner): Path<Namespace>,
    Query(asked): Query<Asked>,
    Query(paging): Query<Paging<i64>>,
) -> Result<Response, Error> {
    let Some(caller) = caller else { return Ok(log_in.then(&format!("/dashboard/{partner}"))) };
    caller.must_see(&finance.db, &partner).await?;
    let mut db = finance.db.snapshot().await?;
    let view = View::read(&mut db, &finance, partner, &asked).await?;
    let found = payouts::list(&mut db, Some(&view.partner), &paging).await?;
    drop(db);
    let content = html! {
        div.above { h2 { "Payouts" } (view.csv("/payouts.csv")) }
        (rows(&view, &found.items))
        (next_page(after(&view.path(PAGE), found.next.as_deref()).as_deref()))
    };
    Ok(view.page(&caller, PAGE, &content))
}

/// The table `/dashboard/{partner}/payouts.csv`: of all currencies.
pub(in crate::web) async fn csv(
    State(finance): State<Finance>,
    caller: Account,
    Path(partner): Path<Namespace>,
) -> Result<Response, Error> {
    caller.must_see(&finance.db, &partner).await?;
    let rows = payouts_csv(finance.db.clone(), partner);
    Ok((file("payouts"), Body::from_stream(rows)).into_response())
}

/// Payouts in a table.
pub(super) fn rows(view: &View, payouts: &[Payout]) -> Markup {
    let columns = [
        Column::Text("Payout"),
        Column::Text("State"),
        Column::Text("By"),
        Column::Text("Bank reference"),
        Column::Number("From your balance"),
        Column::Number("Withheld"),
        Column::Number("Sent"),
    ];
    let cells = |payout: &Payout| {
        vec![
            html! { a href=(format!("/dashboard/{}/payouts/{}", view.partner, payout.id)) { (payout.id) } },
            state(payout.state.as_str()),
            html! { (rail(payout.rail)) },
            html! { (payout.bank_reference.as_deref().unwrap_or_default()) },
            html! { (money(payout.amount)) },
            html! { (money(payout.withheld)) },
            html! { (money(payout.sent)) },
        ]
    };
    table("Payouts", &columns, &payouts.iter().map(cells).collect::<Vec<_>>())
}

/// The page `/dashboard/{partner}/payouts/{id}`.
pub(in crate::web) async fn one(
    State(finance): State<Finance>,
    caller: Option<Account>,
    log_in: LogIn,
    Path((partner, id)): Path<(Namespace, i64)>,
    Query(asked): Query<Asked>,
) -> Result<Response, Error> {
    let Some(caller) = caller else { return Ok(log_in.then(&format!("/dashboard/{partner}"))) };
    caller.must_see(&finance.db, &partner).await?;
    let mut db = finance.db.snapshot().await?;
    let view = View::read(&mut db, &finance, partner, &asked).await?;
    drop(db);
    let mut explained = payouts::explain_own(&finance.db, &view.partner, id).await?;
    if !caller.operator {
        explained.hide_credentials();
    }
    let above = view.path(PAGE);
    let content = html! {
        (crumbs(&[Link { path: &above, name: "Payouts" }], &format!("Payout {id}")))
        (summary(&explained.payout))
        h2 { "What it is made of" }
        (items(&view, &explained))
        @if !explained.recoveries.is_empty() { h2 { "Taken for what was owed" } (recoveries(&explained.recoveries)) }
        h2 { "Ledger entries" }
        (steps(&explained.transactions))
        (command(&format!("chandlery payouts explain {id}")))
    };
    Ok(view.page(&caller, PAGE, &content))
}

fn summary(payout: &Payout) -> Markup {
    let mut all = vec![
        ("State", state(payout.state.as_str())),
        ("By", html! { (rail(payout.rail)) }),
        ("Bank reference", html! { (payout.bank_reference.as_deref().unwrap_or("none yet")) }),
        ("From your balance", html! { span data-line="amount" { (money(payout.amount)) } }),
        ("Tax withheld", html! { span data-line="withheld" { (money(payout.withheld)) } }),
        ("Sent", html! { span data-line="sent" { (money(payout.sent)) } }),
    ];
    if let Some(returned) = payout.returned {
        all.push(("Came back", html! { (money(returned)) }));
    }
    html! { div.card { (facts(&all)) } }
}

fn items(view: &View, explained: &ExplainedPayout) -> Markup {
    let columns = [
        Column::Text("Date"),
        Column::Text("Why"),
        Column::Text("What"),
        Column::Text("Sale"),
        Column::Number("Amount"),
    ];
    let cells = |item: &PayoutItem| {
        let step = item.step.as_ref();
        let sale = item.lot.as_ref().map(|lot| lot.sale.sale);
        vec![
            html! { @if let Some(step) = step { (minute(step.at)) } },
            html! { (item.kind) },
            html! { @if let Some(step) = step { (step.description) } },
            html! {
                @if let Some(sale) = sale {
                    a href=(format!("/dashboard/{}/sales/{sale}", view.partner)) { (sale) }
                }
            },
            html! { (money(item.amount)) },
        ]
    };
    table("What it is made of", &columns, &explained.items.iter().map(cells).collect::<Vec<_>>())
}

fn recoveries(recoveries: &[Recovery]) -> Markup {
    let columns = [Column::Text("Date"), Column::Text("What"), Column::Number("Amount")];
    let cells = |taken: &Recovery| {
        vec![minute(taken.step.at), html! { (taken.step.description) }, html! { (money(taken.amount)) }]
    };
    table("Taken for what was owed", &columns, &recoveries.iter().map(cells).collect::<Vec<_>>())
}

fn steps(steps: &[PayoutStep]) -> Markup {
    let columns =
        [Column::Text("Transaction"), Column::Text("Date"), Column::Text("What"), Column::Text("Who")];
    let cells = |step: &PayoutStep| {
        vec![html! { (step.transaction) }, minute(step.at), html! { (step.description) }, html! { (step.by) }]
    };
    table("Ledger entries", &columns, &steps.iter().map(cells).collect::<Vec<_>>())
}
