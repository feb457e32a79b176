//! `/api/v1/ledger` for operators: the journal, balances, and what they write into the books themselves.

use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderName, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use chandlery_package::wire::{
    AccountBalance, Act, ApprovalRequest, Expense, NewExchange, NewExpense, Page, Paging, TransactionKind,
};
use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan as _};
use serde::Deserialize;
use serde_json::json;

use super::account::Account as LedgerAccount;
use super::{BalanceKey, By, Format, Transaction, settle_between};
use crate::approvals::{self, Ask, Wanted};
use crate::{Error, Finance, table};
use chandlery_accounts::audit::record_once;
use chandlery_accounts::{Account, Actor, Caller};
use chandlery_edge::{Json, Query};
use chandlery_store::Write;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// How far back an expense may be dated.
const SPENT_WITHIN_YEARS: i32 = 2;

/// The routes of this room.
pub fn routes() -> OpenApiRouter<Finance> {
    OpenApiRouter::new()
        .routes(routes!(journal))
        .routes(routes!(postings))
        .routes(routes!(balances))
        .routes(routes!(spend))
        .routes(routes!(exchange))
}

#[derive(Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
struct For {
    /// Hledger's, unless given.
    #[param(inline)]
    format: Option<Format>,
}

/// Exports the journal for hledger, beancount or ledger; for operators.
#[utoipa::path(
    get,
    path = "/api/v1/ledger/journal",
    params(For),
    responses((status = 200, description = "The journal.", content_type = "text/plain", body = String))
)]
async fn journal(
    State(finance): State<Finance>,
    caller: Account,
    Query(wanted): Query<For>,
) -> Result<([(HeaderName, &'static str); 1], Body), Error> {
    caller.must_operate("read the books")?;
    let text =
        Body::from_stream(super::journal(&finance.db, wanted.format.unwrap_or(Format::Hledger)).await?);
    Ok(([(header::CONTENT_TYPE, "text/plain; charset=utf-8")], text))
}

/// Exports all postings as a table; for operators.
#[utoipa::path(
    get,
    path = "/api/v1/ledger/postings.csv",
    responses((status = 200, description = "The postings.", content_type = "text/csv", body = String))
)]
async fn postings(
    State(finance): State<Finance>,
    caller: Account,
) -> Result<([(HeaderName, &'static str); 1], Body), Error> {
    caller.must_operate("read the books")?;
    let text = Body::from_stream(super::csv(&finance.db).await?);
    Ok(([(header::CONTENT_TYPE, table::CONTENT_TYPE)], text))
}

#[derive(Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
struct At {
    at: Option<Timestamp>,
}

/// Lists the balances of all accounts, now or at a moment; for operators.
#[utoipa::path(
    get,
    path = "/api/v1/ledger/balances",
    params(At, Paging<BalanceKey>),
    responses((status = 200, description = "Done.", body = Page<AccountBalance>))
)]
async fn balances(
    State(finance): State<Finance>,
    caller: Account,
    Query(moment): Query<At>,
    Query(paging): Query<Paging<BalanceKey>>,
) -> Result<Json<Page<AccountBalance>>, Error> {
    caller.must_operate("read the books")?;
    let mut db = finance.db.snapshot().await?;
    Ok(Json(super::balances_page(&mut db, moment.at, &paging).await?))
}

/// Records what was spent; for operators.
#[utoipa::path(
    post,
    path = "/api/v1/ledger/expenses",
    request_body = NewExpense,
    responses(
        (status = 204, description = "Done."),
        (status = 202, description = "Others must approve it.", body = ApprovalRequest)
    )
)]
async fn spend(
    State(finance): State<Finance>,
    caller: Caller,
    Json(new): Json<NewExpense>,
) -> Result<Response, Error> {
    caller.must_operate("write into the books")?;
    let now = finance.clock.now();
    let transaction = spent(&new, now)?;
    let wanted = Wanted::Expense { expense: new.clone() };
    let asked = Ask { by: &caller.name, wanted: &wanted, amount: Some(new.amount) };
    let actor = caller.actor.clone();
    let spends = finance.db.group_commit(move |write| {
        Box::pin(async move { record_expense(write, &actor, &new, transaction).await })
    });
    let spent = approvals::ask_or_do(&finance, &caller.actor, &asked, spends).await?;
    Ok(spent.answer(|()| StatusCode::NO_CONTENT.into_response()))
}

/// Records what others have approved as spent.
pub(crate) async fn spend_within(
    write: &mut Write,
    actor: &Actor,
    new: &NewExpense,
    now: Timestamp,
) -> Result<(), Error> {
    record_expense(write, actor, new, spent(new, now)?).await
}

async fn record_expense(
    write: &mut Write,
    actor: &Actor,
    new: &NewExpense,
    transaction: Transaction,
) -> Result<(), Error> {
    super::by(write, By::Actor(actor));
    if !super::is_posted(write, &transaction).await? {
        super::must_not_be_told(write, &new.key, &[new.amount.negated()]).await?;
    }
    super::post(write, transaction).await?;
    record_once(write, actor, Act::ExpenseRecorded, &new.key, json!(new)).await?;
    Ok(())
}

/// What an expense is in the books.
fn spent(new: &NewExpense, now: Timestamp) -> Result<Transaction, Error> {
    if new.amount.minor() <= 0 {
        return Err(Error::Invalid(format!("what was spent is above zero, not {}", new.amount)));
    }
    let at = match new.day {
        None => now,
        Some(day) => on_day(day, now)?,
    };
    let account = match &new.on {
        Expense::Hosting => LedgerAccount::Hosting,
        Expense::Acquisition { segment } => LedgerAccount::Acquisition(segment.to_string()),
    };
    let transaction = Transaction::new(TransactionKind::Expense, &new.key, at)
        .about(new.description.as_str())
        .debit(account, new.amount)
        .credit(LedgerAccount::Bank, new.amount);
    Ok(match new.day {
        Some(day) => transaction.link("day", day),
        None => transaction,
    })
}

/// A moment of a day that is not to come, nor long past.
fn on_day(day: Date, now: Timestamp) -> Result<Timestamp, Error> {
    let invalid = |error: jiff::Error| Error::Invalid(error.to_string());
    let today = now.to_zoned(TimeZone::UTC).date();
    let first = today.checked_sub(SPENT_WITHIN_YEARS.years()).map_err(invalid)?;
    if day > today || day < first {
        return Err(Error::Invalid(format!("what was spent is dated from {first} to {today}, not {day}")));
    }
    let noon = day.at(12, 0, 0, 0).to_zoned(TimeZone::UTC).map_err(invalid)?;
    Ok(noon.timestamp().min(now))
}

/// Records that the bank has exchanged one currency for another; for operators.
#[utoipa::path(
    post,
    path = "/api/v1/ledger/exchanges",
    request_body = NewExchange,
    responses(
        (status = 204, description = "Done."),
        (status = 202, description = "Others must approve it.", body = ApprovalRequest)
    )
)]
async fn exchange(
    State(finance): State<Finance>,
    caller: Caller,
    Json(new): Json<NewExchange>,
) -> Result<Response, Error> {
    caller.must_operate("write into the books")?;
    if new.sold.minor() <= 0 || new.bought.minor() <= 0 || new.sold.currency() == new.bought.currency() {
        return Err(Error::Invalid("what is sold and bought is above zero, in two currencies".into()));
    }
    let wanted = Wanted::Exchange { exchange: new.clone() };
    let asked = Ask { by: &caller.name, wanted: &wanted, amount: Some(new.sold) };
    let (now, actor) = (finance.clock.now(), caller.actor.clone());
    let exchanges = finance
        .db
        .group_commit(move |write| Box::pin(async move { exchange_within(write, &actor, &new, now).await }));
    let exchanged = approvals::ask_or_do(&finance, &caller.actor, &asked, exchanges).await?;
    Ok(exchanged.answer(|()| StatusCode::NO_CONTENT.into_response()))
}

/// Records an exchange within a transaction.
pub(crate) async fn exchange_within(
    write: &mut Write,
    actor: &Actor,
    new: &NewExchange,
    now: Timestamp,
) -> Result<(), Error> {
    super::by(write, By::Actor(actor));
    post_exchange(write, new, now).await?;
    record_once(write, actor, Act::ExchangeRecorded, &new.key, json!(new)).await?;
    Ok(())
}

/// Posts an exchange. Once what was owed in the one currency is settled, what is left in the other was gained or lost.
async fn post_exchange(write: &mut Write, new: &NewExchange, now: Timestamp) -> Result<(), Error> {
    let between = || LedgerAccount::between(new.sold.currency(), new.bought.currency());
    let transaction = Transaction::new(TransactionKind::Exchange, &new.key, now)
        .about(format!("{} for {}", new.sold, new.bought))
        .debit(between(), new.sold)
        .credit(LedgerAccount::Bank, new.sold)
        .debit(LedgerAccount::Bank, new.bought)
        .credit(between(), new.bought);
    if !super::is_posted(write, &transaction).await? {
        super::must_not_be_told(write, &new.key, &[new.sold.negated(), new.bought]).await?;
    }
    super::post(write, transaction).await?;
    settle_between(write, &new.key, new.sold.currency(), new.bought.currency(), now).await
}
