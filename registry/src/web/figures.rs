//! The operator's pages: the figures that investors ask for, what each means and is meant to be, and what a month's are made of.

use axum::extract::State;
use maud::{Markup, html};

use super::chart;
use crate::console::{self, FIGURES, Operator};
use crate::error::Error;
use chandlery_edge::Path;
use chandlery_money::Finance;
use chandlery_money::figures::{figures, meaning, rows};
use chandlery_package::wire::{Figure, Figures, MonthFigures, PostingRow, Ratio};
use chandlery_package::{Balance, Month};

/// `/figures`: the latest month that is over, the one that is not, all months, and what each figure means; for operators.
pub(super) async fn page(State(finance): State<Finance>, operator: Operator) -> Result<Markup, Error> {
    let mut db = finance.db.snapshot().await?;
    let found = figures(&mut db, finance.clock.now()).await?;
    drop(db);
    // A month that is not over has earned a part of what it will.
    let over = found.months.iter().rev().find(|month| month.to_date.is_none());
    let content = html! {
        h1 { "Figures" }
        @match over.or(found.months.last()) {
            None => p { "Nothing has happened yet. Figures appear with the first invoice or sale." },
            Some(latest) => {
                (cards(latest))
                (by_month(&found.months))
                (by_figure(&found, latest))
                (by_segment(latest))
            }
        }
    };
    Ok(console::page(&operator, "Figures", FIGURES, &content))
}

fn percent(ratio: Option<Ratio>) -> String {
    ratio.map_or("—".into(), Ratio::percent)
}

fn times(ratio: Option<Ratio>) -> String {
    ratio.map_or("—".into(), Ratio::times)
}

fn money(money: Option<Balance>) -> String {
    money.map_or("—".into(), chandlery_pages::money)
}

/// A month's name, and that it is not over.
fn named(month: &MonthFigures) -> String {
    match month.to_date {
        Some(now) => format!("{} to date ({})", month.month, now.strftime("%Y-%m-%d")),
        None => month.month.to_string(),
    }
}

fn cards(latest: &MonthFigures) -> Markup {
    html! {
        dl.cards {
            div.card { dt { "MRR" } dd data-figure="mrr" { (money(latest.mrr)) } dd.note { (latest.accounts) @if latest.accounts == 1 { " account" } @else { " accounts" } ", at the end of " (named(latest)) } }
            div.card { dt { "ARR" } dd data-figure="arr" { (money(latest.arr)) } dd.note { "12 × MRR" } }
            div.card { dt { "NRR" } dd data-figure="nrr" { (percent(latest.nrr)) } dd.note { "of those of 12 months ago" } }
            div.card { dt { "GMV" } dd data-figure="gmv" { (money(latest.gmv)) } dd.note { (percent(latest.take_rate)) " of it kept" } }
            div.card { dt { "Gross margin" } dd data-figure="margin" { (percent(latest.gross_margin)) } dd.note { "of " (money(latest.plans)) " from plans and " (money(latest.commission)) " from sales in " (named(latest)) } }
            div.card { dt { "Magic number" } dd data-figure="magic" { (times(latest.magic_number)) } dd.note { "growth by what was spent for it" } }
            div.card { dt { "Activation" } dd data-figure="activation" { (percent(latest.activation_30)) } dd.note { "of " (latest.sign_ups) @if latest.sign_ups == 1 { " sign-up has deployed" } @else { " sign-ups have deployed" } " within 30 days" } }
        }
    }
}

fn by_month(months: &[MonthFigures]) -> Markup {
    let shown: Vec<_> = months.iter().filter_map(|month| Some((month.month, month.mrr?))).collect();
    let taken = |amount: Option<Balance>| money(amount.map(Balance::negated));
    html! {
        h2 { "By month" }
        div.card.scroll role="region" aria-label="By month" tabindex="0" {
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
                            td { a href=(format!("/figures/{}", month.month)) { (named(month)) } }
                            td.number { (money(month.mrr)) } td.number { (money(month.new)) } td.number { (money(month.expansion)) }
                            td.number { (taken(month.contraction)) } td.number { (taken(month.churn)) }
                            td.number { (month.accounts) } td.number { (percent(month.nrr)) } td.number { (percent(month.grr)) }
                            td.number { (percent(month.gross_margin)) }
                        }
                    }
                }
            }
            p { a href="/figures/cohorts" { "Customers by the month of their first payment" } }
        }
    }
}

/// Every figure of a month, what it is meant to be, and what it means.
fn by_figure(found: &Figures, month: &MonthFigures) -> Markup {
    let current = found.months.last().filter(|last| last.month != month.month);
    html! {
        h2 { "All figures of " (named(month)) }
        div.card.scroll role="region" aria-label="All figures" tabindex="0" {
            table {
                thead {
                    tr {
                        th { "Figure" } th.number { (named(month)) }
                        @if let Some(current) = current { th.number { (named(current)) } }
                        th.number { "Target" } th.number { "Difference" } th { "What it means" }
                    }
                }
                tbody {
                    @for figure in Figure::ALL {
                        @let target = found.compared(month, figure);
                        tr {
                            td { (figure.title()) } (cell(month, figure))
                            @if let Some(current) = current { (cell(current, figure)) }
                            td.number { @if let Some(row) = &target { (row.target) } }
                            td.number { @if let Some(difference) = target.as_ref().and_then(|row| row.difference) { (difference) } }
                            td { div.words { (meaning(figure)) } }
                        }
                    }
                }
            }
        }
    }
}

fn cell(month: &MonthFigures, figure: Figure) -> Markup {
    html! {
        @match month.value(figure) {
            Some(value) => td.number { (value) },
            None => td.none { (month.shown(figure)) },
        }
    }
}

fn by_segment(latest: &MonthFigures) -> Markup {
    html! {
        h2 { "By segment, " (named(latest)) }
        div.card.scroll role="region" aria-label="By segment" tabindex="0" {
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
                            td { (segment.tier) } td.number { (segment.accounts) } td.number { (money(segment.mrr)) }
                            td.number { (segment.won) } td.number { (segment.lost) } td.number { (money(segment.cac)) }
                            td.number { (money(segment.ltv)) } td.number { (times(segment.ltv_to_cac)) }
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
    operator: Operator,
    Path(month): Path<Month>,
) -> Result<Markup, Error> {
    let mut db = finance.db.snapshot().await?;
    let rows = rows(&mut db, month, finance.clock.now()).await?;
    drop(db);
    let content = html! {
        h1 { "What " (month) " is made of" }
        p {
            @if let Some(now) = rows.to_date { "To date: until " (now.strftime("%Y-%m-%d").to_string()) ". " }
            a href="/figures" { "All months" }
        }
        h2 { "Accounts" }
        div.card.scroll role="region" aria-label="Accounts" tabindex="0" {
            table {
                thead { tr { th { "Account" } th { "Tier" } th { "Change" } th.number { "Before" } th.number { "Now" } th.number { "Invoice" } } }
                tbody {
                    @if rows.accounts.is_empty() { (none(6)) }
                    @for row in &rows.accounts {
                        tr {
                            td { (row.account) } td { (row.tier) }
                            td { @if let Some(change) = row.change { (change) } @else { "no exchange rate" } }
                            td.number { (money(row.before)) } td.number { (money(row.now)) }
                            td.number { a href=(format!("/api/v1/invoices/{}/page", row.invoice)) { (row.invoice) } }
                        }
                    }
                }
            }
        }
        h2 { "Postings to revenue and expenses" }
        (postings("Postings", &rows.postings))
        h2 { "Sales, by seller" }
        div.card.scroll role="region" aria-label="Sales, by seller" tabindex="0" {
            table {
                thead { tr { th { "Seller" } th { "Of" } th.number { "Sales" } th.number { "Gross" } th.number { "In GMV" } th.number { "Kept" } } }
                tbody {
                    @if rows.sales.is_empty() { (none(6)) }
                    @for row in &rows.sales {
                        tr {
                            td { (row.seller) } td { @if row.services { "services" } @else { "plugins" } } td.number { (row.sales) }
                            td.number { (money(Some(row.gross))) } td.number { (money(row.converted)) } td.number { (money(row.kept_converted)) }
                        }
                    }
                }
            }
        }
        h2 { "Credit notes" }
        div.card.scroll role="region" aria-label="Credit notes" tabindex="0" {
            table {
                thead { tr { th { "Credit note" } th.number { "Invoice" } th.number { "Given back" } th.number { "In the figures" } } }
                tbody {
                    @if rows.refunds.is_empty() { (none(4)) }
                    @for row in &rows.refunds {
                        tr {
                            td { (row.credit_note) }
                            td.number { @if let Some(invoice) = row.invoice { a href=(format!("/api/v1/invoices/{invoice}/page")) { (invoice) } } }
                            td.number { (money(Some(row.amount))) } td.number { (money(row.converted)) }
                        }
                    }
                }
            }
        }
        h2 { "Taken back by customers' banks for good" }
        (postings("Postings of chargebacks", &rows.chargebacks))
    };
    Ok(console::page(&operator, &format!("Figures of {month}"), FIGURES, &content))
}

fn postings(label: &str, rows: &[PostingRow]) -> Markup {
    html! {
        div.card.scroll role="region" aria-label=(label) tabindex="0" {
            table {
                thead { tr { th { "Account of the ledger" } th.number { "Posted" } th.number { "In the figures" } } }
                tbody {
                    @if rows.is_empty() { (none(3)) }
                    @for row in rows {
                        tr { td { code { (row.account) } } td.number { (money(Some(row.posted))) } td.number { (money(row.converted)) } }
                    }
                }
            }
        }
    }
}

/// The row of a table that has no others.
fn none(columns: usize) -> Markup {
    html! { tr { td colspan=(columns) { "None." } } }
}
