//! The page `/operator`: what waits for somebody, each with how much of it there is and where it is done.

use axum::extract::State;
use chandlery_money::{Finance, books, decisions, payouts, rails, reports};
use chandlery_package::wire::{DisputeState, Paging};
use chandlery_pages::{empty, signed};
use maud::{Markup, html};

use super::disputes;
use super::profiles::PROFILES;
use crate::console::{
    self, BANK, CLOSE, CUSTOMERS, DISPUTES, HEALTH, MODERATION, Operator, PAYOUTS, REQUESTS, REVIEWS,
    SEND_BACKS,
};
use crate::error::Error;
use crate::{catalog, moderation};

/// How many disputes are shown.
const DISPUTES_SHOWN: u32 = 20;

/// Something that waits for somebody.
struct Waiting {
    /// What the number is known by on the page.
    figure: &'static str,
    what: &'static str,
    path: &'static str,
    count: i64,
}

pub(super) async fn page(State(finance): State<Finance>, operator: Operator) -> Result<Markup, Error> {
    let now = finance.clock.now();
    let months = books::due(&finance.db, now).await?.len() as i64;
    let mut db = finance.db.snapshot().await?;
    let all = [
        ("reviews", "Releases to review", REVIEWS, catalog::count_reviews(&mut db).await?),
        ("reports", "Reports to look into", MODERATION, moderation::count_reports(&mut db).await?),
        ("payouts", "Payouts to approve", PAYOUTS, payouts::count_proposed(&mut db).await?),
        ("profiles", "Bank details to approve", PROFILES, payouts::count_profiles_waiting(&mut db).await?),
        ("approvals", "Requests to approve", REQUESTS, decisions::count_waiting(&mut db).await?),
        ("bank-lines", "Bank lines to match", BANK, rails::count_open_lines(&mut db).await?),
        ("send-backs", "Transfers back to send", SEND_BACKS, rails::count_send_backs(&mut db).await?),
        (
            "undecided",
            "Refusals of the processor to decide",
            HEALTH,
            rails::count_undecided_requests(&mut db).await?,
        ),
        (
            "unfollowed",
            "Events of the processor that the books do not follow",
            HEALTH,
            rails::count_unfollowed_events(&mut db).await?,
        ),
        ("disputes", "Disputes to answer", DISPUTES, reports::count_disputes(&mut db).await?),
        ("overdue", "Invoices that are overdue", CUSTOMERS, reports::count_overdue(&mut db, now).await?),
        ("months", "Months to close", CLOSE, months),
    ]
    .map(|(figure, what, path, count)| Waiting { figure, what, path, count });
    let open = Some(DisputeState::Open);
    let disputed = reports::disputes(&mut db, open, &Paging::first(DISPUTES_SHOWN)).await?.items;
    drop(db);
    let content = html! {
        h1 { "Operator's console" }
        @if all.iter().all(|waiting| waiting.count == 0) {
            (empty("Nothing waits for you.", &html! { "What has to be approved, matched, answered or closed appears here." }))
        }
        (cards(&all))
        h2 { "Disputes" }
        @if disputed.is_empty() { p { "None has to be answered." } } @else { (disputes::rows(&disputed, now)) }
    };
    Ok(console::page(&operator, "Overview", console::OVERVIEW, &content))
}

fn cards(all: &[Waiting]) -> Markup {
    html! {
        dl.cards {
            @for waiting in all {
                div.card {
                    dt { a href=(waiting.path) { (waiting.what) } }
                    dd data-figure=(waiting.figure) { (signed(waiting.count)) }
                }
            }
        }
    }
}
