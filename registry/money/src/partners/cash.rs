//! What is held until when, and what is on its way.

use chandlery_package::column::Text;
use chandlery_package::wire::{Payout, PayoutState};
use chandlery_package::{Balance, Currency, Money, Namespace};
use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan as _};
use sqlx::AnyConnection;

use crate::{Error, payouts};

/// How many working days a transfer takes at most, once a bank has it: one within SEPA, and a few at a processor's.
const ARRIVES_AFTER_WORKING_DAYS: u32 = 3;
/// How many payouts on their way are shown.
const SHOWN: i64 = 20;

/// What becomes available on a day.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Due {
    /// The day, in UTC.
    pub day: String,
    /// How much it is, in its currency.
    pub amount: Balance,
}

/// What of a partner's earnings is on hold, by the day that it becomes available, the next one first: all together it is the balance that
/// is on hold.
pub async fn held(
    db: &mut AnyConnection,
    partner: &Namespace,
    currency: Currency,
) -> Result<Vec<Due>, Error> {
    let rows: Vec<(String, i64)> = sqlx::query_as(
        "select substr(available_at, 1, 10),
                cast(sum(share_minor - returned_minor - reserve_minor + reserve_returned_minor) as bigint)
         from lots where partner = $1 and currency = $2 and available_at is not null and released_by is null
         group by 1 having sum(share_minor - returned_minor - reserve_minor + reserve_returned_minor) <> 0 order by 1",
    )
    .bind(partner.as_str())
    .bind(currency.code())
    .fetch_all(db)
    .await?;
    due(rows, currency)
}

/// The same of what is in reserve.
pub async fn reserved(
    db: &mut AnyConnection,
    partner: &Namespace,
    currency: Currency,
) -> Result<Vec<Due>, Error> {
    let rows: Vec<(String, i64)> = sqlx::query_as(
        "select substr(reserve_until, 1, 10), cast(sum(reserve_minor - reserve_returned_minor) as bigint)
         from lots where partner = $1 and currency = $2 and available_at is not null and reserve_released_by is null
         group by 1 having sum(reserve_minor - reserve_returned_minor) <> 0 order by 1",
    )
    .bind(partner.as_str())
    .bind(currency.code())
    .fetch_all(db)
    .await?;
    due(rows, currency)
}

fn due(rows: Vec<(String, i64)>, currency: Currency) -> Result<Vec<Due>, Error> {
    let read = |(day, minor)| Ok(Due { day, amount: Balance::new(minor, currency)? });
    rows.into_iter().map(read).collect()
}

/// A payout that was approved and is not confirmed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OnItsWay {
    /// The payout's number.
    pub payout: i64,
    /// What is sent.
    pub sent: Money,
    /// Whether its rail has it.
    pub is_sent: bool,
    /// By when it should have arrived.
    pub arrives_by: Date,
}

/// The payouts that are on their way to a partner in the currency that they are sent in, the earliest first, and by when each should have
/// arrived: three working days after its run was sent or, where it was not, after today.
pub async fn on_its_way(
    db: &mut AnyConnection,
    partner: &Namespace,
    currency: Currency,
    now: Timestamp,
) -> Result<Vec<OnItsWay>, Error> {
    let rows: Vec<(i64, Option<Text<Timestamp>>)> = sqlx::query_as(
        "select payouts.id, payout_runs.sent_at from payouts left join payout_runs on payout_runs.id = payouts.run
         where partner = $1 and sent_currency = $2 and state in ('approved', 'sent') order by payouts.id limit $3",
    )
    .bind(partner.as_str())
    .bind(currency.code())
    .bind(SHOWN)
    .fetch_all(&mut *db)
    .await?;
    let mut all = Vec::new();
    for (id, sent_at) in rows {
        let Payout { sent, state, .. } = payouts::run::find(db, id).await?;
        let arrives_by = working_days_after(sent_at.map_or(now, |Text(at)| at));
        all.push(OnItsWay { payout: id, sent, is_sent: state == PayoutState::Sent, arrives_by });
    }
    Ok(all)
}

fn working_days_after(at: Timestamp) -> Date {
    let mut day = at.to_zoned(TimeZone::UTC).date();
    for _ in 0..ARRIVES_AFTER_WORKING_DAYS {
        day = day.saturating_add(1.day());
        while day.weekday().to_monday_zero_offset() > 4 {
            day = day.saturating_add(1.day());
        }
    }
    day
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_transfer_arrives_at_a_weekend() {
        for (sent, arrives) in [
            ("2026-11-23T23:59:59Z", "2026-11-26"),
            ("2026-11-25T00:00:00Z", "2026-11-30"),
            ("2026-11-27T12:00:00Z", "2026-12-02"),
            ("2026-11-28T12:00:00Z", "2026-12-02"),
        ] {
            assert_eq!(working_days_after(sent.parse().unwrap()).to_string(), arrives, "{sent}");
        }
    }
}
