//! What closing a month would do: the invoices that it would issue, what each partner has of the month, and what is earned and spent in it.

use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use chandlery_edge::Path;
use chandlery_money::{Finance, trial};
use chandlery_package::Month;
use chandlery_package::wire::{MonthTrial, TrialInvoice, TrialInvoices, TrialPartner, TrialResult};
use chandlery_pages::{Column, Link, Tone, banner, crumbs, money, signed, table};
use maud::{Markup, html};

use super::close::path;
use crate::console::{self, CLOSE, Operator};
use crate::error::Error;
use crate::shell::shown_again;
use crate::web::customer::frame::fault;

/// How many invoices and partners are shown: the API has more of them.
const SHOWN: usize = 100;

/// The page `/operator/close/{month}/trial`.
pub(super) async fn page(
    State(finance): State<Finance>,
    operator: Operator,
    Path(month): Path<Month>,
) -> Result<Response, Error> {
    match trial::trial(&finance, &operator.actor, &operator.name, month).await {
        Ok(tried) => Ok(framed(&operator, month, &told(&tried)).into_response()),
        Err(error) => shown_again(error, |wrong| framed(&operator, month, &fault(Some(wrong)))),
    }
}

fn framed(operator: &Operator, month: Month, content: &Markup) -> Markup {
    let (own, title) = (path(month), format!("What closing {month} would do"));
    let above = month.to_string();
    let content = html! {
        (crumbs(&[Link { path: CLOSE, name: "Close of months" }, Link { path: &own, name: &above }], "Trial"))
        h1 { "What closing " time { (month) } " would do" }
        (content)
        p { a href=(own) { "Back to the close" } }
    };
    console::page(operator, &title, CLOSE, &content)
}

fn told(tried: &MonthTrial) -> Markup {
    html! {
        p { "It was closed, looked at, and taken back: nothing has changed. Whatever is booked before the month is closed is added." }
        @if !tried.left_out.is_empty() {
            (banner(Tone::Warning, &html! {
                "Could not be charged, and would be set aside:" ul { @for why in &tried.left_out { li { (why) } } }
            }))
        }
        h2 { "Invoices that would be issued" }
        (totals(&tried.invoiced))
        (invoices(&tried.invoices))
        (rest(tried.invoices.len(), tried.invoiced.iter().map(|of| of.count).sum(), "invoices"))
        h2 { "Statements that would be made" }
        (partners(&tried.partners))
        (rest(tried.partners.len(), tried.statements as i64, "statements"))
        h2 { "Earned and spent in the month" }
        (results(&tried.results))
    }
}

/// That more is not shown.
fn rest(known: usize, all: i64, what: &str) -> Markup {
    let shown = known.min(SHOWN) as i64;
    html! { @if shown < all { p.note { (signed(shown)) " of " (signed(all)) " " (what) " are shown." } } }
}

fn totals(invoiced: &[TrialInvoices]) -> Markup {
    let columns = [
        Column::Number("Invoices"),
        Column::Number("Net"),
        Column::Number("Tax"),
        Column::Number("Paid by credit"),
        Column::Number("Total"),
    ];
    let row = |of: &TrialInvoices| {
        vec![
            html! { span data-figure="invoices" { (signed(of.count)) } },
            html! { (money(of.net)) },
            html! { (money(of.tax)) },
            html! { (money(of.credit)) },
            html! { span data-figure="invoiced" { (money(of.total)) } },
        ]
    };
    html! {
        @if invoiced.is_empty() { p { "None." } }
        @else { (table("All invoices", &columns, &invoiced.iter().map(row).collect::<Vec<_>>())) }
    }
}

fn invoices(invoices: &[TrialInvoice]) -> Markup {
    let columns = [
        Column::Text("Invoice"),
        Column::Text("Customer"),
        Column::Number("Net"),
        Column::Number("Tax"),
        Column::Number("Paid by credit"),
        Column::Number("Total"),
    ];
    let row = |one: &TrialInvoice| {
        let mut cells = vec![
            html! { (one.number) },
            html! { a href=(super::customers::path(&one.customer)) { (one.customer) } },
        ];
        cells.extend([one.net, one.tax, one.credit, one.total].map(|amount| html! { (money(amount)) }));
        cells
    };
    let rows: Vec<Vec<Markup>> = invoices.iter().take(SHOWN).map(row).collect();
    html! { @if !rows.is_empty() { (table("Invoices", &columns, &rows)) } }
}

fn partners(partners: &[TrialPartner]) -> Markup {
    let columns = [
        Column::Text("Partner"),
        Column::Number("Sold"),
        Column::Number("Customers pay"),
        Column::Number("Share"),
        Column::Number("Net"),
        Column::Number("Had before"),
        Column::Number("Paid out"),
        Column::Number("Has then"),
    ];
    let row = |of: &TrialPartner| {
        let mut cells = vec![html! { a href=(format!("/dashboard/{}", of.partner)) { (of.partner) } }];
        let amounts = [
            ("gross", of.gross),
            ("paid", of.paid),
            ("share", of.share),
            ("net", of.net),
            ("opening", of.opening),
            ("paid-out", of.paid_out),
            ("closing", of.closing),
        ];
        let cell = |(figure, amount)| html! { span data-figure=(format!("{figure}-{}", of.partner)) { (money(amount)) } };
        cells.extend(amounts.map(cell));
        cells
    };
    let rows: Vec<Vec<Markup>> = partners.iter().take(SHOWN).map(row).collect();
    html! {
        @if rows.is_empty() { p { "None." } } @else {
            (table("Statements", &columns, &rows))
            p.note {
                "Net is the share less the tax that was withheld from the month's payouts. Paid out is what payouts of the month took, \
                 with that tax, less what came back. What a partner has is all of it: accrued, on hold, in reserve, available and \
                 disputed, less what it owes."
            }
        }
    }
}

fn results(results: &[TrialResult]) -> Markup {
    let columns = [Column::Text("Account"), Column::Number("So far"), Column::Number("With the close")];
    let row = |of: &TrialResult| {
        vec![
            html! { code { (of.account) } },
            html! { (money(of.before)) },
            html! { span data-figure=(of.account) { (money(of.after)) } },
        ]
    };
    html! {
        @if results.is_empty() { p { "Nothing." } }
        @else { (table("Earned and spent", &columns, &results.iter().map(row).collect::<Vec<_>>())) }
    }
}
