//! `/figures/cohorts`: customers by the month of their first payment, and what became of them.

use axum::extract::State;
use chandlery_pages::{Column, table};
use maud::{Markup, html};

use crate::console::{self, FIGURES, Operator};
use crate::error::Error;
use chandlery_money::Finance;
use chandlery_money::figures::cohorts;
use chandlery_package::wire::{Cohort, CohortMonth, Ratio};

/// How many months after the first one are shown; the table to download has all.
const MONTHS_SHOWN: usize = 13;

/// `/figures/cohorts`; for operators.
pub(super) async fn page(State(finance): State<Finance>, operator: Operator) -> Result<Markup, Error> {
    let mut db = finance.db.snapshot().await?;
    let found = cohorts(&mut db, finance.clock.now()).await?;
    drop(db);
    let by_count = |cell: &CohortMonth| format!("{} ({})", cell.active, percent(cell.by_count));
    let by_mrr = |cell: &CohortMonth| match cell.mrr {
        Some(mrr) => format!("{mrr} ({})", percent(cell.by_mrr)),
        None => "—".into(),
    };
    let content = html! {
        h1 { "Cohorts" }
        p { (found.definition) }
        p { a href="/api/v1/figures/cohorts.csv" { "Download as CSV" } " · " a href="/figures" { "All figures" } }
        h2 { "By count" }
        (by("By count", &found.cohorts, by_count))
        h2 { "By MRR" }
        (by("By MRR", &found.cohorts, by_mrr))
    };
    Ok(console::page(&operator, "Cohorts", FIGURES, &content))
}

fn percent(ratio: Option<Ratio>) -> String {
    ratio.map_or("—".into(), Ratio::percent)
}

fn by(label: &str, cohorts: &[Cohort], text: impl Fn(&CohortMonth) -> String) -> Markup {
    let months = cohorts.iter().map(|cohort| cohort.months.len()).max().unwrap_or(0).min(MONTHS_SHOWN);
    let customers: i64 = cohorts.iter().map(|cohort| cohort.customers).sum();
    let names: Vec<String> = (0..months).map(after).collect();
    let mut columns = vec![Column::Text("First paid in"), Column::Number("Customers")];
    columns.extend(names.iter().map(|name| Column::Number(name)));
    let row = |cohort: &Cohort| {
        let mut cells = vec![
            html! { a href=(format!("/figures/{}", cohort.month)) { (cohort.month) } },
            html! { (cohort.customers) },
        ];
        cells.extend(cohort.months.iter().take(months).map(|cell| html! { (text(cell)) }));
        cells.resize(columns.len(), html! {});
        cells
    };
    let mut rows: Vec<Vec<Markup>> = cohorts.iter().map(row).collect();
    let mut all = vec![html! { "All" }, html! { (customers) }];
    all.resize(columns.len(), html! {});
    rows.push(all);
    table(label, &columns, &rows)
}

/// How long after the month of the first payment a month is.
fn after(month: usize) -> String {
    match month {
        0 => "That month".into(),
        1 => "1 month later".into(),
        _ => format!("{month} months later"),
    }
}
