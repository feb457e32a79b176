//! The sales of a time, in the order that somebody wants to see them in.

use axum::body::Body;
use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use chandlery_accounts::Account;
use chandlery_edge::{Path, Query};
use chandlery_money::Finance;
use chandlery_money::partners::{self, Order, SaleKey, SaleRow, SaleState, Wanted, sales_csv};
use chandlery_package::Namespace;
use chandlery_package::wire::{LotRole, Page, Paging};
use chandlery_pages::{Column, Heading, Sorting, day, minute, money, next_page, sortable_table};
use maud::{Markup, html};

use super::asked::{Asked, View, after, file, state};
use crate::error::Error;
use crate::shell::LogIn;

const PAGE: &str = "/sales";

fn wanted(view: &View, asked: &Asked) -> Wanted {
    let role = if asked.referred { LotRole::Referrer } else { LotRole::Seller };
    Wanted { currency: view.currency, range: view.range, role, order: asked.order }
}

/// The page `/dashboard/{partner}/sales`.
pub(in crate::web) async fn list(
    State(finance): State<Finance>,
    caller: Option<Account>,
    log_in: LogIn,
    Path(partner): Path<Namespace>,
    Query(asked): Query<Asked>,
    Query(paging): Query<Paging<SaleKey>>,
) -> Result<Response, Error> {
    let Some(caller) = caller else { return Ok(log_in.then(&format!("/dashboard/{partner}"))) };
    caller.must_see(&finance.db, &partner).await?;
    let mut db = finance.db.snapshot().await?;
    let view = View::read(&mut db, &finance, partner, &asked).await?;
    let wanted = wanted(&view, &asked);
    let found = partners::sales(&mut db, &view.partner, &wanted, &paging).await?;
    drop(db);
    let referred = asked.referred.to_string();
    let other = format!("{}&referred={}", view.path(PAGE), !asked.referred);
    let content = html! {
        (view.form(PAGE, &[("order", asked.order.as_str()), ("referred", &referred)]))
        div.above {
            h2 { @if asked.referred { "Sales that you have referred" } @else { "Your own sales" } }
            a href=(format!("{}&order={}&referred={referred}", view.path("/sales.csv"), asked.order)) { "Download as CSV" }
        }
        p { a href=(other) { @if asked.referred { "Your own sales" } @else { "Sales that you have referred" } } }
        (rows(&view, &wanted, &found))
    };
    Ok(view.page(&caller, PAGE, &content))
}

/// The table `/dashboard/{partner}/sales.csv`.
pub(in crate::web) async fn csv(
    State(finance): State<Finance>,
    caller: Account,
    Path(partner): Path<Namespace>,
    Query(asked): Query<Asked>,
) -> Result<Response, Error> {
    caller.must_see(&finance.db, &partner).await?;
    let mut db = finance.db.snapshot().await?;
    let view = View::read(&mut db, &finance, partner, &asked).await?;
    drop(db);
    let wanted = wanted(&view, &asked);
    let rows = sales_csv(finance.db.clone(), view.partner, wanted);
    Ok((file("sales"), Body::from_stream(rows)).into_response())
}

/// The page that is sorted by a column, or the other way round where it is so already.
fn heading<'a>(path: &str, wanted: &Wanted, column: Column<'a>, orders: [Order; 2]) -> Heading<'a> {
    let [down, up] = orders;
    let (sorted, next) = match wanted.order {
        order if order == down => (Some(Sorting::Descending), up),
        order if order == up => (Some(Sorting::Ascending), down),
        _ => (None, down),
    };
    Heading { column, path: Some(format!("{path}&order={next}")), sorted }
}

/// Sales in a table, which leads to others that are sorted otherwise, and to what follows.
pub(super) fn rows(view: &View, wanted: &Wanted, found: &Page<SaleRow>) -> Markup {
    let is_own = wanted.role == LotRole::Seller;
    let path = format!("{}&referred={}", view.path(PAGE), !is_own);
    let by_time = heading(&path, wanted, Column::Text("Date"), [Order::Newest, Order::Oldest]);
    let amounts = [Order::Largest, Order::Smallest];
    let mut headings = vec![
        Column::Text("Sale").into(),
        by_time,
        Column::Text("What").into(),
        Column::Text("Customer").into(),
        Column::Text("State").into(),
    ];
    match is_own {
        true => {
            headings.push(heading(&path, wanted, Column::Number("Price"), amounts));
            headings.push(Column::Number("Customer pays").into());
            headings.push(Column::Number("Your share").into());
        }
        false => headings.push(heading(&path, wanted, Column::Number("Your share"), amounts)),
    }
    let rows: Vec<Vec<Markup>> = found.items.iter().map(|row| cells(view, row)).collect();
    let ordered = format!("{path}&order={}", wanted.order);
    html! {
        (sortable_table("Sales", &headings, &rows))
        (next_page(after(&ordered, found.next.as_deref()).as_deref()))
    }
}

fn cells(view: &View, row: &SaleRow) -> Vec<Markup> {
    let mut cells = vec![
        html! { a href=(format!("/dashboard/{}/sales/{}", view.partner, row.sale)) { (row.sale) } },
        minute(row.sold_at),
        html! { @if let Some(plugin) = &row.plugin { (plugin) } @else { "a service" } },
        html! { (row.customer) },
        html! {
            (state(row.state.as_str()))
            @if let Some(at) = row.available_at.filter(|_| row.state == SaleState::OnHold) { " " span.note { "until " (day(at)) } }
        },
    ];
    if let (Some(price), Some(paid)) = (row.price, row.paid) {
        cells.push(html! { (money(price)) });
        cells.push(html! { (money(paid)) });
    }
    cells.push(html! { (money(row.share)) });
    cells
}
