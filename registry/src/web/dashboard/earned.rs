//! What came of the sales of a time: from gross to net, by day or month, and by plugin.

use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use chandlery_accounts::Account;
use chandlery_edge::{Path, Query};
use chandlery_money::Finance;
use chandlery_money::partners::{self, Earned, Line, LineKind, Sold, plugins_csv, steps_csv, waterfall_csv};
use chandlery_package::{Balance, Currency, Namespace};
use chandlery_pages::chart::{self, Bar, Fall, Part};
use chandlery_pages::{Column, money, signed, table};
use maud::{Markup, html};

use super::asked::{Asked, View, file};
use crate::error::Error;

/// What a table is of.
#[derive(Debug, Clone, Copy)]
enum Table {
    Waterfall,
    Steps,
    Plugins,
}

async fn csv(
    finance: Finance,
    caller: Account,
    partner: Namespace,
    asked: Asked,
    wanted: Table,
) -> Result<Response, Error> {
    caller.must_see(&finance.db, &partner).await?;
    let mut db = finance.db.snapshot().await?;
    let view = View::read(&mut db, &finance, partner, &asked).await?;
    let earned = partners::earned(&mut db, &view.partner, view.currency, &view.range).await?;
    let (name, text) = match wanted {
        Table::Waterfall => {
            let lines = partners::waterfall(&mut db, &view.partner, &earned, &view.range).await?;
            ("gross-to-net", waterfall_csv(&lines)?)
        }
        Table::Steps => ("earnings", steps_csv(&earned)?),
        Table::Plugins => ("plugins", plugins_csv(&earned)?),
    };
    Ok((file(name), text).into_response())
}

/// The table `/dashboard/{partner}/gross-to-net.csv`.
pub(in crate::web) async fn waterfall_table(
    State(finance): State<Finance>,
    caller: Account,
    Path(partner): Path<Namespace>,
    Query(asked): Query<Asked>,
) -> Result<Response, Error> {
    csv(finance, caller, partner, asked, Table::Waterfall).await
}

/// The table `/dashboard/{partner}/earnings.csv`.
pub(in crate::web) async fn steps_table(
    State(finance): State<Finance>,
    caller: Account,
    Path(partner): Path<Namespace>,
    Query(asked): Query<Asked>,
) -> Result<Response, Error> {
    csv(finance, caller, partner, asked, Table::Steps).await
}

/// The table `/dashboard/{partner}/plugins.csv`.
pub(in crate::web) async fn plugins_table(
    State(finance): State<Finance>,
    caller: Account,
    Path(partner): Path<Namespace>,
    Query(asked): Query<Asked>,
) -> Result<Response, Error> {
    csv(finance, caller, partner, asked, Table::Plugins).await
}

/// Amounts as an axis has them: without cents where there are none.
fn on_axis(currency: Currency) -> impl Fn(i64) -> String {
    move |minor| {
        let text = Balance::new(minor, currency).map_or_else(|_| signed(minor), money);
        text.replace(".00 ", " ")
    }
}

/// From gross to net, as a table and as a chart.
pub(super) fn waterfall(view: &View, lines: &[Line]) -> Markup {
    let [now, before] = view.times();
    let shown = lines
        .iter()
        .filter(|line| line.kind == LineKind::Total || !line.now.is_zero() || !line.before.is_zero());
    let shown: Vec<&Line> = shown.collect();
    let falls: Vec<Fall> = shown
        .iter()
        .map(|line| Fall {
            name: line.name.into(),
            value: line.now.minor(),
            is_total: line.kind == LineKind::Total,
            title: format!("{}: {}", line.name, money(line.now)),
        })
        .collect();
    html! {
        div.above { h2 { "From gross to net" } (view.csv("/gross-to-net.csv")) }
        div.card.scroll role="region" aria-label="From gross to net" tabindex="0" {
            table {
                thead {
                    tr { th scope="col" { "Sales of the time" } th.number scope="col" { (now) } th.number scope="col" { (before) } }
                }
                tbody {
                    @for line in &shown {
                        tr class=[(line.kind == LineKind::Total).then_some("total")] {
                            td { (line.name) }
                            td.number data-line=(line.word) { (money(line.now)) }
                            td.number { (money(line.before)) }
                        }
                    }
                }
            }
        }
        div.card.scroll role="region" aria-label="From gross to net, as a chart" tabindex="0" {
            (chart::waterfall("From gross to net; the table has the figures", &falls, &on_axis(view.currency)))
        }
        p.note {
            "Sales count on the day that they were made, with what was taken back of them until now. "
            "Tax withheld is that of the payouts that were approved in the time."
        }
    }
}

/// What stands below a bar: a month, or a day without its year, which leaves room for it.
fn below(step: &str) -> String {
    let day = step.split_once('-').filter(|(_, rest)| rest.contains('-'));
    day.map_or(step, |(_, day)| day).to_owned()
}

/// By day or month, as a chart and as a table.
pub(super) fn steps(view: &View, earned: &Earned) -> Result<Markup, Error> {
    let mut bars = Vec::new();
    let mut rows = Vec::new();
    for step in &earned.steps {
        let (share, rest) = (step.sold.share(), step.sold.told() - step.sold.share());
        let title = |what: &str, minor: i64| -> Result<String, Error> {
            Ok(format!("{}: {what} {}", step.step, view.money(minor)?))
        };
        let parts = vec![
            Part { value: share, title: title("your share", share)? },
            Part { value: rest, title: title("others' shares", rest)? },
        ];
        bars.push(Bar { name: below(&step.step), parts });
        if step.sold != Sold::default() {
            rows.push([vec![html! { (step.step) }], sold(view, &step.sold)?].concat());
        }
    }
    let name = if view.range.is_by_day() { "Day" } else { "Month" };
    let columns = [
        Column::Text(name),
        Column::Number("Sales"),
        Column::Number("Customers pay"),
        Column::Number("Your share"),
    ];
    rows.reverse();
    Ok(html! {
        div.above { h2 { "By " (name.to_lowercase()) } (view.csv("/earnings.csv")) }
        div.card.scroll role="region" aria-label="Earnings, as a chart" tabindex="0" {
            (chart::bars("Earnings over the time; the table below has the figures", &bars, &on_axis(view.currency)))
            (chart::legend("your share", "others' shares"))
        }
        (table("Earnings over the time", &columns, &rows))
    })
}

/// What a row says of sales: how many, what customers pay, and the share.
pub(super) fn sold(view: &View, sold: &Sold) -> Result<Vec<Markup>, Error> {
    let (pay, share) = (view.money(sold.told())?, view.money(sold.share())?);
    Ok(vec![html! { (signed(sold.sales)) }, html! { (pay) }, html! { (share) }])
}

/// By plugin, the one that has earned most first.
pub(super) fn plugins(view: &View, earned: &Earned) -> Result<Markup, Error> {
    let mut plugins: Vec<_> = earned.plugins.iter().collect();
    plugins.sort_by_key(|plugin| std::cmp::Reverse(plugin.now.share()));
    let mut rows = Vec::new();
    for plugin in plugins {
        let name = vec![html! { (plugin.plugin) }];
        let before = vec![html! { (view.money(plugin.before.share())?) }];
        rows.push([name, sold(view, &plugin.now)?, before].concat());
    }
    let columns = [
        Column::Text("Plugin"),
        Column::Number("Sales"),
        Column::Number("Customers pay"),
        Column::Number("Your share"),
        Column::Number("The time before"),
    ];
    Ok(html! {
        div.above { h2 { "By plugin" } (view.csv("/plugins.csv")) }
        (table("Earnings by plugin", &columns, &rows))
        p { a href=(format!("/dashboard/{}/plugins", view.partner)) { "All plugins, of all time" } }
    })
}
