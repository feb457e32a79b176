//! The operator's pages: the figures that investors ask for, what each means and is meant to be, and what a month's are made of.

use axum::extract::State;
use chandlery_pages::{Column, table};
use maud::{Markup, html};

use super::chart;
use crate::console::{self, FIGURES, Operator};
use crate::error::Error;
use chandlery_edge::Path;
use chandlery_money::Finance;
use chandlery_money::figures::{figures, meaning, rows};
use chandlery_package::wire::{
    AccountRow, Figure, Figures, MonthFigures, PostingRow, Ratio, RefundRow, Segment, SoldRow,
};
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
    let columns = [
        Column::Text("Month"),
        Column::Number("MRR"),
        Column::Number("New"),
        Column::Number("Expansion"),
        Column::Number("Contraction"),
        Column::Number("Churn"),
        Column::Number("Accounts"),
        Column::Number("NRR"),
        Column::Number("GRR"),
        Column::Number("Margin"),
    ];
    let row = |month: &MonthFigures| {
        vec![
            html! { a href=(format!("/figures/{}", month.month)) { (named(month)) } },
            html! { (money(month.mrr)) },
            html! { (money(month.new)) },
            html! { (money(month.expansion)) },
            html! { (taken(month.contraction)) },
            html! { (taken(month.churn)) },
            html! { (month.accounts) },
            html! { (percent(month.nrr)) },
            html! { (percent(month.grr)) },
            html! { (percent(month.gross_margin)) },
        ]
    };
    html! {
        h2 { "By month" }
        div.card.scroll role="region" aria-label="MRR by month, as a chart" tabindex="0" {
            (chart::bars(&shown, "MRR by month; the table below has the figures"))
        }
        (table("By month", &columns, &months.iter().rev().map(row).collect::<Vec<_>>()))
        p { a href="/figures/cohorts" { "Customers by the month of their first payment" } }
    }
}

/// Every figure of a month, what it is meant to be, and what it means.
fn by_figure(found: &Figures, month: &MonthFigures) -> Markup {
    let shown: Vec<&MonthFigures> =
        [month].into_iter().chain(found.months.last().filter(|last| last.month != month.month)).collect();
    let names: Vec<String> = shown.iter().map(|month| named(month)).collect();
    let mut columns = vec![Column::Text("Figure")];
    columns.extend(names.iter().map(|name| Column::Number(name)));
    columns.extend([Column::Number("Target"), Column::Number("Difference"), Column::Text("What it means")]);
    let row = |figure: Figure| {
        let target = found.compared(month, figure);
        let difference = target.as_ref().and_then(|row| row.difference.as_ref());
        let mut cells = vec![html! { (figure.title()) }];
        cells.extend(shown.iter().map(|month| cell(month, figure)));
        cells.extend([
            html! { @if let Some(row) = &target { (row.target) } },
            html! { @if let Some(difference) = difference { (difference) } },
            html! { div.words { (meaning(figure)) } },
        ]);
        cells
    };
    html! {
        h2 { "All figures of " (named(month)) }
        (table("All figures", &columns, &Figure::ALL.map(row)))
    }
}

fn cell(month: &MonthFigures, figure: Figure) -> Markup {
    html! {
        @match month.value(figure) {
            Some(value) => { (value) }
            None => { span.none { (month.shown(figure)) } }
        }
    }
}

fn by_segment(latest: &MonthFigures) -> Markup {
    let columns = [
        Column::Text("Tier"),
        Column::Number("Accounts"),
        Column::Number("MRR"),
        Column::Number("Won"),
        Column::Number("Lost"),
        Column::Number("CAC"),
        Column::Number("LTV"),
        Column::Number("LTV/CAC"),
    ];
    let row = |segment: &Segment| {
        vec![
            html! { (segment.tier) },
            html! { (segment.accounts) },
            html! { (money(segment.mrr)) },
            html! { (segment.won) },
            html! { (segment.lost) },
            html! { (money(segment.cac)) },
            html! { (money(segment.ltv)) },
            html! { (times(segment.ltv_to_cac)) },
        ]
    };
    html! {
        h2 { "By segment, " (named(latest)) }
        (table("By segment", &columns, &latest.segments.iter().map(row).collect::<Vec<_>>()))
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
        (accounts(&rows.accounts))
        h2 { "Postings to revenue and expenses" }
        (postings("Postings", &rows.postings))
        h2 { "Sales, by seller" }
        (sales(&rows.sales))
        h2 { "Credit notes" }
        (credit_notes(&rows.refunds))
        h2 { "Taken back by customers' banks for good" }
        (postings("Postings of chargebacks", &rows.chargebacks))
    };
    Ok(console::page(&operator, &format!("Figures of {month}"), FIGURES, &content))
}

fn accounts(rows: &[AccountRow]) -> Markup {
    let columns = [
        Column::Text("Account"),
        Column::Text("Tier"),
        Column::Text("Change"),
        Column::Number("Before"),
        Column::Number("Now"),
        Column::Number("Invoice"),
    ];
    let row = |row: &AccountRow| {
        vec![
            html! { (row.account) },
            html! { (row.tier) },
            html! { @if let Some(change) = row.change { (change) } @else { "no exchange rate" } },
            html! { (money(row.before)) },
            html! { (money(row.now)) },
            invoice(row.invoice),
        ]
    };
    table("Accounts", &columns, &rows.iter().map(row).collect::<Vec<_>>())
}

fn sales(rows: &[SoldRow]) -> Markup {
    let columns = [
        Column::Text("Seller"),
        Column::Text("Of"),
        Column::Number("Sales"),
        Column::Number("Gross"),
        Column::Number("In GMV"),
        Column::Number("Kept"),
    ];
    let row = |row: &SoldRow| {
        vec![
            html! { (row.seller) },
            html! { @if row.services { "services" } @else { "plugins" } },
            html! { (row.sales) },
            html! { (money(Some(row.gross))) },
            html! { (money(row.converted)) },
            html! { (money(row.kept_converted)) },
        ]
    };
    table("Sales, by seller", &columns, &rows.iter().map(row).collect::<Vec<_>>())
}

fn credit_notes(rows: &[RefundRow]) -> Markup {
    let columns = [
        Column::Text("Credit note"),
        Column::Number("Invoice"),
        Column::Number("Given back"),
        Column::Number("In the figures"),
    ];
    let row = |row: &RefundRow| {
        vec![
            html! { (row.credit_note) },
            html! { @if let Some(number) = row.invoice { (invoice(number)) } },
            html! { (money(Some(row.amount))) },
            html! { (money(row.converted)) },
        ]
    };
    table("Credit notes", &columns, &rows.iter().map(row).collect::<Vec<_>>())
}

fn invoice(number: i64) -> Markup {
    html! { a href=(format!("/api/v1/invoices/{number}/page")) { (number) } }
}

fn postings(label: &str, rows: &[PostingRow]) -> Markup {
    let columns =
        [Column::Text("Account of the ledger"), Column::Number("Posted"), Column::Number("In the figures")];
    let row = |row: &PostingRow| {
        vec![
            html! { code { (row.account) } },
            html! { (money(Some(row.posted))) },
            html! { (money(row.converted)) },
        ]
    };
    table(label, &columns, &rows.iter().map(row).collect::<Vec<_>>())
}
