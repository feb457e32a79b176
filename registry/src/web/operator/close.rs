//! The close of months: which are over and open, what to look at before one is closed, and the close itself, which is for ever.

use axum::extract::State;
use axum::response::{IntoResponse as _, Redirect, Response};
use chandlery_edge::Path;
use chandlery_money::books::{self, invariants};
use chandlery_money::{Finance, ledger, payouts, rails};
use chandlery_package::Month;
use chandlery_package::wire::{BooksCheck, ClosedMonth, Paging, SetAside};
use chandlery_pages::{Column, Link, Tone, badge, crumbs, empty, minute, signed, table};
use maud::{Markup, html};

use super::asking::{confirm, why_not};
use crate::console::{self, BANK, CLOSE, Operator, PAYOUTS};
use crate::error::Error;
use crate::shell::shown_again;
use crate::web::customer::frame::fault;

/// How much of what was set aside is shown.
const ASIDE_SHOWN: u32 = 100;

/// The path of the page on which a month is closed.
pub(super) fn path(month: Month) -> String {
    format!("{CLOSE}/{month}")
}

/// The page `/operator/close`.
pub(super) async fn page(State(finance): State<Finance>, operator: Operator) -> Result<Markup, Error> {
    let due = books::due(&finance.db, finance.clock.now()).await?;
    let mut db = finance.db.snapshot().await?;
    let closed = ledger::closed_months(&mut db).await?;
    let aside = books::set_aside(&mut db, &Paging::first(ASIDE_SHOWN)).await?;
    drop(db);
    let content = html! {
        h1 { "Close of months" }
        (months(&due))
        @if !aside.items.is_empty() { h2 { "Set aside" } (set_aside(&aside.items)) }
        h2 { "Closed" }
        (all_closed(&closed))
    };
    Ok(console::page(&operator, "Close of months", CLOSE, &content))
}

fn months(due: &[Month]) -> Markup {
    html! {
        @match due {
            [] => { (empty("No month waits to be closed.", &html! { "A month can be closed once it is over, in UTC." })) }
            [first, later @ ..] => {
                p { a.button href=(path(*first)) { "Look at " (first) " and close it" } }
                @if !later.is_empty() {
                    p.note { "Then, in their order: " @for month in later { (month) " " } }
                }
            }
        }
    }
}

fn set_aside(aside: &[SetAside]) -> Markup {
    let columns = [
        Column::Text("Month"),
        Column::Text("Customer"),
        Column::Text("Plugin"),
        Column::Text("Why"),
        Column::Text("Since"),
    ];
    let row = |one: &SetAside| {
        vec![
            html! { (one.month) },
            html! { a href=(super::customers::path(&one.account)) { (one.account) } },
            html! { @match &one.plugin { Some(plugin) => (plugin), None => "all of it" } },
            html! { (one.reason) },
            minute(one.since),
        ]
    };
    html! {
        p.note { "What a close could not charge keeps no month open: each later close takes it up again." }
        (table("Set aside", &columns, &aside.iter().map(row).collect::<Vec<_>>()))
    }
}

fn all_closed(closed: &[ClosedMonth]) -> Markup {
    let columns = [
        Column::Text("Month"),
        Column::Text("Closed"),
        Column::Text("Digest of its balances"),
        Column::Number("Last transaction"),
    ];
    let row = |month: &ClosedMonth| {
        vec![
            html! { (month.month) },
            html! { (minute(month.closed_at)) " by " (month.closed_by) },
            html! { code { (month.balances_digest) } },
            html! { (signed(month.last)) },
        ]
    };
    table("Closed", &columns, &closed.iter().map(row).collect::<Vec<_>>())
}

/// Something to look at before a month is closed.
struct Point {
    what: Markup,
    /// Whether it is as it should be.
    is_so: bool,
    /// Whether a month is closed all the same.
    may_wait: bool,
}

impl Point {
    fn shown(&self) -> Markup {
        let mark = match (self.is_so, self.may_wait) {
            (true, _) => badge(Tone::Good, "done"),
            (false, true) => badge(Tone::Warning, "look at it"),
            (false, false) => badge(Tone::Bad, "blocks"),
        };
        html! { li { (mark) " " (self.what) } }
    }
}

/// What there is to look at.
struct Checklist {
    refused: Option<String>,
    books: BooksCheck,
    lines: i64,
    proposed: i64,
}

impl Checklist {
    async fn of(finance: &Finance, month: Month) -> Result<Self, Error> {
        let refused = match books::must_be_due(&finance.db, month, finance.clock.now()).await {
            Ok(()) => None,
            Err(error) => Some(why_not(error)?),
        };
        let mut db = finance.db.snapshot().await?;
        Ok(Self {
            refused,
            books: invariants::check(&mut db).await?,
            lines: rails::count_open_lines(&mut db).await?,
            proposed: payouts::count_proposed(&mut db).await?,
        })
    }

    fn points(&self) -> Vec<Point> {
        let faults = &self.books.faults;
        let due = match &self.refused {
            None => html! { "It is over, and every month before it is closed." },
            Some(why) => html! { (why) "." },
        };
        let balance = html! {
            @if faults.is_empty() { "The books balance: " (signed(self.books.transactions)) " transactions." }
            @else { "The books do not balance:" ul { @for fault in faults { li { (fault) } } } }
        };
        let lines = html! {
            a href=(BANK) { "Lines of the bank that are open" } ": " (signed(self.lines))
            ". What they are for is dated when it is said."
        };
        let proposed = html! {
            a href=(PAYOUTS) { "Payouts that wait for approval" } ": " (signed(self.proposed)) ". They leave after it."
        };
        let aside = html! { "Set aside by earlier closes, and taken up again by this one: " (self.books.set_aside.len()) "." };
        [
            (due, self.refused.is_none(), false),
            (balance, faults.is_empty(), true),
            (lines, self.lines == 0, true),
            (proposed, self.proposed == 0, true),
            (aside, self.books.set_aside.is_empty(), true),
        ]
        .map(|(what, is_so, may_wait)| Point { what, is_so, may_wait })
        .into()
    }
}

/// The page `/operator/close/{month}`.
pub(super) async fn month(
    State(finance): State<Finance>,
    operator: Operator,
    Path(month): Path<Month>,
) -> Result<Markup, Error> {
    let list = Checklist::of(&finance, month).await?;
    Ok(shown(&operator, month, &list, None))
}

fn shown(operator: &Operator, month: Month, list: &Checklist, wrong: Option<&str>) -> Markup {
    let title = format!("Close {month}");
    let content = html! {
        (crumbs(&[Link { path: CLOSE, name: "Close of months" }], &month.to_string()))
        h1 { (title) }
        (fault(wrong))
        ul.steps { @for point in list.points() { (point.shown()) } }
        @if list.refused.is_none() {
            p.actions { a href=(format!("{}/trial", path(month))) { "See what closing it would do" } }
            p {
                "Use is charged and invoiced, every partner gets its statement, and nothing is posted in " (month) " any more. It cannot be \
                 opened again."
            }
            (confirm(&path(month), &[], &title))
        }
        p { a href=(CLOSE) { "Cancel" } }
    };
    console::page(operator, &title, CLOSE, &content)
}

/// Closes a month, once.
pub(super) async fn close(
    State(finance): State<Finance>,
    operator: Operator,
    Path(month): Path<Month>,
) -> Result<Response, Error> {
    let (db, hold_days, now) = (&finance.db, finance.hold_days, finance.clock.now());
    match books::close(db, &operator.actor, hold_days, month, &operator.name, now).await {
        Ok(_) => Ok(Redirect::to(CLOSE).into_response()),
        Err(error) => {
            let list = Checklist::of(&finance, month).await?;
            shown_again(error, |wrong| shown(&operator, month, &list, Some(wrong)))
        }
    }
}
