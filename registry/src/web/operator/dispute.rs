//! A dispute: what it is about, how long it may be answered, what the books hold for it, what has happened, and what can be done about it.

use axum::extract::State;
use axum::response::{IntoResponse as _, Redirect, Response};
use chandlery_edge::{Form, Query};
use chandlery_money::reports::{self, Dispute, DisputeDetails, DisputeStep, DisputedSale};
use chandlery_money::sharing;
use chandlery_money::{Error as MoneyError, Finance};
use chandlery_package::wire::{AccountBalance, ClosedDispute, DisputeState};
use chandlery_package::words;
use chandlery_pages::{Column, Link, crumbs, facts, minute, money, table};
use jiff::Timestamp;
use maud::{Markup, html};
use serde::Deserialize;

use super::asking::{confirm, word};
use super::disputes::{customer, deadline, path, state};
use super::parts::address;
use crate::console::{self, DISPUTES, Operator};
use crate::error::Error;
use crate::shell::shown_again;
use crate::web::customer::frame::fault;

/// Where it is confirmed and recorded how a dispute was decided.
const DECISION: &str = "/operator/disputes/decision";

/// Where Stripe shows a payment with its disputes, and takes evidence.
const DASHBOARD: &str = "https://dashboard.stripe.com/payments";

words! {
    /// For whom a customer's bank has decided.
    enum Outcome: "outcome of a dispute" {
        /// For the marketplace.
        Won = "won",
        /// For the customer.
        Lost = "lost",
    }
}

impl Outcome {
    fn says(self) -> &'static str {
        match self {
            Self::Won => "Record that it is won",
            Self::Lost => "Record that it is lost",
        }
    }

    fn means(self) -> &'static str {
        match self {
            Self::Won => {
                "What was held is with the processor again, and each partner has its part where it was."
            }
            Self::Lost => {
                "What was held goes back to the customer. The partners bear their parts of it, and the marketplace the rest."
            }
        }
    }
}

/// The dispute that is asked for.
#[derive(Deserialize)]
pub(super) struct Asked {
    #[serde(default)]
    id: String,
    #[serde(default)]
    outcome: String,
}

async fn read(finance: &Finance, id: &str) -> Result<DisputeDetails, Error> {
    Ok(reports::dispute(&mut *finance.db.snapshot().await?, id).await?)
}

/// The page `/operator/disputes/dispute`.
pub(super) async fn page(
    State(finance): State<Finance>,
    operator: Operator,
    Query(asked): Query<Asked>,
) -> Result<Markup, Error> {
    let found = read(&finance, &asked.id).await?;
    Ok(shown(&operator, &found, finance.clock.now(), None))
}

fn shown(operator: &Operator, found: &DisputeDetails, now: Timestamp, wrong: Option<&str>) -> Markup {
    let DisputeDetails { dispute, sales, held, steps } = found;
    let title = format!("Dispute {}", dispute.id);
    let content = html! {
        (crumbs(&[Link { path: DISPUTES, name: "Disputes" }], &dispute.id))
        h1 { (title) }
        p.badges { (state(dispute.state)) }
        (fault(wrong))
        div.card { (facts(&about(dispute, now))) }
        (next(dispute, now))
        h2 { "The sales that it is of" }
        (disputed(sales))
        h2 { "What the books hold for it" }
        (accounts("What the books hold for it", held))
        h2 { "What has happened" }
        (happened(steps))
    };
    console::page(operator, &title, DISPUTES, &content)
}

fn about(dispute: &Dispute, now: Timestamp) -> Vec<(&'static str, Markup)> {
    let mut about = vec![
        ("Amount", html! { span data-figure="amount" { (money(dispute.amount)) } }),
        ("Customer", customer(dispute)),
        ("Opened", minute(dispute.opened_at)),
        ("Answer by", html! { span data-figure="deadline" { (deadline(dispute, now)) } }),
    ];
    match &dispute.payment {
        Some(payment) => about.push(("Payment", html! { code { (payment) } })),
        None => about.push(("Told by", html! { "an operator, by hand" })),
    }
    if let Some(told) = &dispute.told {
        let said = |word: &Option<String>| word.clone().unwrap_or_else(|| "nothing".into()).replace('_', " ");
        about.push(("The processor says", html! { (said(&told.status)) }));
        about.push(("The customer's bank says", html! { (said(&told.reason)) }));
        about.push((
            "Evidence submitted",
            html! { (told.submissions) @if told.submissions == 1 { " time" } @else { " times" } },
        ));
    }
    about
}

/// What can be done about it, and where.
fn next(dispute: &Dispute, now: Timestamp) -> Markup {
    html! {
        @match (dispute.state, &dispute.payment) {
            (DisputeState::Open, Some(payment)) => {
                p {
                    "Submit evidence on the processor's dashboard, or accept the dispute there. Answer by: " (deadline(dispute, now)) ". "
                    "The registry follows what the processor reports. Ask the sellers below for what shows that they delivered."
                }
                p.actions { a.button href=(format!("{DASHBOARD}/{payment}")) rel="noreferrer" { "Open it on Stripe's dashboard" } }
            }
            (DisputeState::Open, None) => {
                p { "It was recorded by hand, and so is its outcome. Send evidence to whoever holds the payment, and record here what they decide." }
                p.actions {
                    @for outcome in Outcome::ALL {
                        a.button href=(decision_path(&dispute.id, outcome)) { (outcome.says()) }
                    }
                }
            }
            (DisputeState::Won | DisputeState::Lost, _) => p { "It is decided: nothing is to be done about it any more." },
        }
    }
}

fn decision_path(id: &str, outcome: Outcome) -> String {
    address(DECISION, &[("id".into(), id.into()), ("outcome".into(), outcome.as_str().into())])
}

fn disputed(sales: &[DisputedSale]) -> Markup {
    let columns = [
        Column::Text("Sale"),
        Column::Text("Plugin"),
        Column::Text("Sold by"),
        Column::Text("State"),
        Column::Number("Amount"),
    ];
    let row = |part: &DisputedSale| {
        let path = format!("/dashboard/{}/sales/{}", part.seller, part.sale);
        vec![
            html! { a href=(path) { (part.sale) } },
            html! { @match &part.plugin { Some(plugin) => (plugin), None => "a service" } },
            html! { a href=(format!("/dashboard/{}", part.seller)) { (part.seller) } },
            state(part.state),
            html! { (money(part.amount)) },
        ]
    };
    html! {
        @if sales.is_empty() {
            p { "Of none: it is of a subscription, or of taxes, which the marketplace bears alone." }
        } @else {
            (table("Sales", &columns, &sales.iter().map(row).collect::<Vec<_>>()))
        }
    }
}

fn accounts(label: &str, held: &[AccountBalance]) -> Markup {
    let columns = [Column::Text("Account"), Column::Number("Debits less credits")];
    let row = |held: &AccountBalance| {
        vec![
            html! { code { (held.account) } },
            html! { span data-figure=(held.account) { (money(held.balance)) } },
        ]
    };
    table(label, &columns, &held.iter().map(row).collect::<Vec<_>>())
}

fn happened(steps: &[DisputeStep]) -> Markup {
    let columns = [
        Column::Text("When"),
        Column::Text("What"),
        Column::Text("By"),
        Column::Text("Transaction"),
        Column::Number("Booked"),
    ];
    let row = |step: &DisputeStep| {
        let booked = html! {
            @for held in &step.postings { div { code { (held.account) } " " (money(held.balance)) } }
        };
        vec![
            minute(step.at),
            html! { div.words { (step.what) } },
            html! { (step.by) },
            html! { @if let Some(number) = step.transaction { (number) } },
            booked,
        ]
    };
    table("What has happened", &columns, &steps.iter().map(row).collect::<Vec<_>>())
}

/// The page `/operator/disputes/decision`: what would be recorded.
pub(super) async fn decision_page(
    State(finance): State<Finance>,
    operator: Operator,
    Query(asked): Query<Asked>,
) -> Result<Markup, Error> {
    let dispute = read(&finance, &asked.id).await?.dispute;
    let outcome: Outcome = word(&asked.outcome)?;
    let (own, title) = (path(&dispute.id), format!("{}: dispute {}", outcome.says(), dispute.id));
    let about = [("Amount", html! { (money(dispute.amount)) }), ("Customer", customer(&dispute))];
    let fields = [("id", dispute.id.as_str()), ("outcome", outcome.as_str())];
    let content = html! {
        (crumbs(&[Link { path: DISPUTES, name: "Disputes" }, Link { path: &own, name: &dispute.id }], outcome.says()))
        h1 { (title) }
        p { (outcome.means()) }
        div.card { (facts(&about)) }
        (confirm(DECISION, &fields, outcome.says()))
        p { a href=(own) { "Cancel" } }
    };
    Ok(console::page(&operator, &title, DISPUTES, &content))
}

/// Records how a dispute was decided that an operator has recorded. The same again changes nothing.
pub(super) async fn decide(
    State(finance): State<Finance>,
    operator: Operator,
    Form(asked): Form<Asked>,
) -> Result<Response, Error> {
    let outcome: Outcome = word(&asked.outcome)?;
    let dispute = read(&finance, &asked.id).await?.dispute;
    let decided = match dispute.payment {
        Some(_) => Err(MoneyError::Conflict(format!(
            "dispute '{}' is decided where the processor tells of it",
            dispute.id
        ))),
        None => {
            let (won, now) = (outcome == Outcome::Won, finance.clock.now());
            let closed = ClosedDispute { won };
            sharing::decide_dispute(&finance.db, &operator.actor, &dispute.id, &closed, now).await
        }
    };
    match decided {
        Ok(()) => Ok(Redirect::to(&path(&dispute.id)).into_response()),
        Err(error) => {
            let found = read(&finance, &dispute.id).await?;
            let now = finance.clock.now();
            shown_again(error, |wrong| shown(&operator, &found, now, Some(wrong)))
        }
    }
}
