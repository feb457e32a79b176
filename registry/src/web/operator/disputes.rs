//! Disputes: payments that customers' banks have taken back, each with how long it may still be answered.

use axum::extract::State;
use chandlery_edge::Query;
use chandlery_money::reports::{Dispute, DisputePlace};
use chandlery_money::{Finance, reports};
use chandlery_package::wire::{DisputeState, Paging};
use chandlery_pages::{Column, Tone, badge, day, empty, minute, money, next_page, select, table};
use jiff::Timestamp;
use maud::{Markup, html};

use super::asking::{ANY, InState};
use super::parts::address;
use crate::console::{self, DISPUTES, Operator};
use crate::error::Error;

/// Where a dispute's page is.
const PAGE: &str = "/operator/disputes/dispute";

/// The address of a dispute's page.
pub(super) fn path(id: &str) -> String {
    address(PAGE, &[("id".into(), id.into())])
}

/// The page `/operator/disputes`: those that are open, unless others are asked for.
pub(super) async fn page(
    State(finance): State<Finance>,
    operator: Operator,
    Query(wanted): Query<InState>,
    Query(paging): Query<Paging<DisputePlace>>,
) -> Result<Markup, Error> {
    let (state, now) = (wanted.or(DisputeState::Open)?, finance.clock.now());
    let found = reports::disputes(&mut *finance.db.snapshot().await?, state, &paging).await?;
    let chosen = state.map_or(ANY, DisputeState::as_str);
    let states = [("open", "Open"), ("won", "Won"), ("lost", "Lost"), (ANY, "All")];
    let next = found.next.as_deref().map(|after| format!("{DISPUTES}?state={chosen}&after={after}"));
    let content = html! {
        h1 { "Disputes" }
        form.card.filters method="get" action=(DISPUTES) {
            (select("state", "State", chosen, &states))
            div { button { "Show" } }
        }
        @if found.items.is_empty() {
            (empty("No dispute is here.", &html! { "What a customer's bank takes back of a payment appears here." }))
        } @else {
            (rows(&found.items, now)) (next_page(next.as_deref()))
        }
    };
    Ok(console::page(&operator, "Disputes", DISPUTES, &content))
}

/// Disputes in a table.
pub(super) fn rows(disputes: &[Dispute], now: Timestamp) -> Markup {
    let columns = [
        Column::Text("Dispute"),
        Column::Text("State"),
        Column::Text("Answer by"),
        Column::Text("Customer"),
        Column::Text("Opened on"),
        Column::Number("Amount"),
    ];
    let row = |dispute: &Dispute| {
        vec![
            html! { a href=(path(&dispute.id)) { (dispute.id) } },
            state(dispute.state),
            deadline(dispute, now),
            customer(dispute),
            day(dispute.opened_at),
            html! { (money(dispute.amount)) },
        ]
    };
    table("Disputes", &columns, &disputes.iter().map(row).collect::<Vec<_>>())
}

/// A state as a badge.
pub(super) fn state(state: DisputeState) -> Markup {
    let tone = match state {
        DisputeState::Open => Tone::Warning,
        DisputeState::Won => Tone::Good,
        DisputeState::Lost => Tone::Bad,
    };
    badge(tone, state.as_str())
}

/// Who has paid what is disputed.
pub(super) fn customer(dispute: &Dispute) -> Markup {
    html! {
        @if let Some(account) = &dispute.customer { a href=(super::customers::path(account)) { (account) } }
    }
}

/// Until when a dispute may be answered, and how long that is.
pub(super) fn deadline(dispute: &Dispute, now: Timestamp) -> Markup {
    let until = dispute.told.as_ref().and_then(|told| told.answer_by);
    html! {
        @match (dispute.state, until) {
            (DisputeState::Open, Some(until)) => { (minute(until)) ", " (left(until, now)) }
            (DisputeState::Open, None) => "the processor has not said",
            (DisputeState::Won | DisputeState::Lost, _) => "it is decided",
        }
    }
}

/// How long it is until then, in whole days or hours.
fn left(until: Timestamp, now: Timestamp) -> String {
    let hours = (until.as_second() - now.as_second()).div_euclid(3600);
    match hours {
        ..0 => "which is over".into(),
        0 => "in less than an hour".into(),
        1..48 => format!("in {hours} hours"),
        48.. => format!("in {} days", hours / 24),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_left_of_a_deadline_is_said_in_days_or_hours() {
        let now: Timestamp = "2026-03-01T00:00:00Z".parse().unwrap();
        for (until, said) in [
            ("2026-02-28T23:59:59Z", "which is over"),
            ("2026-03-01T00:59:59Z", "in less than an hour"),
            ("2026-03-02T23:59:59Z", "in 47 hours"),
            ("2026-03-03T00:00:00Z", "in 2 days"),
            ("2026-03-31T12:00:00Z", "in 30 days"),
        ] {
            assert_eq!(left(until.parse().unwrap(), now), said, "{until}");
        }
    }
}
