//! The page `/operator`: what waits for somebody, each with how much of it there is and where it is done.

use axum::extract::State;
use chandlery_money::reports::OpenDispute;
use chandlery_money::{Finance, books, decisions, payouts, rails, reports};
use chandlery_pages::{Column, day, empty, minute, money, table};
use maud::{Markup, html};

use crate::console::{self, BANK, CLOSE, CUSTOMERS, MODERATION, Operator, PAYOUTS, REQUESTS, REVIEWS};
use crate::error::Error;
use crate::{catalog, moderation};

/// How many disputes are shown.
const DISPUTES_SHOWN: i64 = 20;

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
        ("approvals", "Requests to approve", REQUESTS, decisions::count_waiting(&mut db).await?),
        ("bank-lines", "Bank lines to match", BANK, rails::count_open_lines(&mut db).await?),
        ("disputes", "Disputes to answer", "#disputes", reports::count_disputes(&mut db).await?),
        ("overdue", "Invoices that are overdue", CUSTOMERS, reports::count_overdue(&mut db, now).await?),
        ("months", "Months to close", CLOSE, months),
    ]
    .map(|(figure, what, path, count)| Waiting { figure, what, path, count });
    let disputes = reports::open_disputes(&mut db, DISPUTES_SHOWN).await?;
    drop(db);
    let content = html! {
        h1 { "Operator's console" }
        @if all.iter().all(|waiting| waiting.count == 0) {
            (empty("Nothing waits for you.", &html! { "What has to be approved, matched, answered or closed appears here." }))
        }
        (cards(&all))
        h2 id="disputes" { "Disputes" }
        @if disputes.is_empty() { p { "None has to be answered." } } @else { (open(&disputes)) }
    };
    Ok(console::page(&operator, "Overview", console::OVERVIEW, &content))
}

fn cards(all: &[Waiting]) -> Markup {
    html! {
        dl.cards {
            @for waiting in all {
                div.card {
                    dt { a href=(waiting.path) { (waiting.what) } }
                    dd data-figure=(waiting.figure) { (chandlery_pages::signed(waiting.count)) }
                }
            }
        }
    }
}

fn open(disputes: &[OpenDispute]) -> Markup {
    let columns = [
        Column::Text("Answer by"),
        Column::Text("Dispute"),
        Column::Text("Sale"),
        Column::Text("Sold by"),
        Column::Text("Opened on"),
        Column::Number("Amount"),
    ];
    let row = |dispute: &OpenDispute| {
        let sale = format!("/dashboard/{}/sales/{}", dispute.seller, dispute.sale);
        vec![
            html! { @match dispute.answer_by { Some(until) => (minute(until)), None => "not said" } },
            html! { code { (dispute.id) } },
            html! { a href=(sale) { (dispute.sale) } },
            html! { (dispute.seller) },
            day(dispute.opened_at),
            html! { (money(dispute.amount)) },
        ]
    };
    let rows: Vec<Vec<Markup>> = disputes.iter().map(row).collect();
    html! {
        (table("Disputes", &columns, &rows))
        p.note { "They are answered on the processor's own pages, with the evidence that the seller has." }
    }
}
