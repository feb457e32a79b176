//! A run of payouts: what it pays, its approval by another operator, and how it leaves.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Redirect, Response};
use chandlery_edge::{Form, Path, Query};
use chandlery_money::payouts::{self, Run};
use chandlery_money::{Approved, Finance, rails};
use chandlery_package::wire::{Payout, PayoutState, RailKind};
use chandlery_package::words;
use chandlery_pages::{Column, Link, Tone, banner, crumbs, facts, minute, money, signed, table};
use maud::{Markup, html};
use serde::Deserialize;

use super::asking::{self, confirm, why_not, word};
use super::payouts::{rows, run_path, run_state};
use crate::console::{self, Operator, PAYOUTS, REQUESTS};
use crate::error::Error;
use crate::web::layout::rail;

words! {
    /// What is done with a run as a whole.
    enum Step: "step of a run" {
        /// Another operator approves each of its payouts.
        Approve = "approve",
        /// What is approved leaves by its rail.
        Send = "send",
    }
}

/// The step that a form is about.
#[derive(Deserialize)]
pub(super) struct Asked {
    #[serde(default)]
    step: String,
}

impl Step {
    /// The payouts that it changes.
    fn of(self, payouts: &[Payout]) -> Vec<&Payout> {
        let state = match self {
            Self::Approve => PayoutState::Proposed,
            Self::Send => PayoutState::Approved,
        };
        payouts.iter().filter(|payout| payout.state == state).collect()
    }

    fn path(self, run: i64) -> String {
        format!("{}?step={}", step_path(run), self.as_str())
    }
}

fn step_path(run: i64) -> String {
    format!("{}/step", run_path(run))
}

/// A run and its payouts, at one moment.
async fn read(finance: &Finance, run: i64) -> Result<(Run, Vec<Payout>), Error> {
    let mut db = finance.db.snapshot().await?;
    let found = payouts::find_run(&mut db, run).await?;
    let payouts = payouts::all_of_run(&mut db, run).await?;
    Ok((found, payouts))
}

/// The page `/operator/payouts/runs/{run}`.
pub(super) async fn page(
    State(finance): State<Finance>,
    operator: Operator,
    Path(run): Path<i64>,
) -> Result<Markup, Error> {
    let (run, payouts) = read(&finance, run).await?;
    Ok(shown(&operator, &run, &payouts, &[]))
}

/// The page, with what of it was left undone just now.
fn shown(operator: &Operator, run: &Run, payouts: &[Payout], left: &[String]) -> Markup {
    let title = format!("Run {}", run.id);
    let content = html! {
        (crumbs(&[Link { path: PAYOUTS, name: "Payouts" }], &title))
        h1 { (title) }
        p.badges { (run_state(run)) }
        @if !left.is_empty() {
            (banner(Tone::Warning, &html! { "All was done but this:" ul { @for why in left { li { (why) } } } }))
        }
        div.card { (facts(&about(run))) }
        (next(operator, run, payouts))
        h2 { "Its payouts" }
        (rows(payouts))
    };
    console::page(operator, &title, PAYOUTS, &content)
}

fn about(run: &Run) -> Vec<(&'static str, Markup)> {
    let amounts = html! { @for part in &run.parts { div data-figure="amount" { (money(part.amount)) } } };
    vec![
        ("Proposed", html! { (minute(run.proposed_at)) " by " (run.proposed_by) }),
        ("Sent", html! { @match run.sent_at { Some(at) => (minute(at)), None => "not yet" } }),
        ("Payouts", html! { (signed(run.parts.iter().map(|part| part.payouts).sum())) }),
        ("Amount", amounts),
    ]
}

/// What may be done next.
fn next(operator: &Operator, run: &Run, payouts: &[Payout]) -> Markup {
    let waits = |step: Step| !step.of(payouts).is_empty();
    let is_own = run.proposed_by == operator.name;
    let has_file = payouts.iter().any(|payout| {
        let is_out =
            !matches!(payout.state, PayoutState::Proposed | PayoutState::Cancelled | PayoutState::Returned);
        payout.rail == RailKind::Sepa && is_out
    });
    html! {
        p.actions {
            @if waits(Step::Approve) && !is_own { a.button href=(Step::Approve.path(run.id)) { "Approve" } }
            @if has_file { a href=(format!("{}/bank-file.xml", run_path(run.id))) download { "Bank file (pain.001)" } }
            @if waits(Step::Send) { a.button href=(Step::Send.path(run.id)) { "Send it" } }
        }
        @if waits(Step::Approve) && is_own { p.note { "You have proposed it: another operator approves it." } }
    }
}

/// The page `/operator/payouts/runs/{run}/step`: what the step would do.
pub(super) async fn step_page(
    State(finance): State<Finance>,
    operator: Operator,
    Path(run): Path<i64>,
    Query(asked): Query<Asked>,
) -> Result<Markup, Error> {
    let (run, payouts) = read(&finance, run).await?;
    let (own, above) = (run_path(run.id), format!("Run {}", run.id));
    let step: Step = word(&asked.step)?;
    let changed = step.of(&payouts);
    let (title, means, says) = match step {
        Step::Approve => (
            format!("Approve run {}", run.id),
            "What it pays leaves what is available to its partners, and can be sent. A payout that is wrong is cancelled before.",
            "Approve all of it",
        ),
        Step::Send => (
            format!("Send run {}", run.id),
            "What goes by the processor leaves at once. What goes by the bank counts as sent: upload the bank file there, or make the \
             transfers by hand.",
            "Send it",
        ),
    };
    let content = html! {
        (crumbs(&[Link { path: PAYOUTS, name: "Payouts" }, Link { path: &own, name: &above }], step.as_str()))
        h1 { (title) }
        p { (means) }
        @if changed.is_empty() { p { "No payout of this run waits for it." } } @else {
            (concerned(&changed))
            (confirm(&step_path(run.id), &[("step", step.as_str())], says))
        }
        p { a href=(own) { "Cancel" } }
    };
    Ok(console::page(&operator, &title, PAYOUTS, &content))
}

fn concerned(payouts: &[&Payout]) -> Markup {
    let columns =
        [Column::Text("Payout"), Column::Text("Partner"), Column::Text("By"), Column::Number("Amount")];
    let row = |payout: &&Payout| {
        vec![
            html! { (payout.id) },
            html! { (payout.partner) },
            html! { (rail(payout.rail)) },
            html! { (money(payout.amount)) },
        ]
    };
    table("Payouts", &columns, &payouts.iter().map(row).collect::<Vec<_>>())
}

/// Takes a step. Taken again, it changes nothing.
pub(super) async fn take(
    State(finance): State<Finance>,
    operator: Operator,
    Path(run): Path<i64>,
    Form(asked): Form<Asked>,
) -> Result<Response, Error> {
    let mut left = Vec::new();
    let step: Step = word(&asked.step)?;
    match step {
        Step::Approve => {
            let (_, payouts) = read(&finance, run).await?;
            let approved = approve(&finance, &operator, &step.of(&payouts)).await?;
            if approved.waits {
                return Ok(Redirect::to(REQUESTS).into_response());
            }
            left = approved.left;
        }
        Step::Send => {
            let (processor, now) = (finance.processor.as_deref(), finance.clock.now());
            rails::send(&finance.db, &operator.actor, processor, Some(run), now).await?;
        }
    }
    if left.is_empty() {
        return Ok(Redirect::to(&run_path(run)).into_response());
    }
    let (run, payouts) = read(&finance, run).await?;
    Ok((StatusCode::CONFLICT, shown(&operator, &run, &payouts, &left)).into_response())
}

/// What became of the approval of several payouts.
struct Several {
    /// Whether some need more approvals than this one.
    waits: bool,
    /// Which could not be approved, and why.
    left: Vec<String>,
}

async fn approve(finance: &Finance, operator: &Operator, payouts: &[&Payout]) -> Result<Several, Error> {
    let mut done = Several { waits: false, left: Vec::new() };
    for payout in payouts {
        match payouts::approve(finance, operator, payout.id, finance.clock.now()).await {
            Ok(Approved::Done(_)) => {}
            Ok(Approved::Waits(_)) => done.waits = true,
            Err(error) => done.left.push(format!("payout {}: {}", payout.id, why_not(error)?)),
        }
    }
    Ok(done)
}

/// The file `/operator/payouts/runs/{run}/bank-file.xml`, as the bank takes it.
pub(super) async fn bank_file(
    State(finance): State<Finance>,
    _operator: Operator,
    Path(run): Path<i64>,
) -> Result<Response, Error> {
    let file = rails::run_file(&mut *finance.db.snapshot().await?, run).await?;
    Ok(asking::bank_file(&format!("run-{run}.xml"), file))
}
