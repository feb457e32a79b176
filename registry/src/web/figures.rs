//! The operator's page: the figures that investors ask for, what each means, and what a month's are made of.

use axum::extract::State;
use axum::response::{IntoResponse as _, Redirect, Response};
use maud::{Markup, html};

use super::{chart, layout};
use crate::error::Error;
use chandlery_accounts::Account;
use chandlery_edge::Path;
use chandlery_money::Finance;
use chandlery_money::figures::{DEFINITIONS, months, rows};
use chandlery_package::wire::{MonthFigures, Ratio};
use chandlery_package::{Balance, Month};

/// `/figures`: the latest month that is over, all months, and what each figure means; for operators.
pub(super) async fn page(State(finance): State<Finance>, caller: Option<Account>) -> Result<Response, Error> {
    let Some(caller) = caller else { return Ok(Redirect::to("/login?next=/figures").into_response()) };
    caller.must_operate("see the figures")?;
    let mut db = finance.db.snapshot().await?;
    let now = finance.clock.now();
    let months = months(&mut db, now).await?;
    drop(db);
    // A month that is not over has earned a part of what it will.
    let over = months.iter().rev().find(|month| month.month != Month::of(now));
    let content = html! {
        h1 { "Figures" }
        @match over.or(months.last()) {
            None => p { "Nothing has happened yet. Figures appear with the first invoice or sale." },
            Some(latest) => {
                (cards(latest))
                (by_month(&months))
                (by_segment(latest))
                @for left_out in months.iter().flat_map(|month| &month.left_out) { p.note { (left_out) } }
            }
        }
        h2 { "What they mean" }
        dl.card.meanings { @for (figure, meaning) in DEFINITIONS { dt { (figure) } dd { (meaning) } } }
    };
    Ok(layout::page("Figures", Some(&caller), content).into_response())
}

fn percent(ratio: Option<Ratio>) -> String {
    ratio.map_or("—".into(), Ratio::percent)
}

fn cards(latest: &MonthFigures) -> Markup {
    html! {
        dl.cards {
            div.card { dt { "MRR" } dd data-figure="mrr" { (latest.mrr) } p.note { (latest.accounts) " accounts, at the end of " (latest.month) } }
            div.card { dt { "ARR" } dd data-figure="arr" { (latest.arr) } p.note { "12 × MRR" } }
            div.card { dt { "NRR" } dd data-figure="nrr" { (percent(latest.nrr)) } p.note { "of those of 12 months ago" } }
            div.card { dt { "GRR" } dd data-figure="grr" { (percent(latest.grr)) } p.note { "without expansion" } }
            div.card { dt { "Gross margin" } dd data-figure="margin" { (percent(latest.gross_margin)) } p.note { "of " (latest.plans) " from plans and " (latest.commission) " from sales in " (latest.month) } }
            div.card { dt { "Magic number" } dd data-figure="magic" { (latest.magic_number.map_or("—".into(), Ratio::times)) } p.note { "growth by what was spent for it" } }
        }
    }
}

fn by_month(months: &[MonthFigures]) -> Markup {
    let shown: Vec<_> = months.iter().map(|month| (month.month, month.mrr)).collect();
    html! {
        h2 { "By month" }
        div.card.scroll {
            (chart::bars(&shown, "MRR by month; the table below has the figures"))
            table {
                thead {
                    tr {
                        th { "Month" } th.number { "MRR" } th.number { "New" } th.number { "Expansion" } th.number { "Contraction" }
                        th.number { "Churn" } th.number { "Accounts" } th.number { "NRR" } th.number { "GRR" } th.number { "Margin" }
                    }
                }
                tbody {
                    @for month in months.iter().rev() {
                        tr {
                            td { a href=(format!("/figures/{}", month.month)) { (month.month) } }
                            td.number { (month.mrr) } td.number { (month.new) } td.number { (month.expansion) }
                            td.number { (month.contraction.negated()) } td.number { (month.churn.negated()) }
                            td.number { (month.accounts) } td.number { (percent(month.nrr)) } td.number { (percent(month.grr)) }
                            td.number { (percent(month.gross_margin)) }
                        }
                    }
                }
            }
        }
    }
}

fn by_segment(latest: &MonthFigures) -> Markup {
    let money = |money: Option<Balance>| money.map_or("—".into(), |money| money.to_string());
    html! {
        h2 { "By segment, " (latest.month) }
        div.card.scroll {
            table {
                thead {
                    tr {
                        th { "Tier" } th.number { "Accounts" } th.number { "MRR" } th.number { "Won" } th.number { "Lost" }
                        th.number { "CAC" } th.number { "LTV" } th.number { "LTV/CAC" }
                    }
                }
                tbody {
                    @for segment in &latest.segments {
                        tr {
                            td { (segment.tier) } td.number { (segment.accounts) } td.number { (segment.mrr) }
                            td.number { (segment.won) } td.number { (segment.lost) } td.number { (money(segment.cac)) }
                            td.number { (money(segment.ltv)) } td.number { (segment.ltv_to_cac.map_or("—".into(), Ratio::times)) }
                        }
                    }
                }
            }
        }
    }
}

/// `/figures/{month}`: what a month's figures are made of.
pub(super) async fn month(
    State(finance): State<Finance>,
    caller: Option<Account>,
    Path(month): Path<Month>,
) -> Result<Response, Error> {
    let Some(caller) = caller else { return Ok(Redirect::to("/login?next=/figures").into_response()) };
    caller.must_operate("see the figures")?;
    let mut db = finance.db.snapshot().await?;
    let rows = rows(&mut db, month).await?;
    drop(db);
    let content = html! {
        h1 { "What " (month) " is made of" }
        p { a href="/figures" { "All months" } }
        h2 { "Accounts" }
        div.card.scroll {
            table {
                thead { tr { th { "Account" } th { "Tier" } th { "Change" } th.number { "Before" } th.number { "Now" } th.number { "Invoice" } } }
                tbody {
                    @for row in &rows.accounts {
                        tr {
                            td { (row.account) } td { (row.tier) } td { (row.change) } td.number { (row.before) } td.number { (row.now) }
                            td.number { a href=(format!("/api/v1/invoices/{}/page", row.invoice)) { (row.invoice) } }
                        }
                    }
                }
            }
        }
        h2 { "Postings to revenue and expenses" }
        div.card.scroll {
            table {
                thead { tr { th { "Account of the ledger" } th.number { "Posted" } th.number { "In the figures" } } }
                tbody {
                    @for row in &rows.postings {
                        tr { td { (row.account) } td.number { (row.posted) } td.number { (row.converted) } }
                    }
                }
            }
        }
    };
    Ok(layout::page(&format!("Figures of {month}"), Some(&caller), content).into_response())
}
