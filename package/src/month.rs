//! Months of the calendar, in UTC: `2026-11`.

use std::fmt;
use std::str::FromStr;

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp, ToSpan as _};
use serde::{Deserialize, Serialize};

use crate::name::text_form;

/// A month of the calendar, in UTC, of the years 0 to 9998.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Month {
    /// Its first day.
    first: Date,
}

/// Why a text is no month.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("'{0}' is not a month: write it as 2026-11")]
pub struct MonthError(pub String);

impl Month {
    /// The month that a moment is in.
    pub fn of(at: Timestamp) -> Self {
        Self { first: at.to_zoned(TimeZone::UTC).date().first_of_month() }
    }

    /// Its first moment.
    pub fn first_moment(self) -> Timestamp {
        moment(self.first)
    }

    /// Its last moment, to the microsecond, as times are stored.
    pub fn last_moment(self) -> Timestamp {
        self.next().first_moment() - SignedDuration::from_micros(1)
    }

    /// The month after it; the last month that there is, after itself.
    pub fn next(self) -> Self {
        Self { first: self.first.saturating_add(1.month()).first_of_month() }
    }

    /// The month before it.
    pub fn previous(self) -> Self {
        Self { first: self.first.saturating_sub(1.month()).first_of_month() }
    }
}

/// Every date that a month can begin with lies far within the range of timestamps.
fn moment(day: Date) -> Timestamp {
    TimeZone::UTC.to_timestamp(day.at(0, 0, 0, 0)).unwrap_or(Timestamp::MAX)
}

impl FromStr for Month {
    type Err = MonthError;

    fn from_str(text: &str) -> Result<Self, MonthError> {
        let refuse = || MonthError(text.into());
        let first: Date = format!("{text}-01").parse().map_err(|_| refuse())?;
        let month = Self { first };
        // Dates have other forms, too: `202611-01` is not one.
        if month.to_string() == text && first.year() < 9999 { Ok(month) } else { Err(refuse()) }
    }
}

impl fmt::Display for Month {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.first.strftime("%Y-%m"))
    }
}

text_form!(Month, pattern: "^[0-9]{4}-(0[1-9]|1[0-2])$");

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn months_follow_each_other_without_a_gap() {
        let mut month: Month = "2023-11".parse().unwrap();
        for _ in 0..30 {
            let next = month.next();
            assert_eq!(next.previous(), month);
            assert_eq!(month.last_moment() + SignedDuration::from_micros(1), next.first_moment());
            assert_eq!(Month::of(month.first_moment()), month);
            assert_eq!(Month::of(month.last_moment()), month);
            assert_eq!(month.to_string().parse(), Ok(month));
            month = next;
        }
        assert_eq!(month.to_string(), "2026-05");
        assert_eq!(month.first_moment().to_string(), "2026-05-01T00:00:00Z");
    }

    #[test]
    fn what_is_no_month_is_refused() {
        for text in
            ["", "2026", "2026-13", "2026-00", "2026-1", "202611", "2026-11-01", "-000001-11", "9999-12"]
        {
            assert_eq!(text.parse::<Month>(), Err(MonthError(text.into())));
        }
    }
}
