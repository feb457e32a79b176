//! The close of a month, in one database transaction: use is charged and invoiced, every partner gets its statement, and nothing
//! is posted in the month any more.

use chandlery_accounts::Actor;
use chandlery_accounts::audit::record;
use chandlery_package::column::Text;
use chandlery_package::wire::{Act, InvoiceLine, MonthClose};
use chandlery_package::{Money, Month, Namespace};
use chandlery_store::Db;
use jiff::Timestamp;
use serde_json::{Value, json};

use crate::billing::{NewInvoice, invoices, periods, rating};
use crate::{Error, ledger, payouts};

/// Closes a month that is over. Months are closed in order; one that is closed is not closed again.
pub async fn close(
    db: &Db,
    actor: &Actor,
    hold_days: u32,
    month: Month,
    operator: &Namespace,
    now: Timestamp,
) -> Result<MonthClose, Error> {
    if now < month.next().first_moment() {
        return Err(Error::Conflict(format!("{month} is not over: it is {}", now.strftime("%Y-%m-%d"))));
    }
    if let Some(first) = due(db, now).await?.first().filter(|first| **first < month) {
        return Err(Error::Conflict(format!("{first} is not closed yet: close it first")));
    }
    periods::recognise_all(db, month.last_moment()).await?;
    let mut write = db.write().await?;
    must_be_open(&mut write, month).await?;
    let mut issued = Vec::new();
    let rated = rating::rate(&mut write, month, hold_days, now).await?;
    for ((account, currency), lines) in rated.charges {
        let about = |transaction: ledger::Transaction| transaction.link("month", month);
        for lines in parts(&lines) {
            let new = NewInvoice { account: &account, currency, lines, told: None, hold_days };
            issued.push(invoices::issue(&mut write, &new, about, now).await?);
        }
    }
    write.flush().await?;
    let statements = payouts::make_statements(&mut write, month, now).await?;
    ledger::close(&mut write, month, operator, now).await?;
    let after = json!({ "invoices": issued.len(), "statements": statements });
    record(&mut write, actor, Act::MonthClosed, &month.to_string(), Value::Null, after).await?;
    write.commit().await?;
    Ok(MonthClose { month, invoices: issued, statements, left_out: rated.left_out })
}

/// The lines of as many invoices as it takes: the net of each, and the tax on it, is an amount.
fn parts(lines: &[InvoiceLine]) -> impl Iterator<Item = &[InvoiceLine]> {
    let mut sum = 0_i128;
    lines.chunk_by(move |line, next| {
        sum += i128::from(line.amount.minor());
        let fits = sum + i128::from(next.amount.minor()) <= i128::from(Money::LARGEST / 2);
        if !fits {
            sum = 0;
        }
        fits
    })
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

/// The months that are over and open, the earliest first. None before the first transaction.
pub async fn due(db: &Db, now: Timestamp) -> Result<Vec<Month>, Error> {
    let mut db = db.read().acquire().await?;
    let (first,): (Option<Text<Timestamp>>,) = sqlx::query_as(
        "select min(at) from (select min(at) as at from ledger_transactions
                        union all select min(to_at) as at from usage_events) as everything",
    )
    .fetch_one(&mut *db)
    .await?;
    let Some(Text(first)) = first else { return Ok(Vec::new()) };
    let begin = ledger::open_from(&mut db).await?.unwrap_or(first);
    let months = std::iter::successors(Some(Month::of(begin)), |month| Some(month.next()));
    Ok(months.take_while(|month| month.next().first_moment() <= now).collect())
}
