//! Months: when they begin and end (UTC), and which of them are closed.

use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan as _};
use serde::Serialize;
use sqlx::AnyConnection;

use crate::Error;

/// A month that was closed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct ClosedMonth {
    /// `2026-11`.
    pub month: String,
    /// When it was closed.
    pub closed_at: String,
    /// By which operator.
    pub closed_by: String,
    /// The last transaction by then.
    pub last: i64,
    /// The digest of every balance at its end.
    pub balances_digest: String,
}

/// The first moment of the month after this one (`2026-11`), in UTC.
pub fn end_of(month: &str) -> Result<Timestamp, Error> {
    let malformed = || Error::Invalid(format!("'{month}' is not a month: write it as 2026-11"));
    let first: jiff::civil::Date = format!("{month}-01").parse().map_err(|_| malformed())?;
    if first.strftime("%Y-%m").to_string() != month {
        return Err(malformed());
    }
    let next = first.checked_add(1.month()).map_err(|_| malformed())?;
    Ok(next.to_zoned(TimeZone::UTC).map_err(|_| malformed())?.timestamp())
}

/// The first moment of this month.
pub fn begin_of(month: &str) -> Result<Timestamp, Error> {
    let end = end_of(month)?.to_zoned(TimeZone::UTC);
    Ok(end.checked_sub(1.month()).map_err(|error| Error::Damaged(error.to_string()))?.timestamp())
}

/// The last moment of this month, as far as times are stored.
pub fn last_moment(month: &str) -> Result<Timestamp, Error> {
    end_of(month)?
        .checked_sub(jiff::SignedDuration::from_micros(1))
        .map_err(|error| Error::Damaged(error.to_string()))
}

/// Which month a moment is in.
pub fn month_of(at: Timestamp) -> String {
    at.strftime("%Y-%m").to_string()
}

/// The months that were closed, the latest first.
pub async fn closed_months(db: &mut AnyConnection) -> Result<Vec<ClosedMonth>, Error> {
    let rows: Vec<(String, String, String, i64, String)> = sqlx::query_as(
        "select month, closed_at, closed_by, last, balances_digest from closed_months order by month desc",
    )
    .fetch_all(db)
    .await?;
    let read = |(month, closed_at, closed_by, last, balances_digest)| ClosedMonth {
        month,
        closed_at,
        closed_by,
        last,
        balances_digest,
    };
    Ok(rows.into_iter().map(read).collect())
}

/// From when on months are open; none: no month was ever closed.
pub async fn open_from(db: &mut AnyConnection) -> Result<Option<Timestamp>, Error> {
    let (latest,): (Option<String>,) =
        sqlx::query_as("select max(month) from closed_months").fetch_one(db).await?;
    latest.as_deref().map(end_of).transpose()
}
