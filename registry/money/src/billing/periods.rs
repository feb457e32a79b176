//! What an invoice for a subscription is for: a period of a tier, earned day by day.

mod billed;

use chandlery_package::column::Text;
use chandlery_package::wire::{InvoiceState, TransactionKind};
use chandlery_package::{Currency, Money, Namespace, Tier};
use jiff::{SignedDuration, Timestamp};
use sqlx::AnyConnection;

use crate::Error;
use crate::ledger::{self, Account, By, Chore, Transaction};
use chandlery_store::{Db, Write, time};

pub(crate) use billed::{NewPeriod, bill};

const DAY_SECONDS: u64 = 24 * 3600;
/// How many periods are looked at in one transaction.
const BATCH: i64 = 100;

/// A period of a tier.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct SubscriptionPeriod {
    pub invoice: i64,
    pub account: Namespace,
    pub state: InvoiceState,
    pub tier: Tier,
    pub from: Timestamp,
    pub to: Timestamp,
    /// How many months that are.
    pub months: i64,
    pub price: Money,
    /// What of the price was given back, in minor units.
    pub refunded_minor: i64,
    /// When it was cut short.
    pub ended_at: Option<Timestamp>,
    /// What of the price has been earned so far, in minor units.
    pub recognised_minor: i64,
    /// The invoice of the period that it came instead of.
    pub replaces: Option<i64>,
    /// What its own invoice charges, and what was given back of that, in minor units.
    charged_minor: i64,
    returned_minor: i64,
    /// From when on the rest is earned by the day, beside so much that was earned by then, in minor units.
    rest: Option<(Timestamp, i64)>,
}

impl SubscriptionPeriod {
    /// What the whole period is worth: its price, less what was given back.
    fn worth_minor(&self) -> i64 {
        self.price.minor() - self.refunded_minor
    }

    /// What is not earned yet, in minor units.
    pub fn deferred_minor(&self) -> i64 {
        self.worth_minor() - self.recognised_minor
    }

    /// What has been earned of it by a moment, in minor units.
    pub fn earned_minor(&self, at: Timestamp) -> i64 {
        match self.rest {
            Some((from, before)) => before + earned(self.worth_minor() - before, from, self.to, at),
            None => earned(self.worth_minor(), self.from, self.to, at),
        }
    }

    /// Whether nothing that was paid for it is left: all of its invoice was given back, or all that it was worth, or all of its rest.
    pub fn is_given_back(&self, now: Timestamp) -> bool {
        let invoice = self.charged_minor > 0 && self.returned_minor >= self.charged_minor;
        let rest = self.rest.is_some() && self.deferred_minor() == 0 && now < self.to;
        self.refunded_minor > 0 && (invoice || self.worth_minor() == 0 || rest)
    }

    /// Lowers what it is worth, and gives what was earned of that, in minor units: as by the day it would have been or, where its rest
    /// is by itself, what is not in that.
    fn lower(&mut self, minor: i64, now: Timestamp) -> i64 {
        let before = self.recognised_minor;
        self.refunded_minor += minor;
        let worth = self.worth_minor().max(0);
        let by_then = match self.rest {
            Some(_) => worth,
            None => earned(worth, self.from, self.to, self.ended_at.unwrap_or(now)),
        };
        self.recognised_minor = by_then.min(before).max(before - minor);
        self.rest = self.rest.map(|(from, earned)| (from, earned.min(self.recognised_minor)));
        before - self.recognised_minor
    }
}

#[derive(sqlx::FromRow)]
struct Row {
    invoice: i64,
    account: Text<Namespace>,
    state: Text<InvoiceState>,
    currency: Text<Currency>,
    net_minor: i64,
    tier: Text<Tier>,
    from_at: Text<Timestamp>,
    to_at: Text<Timestamp>,
    months: i64,
    price_minor: i64,
    plan_refunded_minor: i64,
    returned_minor: i64,
    ended_at: Option<Text<Timestamp>>,
    recognised_minor: i64,
    replaces: Option<i64>,
    rest_from_at: Option<Text<Timestamp>>,
    rest_earned_minor: Option<i64>,
}

macro_rules! select {
    ($condition:literal) => {
        concat!(
            "select plan_periods.invoice as invoice, account, state, currency, net_minor, tier,
                    plan_periods.from_at as from_at, to_at, months, price_minor, plan_periods.refunded_minor as plan_refunded_minor,
                    (select cast(coalesce(sum(invoice_lines.refunded_minor), 0) as bigint) from invoice_lines
                     where invoice_lines.invoice = plan_periods.invoice) as returned_minor,
                    ended_at, recognised_minor, replaces, plan_rests.from_at as rest_from_at,
                    earned_minor as rest_earned_minor
             from plan_periods join invoices on number = plan_periods.invoice
             left join plan_successions on plan_successions.invoice = plan_periods.invoice
             left join plan_rests on plan_rests.invoice = plan_periods.invoice ",
            $condition
        )
    };
}

/// What of a price has been earned after the days of a period that have passed, in minor units: rounded down, so that the last day,
/// which may be shorter, gets what is left. Before its end, something is left of whatever is above zero.
fn earned(price_minor: i64, from: Timestamp, to: Timestamp, at: Timestamp) -> i64 {
    let seconds = |until: Timestamp| (until.as_second() - from.as_second()).max(0).unsigned_abs();
    let (passed, all) = (seconds(at) / DAY_SECONDS, seconds(to).div_ceil(DAY_SECONDS));
    if at >= to || passed >= all {
        return price_minor;
    }
    i64::try_from(i128::from(price_minor) * i128::from(passed) / i128::from(all)).unwrap_or(price_minor)
}

/// When so much of a period was earned in all, in minor units: at the end of each day that has passed and is not in the books yet.
/// What is of a month that is closed is an adjustment of now.
fn days(
    plan: &SubscriptionPeriod,
    until: Timestamp,
    open: Option<Timestamp>,
    now: Timestamp,
) -> Vec<(Timestamp, i64)> {
    let (mut days, mut so_far) = (Vec::<(Timestamp, i64)>::new(), plan.recognised_minor);
    // The days of what was left when it was given back or ended count from then.
    let mut end = plan.rest.map_or(plan.from, |(from, _)| from);
    let day = SignedDuration::from_hours(24);
    while end < until.min(plan.to) {
        // The last one is shorter where a period is not of whole days.
        end = end.checked_add(day).map_or(plan.to, |end| end.min(plan.to));
        let by_then = plan.earned_minor(end);
        if end > until || by_then <= so_far {
            continue;
        }
        so_far = by_then;
        let at = if open.is_none_or(|open| open <= end) { end } else { now };
        match days.last_mut() {
            Some((before, earned)) if *before == at => *earned = by_then,
            _ => days.push((at, by_then)),
        }
    }
    days
}

/// Moves what has been earned of a period by now from what is deferred to revenue: what each day has earned is dated to its end,
/// however long nobody looked, while its month is open.
pub(crate) async fn recognise(
    write: &mut Write,
    plan: &mut SubscriptionPeriod,
    now: Timestamp,
) -> Result<(), Error> {
    if plan.state == InvoiceState::Uncollectible {
        return Ok(());
    }
    let until = plan.ended_at.map_or(now, |ended| ended.min(now));
    let open = ledger::open_from(write).await?;
    for (at, earned) in days(plan, until, open, now) {
        earn(write, plan, earned, at).await?;
    }
    Ok(())
}

/// Posts that so much has been earned of a period so far, more or less than before.
async fn earn(
    write: &mut Write,
    plan: &mut SubscriptionPeriod,
    earned: i64,
    at: Timestamp,
) -> Result<(), Error> {
    let new = plan.price.with_minor(earned - plan.recognised_minor)?;
    let (worth, SubscriptionPeriod { invoice, account, refunded_minor, .. }) = (plan.worth_minor(), &*plan);
    let transaction =
        Transaction::new(TransactionKind::Earned, format!("{invoice}:{earned}:{refunded_minor}"), at)
            .about(format!("of invoice {invoice} to {account}, {earned} of {worth} so far"))
            .link("invoice", invoice)
            .link("customer", account)
            .debit(Account::Deferred, new)
            .credit(Account::Plans, new);
    if !transaction.postings.is_empty() {
        ledger::post(write, transaction).await?;
    }
    plan.recognised_minor = earned;
    save(write, plan).await
}

async fn save(write: &mut Write, plan: &SubscriptionPeriod) -> Result<(), Error> {
    sqlx::query(
        "update plan_periods set recognised_minor = $1, refunded_minor = $2, ended_at = $3 where invoice = $4",
    )
    .bind(plan.recognised_minor)
    .bind(plan.refunded_minor)
    .bind(plan.ended_at.map(time))
    .bind(plan.invoice)
    .execute(&mut **write)
    .await?;
    if let Some((from, earned)) = plan.rest {
        sqlx::query(
            "insert into plan_rests (invoice, from_at, earned_minor) values ($1, $2, $3)
             on conflict (invoice) do update set from_at = excluded.from_at, earned_minor = excluded.earned_minor",
        )
        .bind(plan.invoice)
        .bind(time(from))
        .bind(earned)
        .execute(&mut **write)
        .await?;
    }
    Ok(())
}

/// Keeps what was earned of a period by now, so that what is given back from now on is first what is not earned.
pub(crate) async fn keep_earned(write: &mut Write, invoice: i64, now: Timestamp) -> Result<(), Error> {
    let mut plan = find(write, invoice).await?;
    recognise(write, &mut plan, now).await?;
    plan.rest = Some((plan.ended_at.unwrap_or(now), plan.recognised_minor));
    save(write, &plan).await
}

/// Takes what is given back of a period from where it is. What was earned of it goes down with its price, as by the day it would have
/// been; the rest was not earned yet. Of a period that another one came instead of, that one has the rest; where it has nothing
/// more, and of a period that was ended, all was earned.
pub(crate) async fn claw_back(
    write: &mut Write,
    invoice: i64,
    part: Money,
    mut transaction: Transaction,
    now: Timestamp,
) -> Result<Transaction, Error> {
    let (mut plan, mut part) = (find(write, invoice).await?, part);
    loop {
        if plan.ended_at.is_none() {
            recognise(write, &mut plan, now).await?;
        }
        let earned = part.with_minor(plan.lower(part.minor(), now))?;
        save(write, &plan).await?;
        part = part.minus(earned)?;
        transaction = transaction.debit(Account::Plans, earned);
        if plan.ended_at.is_none() {
            return Ok(transaction.debit(Account::Deferred, part));
        }
        match successor(write, plan.invoice).await? {
            Some(next) if part.minor() > 0 && next.worth_minor() >= part.minor() => plan = next,
            _ => return Ok(transaction.debit(Account::Plans, part)),
        }
    }
}

/// Moves what has been earned of all periods by now, each day's part in the day.
pub async fn recognise_all(db: &Db, now: Timestamp) -> Result<(), Error> {
    let mut after = Some(0);
    while let Some(last) = after {
        let mut write = db.write().await?;
        after = recognise_next(&mut write, last, now).await?;
        write.commit().await?;
    }
    Ok(())
}

/// The same of so many periods after an invoice. Gives the last of them; none: there was none left.
pub(crate) async fn recognise_next(
    write: &mut Write,
    after: i64,
    now: Timestamp,
) -> Result<Option<i64>, Error> {
    ledger::by(write, By::System(Chore::Renewals));
    let rows: Vec<Row> = sqlx::query_as(select!(
        "where plan_periods.invoice > $1 and recognised_minor < price_minor - plan_periods.refunded_minor
           and ended_at is null and state <> 'uncollectible' and plan_periods.from_at < $2
         order by plan_periods.invoice limit $3"
    ))
    .bind(after)
    .bind(time(now))
    .bind(BATCH)
    .fetch_all(&mut **write)
    .await?;
    let last = rows.last().map(|row| row.invoice);
    for row in rows {
        recognise(write, &mut read(row)?, now).await?;
    }
    Ok(last)
}

/// Ends a period now, if it was not ended before, and gives what is left of its price, in minor units: that is for the one that comes
/// instead.
pub(crate) async fn cut_short(
    write: &mut Write,
    plan: &mut SubscriptionPeriod,
    now: Timestamp,
) -> Result<i64, Error> {
    recognise(write, plan, now).await?;
    plan.ended_at.get_or_insert(now);
    save(write, plan).await?;
    Ok(plan.deferred_minor())
}

/// Ends a period that nothing comes instead of: what was not given back of it is earned.
pub(crate) async fn end(
    write: &mut Write,
    plan: &mut SubscriptionPeriod,
    now: Timestamp,
) -> Result<(), Error> {
    cut_short(write, plan, now).await?;
    let worth = plan.worth_minor();
    earn(write, plan, worth, now).await?;
    plan.rest = Some((now, plan.recognised_minor));
    save(write, plan).await
}

/// Ends a period that was given back. What it has of the one that it came instead of goes back to that, which then goes on as if it had
/// never been left, if it is not over. Gives that one.
pub(crate) async fn undo(
    write: &mut Write,
    plan: &mut SubscriptionPeriod,
    now: Timestamp,
) -> Result<Option<SubscriptionPeriod>, Error> {
    let before = match plan.replaces {
        Some(number) => of_invoice(write, number).await?,
        None => None,
    };
    let brought = plan.worth_minor();
    let goes_on = |before: &SubscriptionPeriod| {
        before.state == InvoiceState::Paid && before.to > now && before.deferred_minor() == brought
    };
    match before.filter(goes_on).filter(|_| brought > 0) {
        Some(mut before) => {
            earn(write, plan, 0, now).await?;
            (plan.refunded_minor, plan.ended_at) = (plan.price.minor(), Some(now));
            plan.rest = Some((now, 0));
            save(write, plan).await?;
            before.ended_at = None;
            save(write, &before).await?;
            recognise(write, &mut before, now).await?;
            Ok(Some(before))
        }
        None => {
            end(write, plan, now).await?;
            Ok(None)
        }
    }
}

/// Gives what of a period that was ended is the customer's credit from now on, in minor units.
pub(crate) async fn as_credit(write: &mut Write, plan: &mut SubscriptionPeriod) -> Result<i64, Error> {
    let left = plan.deferred_minor();
    plan.refunded_minor += left;
    save(write, plan).await?;
    Ok(left)
}

/// The period that came instead of one, the last one where several did.
async fn successor(db: &mut AnyConnection, invoice: i64) -> Result<Option<SubscriptionPeriod>, Error> {
    let row: Option<Row> =
        sqlx::query_as(select!("where replaces = $1 order by plan_periods.invoice desc limit 1"))
            .bind(invoice)
            .fetch_optional(db)
            .await?;
    row.map(read).transpose()
}

/// The periods that last, or that nobody has ended yet: what is deferred is of these.
pub(crate) async fn lasting(db: &mut AnyConnection) -> Result<Vec<SubscriptionPeriod>, Error> {
    let rows: Vec<Row> = sqlx::query_as(select!(
        "where ended_at is null and state <> 'uncollectible' order by plan_periods.invoice"
    ))
    .fetch_all(db)
    .await?;
    rows.into_iter().map(read).collect()
}

/// The period that an invoice is for, if it is for one.
pub(crate) async fn of_invoice(
    db: &mut AnyConnection,
    invoice: i64,
) -> Result<Option<SubscriptionPeriod>, Error> {
    let row: Option<Row> =
        sqlx::query_as(select!("where plan_periods.invoice = $1")).bind(invoice).fetch_optional(db).await?;
    row.map(read).transpose()
}

/// The period of a subscription's invoice.
pub(crate) async fn find(db: &mut AnyConnection, invoice: i64) -> Result<SubscriptionPeriod, Error> {
    of_invoice(db, invoice)
        .await?
        .ok_or_else(|| Error::Damaged(format!("invoice {invoice} is for no subscription")))
}

fn read(row: Row) -> Result<SubscriptionPeriod, Error> {
    let Text(currency) = row.currency;
    Ok(SubscriptionPeriod {
        invoice: row.invoice,
        account: row.account.0,
        state: row.state.0,
        tier: row.tier.0,
        from: row.from_at.0,
        to: row.to_at.0,
        months: row.months,
        price: Money::new(row.price_minor, currency)?,
        refunded_minor: row.plan_refunded_minor,
        ended_at: row.ended_at.map(|Text(at)| at),
        recognised_minor: row.recognised_minor,
        replaces: row.replaces,
        charged_minor: row.net_minor,
        returned_minor: row.returned_minor,
        rest: row.rest_from_at.zip(row.rest_earned_minor).map(|(Text(from), earned)| (from, earned)),
    })
}

#[cfg(test)]
mod tests;
