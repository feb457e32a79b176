//! `/figures/cohorts`: customers by the month of their first payment, and what became of them.

use axum::extract::State;
use axum::response::{IntoResponse as _, Redirect, Response};
use maud::{Markup, html};

use super::layout;
use crate::error::Error;
use chandlery_accounts::Account;
use chandlery_money::Finance;
use chandlery_money::figures::cohorts;
use chandlery_package::wire::{Cohort, CohortMonth, Ratio};

/// How many months after the first one are shown; the table to download has all.
const MONTHS_SHOWN: usize = 13;

/// `/figures/cohorts`; for operators.
pub(super) async fn page(State(finance): State<Finance>, caller: Option<Account>) -> Result<Response, Error> {
    let Some(caller) = caller else {
        return Ok(Redirect::to("/login?next=/figures/cohorts").into_response());
    };
    caller.must_operate("see the figures")?;
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
        p { a href="/api/v1/figures/cohorts.csv" { "As a table" } " · " a href="/figures" { "All figures" } }
        h2 { "By count" }
        (table(&found.cohorts, by_count))
        h2 { "By MRR" }
        (table(&found.cohorts, by_mrr))
    };
    Ok(layout::page("Cohorts", Some(&caller), content).into_response())
}

fn percent(ratio: Option<Ratio>) -> String {
    ratio.map_or("—".into(), Ratio::percent)
}

fn table(cohorts: &[Cohort], text: impl Fn(&CohortMonth) -> String) -> Markup {
    let months = cohorts.iter().map(|cohort| cohort.months.len()).max().unwrap_or(0).min(MONTHS_SHOWN);
    let customers: i64 = cohorts.iter().map(|cohort| cohort.customers).sum();
    html! {
        div.card.scroll tabindex="0" {
            table {
                thead { tr { th { "First paid in" } th.number { "Customers" } @for month in 0..months { th.number { "+" (month) } } } }
                tbody {
                    @for cohort in cohorts {
                        tr {
                            td { a href=(format!("/figures/{}", cohort.month)) { (cohort.month) } } td.number { (cohort.customers) }
                            @for cell in cohort.months.iter().take(months) { td.number { (text(cell)) } }
                        }
                    }
                    tr { td { "All" } td.number { (customers) } }
                }
            }
        }
    }
}
