//! Reports of abuse: those that wait to be looked into, and what became of the others.

use axum::extract::State;
use chandlery_edge::Query;
use chandlery_package::wire::{Paging, Report, ReportOutcome};
use chandlery_pages::{Column, Tone, badge, empty, minute, next_page, table};
use maud::{Markup, html};
use serde::Deserialize;

use super::parts;
use crate::catalog::{Catalog, Error};
use crate::console::{MODERATION, Operator};
use crate::moderation::reports;

/// Which reports are shown.
#[derive(Debug, Default, Deserialize)]
pub(super) struct Shown {
    /// Those that were resolved, too.
    #[serde(default)]
    all: bool,
}

/// The path of a report's page.
pub(super) fn report_path(id: i64) -> String {
    format!("{MODERATION}/reports/{id}")
}

/// The page `/operator/moderation`.
pub(super) async fn page(
    State(catalog): State<Catalog>,
    operator: Operator,
    Query(shown): Query<Shown>,
    Query(paging): Query<Paging<i64>>,
) -> Result<Markup, Error> {
    let found = reports::list(&catalog.db, !shown.all, &paging).await?;
    let rows: Vec<Vec<Markup>> = found.items.iter().map(row).collect();
    let columns = [
        Column::Number("Report"),
        Column::Text("About"),
        Column::Text("State"),
        Column::Text("By"),
        Column::Text("At"),
        Column::Text("What is wrong"),
    ];
    let next = found.next.as_deref().map(|after| format!("{MODERATION}?all={}&after={after}", shown.all));
    let content = html! {
        h1 { "Reports of abuse" }
        p {
            @if shown.all { a href=(MODERATION) { "Only those that are open" } }
            @else { a href=(format!("{MODERATION}?all=true")) { "All reports, also those that were resolved" } }
        }
        @if rows.is_empty() && !shown.all {
            (empty("No report is open.", &html! { "Anybody with an account reports a plugin with " code { "chandlery report" } "." }))
        } @else { (table("Reports of abuse", &columns, &rows)) }
        (next_page(next.as_deref()))
    };
    Ok(parts::page(&operator, "Reports of abuse", MODERATION, &content))
}

fn row(report: &Report) -> Vec<Markup> {
    vec![
        html! { a href=(report_path(report.id)) { (report.id) } },
        html! { (report.subject) },
        state(report),
        html! { (report.reported_by) },
        minute(report.reported_at),
        html! { (report.why) },
    ]
}

/// How a report stands, in a word.
pub(super) fn state(report: &Report) -> Markup {
    match report.resolution.as_ref().map(|resolution| resolution.outcome) {
        None => badge(Tone::Warning, "open"),
        Some(outcome @ ReportOutcome::Acted) => badge(Tone::Good, outcome.as_str()),
        Some(outcome) => badge(Tone::Plain, outcome.as_str()),
    }
}
