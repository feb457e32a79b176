//! Who buys: by country and by plan, what became of trials and contracts, and why money went back.

use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use chandlery_accounts::Account;
use chandlery_edge::{Path, Query};
use chandlery_money::Finance;
use chandlery_money::partners::{self, Audience, By, Contracts, audience_csv, contracts_csv};
use chandlery_package::{Balance, Namespace};
use chandlery_pages::{Column, money, number, signed, table};
use maud::{Markup, html};
use serde::Deserialize;

use super::asked::{Asked, View, file};
use super::earned::sold;
use crate::error::Error;
use crate::shell::LogIn;

const PAGE: &str = "/customers";

/// The page `/dashboard/{partner}/customers`.
pub(in crate::web) async fn page(
    State(finance): State<Finance>,
    caller: Option<Account>,
    log_in: LogIn,
    Path(partner): Path<Namespace>,
    Query(asked): Query<Asked>,
) -> Result<Response, Error> {
    let Some(caller) = caller else { return Ok(log_in.then(&format!("/dashboard/{partner}"))) };
    caller.must_see(&finance.db, &partner).await?;
    let mut db = finance.db.snapshot().await?;
    let view = View::read(&mut db, &finance, partner, &asked).await?;
    let View { partner, range, currency, .. } = &view;
    let audiences = partners::audiences(&mut db, partner, *currency, range).await?;
    let contracts = partners::contracts(&mut db, partner, range, finance.clock.now()).await?;
    let reasons = partners::reasons(&mut db, partner, *currency, range).await?;
    drop(db);
    let content = html! {
        (view.form(PAGE, &[]))
        (groups(&view, "By country", "Country", By::Country, &audiences.countries)?)
        (groups(&view, "By segment", "Plan", By::Segment, &audiences.segments)?)
        div.above { h2 { "Trials and contracts" } (view.csv("/contracts.csv")) }
        (trials(&contracts))
        h2 { "Why money went back" }
        (why(&reasons))
    };
    Ok(view.page(&caller, PAGE, &content))
}

#[derive(Deserialize)]
pub(in crate::web) struct Grouped {
    #[serde(default)]
    by: By,
}

/// The table `/dashboard/{partner}/customers.csv`.
pub(in crate::web) async fn csv(
    State(finance): State<Finance>,
    caller: Account,
    Path(partner): Path<Namespace>,
    Query(asked): Query<Asked>,
    Query(grouped): Query<Grouped>,
) -> Result<Response, Error> {
    caller.must_see(&finance.db, &partner).await?;
    let mut db = finance.db.snapshot().await?;
    let view = View::read(&mut db, &finance, partner, &asked).await?;
    let found = partners::audiences(&mut db, &view.partner, view.currency, &view.range).await?;
    let by = grouped.by;
    Ok((file("customers"), audience_csv(by.as_str(), view.currency, &found.by(by))?).into_response())
}

/// The table `/dashboard/{partner}/contracts.csv`.
pub(in crate::web) async fn contracts_table(
    State(finance): State<Finance>,
    caller: Account,
    Path(partner): Path<Namespace>,
    Query(asked): Query<Asked>,
) -> Result<Response, Error> {
    caller.must_see(&finance.db, &partner).await?;
    let mut db = finance.db.snapshot().await?;
    let view = View::read(&mut db, &finance, partner, &asked).await?;
    let found = partners::contracts(&mut db, &view.partner, &view.range, finance.clock.now()).await?;
    Ok((file("contracts"), contracts_csv(&found)?).into_response())
}

fn groups(view: &View, title: &str, name: &str, by: By, found: &[Audience]) -> Result<Markup, Error> {
    let mut rows = Vec::new();
    for group in found {
        let names = vec![html! { (group.name) }, html! { (signed(group.customers)) }];
        rows.push([names, sold(view, &group.sold)?].concat());
    }
    let columns = [
        Column::Text(name),
        Column::Number("Customers"),
        Column::Number("Sales"),
        Column::Number("Customers pay"),
        Column::Number("Your share"),
    ];
    let path = format!("{}&by={by}", view.path("/customers.csv"));
    Ok(html! {
        div.above { h2 { (title) } a href=(path) { "Download as CSV" } }
        (table(title, &columns, &rows))
    })
}

/// A part of a whole in percent.
fn of(part: u64, whole: u64) -> String {
    match whole {
        0 => "none".into(),
        _ => format!("{}.{} %", part * 100 / whole, part * 1000 / whole % 10),
    }
}

fn trials(found: &Contracts) -> Markup {
    let ended_of = format!("{} of those at the beginning", of(found.churned, found.at_begin));
    let rows = [
        ("Contracts at the beginning", found.at_begin, String::new()),
        ("Contracts that were made", found.made, String::new()),
        ("Contracts that ended, and were not replaced", found.ended, ended_of),
        ("Contracts at the end", found.at_end, String::new()),
        ("Trials that began", found.trials, String::new()),
        ("Trials that became paid ones", found.trials_paid, of(found.trials_paid, found.trials)),
        ("Trials that are not over", found.trials_running, of(found.trials_running, found.trials)),
        (
            "Trials that are over and not invoiced yet",
            found.trials_open(),
            of(found.trials_open(), found.trials),
        ),
        ("Trials that ended without a sale", found.trials_ended, of(found.trials_ended, found.trials)),
    ];
    let rows =
        rows.map(|(what, count, share)| vec![html! { (what) }, html! { (number(count)) }, html! { (share) }]);
    let columns = [Column::Text("What"), Column::Number("Count"), Column::Text("Share")];
    html! {
        (table("Trials and contracts", &columns, &rows))
        p.note { "Of what is paid by the month or by use: what is paid once has no end." }
    }
}

fn why(reasons: &[(String, i64, Balance)]) -> Markup {
    let cells = |(reason, notes, share): &(String, i64, Balance)| {
        let reason = if reason.is_empty() { "no reason was written" } else { reason };
        vec![html! { (reason) }, html! { (signed(*notes)) }, html! { (money(*share)) }]
    };
    let columns = [Column::Text("Reason"), Column::Number("Credit notes"), Column::Number("Your earnings")];
    table("Why money went back", &columns, &reasons.iter().map(cells).collect::<Vec<_>>())
}
