//! A payout: what it is made of, and what becomes of it: it is approved or cancelled, has arrived, or came back.

use axum::extract::State;
use axum::response::{IntoResponse as _, Redirect, Response};
use chandlery_edge::{Form, Path, Query};
use chandlery_money::{Finance, payouts, rails};
use chandlery_package::wire::{ExplainedPayout, Payout, PayoutItem, PayoutState, PayoutStep};
use chandlery_package::words;
use chandlery_pages::{Column, Field, Link, crumbs, facts, minute, money, table};
use maud::{Markup, html};
use serde::Deserialize;

use super::asking::{confirm, led, word};
use super::payouts::{path, run_path, state};
use crate::console::{self, Operator, PAYOUTS};
use crate::error::Error;
use crate::shell::shown_again;
use crate::web::customer::frame::fault;
use crate::web::layout::rail;

words! {
    /// What becomes of a payout next.
    enum Step: "step of a payout" {
        /// Another operator approves it.
        Approve = "approve",
        /// It is given up before anybody has approved it.
        Cancel = "cancel",
        /// The bank has paid it.
        Confirm = "confirm",
        /// The bank could not pay it, or it came back.
        Return = "return",
    }
}

/// The step that a form is about.
#[derive(Deserialize)]
pub(super) struct Asked {
    #[serde(default)]
    step: String,
    /// What the bank calls the transfer that has arrived.
    #[serde(default)]
    bank_reference: String,
}

impl Step {
    /// Those that a payout can take now.
    fn of(payout: &Payout) -> &'static [Self] {
        match payout.state {
            PayoutState::Proposed => &[Self::Approve, Self::Cancel],
            PayoutState::Approved | PayoutState::Sent => &[Self::Confirm, Self::Return],
            PayoutState::Paid | PayoutState::PartlyReturned => &[Self::Return],
            PayoutState::Cancelled | PayoutState::Returned => &[],
        }
    }

    fn says(self) -> &'static str {
        match self {
            Self::Approve => "Approve",
            Self::Cancel => "Cancel the payout",
            Self::Confirm => "Confirm that it arrived",
            Self::Return => "Record that it came back",
        }
    }

    /// What it comes to.
    fn means(self) -> &'static str {
        match self {
            Self::Approve => "It leaves what is available to the partner, and can be sent.",
            Self::Cancel => "Nothing leaves: what it had taken on is free for another payout.",
            Self::Confirm => {
                "The bank has paid it. Where its statements are brought, their lines say so by themselves: confirm by hand only what none of \
                 them tells of."
            }
            Self::Return => {
                "The bank could not pay it, or what was left of it came back: the money is available to the partner again."
            }
        }
    }
}

fn step_path(id: i64) -> String {
    format!("{}/step", path(id))
}

/// The page `/operator/payouts/{id}`.
pub(super) async fn page(
    State(finance): State<Finance>,
    operator: Operator,
    Path(id): Path<i64>,
) -> Result<Markup, Error> {
    let explained = payouts::explain(&finance.db, id).await?;
    let payout = &explained.payout;
    let title = format!("Payout {id}");
    let content = html! {
        (crumbs(&[Link { path: PAYOUTS, name: "Payouts" }], &title))
        h1 { (title) " to " a href=(format!("/dashboard/{}", payout.partner)) { (payout.partner) } }
        p.badges data-figure="state" { (state(payout.state)) }
        div.card { (facts(&about(payout))) }
        (next(&operator, payout))
        h2 { "What it is made of" }
        (items(&explained))
        h2 { "Ledger entries" }
        (steps(&explained.transactions))
    };
    Ok(console::page(&operator, &title, PAYOUTS, &content))
}

fn about(payout: &Payout) -> Vec<(&'static str, Markup)> {
    let mut about = vec![
        ("Amount", html! { span data-figure="amount" { (money(payout.amount)) } }),
        ("Withheld", html! { (money(payout.withheld)) }),
        ("Sent", html! { (money(payout.sent)) " by " (rail(payout.rail)) }),
        ("Proposed by", html! { (payout.proposed_by) }),
    ];
    if let Some(run) = payout.run {
        about.push(("Part of", html! { a href=(run_path(run)) { "Run " (run) } }));
    }
    if let Some(by) = &payout.approved_by {
        about.push(("Approved by", html! { (by) }));
    }
    if let Some(reference) = &payout.bank_reference {
        about.push(("Bank reference", html! { code { (reference) } }));
    }
    if let Some(returned) = payout.returned {
        about.push(("Came back", html! { (money(returned)) }));
    }
    about
}

/// What may be done next. Nobody approves what they have proposed.
fn next(operator: &Operator, payout: &Payout) -> Markup {
    let is_own = payout.proposed_by == operator.name;
    let offered = Step::of(payout).iter().filter(|step| !is_own || **step != Step::Approve);
    html! {
        p.actions {
            @for step in offered {
                a.button href=(format!("{}?step={}", step_path(payout.id), step.as_str())) { (step.says()) }
            }
        }
        @if is_own && payout.state == PayoutState::Proposed {
            p.note { "You have proposed it: another operator approves it." }
        }
    }
}

fn items(explained: &ExplainedPayout) -> Markup {
    let columns = [
        Column::Text("Date"),
        Column::Text("Why"),
        Column::Text("What"),
        Column::Text("Sale"),
        Column::Number("Amount"),
    ];
    let partner = &explained.payout.partner;
    let row = |item: &PayoutItem| {
        let sale = item.lot.as_ref().map(|lot| lot.sale.sale);
        vec![
            html! { @if let Some(step) = &item.step { (minute(step.at)) } },
            html! { (item.kind) },
            html! { @if let Some(step) = &item.step { (step.description) } },
            html! { @if let Some(sale) = sale { a href=(format!("/dashboard/{partner}/sales/{sale}")) { (sale) } } },
            html! { (money(item.amount)) },
        ]
    };
    table("What it is made of", &columns, &explained.items.iter().map(row).collect::<Vec<_>>())
}

fn steps(steps: &[PayoutStep]) -> Markup {
    let columns =
        [Column::Text("Transaction"), Column::Text("Date"), Column::Text("What"), Column::Text("Who")];
    let row = |step: &PayoutStep| {
        vec![html! { (step.transaction) }, minute(step.at), html! { (step.description) }, html! { (step.by) }]
    };
    table("Ledger entries", &columns, &steps.iter().map(row).collect::<Vec<_>>())
}

/// The page `/operator/payouts/{id}/step`: what the step would do.
pub(super) async fn step_page(
    State(finance): State<Finance>,
    operator: Operator,
    Path(id): Path<i64>,
    Query(asked): Query<Asked>,
) -> Result<Markup, Error> {
    let payout = payouts::explain(&finance.db, id).await?.payout;
    Ok(asked_for(&operator, &payout, word(&asked.step)?, None))
}

fn asked_for(operator: &Operator, payout: &Payout, step: Step, wrong: Option<&str>) -> Markup {
    let own = path(payout.id);
    let above = format!("Payout {}", payout.id);
    let title = format!("{}: payout {}", step.says(), payout.id);
    let about = [
        ("Partner", html! { (payout.partner) }),
        ("Amount", html! { (money(payout.amount)) }),
        ("State", state(payout.state)),
    ];
    let content = html! {
        (crumbs(&[Link { path: PAYOUTS, name: "Payouts" }, Link { path: &own, name: &above }], step.as_str()))
        h1 { (title) }
        (fault(wrong))
        p { (step.means()) }
        div.card { (facts(&about)) }
        @match step {
            Step::Confirm => form.card method="post" action=(step_path(payout.id)) {
                input type="hidden" name="step" value=(step.as_str());
                (Field::new("bank_reference", "Bank reference").required())
                button { (step.says()) }
            },
            _ => (confirm(&step_path(payout.id), &[("step", step.as_str())], step.says())),
        }
        p { a href=(own) { "Back to the payout" } }
    };
    console::page(operator, &title, PAYOUTS, &content)
}

/// Takes a step. Taken again, it changes nothing.
pub(super) async fn take(
    State(finance): State<Finance>,
    operator: Operator,
    Path(id): Path<i64>,
    Form(asked): Form<Asked>,
) -> Result<Response, Error> {
    let (db, actor, now) = (&finance.db, &operator.actor, finance.clock.now());
    let (step, reference) = (word(&asked.step)?, asked.bank_reference.trim());
    let taken = match step {
        Step::Approve => match payouts::approve(&finance, &operator, id, now).await {
            Ok(approved) => return Ok(led(approved, &path(id))),
            Err(error) => Err(error),
        },
        Step::Cancel => payouts::cancel(db, actor, id).await,
        Step::Confirm if reference.is_empty() => {
            return Err(Error::invalid("say what the bank calls the transfer"));
        }
        Step::Confirm => payouts::confirm(db, actor, id, reference, None, now).await,
        Step::Return => rails::return_payout(&finance, actor, id, now).await,
    };
    match taken {
        Ok(_) => Ok(Redirect::to(&path(id)).into_response()),
        Err(error) => {
            let payout = payouts::explain(db, id).await?.payout;
            shown_again(error, |wrong| asked_for(&operator, &payout, step, Some(wrong)))
        }
    }
}
