//! Payouts: the runs that they are proposed in, and all of them.

use axum::extract::State;
use axum::response::{IntoResponse as _, Redirect, Response};
use chandlery_edge::Query;
use chandlery_money::Finance;
use chandlery_money::payouts::{self, Run};
use chandlery_package::wire::{Page, Paging, Payout, PayoutState};
use chandlery_pages::{
    Column, Link, Tone, badge, banner, crumbs, empty, minute, money, next_page, signed, table,
};
use maud::{Markup, html};

use super::profiles::PROFILES;
use crate::console::{self, Operator, PAYOUTS};
use crate::error::Error;
use crate::web::layout::rail;

const ALL: &str = "/operator/payouts/all";
/// Where a run is proposed, and the runs are.
const RUNS: &str = "/operator/payouts/runs";
/// How many of the latest payouts are shown beside the runs.
const LATEST_SHOWN: u32 = 10;
/// How many runs are shown with what became of a new one.
const RUNS_SHOWN: u32 = 100;

/// The path of a run's page.
pub(super) fn run_path(run: i64) -> String {
    format!("{RUNS}/{run}")
}

/// The path of a payout's page.
pub(super) fn path(id: i64) -> String {
    format!("{PAYOUTS}/{id}")
}

/// The page `/operator/payouts`.
pub(super) async fn page(
    State(finance): State<Finance>,
    operator: Operator,
    Query(paging): Query<Paging<i64>>,
) -> Result<Markup, Error> {
    shown(&finance, &operator, &paging, &html! {}).await
}

async fn shown(
    finance: &Finance,
    operator: &Operator,
    paging: &Paging<i64>,
    told: &Markup,
) -> Result<Markup, Error> {
    let mut db = finance.db.snapshot().await?;
    let runs = payouts::runs(&mut db, paging).await?;
    let latest = payouts::list(&mut db, None, &Paging::first(LATEST_SHOWN)).await?;
    drop(db);
    let content = html! {
        h1 { "Payouts" }
        (told)
        form.row method="post" action=(RUNS) {
            button { "Propose a run" }
            span.note { "It pays every partner who is due all that is available. Nothing leaves before another operator has approved it." }
        }
        div.above { h2 { "Runs" } a href=(PROFILES) { "Bank details to approve" } }
        (all_runs(&runs))
        div.above { h2 { "Latest payouts" } a href=(ALL) { "All payouts" } }
        (rows(&latest.items))
    };
    Ok(console::page(operator, "Payouts", PAYOUTS, &content))
}

fn all_runs(page: &Page<Run>) -> Markup {
    let columns = [
        Column::Text("Run"),
        Column::Text("Proposed"),
        Column::Text("State"),
        Column::Number("Payouts"),
        Column::Number("Amount"),
    ];
    let row = |run: &Run| {
        vec![
            html! { a href=(run_path(run.id)) { (run.id) } },
            html! { (minute(run.proposed_at)) " by " (run.proposed_by) },
            run_state(run),
            html! { (signed(run.parts.iter().map(|part| part.payouts).sum())) },
            html! { @for part in &run.parts { div { (money(part.amount)) } } },
        ]
    };
    let rows: Vec<Vec<Markup>> = page.items.iter().map(row).collect();
    let next = page.next.as_deref().map(|after| format!("{PAYOUTS}?after={after}"));
    html! {
        @if rows.is_empty() {
            (empty("No run was proposed yet.", &html! { "A run is proposed here, or with " code { "chandlery payouts run" } "." }))
        } @else {
            (table("Runs", &columns, &rows)) (next_page(next.as_deref()))
        }
    }
}

/// How far a run is, in a few words.
pub(super) fn run_state(run: &Run) -> Markup {
    let proposed: i64 = run.parts.iter().map(|part| part.proposed).sum();
    let approved: i64 = run.parts.iter().map(|part| part.approved).sum();
    match (proposed, approved, run.sent_at) {
        _ if run.parts.is_empty() => badge(Tone::Plain, "cancelled"),
        (1.., ..) => badge(Tone::Warning, &format!("{proposed} to be approved")),
        (0, 1.., _) => badge(Tone::Warning, &format!("{approved} to be sent")),
        (_, _, Some(_)) => badge(Tone::Good, "sent"),
        (_, _, None) => badge(Tone::Plain, "over"),
    }
}

/// Payouts in a table.
pub(super) fn rows(payouts: &[Payout]) -> Markup {
    let columns = [
        Column::Text("Payout"),
        Column::Text("Partner"),
        Column::Text("State"),
        Column::Text("By"),
        Column::Text("Proposed by"),
        Column::Text("Approved by"),
        Column::Number("Amount"),
        Column::Number("Sent"),
    ];
    let row = |payout: &Payout| {
        vec![
            html! { a href=(path(payout.id)) { (payout.id) } },
            html! { a href=(format!("/dashboard/{}", payout.partner)) { (payout.partner) } },
            state(payout.state),
            html! { (rail(payout.rail)) },
            html! { (payout.proposed_by) },
            html! { @if let Some(name) = &payout.approved_by { (name) } },
            html! { (money(payout.amount)) },
            html! { (money(payout.sent)) },
        ]
    };
    table("Payouts", &columns, &payouts.iter().map(row).collect::<Vec<_>>())
}

/// A payout's state, with what it means for whoever operates.
pub(super) fn state(state: PayoutState) -> Markup {
    let tone = match state {
        PayoutState::Proposed | PayoutState::Approved | PayoutState::PartlyReturned => Tone::Warning,
        PayoutState::Paid => Tone::Good,
        PayoutState::Returned => Tone::Bad,
        PayoutState::Sent | PayoutState::Cancelled => Tone::Plain,
    };
    badge(tone, &state.as_str().replace('-', " "))
}

/// The page `/operator/payouts/all`: of runs and alone, the latest first.
pub(super) async fn all(
    State(finance): State<Finance>,
    operator: Operator,
    Query(paging): Query<Paging<i64>>,
) -> Result<Markup, Error> {
    let mut db = finance.db.read().acquire().await?;
    let found = payouts::list(&mut db, None, &paging).await?;
    drop(db);
    let next = found.next.as_deref().map(|after| format!("{ALL}?after={after}"));
    let content = html! {
        (crumbs(&[Link { path: PAYOUTS, name: "Payouts" }], "All payouts"))
        h1 { "All payouts" }
        (rows(&found.items))
        (next_page(next.as_deref()))
    };
    Ok(console::page(&operator, "All payouts", PAYOUTS, &content))
}

/// Proposes a run. What is proposed already stays, so that a second form finds nothing to propose.
pub(super) async fn propose(State(finance): State<Finance>, operator: Operator) -> Result<Response, Error> {
    let now = finance.clock.now();
    let made = payouts::propose_run(&finance.db, &operator.actor, &operator.name, now).await?;
    let run = made.items.first().and_then(|payout| payout.run);
    if let (Some(run), true) = (run, made.left_out.is_empty()) {
        return Ok(Redirect::to(&run_path(run)).into_response());
    }
    let told = html! {
        @match run {
            Some(run) => { (banner(Tone::Good, &html! { a href=(run_path(run)) { "Run " (run) } " is proposed." })) }
            None => { (banner(Tone::Plain, &html! { "No partner is due a payout now: what is proposed already stays, and everything else \
                is on hold, below its minimum, or not scheduled yet." })) }
        }
        @if !made.left_out.is_empty() {
            (banner(Tone::Warning, &html! { "Left out:" ul { @for why in &made.left_out { li { (why) } } } }))
        }
    };
    Ok(shown(&finance, &operator, &Paging::first(RUNS_SHOWN), &told).await?.into_response())
}
