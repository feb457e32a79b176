//! The partner's dashboard: what is on hold, available and on its way; how a time went, and the one before it; and the pages that lead
//! down to every sale, payout and ledger entry.

mod asked;
pub(super) mod bank;
mod cards;
pub(super) mod customers;
pub(super) mod disputes;
pub(super) mod earned;
pub(super) mod notices;
pub(super) mod payouts;
pub(super) mod sale;
pub(super) mod sales;
pub(super) mod statements;
pub(super) mod transactions;
pub(super) mod usage;

use axum::extract::State;
use axum::response::{IntoResponse as _, Redirect, Response};
use chandlery_accounts::organisations::{Power, speaks_for};
use chandlery_accounts::{Account, namespaces_of};
use chandlery_edge::{Path, Query};
use chandlery_money::Finance;
use chandlery_money::partners::{self, Order, Wanted};
use chandlery_money::payouts::{balance, list};
use chandlery_package::Namespace;
use chandlery_package::wire::{LotRole, Paging};
use chandlery_pages::empty;
use chandlery_store::Db;
use maud::html;
use sqlx::AnyConnection;

use self::asked::{Asked, View};
use self::cards::Standing;
use super::layout;
use crate::error::Error;
use crate::shell::{LogIn, PUBLISH};

/// How many sales and payouts the first page shows.
const SALES_SHOWN: u32 = 10;
const PAYOUTS_SHOWN: u32 = 5;

/// `/dashboard`: to the one namespace that the account owns, or a choice between several.
pub(super) async fn own(
    State(finance): State<Finance>,
    caller: Option<Account>,
    log_in: LogIn,
) -> Result<Response, Error> {
    let Some(caller) = caller else { return Ok(log_in.then("/dashboard")) };
    let mine = partners_of(&finance.db, &caller).await?;
    if let [only] = mine.as_slice() {
        return Ok(Redirect::to(&format!("/dashboard/{only}")).into_response());
    }
    let content = html! {
        h1 { "Payouts" }
        @if mine.is_empty() {
            (empty("This account owns no namespace yet.", &html! {
                a href=(PUBLISH) { "Take one, and publish in it" } ", or with the command: " code { "chandlery namespace take NAME" } "."
            }))
        }
        ul { @for partner in &mine { li { a href=(format!("/dashboard/{partner}")) { (partner) } } } }
    };
    Ok(layout::page("Payouts", Some(&caller), content).into_response())
}

async fn partners_of(db: &Db, caller: &Account) -> Result<Vec<String>, Error> {
    if !caller.operator {
        let belongs = namespaces_of(db, &caller.name).await?;
        let (mut read, mut mine) = (db.read().acquire().await?, Vec::new());
        for (name, _) in belongs {
            if speaks_for(&mut read, &name, &caller.name, Power::Pay).await? {
                mine.push(name.to_string());
            }
        }
        return Ok(mine);
    }
    let rows: Vec<(String,)> =
        sqlx::query_as("select name from namespaces order by name").fetch_all(db.read()).await?;
    Ok(rows.into_iter().map(|(name,)| name).collect())
}

/// The page `/dashboard/{partner}`.
pub(super) async fn page(
    State(finance): State<Finance>,
    caller: Option<Account>,
    log_in: LogIn,
    Path(partner): Path<Namespace>,
    Query(asked): Query<Asked>,
) -> Result<Response, Error> {
    let Some(caller) = caller else { return Ok(log_in.then(&format!("/dashboard/{partner}"))) };
    caller.must_see(&finance.db, &partner).await?;
    // One snapshot for all figures, so that they agree.
    let mut db = finance.db.snapshot().await?;
    let view = View::read(&mut db, &finance, partner, &asked).await?;
    let standing = standing(&mut db, &finance, &view).await?;
    let earned = partners::earned(&mut db, &view.partner, view.currency, &view.range).await?;
    let lines = partners::waterfall(&mut db, &view.partner, &earned, &view.range).await?;
    let wanted =
        Wanted { currency: view.currency, range: view.range, role: LotRole::Seller, order: Order::Newest };
    let mut latest = partners::sales(&mut db, &view.partner, &wanted, &Paging::first(SALES_SHOWN)).await?;
    let paid_out = list(&mut db, Some(&view.partner), &Paging::first(PAYOUTS_SHOWN)).await?;
    drop(db);
    // The rest of them has a page of its own.
    latest.next = None;
    let content = html! {
        (cards::cards(&standing))
        (view.form("", &[]))
        (earned::waterfall(&view, &lines))
        (earned::steps(&view, &earned)?)
        (earned::plugins(&view, &earned)?)
        div.above { h2 { "Latest sales" } a href=(view.path("/sales")) { "All sales of the time" } }
        (sales::rows(&view, &wanted, &latest))
        div.above { h2 { "Latest payouts" } a href=(view.path("/payouts")) { "All payouts" } }
        (payouts::rows(&view, &paid_out.items))
    };
    Ok(view.page(&caller, "", &content))
}

async fn standing(db: &mut AnyConnection, finance: &Finance, view: &View) -> Result<Standing, Error> {
    let (partner, currency, now) = (&view.partner, view.currency, finance.clock.now());
    let hold_days = finance.hold_days;
    if !view.was_earned() {
        let (held, reserved, on_its_way) = (Vec::new(), Vec::new(), Vec::new());
        return Ok(Standing { balance: None, held, reserved, on_its_way, hold_days });
    }
    let balance = balance(db, partner, currency, now).await?;
    let reserved = match balance.reserve.is_zero() {
        true => Vec::new(),
        false => partners::reserved(db, partner, currency).await?,
    };
    Ok(Standing {
        held: partners::held(db, partner, currency).await?,
        on_its_way: partners::on_its_way(db, partner, currency, now).await?,
        balance: Some(balance),
        reserved,
        hold_days,
    })
}
