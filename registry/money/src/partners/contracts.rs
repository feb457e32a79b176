//! Contracts for what is paid by the month or by use: trials that became paid ones, and those that ended.

use chandlery_package::column::{Json, Text};
use chandlery_package::{Balance, Currency, Namespace, Offer, Price};
use jiff::{SignedDuration, Timestamp};
use sqlx::AnyConnection;

use super::Range;
use crate::Error;
use crate::payouts::earnings::of_partner;
use chandlery_store::time;

/// What became of contracts in a time. A customer that orders anew has its contract before replaced, and not ended.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Contracts {
    /// Contracts that were in force when the time began.
    pub at_begin: u64,
    /// Contracts that were made in it.
    pub made: u64,
    /// Contracts that ended in it, and that no other one replaced.
    pub ended: u64,
    /// Of those that were in force when the time began, how many ended in it so.
    pub churned: u64,
    /// Contracts that are in force when the time ends.
    pub at_end: u64,
    /// Trials that began in it.
    pub trials: u64,
    /// Of those, the ones that have been paid for or will be: something was sold by them.
    pub trials_paid: u64,
    /// Of those, the ones that are not over.
    pub trials_running: u64,
    /// Of those, the ones that ended before anything was sold by them.
    pub trials_ended: u64,
}

impl Contracts {
    /// Trials that are over, of contracts that are in force, by which nothing was sold yet: their first month is not closed.
    pub fn trials_open(&self) -> u64 {
        self.trials - self.trials_paid - self.trials_running - self.trials_ended
    }
}

#[derive(sqlx::FromRow)]
struct Row {
    offer: Json<Offer>,
    ordered_at: Text<Timestamp>,
    ended_at: Option<String>,
    has_sale: i64,
    is_replaced: i64,
}

/// What became of the contracts for a partner's plugins in a time.
pub async fn contracts(
    db: &mut AnyConnection,
    partner: &Namespace,
    range: &Range,
    now: Timestamp,
) -> Result<Contracts, Error> {
    let rows: Vec<Row> = sqlx::query_as(
        "select offer, ordered_at, ended_at,
                cast(case when exists (select 1 from sales where void_at is null and source >= 'order ' || orders.reference
                                       and source < 'order ' || orders.reference || '-') then 1 else 0 end as bigint) as has_sale,
                cast(case when exists (select 1 from orders later where later.customer = orders.customer
                                       and later.plugin = orders.plugin and later.reference <> orders.reference
                                       and later.ordered_at >= orders.ended_at and later.ordered_at < $3)
                     then 1 else 0 end as bigint) as is_replaced
         from orders where plugin >= $1 and plugin < $2 and price_kind <> 'once'
           and ordered_at < $3 and (ended_at is null or ended_at >= $4)",
    )
    .bind(format!("{partner}:"))
    .bind(format!("{partner};"))
    .bind(range.until())
    .bind(range.since())
    .fetch_all(db)
    .await?;
    let mut found = Contracts::default();
    // A replica of the release before writes no kind of price with an order.
    for row in rows.iter().filter(|row| !matches!(row.offer.0.price, Price::Once { .. })) {
        count(&mut found, row, range, now);
    }
    Ok(found)
}

fn count(found: &mut Contracts, row: &Row, range: &Range, now: Timestamp) {
    let is_new = time(row.ordered_at.0) >= range.since();
    let has_ended = row.ended_at.as_ref().is_some_and(|ended| *ended < range.until());
    let has_gone = has_ended && row.is_replaced == 0;
    match is_new {
        true => found.made += 1,
        false => found.at_begin += 1,
    }
    found.ended += u64::from(has_gone);
    found.churned += u64::from(has_gone && !is_new);
    found.at_end += u64::from(!has_ended);
    let days = row.offer.0.trial_days;
    if !is_new || days == 0 {
        return;
    }
    found.trials += 1;
    let over = row.ordered_at.0.checked_add(SignedDuration::from_hours(24 * i64::from(days)));
    let is_over = over.is_ok_and(|over| over <= now);
    let ended_by_now = row.ended_at.as_ref().is_some_and(|ended| *ended <= time(now));
    match (row.has_sale == 1, ended_by_now, is_over) {
        (true, ..) => found.trials_paid += 1,
        (false, true, _) => found.trials_ended += 1,
        (false, false, false) => found.trials_running += 1,
        (false, false, true) => {}
    }
}

/// Why money went back to customers in a time: what credit notes say, how many say so, and what that took of what the partner has earned.
pub async fn reasons(
    db: &mut AnyConnection,
    partner: &Namespace,
    currency: Currency,
    range: &Range,
) -> Result<Vec<(String, i64, Balance)>, Error> {
    let sql = "select reason, count(distinct refunds.number), cast(-sum(ledger_postings.minor) as bigint)
               from refunds join ledger_postings on ledger_postings.transaction_id = refunds.transaction_id
               where account in ($1, $2, $3, $4, $5, $6) and ledger_postings.currency = $7 and at >= $8 and at < $9
               group by reason order by 2 desc, reason";
    let rows = of_partner::<(String, i64, i64)>(sql, partner)
        .bind(currency.code())
        .bind(range.since())
        .bind(range.until())
        .fetch_all(db)
        .await?;
    let read = |(reason, notes, minor)| Ok((reason, notes, Balance::new(minor, currency)?));
    rows.into_iter().map(read).collect()
}
