//! What an invoice for a subscription is for: a period of a tier, earned day by day.

use chandlery_package::column::Text;
use chandlery_package::wire::{InvoiceLine, InvoiceLineKind, InvoiceState, TransactionKind};
use chandlery_package::{Currency, Money, Month, Namespace, Tier};
use jiff::Timestamp;
use sqlx::AnyConnection;

use super::invoices::{self, NewInvoice};
use crate::Error;
use crate::ledger::{self, Account, By, Chore, Transaction};
use chandlery_store::{Db, Write, time};

const DAY_SECONDS: i64 = 24 * 3600;
/// How many periods are looked at in one transaction.
const BATCH: i64 = 100;

/// A period of a tier.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct SubscriptionPeriod {
    pub invoice: i64,
    pub account: Namespace,
    pub state: InvoiceState,
    /// What is to be paid for it, with taxes.
    pub total: Money,
    pub from: Timestamp,
    pub to: Timestamp,
    pub price: Money,
    /// What of the price was given back, in minor units.
    pub refunded_minor: i64,
    /// When it was cut short.
    pub ended_at: Option<Timestamp>,
    /// What of the price has been earned so far, in minor units.
    pub recognised_minor: i64,
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
}

/// What is to be invoiced.
pub(crate) struct NewPeriod<'a> {
    pub account: &'a Namespace,
    pub tier: Tier,
    pub from: Timestamp,
    pub to: Timestamp,
    /// How many months that are.
    pub months: i32,
    pub price: Money,
    /// What is left of the period that this one replaces, in minor units.
    pub credit_minor: i64,
}

#[derive(sqlx::FromRow)]
struct Row {
    invoice: i64,
    account: Text<Namespace>,
    state: Text<InvoiceState>,
    currency: Text<Currency>,
    total_minor: i64,
    from_at: Text<Timestamp>,
    to_at: Text<Timestamp>,
    price_minor: i64,
    plan_refunded_minor: i64,
    ended_at: Option<Text<Timestamp>>,
    recognised_minor: i64,
}

macro_rules! select {
    ($condition:literal) => {
        concat!(
            "select invoice, account, state, currency, net_minor + tax_minor as total_minor, from_at, to_at,
                    price_minor, plan_periods.refunded_minor as plan_refunded_minor, ended_at, recognised_minor
             from plan_periods join invoices on number = invoice ",
            $condition
        )
    };
}

/// Issues the invoice for a period.
pub(crate) async fn bill(write: &mut Write, new: &NewPeriod<'_>, now: Timestamp) -> Result<i64, Error> {
    let NewPeriod { account, tier, from, to, months, price, credit_minor } = new;
    if *credit_minor > price.minor() {
        return Err(Error::Conflict(format!(
            "{} are left of what '{account}' has, more than the new price of {price}: change when its period is over",
            price.with_minor(*credit_minor)?
        )));
    }
    let day = |at: &Timestamp| at.strftime("%Y-%m-%d").to_string();
    let line = |kind, description, amount| InvoiceLine {
        kind,
        description,
        quantity: "1".into(),
        amount,
        sale: None,
    };
    let mut lines =
        vec![line(InvoiceLineKind::Plan, format!("{tier}, {} to {}", day(from), day(to)), *price)];
    if *credit_minor > 0 {
        lines.push(line(
            InvoiceLineKind::Unused,
            "what is left of the subscription before".into(),
            price.with_minor(-credit_minor)?,
        ));
    }
    let about = |transaction: Transaction| {
        transaction
            .link("tier", tier)
            .link("from", time(*from))
            .link("to", time(*to))
            .link("months", months)
            .link("price", price.minor())
            .link("currency", price.currency())
    };
    let new = NewInvoice { account, currency: price.currency(), lines: &lines, told: None, hold_days: 0 };
    let number = invoices::issue(write, &new, about, now).await?;
    sqlx::query(
        "insert into plan_periods (invoice, tier, from_at, to_at, months, price_minor, credit_minor, recognised_minor)
         values ($1, $2, $3, $4, $5, $6, $7, 0)",
    )
    .bind(number)
    .bind(tier.to_string())
    .bind(time(*from))
    .bind(time(*to))
    .bind(i64::from(*months))
    .bind(price.minor())
    .bind(credit_minor)
    .execute(&mut **write)
    .await?;
    Ok(number)
}

/// What of a price has been earned after so many of a period's whole days, in minor units: rounded down, so that the last day
/// gets what is left.
fn earned(price_minor: i64, from: Timestamp, to: Timestamp, at: Timestamp) -> i64 {
    let days = |until: Timestamp| (until.as_second() - from.as_second()).max(0) / DAY_SECONDS;
    let (passed, all) = (days(at), days(to).max(1));
    if at >= to || passed >= all {
        return price_minor;
    }
    i64::try_from(i128::from(price_minor) * i128::from(passed) / i128::from(all)).unwrap_or(price_minor)
}

/// Moves what has been earned of a period by now from what is deferred to revenue.
pub(crate) async fn recognise(
    write: &mut Write,
    plan: &mut SubscriptionPeriod,
    now: Timestamp,
) -> Result<(), Error> {
    if plan.state == InvoiceState::Uncollectible {
        return Ok(());
    }
    let at = plan.ended_at.map_or(now, |ended| ended.min(now));
    let earned = earned(plan.worth_minor(), plan.from, plan.to, at);
    let new = plan.price.with_minor(earned - plan.recognised_minor)?;
    if new.minor() <= 0 {
        return Ok(());
    }
    let SubscriptionPeriod { invoice, account, refunded_minor, .. } = plan;
    let worth = plan.price.minor() - *refunded_minor;
    let transaction =
        Transaction::new(TransactionKind::Earned, format!("{invoice}:{earned}:{refunded_minor}"), now)
            .about(format!("of invoice {invoice} to {account}, {earned} of {worth} so far"))
            .link("invoice", *invoice)
            .link("customer", &*account)
            .debit(Account::Deferred, new)
            .credit(Account::Plans, new);
    ledger::post(write, transaction).await?;
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
    Ok(())
}

/// Lowers the price of a whole period by what is given back, and takes that from where it is: what was earned of the period by
/// now goes down with its price, as by the day it would have been, and the rest was not earned yet. Of a period that was cut
/// short all was earned, or is worth something in the one that came instead.
pub(crate) async fn claw_back(
    write: &mut Write,
    plan: &mut SubscriptionPeriod,
    part: Money,
    transaction: Transaction,
    now: Timestamp,
) -> Result<Transaction, Error> {
    if plan.ended_at.is_some() {
        return Ok(transaction.debit(Account::Plans, part));
    }
    recognise(write, plan, now).await?;
    let earned_before = plan.recognised_minor;
    plan.refunded_minor += part.minor();
    plan.recognised_minor = earned(plan.worth_minor(), plan.from, plan.to, now).min(earned_before);
    save(write, plan).await?;
    let earned = part.with_minor(earned_before - plan.recognised_minor)?;
    Ok(transaction.debit(Account::Plans, earned).debit(Account::Deferred, part.minus(earned)?))
}

/// Moves what has been earned of all periods by now, each month's part in the month.
pub async fn recognise_all(db: &Db, now: Timestamp) -> Result<(), Error> {
    let last_of_month = Month::of(now).previous().last_moment();
    let open = ledger::open_from(&mut *db.read().acquire().await?).await?;
    if open.is_none_or(|open| open <= last_of_month) {
        recognise_until(db, last_of_month).await?;
    }
    recognise_until(db, now).await
}

async fn recognise_until(db: &Db, now: Timestamp) -> Result<(), Error> {
    let mut after = 0;
    loop {
        let mut write = db.write().await?;
        ledger::by(&mut write, By::System(Chore::Renewals));
        let rows: Vec<Row> = sqlx::query_as(select!(
            "where invoice > $1 and recognised_minor < price_minor - plan_periods.refunded_minor and ended_at is null and state <> 'uncollectible'
               and from_at < $2 order by invoice limit $3"
        ))
        .bind(after)
        .bind(time(now))
        .bind(BATCH)
        .fetch_all(&mut *write)
        .await?;
        let Some(last) = rows.last() else { return Ok(()) };
        after = last.invoice;
        for row in rows {
            recognise(&mut write, &mut read(row)?, now).await?;
        }
        write.commit().await?;
    }
}

/// Ends a period now, and gives what is left of its price, in minor units: that is for the one that comes instead.
pub(crate) async fn cut_short(
    write: &mut Write,
    plan: &mut SubscriptionPeriod,
    now: Timestamp,
) -> Result<i64, Error> {
    recognise(write, plan, now).await?;
    plan.ended_at = Some(now);
    save(write, plan).await?;
    Ok(plan.deferred_minor())
}

/// The period that an invoice is for, if it is for one.
pub(crate) async fn of_invoice(
    db: &mut AnyConnection,
    invoice: i64,
) -> Result<Option<SubscriptionPeriod>, Error> {
    let row: Option<Row> =
        sqlx::query_as(select!("where invoice = $1")).bind(invoice).fetch_optional(db).await?;
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
        total: Money::new(row.total_minor, currency)?,
        from: row.from_at.0,
        to: row.to_at.0,
        price: Money::new(row.price_minor, currency)?,
        refunded_minor: row.plan_refunded_minor,
        ended_at: row.ended_at.map(|Text(at)| at),
        recognised_minor: row.recognised_minor,
    })
}
