//! The time that figures are of, in whole days of UTC, and the time before it that they are compared with.

use chandlery_store::time;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{Span, Timestamp, ToSpan as _};

use crate::Error;

/// How many days a range has at most: ten years.
const DAYS_MAX: i32 = 3660;
/// Of how many days each is shown by itself; what is longer is shown by months.
const DAYS_SHOWN: i32 = 62;

chandlery_package::words! {
    /// Which time is looked at, by its name in an address.
    #[derive(Default)]
    pub enum RangeName: "range" {
        /// The day before this one.
        Yesterday = "yesterday",
        /// The calendar month that it is.
        #[default]
        ThisMonth = "this-month",
        /// The calendar month before that.
        LastMonth = "last-month",
        /// The calendar year that it is.
        Year = "year",
        /// From one day to another one.
        Free = "free",
    }
}

/// Whole days in a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Range {
    /// As what it was asked for.
    pub name: RangeName,
    /// Its first day.
    pub first: Date,
    /// The day after its last one.
    pub end: Date,
}

impl Range {
    /// The range of a name as things are now. `from` and `to`, the first and the last day as `2026-11-01`, are those of a free one.
    pub fn read(name: RangeName, from: &str, to: &str, now: Timestamp) -> Result<Self, Error> {
        let today = now.to_zoned(TimeZone::UTC).date();
        let month = today.first_of_month();
        let (first, end) = match name {
            RangeName::Yesterday => (today.saturating_sub(1.day()), today),
            RangeName::ThisMonth => (month, month.saturating_add(1.month())),
            RangeName::LastMonth => (month.saturating_sub(1.month()), month),
            RangeName::Year => (today.first_of_year(), today.first_of_year().saturating_add(1.year())),
            RangeName::Free => (day(from)?, day(to)?.saturating_add(1.day())),
        };
        let range = Self { name, first, end };
        match (1..=DAYS_MAX).contains(&range.days()) {
            true => Ok(range),
            false => Err(Error::Invalid(format!(
                "from {from} to {to} is no range: it ends after it begins, and has at most {DAYS_MAX} days"
            ))),
        }
    }

    /// Everything until now.
    #[cfg(test)]
    pub(super) fn all(until: Timestamp) -> Self {
        let end = until.to_zoned(TimeZone::UTC).date().saturating_add(1.day());
        Self { name: RangeName::Free, first: end.saturating_sub(i64::from(DAYS_MAX).days()), end }
    }

    /// Its last day.
    pub fn last(&self) -> Date {
        self.end.saturating_sub(1.day())
    }

    /// The time before it: the calendar month or year before, or as many days.
    pub fn before(&self) -> Self {
        let length: Span = match self.name {
            RangeName::ThisMonth | RangeName::LastMonth => 1.month(),
            RangeName::Year => 1.year(),
            RangeName::Yesterday | RangeName::Free => i64::from(self.days()).days(),
        };
        Self { name: RangeName::Free, first: self.first.saturating_sub(length), end: self.first }
    }

    /// Whether each day is shown by itself; otherwise each month is.
    pub fn is_by_day(&self) -> bool {
        self.days() <= DAYS_SHOWN
    }

    /// Its days or months, as `2026-11-28` or `2026-11`, the earliest first.
    pub fn steps(&self) -> Vec<String> {
        let (mut at, step, form): (Date, Span, &str) = match self.is_by_day() {
            true => (self.first, 1.day(), "%Y-%m-%d"),
            false => (self.first.first_of_month(), 1.month(), "%Y-%m"),
        };
        let mut steps = Vec::new();
        while at < self.end {
            steps.push(at.strftime(form).to_string());
            let next = at.saturating_add(step);
            // The last day that there is has none after it.
            if next == at {
                break;
            }
            at = next;
        }
        steps
    }

    /// Its first moment as rows have it.
    pub(super) fn since(&self) -> String {
        moment(self.first)
    }

    /// The first moment after it as rows have it.
    pub(super) fn until(&self) -> String {
        moment(self.end)
    }

    fn days(&self) -> i32 {
        self.first.until(self.end).map_or(i32::MAX, |span| span.get_days())
    }
}

fn day(text: &str) -> Result<Date, Error> {
    let refuse = || {
        Error::Invalid(format!(
            "'{text}' is no day: a free range has its first and its last day, as from=2026-11-01&to=2026-11-30"
        ))
    };
    let day: Date = text.parse().map_err(|_| refuse())?;
    // Dates have other forms, too, and stored times have years of four digits.
    if day.to_string() == text && (1970..9999).contains(&day.year()) { Ok(day) } else { Err(refuse()) }
}

fn moment(day: Date) -> String {
    time(TimeZone::UTC.to_timestamp(day.at(0, 0, 0, 0)).unwrap_or(Timestamp::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn range(name: RangeName, from: &str, to: &str) -> Result<Range, Error> {
        Range::read(name, from, to, "2026-03-31T23:59:59Z".parse().unwrap())
    }

    fn days(range: Range) -> (String, String) {
        (range.first.to_string(), range.last().to_string())
    }

    #[test]
    fn each_range_has_the_time_before_it() {
        for (name, first, last, before) in [
            (RangeName::Yesterday, "2026-03-30", "2026-03-30", ("2026-03-29", "2026-03-29")),
            (RangeName::ThisMonth, "2026-03-01", "2026-03-31", ("2026-02-01", "2026-02-28")),
            (RangeName::LastMonth, "2026-02-01", "2026-02-28", ("2026-01-01", "2026-01-31")),
            (RangeName::Year, "2026-01-01", "2026-12-31", ("2025-01-01", "2025-12-31")),
            (RangeName::Free, "2026-01-10", "2026-01-12", ("2026-01-07", "2026-01-09")),
        ] {
            let found = range(name, "2026-01-10", "2026-01-12").unwrap();
            assert_eq!(days(found), (first.into(), last.into()), "{name}");
            assert_eq!(days(found.before()), (before.0.into(), before.1.into()), "{name}");
        }
    }

    #[test]
    fn a_range_is_shown_by_days_or_by_months() {
        let month = range(RangeName::LastMonth, "", "").unwrap();
        assert_eq!((month.steps().len(), month.steps()[27].as_str()), (28, "2026-02-28"));
        let year = range(RangeName::Year, "", "").unwrap();
        assert_eq!((year.steps().len(), year.steps()[11].as_str()), (12, "2026-12"));
        let across = range(RangeName::Free, "2025-12-31", "2026-03-15").unwrap();
        assert_eq!(across.steps(), ["2025-12", "2026-01", "2026-02", "2026-03"]);
        assert_eq!(across.since(), "2025-12-31T00:00:00.000000Z");
        assert_eq!(across.until(), "2026-03-16T00:00:00.000000Z");
    }

    #[test]
    fn what_is_no_range_is_refused() {
        for (from, to) in [
            ("", ""),
            ("2026-01-01", ""),
            ("2026-02-30", "2026-03-01"),
            ("2026-03-01", "2026-02-01"),
            ("20260301", "2026-03-02"),
            ("1970-01-01", "2026-01-01"),
            ("9999-01-01", "9999-12-31"),
            ("-000001-01-01", "2026-01-01"),
        ] {
            assert!(range(RangeName::Free, from, to).is_err(), "{from} {to}");
        }
        // What is written beside another range is not looked at.
        assert!(range(RangeName::Year, "x", "y").is_ok());
    }
}
