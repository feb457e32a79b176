//! When a partner is paid next, and what.

use chandlery_package::wire::{NextPayout, PayoutProfile, Schedule};
use chandlery_package::{Balance, Currency, Money, Namespace, RevenueSharePolicy};
use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{Span, Timestamp, ToSpan as _};
use sqlx::AnyConnection;

use super::{leaving, profiles};
use crate::{Error, sharing};
use chandlery_store::time;

/// What a partner would be paid in a currency by a run that is made now.
pub(super) async fn next(
    db: &mut AnyConnection,
    partner: &Namespace,
    currency: Currency,
    now: Timestamp,
) -> Result<NextPayout, Error> {
    let (free,): (i64,) = sqlx::query_as(
        "select cast(coalesce(sum(minor), 0) as bigint) from available_entries
         where partner = $1 and currency = $2 and payout is null",
    )
    .bind(partner.as_str())
    .bind(currency.code())
    .fetch_one(&mut *db)
    .await?;
    let (_, profile) = profiles::in_force(db, partner, now).await?;
    let (_, policy) = sharing::in_force(db, now).await?;
    let (minimum, not_before) = match leaving::is_final(db, partner, currency).await? {
        true => (Money::one(currency), None),
        false => {
            let not_before = not_before(db, partner, currency, profile.schedule, now).await?;
            (minimum(&policy, &profile, currency), not_before)
        }
    };
    Ok(NextPayout { amount: Balance::new(free, currency)?, minimum, not_before })
}

/// The least that is paid out: the policy's, or the partner's own where that is more.
pub(super) fn minimum(policy: &RevenueSharePolicy, profile: &PayoutProfile, currency: Currency) -> Money {
    let least = policy.minimum(currency);
    let own = profile.minimum.filter(|own| own.currency() == currency && own.minor() > least.minor());
    own.unwrap_or(least)
}

/// From when on a run pays the partner, where that is later than now. A payout that came back is made again by the next run.
async fn not_before(
    db: &mut AnyConnection,
    partner: &Namespace,
    currency: Currency,
    schedule: Schedule,
    now: Timestamp,
) -> Result<Option<Timestamp>, Error> {
    let Some((begin, end)) = period(schedule, now)? else { return Ok(None) };
    let (paid,): (i64,) = sqlx::query_as(
        "select count(*) from payouts where partner = $1 and currency = $2 and proposed_at >= $3
           and state not in ('cancelled', 'returned')",
    )
    .bind(partner.as_str())
    .bind(currency.code())
    .bind(time(begin))
    .fetch_one(db)
    .await?;
    Ok((paid > 0).then_some(end))
}

/// The period of a schedule that a moment is in.
fn period(schedule: Schedule, now: Timestamp) -> Result<Option<(Timestamp, Timestamp)>, Error> {
    let day = now.to_zoned(TimeZone::UTC).date();
    let (begin, length): (Result<Date, jiff::Error>, Span) = match schedule {
        Schedule::EveryRun => return Ok(None),
        Schedule::Weekly => {
            (day.checked_sub(i64::from(day.weekday().to_monday_zero_offset()).days()), 1.week())
        }
        Schedule::Monthly => (Ok(day.first_of_month()), 1.month()),
        Schedule::Quarterly => {
            (day.first_of_month().checked_sub(i64::from((day.month() - 1) % 3).months()), 3.months())
        }
    };
    let moment = |day: Date| day.to_zoned(TimeZone::UTC).map(|begin| begin.timestamp());
    let both = begin.and_then(|begin| Ok((moment(begin)?, moment(begin.checked_add(length)?)?)));
    both.map(Some).map_err(|error| Error::Damaged(error.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn periods_begin_on_mondays_and_on_the_first() {
        let of = |schedule, now: &str| {
            let (begin, end) = period(schedule, now.parse().unwrap()).unwrap().unwrap();
            (begin.strftime("%F").to_string(), end.strftime("%F").to_string())
        };
        let days = |begin: &str, end: &str| (begin.to_owned(), end.to_owned());
        assert_eq!(of(Schedule::Weekly, "2026-11-29T23:59:59Z"), days("2026-11-23", "2026-11-30"));
        assert_eq!(of(Schedule::Weekly, "2026-11-30T00:00:00Z"), days("2026-11-30", "2026-12-07"));
        assert_eq!(of(Schedule::Monthly, "2026-12-31T12:00:00Z"), days("2026-12-01", "2027-01-01"));
        assert_eq!(of(Schedule::Quarterly, "2026-11-25T00:00:00Z"), days("2026-10-01", "2027-01-01"));
        assert!(period(Schedule::EveryRun, Timestamp::UNIX_EPOCH).unwrap().is_none());
    }
}
