//! The close of a month, in one database transaction: use is charged and invoiced, every partner gets its statement, and nothing
//! is posted in the month any more.

use chandlery_accounts::Actor;
use chandlery_accounts::audit::record;
use chandlery_package::column::Text;
use chandlery_package::wire::{Act, MonthClose};
use chandlery_package::{Month, Namespace};
use chandlery_store::{Db, Write};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use crate::billing::usage::roots;
use crate::billing::{periods, rating};
use crate::ledger::{self, By};
use crate::{Error, payouts};

/// How long before the first use came it may have been used.
const REACH: SignedDuration = SignedDuration::from_hours(366 * 24);

/// Closes a month that is over. Months are closed in order; one that is closed is not closed again.
pub async fn close(
    db: &Db,
    actor: &Actor,
    hold_days: u32,
    month: Month,
    operator: &Namespace,
    now: Timestamp,
) -> Result<MonthClose, Error> {
    must_be_due(db, month, now).await?;
    periods::recognise_all(db, month.last_moment()).await?;
    let mut write = db.write().await?;
    let closed = close_within(&mut write, actor, hold_days, month, operator, now).await?;
    write.commit().await?;
    Ok(closed)
}

/// The same within a transaction, after all that subscriptions have earned by the month's end.
pub(crate) async fn close_within(
    write: &mut Write,
    actor: &Actor,
    hold_days: u32,
    month: Month,
    operator: &Namespace,
    now: Timestamp,
) -> Result<MonthClose, Error> {
    must_be_open(write, month).await?;
    ledger::by(write, By::Actor(actor));
    roots::log_all(write, month, now).await?;
    let rated = rating::rate(write, month, hold_days, now).await?;
    write.flush().await?;
    let statements = payouts::make_statements(write, month, now).await?;
    ledger::close(write, month, operator, now).await?;
    let after =
        json!({ "invoices": rated.invoices.len(), "statements": statements, "left_out": rated.left_out });
    record(write, actor, Act::MonthClosed, &month.to_string(), Value::Null, after).await?;
    Ok(MonthClose { month, invoices: rated.invoices, statements, left_out: rated.left_out })
}

/// Refuses to close a month that is not over, that others come before, that is closed, or in which there was nothing yet.
pub async fn must_be_due(db: &Db, month: Month, now: Timestamp) -> Result<(), Error> {
    if now < month.next().first_moment() {
        return Err(Error::Conflict(format!("{month} is not over: it is {}", now.strftime("%Y-%m-%d"))));
    }
    let due = due(db, now).await?;
    if let Some(first) = due.first().filter(|first| **first < month) {
        return Err(Error::Conflict(format!("{first} is not closed yet: close it first")));
    }
    must_be_open(&mut *db.read().acquire().await?, month).await?;
    match due.contains(&month) {
        true => Ok(()),
        false => Err(Error::Conflict(format!(
            "{month} is before the first month with an order, a posting or use: nothing is to be closed in it"
        ))),
    }
}

/// Refuses a month that is closed.
async fn must_be_open(db: &mut sqlx::AnyConnection, month: Month) -> Result<(), Error> {
    match ledger::open_from(db).await? {
        Some(open) if open > month.first_moment() => {
            Err(Error::Conflict(format!("{month} is closed already")))
        }
        _ => Ok(()),
    }
}

/// The months that are over and open, the earliest first. None before the first order, transaction or use.
///
/// No month is due for the sake of use that ended more than a year before any came: once, events of every time were taken.
pub async fn due(db: &Db, now: Timestamp) -> Result<Vec<Month>, Error> {
    let mut db = db.read().acquire().await?;
    type First = (Option<Text<Timestamp>>, Option<Text<Timestamp>>, Option<String>, Option<Text<Timestamp>>);
    // What is ordered by the month posts nothing before the close of one.
    let (posted, ordered, used, came): First = sqlx::query_as(
        "select (select min(at) from ledger_transactions), (select min(ordered_at) from orders),
                min(to_at), min(received_at) from usage_events",
    )
    .fetch_one(&mut *db)
    .await?;
    let used = used.zip(came).and_then(|(used, Text(came))| {
        let earliest = came.checked_sub(REACH).unwrap_or(Timestamp::UNIX_EPOCH);
        let used = used.parse().unwrap_or(earliest);
        Some(earliest.max(used)).filter(|used| *used <= now)
    });
    let first = [posted, ordered].into_iter().flatten().map(|Text(at)| at).chain(used).min();
    let Some(begin) = ledger::open_from(&mut db).await?.or(first) else { return Ok(Vec::new()) };
    let months = std::iter::successors(Some(Month::of(begin)), |month| Some(month.next()));
    Ok(months.take_while(|month| month.next().first_moment() <= now).collect())
}
