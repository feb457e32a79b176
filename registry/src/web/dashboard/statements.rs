//! Monthly statements as the transparency log has them, each as a page that prints and as a table.

use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use chandlery_accounts::Account;
use chandlery_edge::{Path, Query};
use chandlery_money::Finance;
use chandlery_money::partners::statement_csv;
use chandlery_money::payouts::{self, StatementHead, StatementKey};
use chandlery_package::wire::{Held, Paging, PublishedStatement, StatementLine};
use chandlery_package::{Balance, Currency, Digest, Month, Namespace};
use chandlery_pages::{Column, Link, crumbs, facts, minute, money, next_page, number, table};
use maud::{Markup, html};
use sqlx::AnyConnection;

use super::asked::{Asked, View, after, file};
use crate::error::Error;
use crate::shell::LogIn;

const PAGE: &str = "/statements";
/// How many statements a page has: each may have many changes.
const SHOWN: u32 = 12;
/// How many changes of a statement its page has: its table has all.
const CHANGES_SHOWN: usize = 500;

/// The page `/dashboard/{partner}/statements`.
pub(in crate::web) async fn list(
    State(finance): State<Finance>,
    caller: Option<Account>,
    log_in: LogIn,
    Path(partner): Path<Namespace>,
    Query(asked): Query<Asked>,
    Query(paging): Query<Paging<StatementKey>>,
) -> Result<Response, Error> {
    let Some(caller) = caller else { return Ok(log_in.then(&format!("/dashboard/{partner}"))) };
    caller.must_see(&finance.db, &partner).await?;
    let mut db = finance.db.snapshot().await?;
    let view = View::read(&mut db, &finance, partner, &asked).await?;
    let paging = match paging.after() {
        None => Paging::first(SHOWN),
        Some(_) => paging,
    };
    let found = payouts::statement_heads(&mut db, &view.partner, &paging).await?;
    drop(db);
    let columns = [
        Column::Text("Month"),
        Column::Text("Currency"),
        Column::Number("Changes"),
        Column::Text("At its end"),
        Column::Number("Log entry"),
        Column::Text("Digest"),
        Column::Text("Table"),
    ];
    let rows: Vec<Vec<Markup>> = found.items.iter().map(|head| cells(&view, head)).collect();
    let next = after(&format!("{}&limit={SHOWN}", view.path(PAGE)), found.next.as_deref());
    let content = html! {
        h2 { "Statements" }
        (table("Statements", &columns, &rows))
        (next_page(next.as_deref()))
    };
    Ok(view.page(&caller, PAGE, &content))
}

/// The address of one statement: of its page or, with `.csv`, of its table.
fn path(view: &View, month: Month, currency: Currency, form: &str) -> String {
    format!("/dashboard/{}/statements/{month}{form}?currency={currency}", view.partner)
}

fn cells(view: &View, head: &StatementHead) -> Vec<Markup> {
    let (month, currency) = (head.month, head.currency);
    vec![
        html! { a href=(path(view, month, currency, "")) { (month) } },
        html! { (currency) },
        html! { (number(head.lines as u64)) },
        held(&head.closing, currency),
        html! { (head.log_index) },
        html! { code { (short(&head.digest)) "…" } },
        html! { a href=(path(view, month, currency, "/table.csv")) { "CSV" } },
    ]
}

/// What accounts held, as people write it.
fn held(held: &Held, currency: Currency) -> Markup {
    html! {
        @if held.is_empty() { "nothing" }
        @for (account, minor) in held { div { (account) " " span.number { (written(*minor, currency)) } } }
    }
}

fn written(minor: i64, currency: Currency) -> String {
    Balance::new(minor, currency).map_or_else(|error| error.to_string(), money)
}

/// The first letters of a digest.
fn short(digest: &Digest) -> String {
    digest.to_string().chars().take(19).collect()
}

async fn find(db: &mut AnyConnection, view: &View, month: Month) -> Result<PublishedStatement, Error> {
    let paging = Paging::first(Currency::ALL.len() as u32);
    let found = payouts::statements(db, &view.partner, Some(month), &paging).await?;
    let is_wanted = |published: &PublishedStatement| published.statement.currency == view.currency;
    let none = || {
        let what = format!("statement of {month} in {} for '{}'", view.currency, view.partner);
        Error::from(chandlery_money::Error::NotFound(what))
    };
    found.items.into_iter().find(is_wanted).ok_or_else(none)
}

/// The page `/dashboard/{partner}/statements/{month}`.
pub(in crate::web) async fn one(
    State(finance): State<Finance>,
    caller: Option<Account>,
    log_in: LogIn,
    Path((partner, month)): Path<(Namespace, Month)>,
    Query(asked): Query<Asked>,
) -> Result<Response, Error> {
    let Some(caller) = caller else { return Ok(log_in.then(&format!("/dashboard/{partner}"))) };
    caller.must_see(&finance.db, &partner).await?;
    let mut db = finance.db.snapshot().await?;
    let view = View::read(&mut db, &finance, partner, &asked).await?;
    let published = find(&mut db, &view, month).await?;
    drop(db);
    let (statement, above) = (&published.statement, view.path(PAGE));
    let (opening, closing) =
        (held(&statement.opening, view.currency), held(&statement.closing, view.currency));
    let lines = statement.lines.iter().take(CHANGES_SHOWN);
    let lines: Vec<Vec<Markup>> = lines.map(|line| line_cells(line, view.currency)).collect();
    let left_out = statement.lines.len() - lines.len();
    let columns = [
        Column::Text("Transaction"),
        Column::Text("Date"),
        Column::Text("Kind"),
        Column::Text("What"),
        Column::Text("Changes"),
    ];
    let content = html! {
        (crumbs(&[Link { path: &above, name: "Statements" }], &format!("{month}, {}", view.currency)))
        div.above {
            h2 { "Statement of " (month) }
            a href=(path(&view, month, view.currency, "/table.csv")) { "Download as CSV" }
        }
        div.card {
            (facts(&[
                ("At its beginning", opening),
                ("At its end", closing),
                ("Log entry", html! { (published.log_index) }),
                ("Digest", html! { code { (published.digest) } }),
            ]))
        }
        (table("Changes of the month", &columns, &lines))
        @if left_out > 0 { p { "The table as CSV has " (number(left_out as u64)) " more." } }
    };
    Ok(view.page(&caller, PAGE, &content))
}

fn line_cells(line: &StatementLine, currency: Currency) -> Vec<Markup> {
    vec![
        html! { (line.transaction) },
        minute(line.at),
        html! { (line.kind) },
        html! { (line.description) },
        held(&line.changes, currency),
    ]
}

/// The table `/dashboard/{partner}/statements/{month}/table.csv`.
pub(in crate::web) async fn csv(
    State(finance): State<Finance>,
    caller: Account,
    Path((partner, month)): Path<(Namespace, Month)>,
    Query(asked): Query<Asked>,
) -> Result<Response, Error> {
    caller.must_see(&finance.db, &partner).await?;
    let mut db = finance.db.snapshot().await?;
    let view = View::read(&mut db, &finance, partner, &asked).await?;
    let published = find(&mut db, &view, month).await?;
    Ok((file(&format!("statement-{month}-{}", view.currency)), statement_csv(&published)?).into_response())
}
