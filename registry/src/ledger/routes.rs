//! `/api/v1/ledger` and `/api/v1/clock`, for operators.

use axum::Router;
use axum::extract::State;
use axum::http::{HeaderName, StatusCode, header};
use axum::routing::{get, post};
use chandlery_package::Money;
use chandlery_package::wire::{Expense, NewExpense, Page};
use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan as _};
use serde::{Deserialize, Serialize};

use super::{Account, AccountBalance, Check, ClosedMonth, Format, Transaction};
use crate::accounts::Caller;
use crate::extract::{Json, Path, Query};
use crate::{Error, Registry, Write, billing, laws};

/// How far back an expense may be dated.
const SPENT_WITHIN_YEARS: i32 = 2;

/// The routes of this room.
pub fn routes() -> Router<Registry> {
    Router::new()
        .route("/api/v1/ledger/journal", get(journal))
        .route("/api/v1/ledger/postings.csv", get(postings))
        .route("/api/v1/ledger/check", get(check))
        .route("/api/v1/ledger/balances", get(balances))
        .route("/api/v1/ledger/expenses", post(spend))
        .route("/api/v1/ledger/exchanges", post(exchange))
        .route("/api/v1/ledger/months", get(months))
        .route("/api/v1/ledger/months/{month}/close", post(close))
        .route("/api/v1/clock", get(clock).put(set_clock))
}

#[derive(Deserialize)]
struct For {
    #[serde(default)]
    format: Format,
}

async fn journal(
    State(registry): State<Registry>,
    caller: Caller,
    Query(wanted): Query<For>,
) -> Result<([(HeaderName, &'static str); 1], String), Error> {
    caller.must_operate("read the books")?;
    let mut db = registry.db.read().acquire().await?;
    let text = super::journal(&mut db, wanted.format).await?;
    Ok(([(header::CONTENT_TYPE, "text/plain; charset=utf-8")], text))
}

async fn postings(
    State(registry): State<Registry>,
    caller: Caller,
) -> Result<([(HeaderName, &'static str); 1], String), Error> {
    caller.must_operate("read the books")?;
    let mut db = registry.db.read().acquire().await?;
    let text = super::csv(&mut db).await?;
    Ok(([(header::CONTENT_TYPE, "text/csv; charset=utf-8; header=present")], text))
}

async fn check(State(registry): State<Registry>, caller: Caller) -> Result<Json<Check>, Error> {
    caller.must_operate("check the books")?;
    let mut db = registry.db.snapshot().await?;
    Ok(Json(laws::check(&mut db).await?))
}

#[derive(Deserialize)]
struct At {
    at: Option<Timestamp>,
}

async fn balances(
    State(registry): State<Registry>,
    caller: Caller,
    Query(moment): Query<At>,
) -> Result<Json<Page<AccountBalance>>, Error> {
    caller.must_operate("read the books")?;
    let mut db = registry.db.snapshot().await?;
    Ok(Json(Page { items: super::balances(&mut db, moment.at).await?, next: None }))
}

async fn spend(
    State(registry): State<Registry>,
    caller: Caller,
    Json(new): Json<NewExpense>,
) -> Result<StatusCode, Error> {
    caller.must_operate("write into the books")?;
    if new.amount.minor <= 0 {
        return Err(Error::Invalid(format!("what was spent is above zero, not {}", new.amount)));
    }
    let now = registry.clock.now();
    let at = match new.day {
        None => now,
        Some(day) => on_day(day, now)?,
    };
    let account = match &new.on {
        Expense::Hosting => Account::Hosting,
        Expense::Acquisition { segment } => Account::Acquisition(segment.to_string()),
    };
    let mut transaction = Transaction::new("expense", &new.key, at)
        .about(new.description)
        .debit(account, new.amount)
        .credit(Account::Bank, new.amount);
    if let Some(day) = new.day {
        transaction = transaction.link("day", day);
    }
    registry
        .db
        .group_commit(move |write| Box::pin(async move { super::post(write, transaction).await.map(drop) }))
        .await?;
    Ok(StatusCode::NO_CONTENT)
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

/// The bank has exchanged one currency for another.
#[derive(Debug, Clone, Deserialize)]
struct NewExchange {
    key: String,
    sold: Money,
    bought: Money,
}

async fn exchange(
    State(registry): State<Registry>,
    caller: Caller,
    Json(new): Json<NewExchange>,
) -> Result<StatusCode, Error> {
    caller.must_operate("write into the books")?;
    if new.sold.minor <= 0 || new.bought.minor <= 0 || new.sold.currency == new.bought.currency {
        return Err(Error::Invalid("what is sold and bought is above zero, in two currencies".into()));
    }
    let now = registry.clock.now();
    registry
        .db
        .group_commit(move |write| Box::pin(async move { post_exchange(write, &new, now).await }))
        .await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Posts an exchange. Once what was owed in the one currency is settled, what is left in the other was gained or lost.
async fn post_exchange(write: &mut Write, new: &NewExchange, now: Timestamp) -> Result<(), Error> {
    let between = || Account::between(new.sold.currency, new.bought.currency);
    let transaction = Transaction::new("exchange", &new.key, now)
        .about(format!("{} for {}", new.sold, new.bought))
        .debit(between(), new.sold)
        .credit(Account::Bank, new.sold)
        .debit(Account::Bank, new.bought)
        .credit(between(), new.bought);
    super::post(write, transaction).await?;
    let left = super::owed(write, &between(), new.sold.currency).await?;
    let other = super::owed(write, &between(), new.bought.currency).await?;
    if left.minor != 0 || other.minor == 0 {
        return Ok(());
    }
    let result = Transaction::new("exchange-result", &new.key, now)
        .about(format!("what is left of exchanges between {} and {}", left.currency, other.currency))
        .debit(between(), other);
    let result = match other.minor > 0 {
        true => result.credit(Account::FxGain, other),
        false => result.debit(Account::FxLoss, other.negated()),
    };
    super::post(write, result).await.map(drop)
}

#[derive(Serialize)]
struct Months {
    /// Over and open, the earliest first.
    due: Vec<String>,
    /// The latest first.
    closed: Vec<ClosedMonth>,
}

async fn months(State(registry): State<Registry>, caller: Caller) -> Result<Json<Months>, Error> {
    caller.must_operate("see the months")?;
    let due = billing::due(&registry, registry.clock.now()).await?;
    let mut db = registry.db.read().acquire().await?;
    Ok(Json(Months { due, closed: super::closed_months(&mut db).await? }))
}

async fn close(
    State(registry): State<Registry>,
    caller: Caller,
    Path(month): Path<String>,
) -> Result<Json<billing::Closed>, Error> {
    caller.must_operate("close months")?;
    Ok(Json(billing::close(&registry, &month, &caller.name, registry.clock.now()).await?))
}

#[derive(Serialize, Deserialize)]
struct Time {
    now: Timestamp,
}

async fn clock(State(registry): State<Registry>) -> Json<Time> {
    Json(Time { now: registry.clock.now() })
}

/// Moves a virtual clock on, and does what is due by then.
async fn set_clock(
    State(registry): State<Registry>,
    caller: Caller,
    Json(to): Json<Time>,
) -> Result<Json<Time>, Error> {
    caller.must_operate("set the clock")?;
    registry.clock.set(&registry.db, to.now).await?;
    crate::chores::do_what_is_due(&registry).await?;
    if let Err(error) = billing::send_notices(&registry, registry.clock.now()).await {
        tracing::error!(%error, "customers could not be told by e-mail: it is tried again");
    }
    Ok(Json(to))
}
