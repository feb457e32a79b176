//! Invoices for subscriptions. One is issued for each period in advance: the customer owes it, and it is earned day by day.
//!
//! | what happens | debit | credit |
//! | --- | --- | --- |
//! | an invoice is issued | receivable | deferred |
//! | a day has passed | deferred | revenue |
//! | it is paid | bank | receivable |
//! | it is never paid | deferred what is not earned, bad debt the rest | receivable |

use chandlery_package::wire::{Invoice, InvoiceState, NewPayment};
use chandlery_package::{Currency, Money, Namespace, Tier};
use jiff::{SignedDuration, Timestamp};

use crate::ledger::{self, Account, Posting, Transaction};
use crate::{Db, Error, Registry, Write, time};

/// How long a customer has to pay.
const DUE: SignedDuration = SignedDuration::from_hours(14 * 24);
const DAY_SECONDS: i64 = 24 * 3600;
/// How many invoices are looked at in one transaction.
const BATCH: i64 = 100;

/// An invoice as it is stored.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Issued {
    pub invoice: Invoice,
    /// When its period was cut short.
    pub ended_at: Option<Timestamp>,
    /// What of the price has been earned so far, in minor units.
    pub recognised_minor: i64,
    pub bank_reference: Option<String>,
}

#[derive(sqlx::FromRow)]
struct Row {
    number: i64,
    account: String,
    tier: String,
    from_at: String,
    to_at: String,
    currency: String,
    price_minor: i64,
    credit_minor: i64,
    issued_at: String,
    due_at: String,
    state: String,
    ended_at: Option<String>,
    recognised_minor: i64,
    bank_reference: Option<String>,
}

macro_rules! select {
    ($condition:literal) => {
        concat!(
            "select number, account, tier, from_at, to_at, currency, price_minor, credit_minor, issued_at, due_at, state,
                    ended_at, recognised_minor, bank_reference
             from invoices ",
            $condition
        )
    };
}

/// What is to be invoiced.
pub(super) struct NewInvoice<'a> {
    pub account: &'a Namespace,
    pub tier: Tier,
    pub from: Timestamp,
    pub to: Timestamp,
    pub price: Money,
    /// What is left of the invoice that this one replaces, in minor units.
    pub credit_minor: i64,
}

/// Issues an invoice, whose number follows the last one's.
pub(super) async fn issue(write: &mut Write, new: &NewInvoice<'_>, now: Timestamp) -> Result<i64, Error> {
    let NewInvoice { account, tier, from, to, price, credit_minor } = new;
    let total = Money { minor: price.minor - credit_minor, ..*price };
    if total.minor < 0 {
        return Err(Error::Conflict(format!(
            "{} are left of what '{account}' has, more than the new price of {price}: change when its period is over",
            Money { minor: *credit_minor, ..*price }
        )));
    }
    let (number,): (i64,) =
        sqlx::query_as("select cast(coalesce(max(number), 0) + 1 as bigint) from invoices")
            .fetch_one(&mut **write)
            .await?;
    // What costs nothing is paid.
    let state = if total.minor == 0 { InvoiceState::Paid } else { InvoiceState::Open };
    let due_at = now.checked_add(DUE).map_err(|error| Error::Damaged(error.to_string()))?;
    sqlx::query(
        "insert into invoices (number, account, tier, from_at, to_at, currency, price_minor, credit_minor, issued_at, due_at,
                               state, recognised_minor)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, 0)",
    )
    .bind(number)
    .bind(account.as_str())
    .bind(tier.to_string())
    .bind(time(*from))
    .bind(time(*to))
    .bind(price.currency.code())
    .bind(price.minor)
    .bind(credit_minor)
    .bind(time(now))
    .bind(time(due_at))
    .bind(text(state))
    .execute(&mut **write)
    .await?;
    if total.minor > 0 {
        let transaction = Transaction {
            key: format!("invoice:{number}"),
            kind: "invoice",
            description: format!("invoice {number} to {account} for {tier}"),
            at: now,
            postings: vec![
                Posting::debit(Account::Receivable, total),
                Posting::credit(Account::Deferred, total),
            ],
        };
        ledger::post(write, &transaction).await?;
    }
    Ok(number)
}

/// What of a price has been earned after so many of a period's whole days, in minor units: rounded down, so that the last day
/// gets what is left.
pub(super) fn earned(price_minor: i64, from: Timestamp, to: Timestamp, at: Timestamp) -> i64 {
    let days = |until: Timestamp| (until.as_second() - from.as_second()).max(0) / DAY_SECONDS;
    let (passed, all) = (days(at), days(to).max(1));
    if at >= to || passed >= all {
        return price_minor;
    }
    i64::try_from(i128::from(price_minor) * i128::from(passed) / i128::from(all)).unwrap_or(price_minor)
}

/// Moves what has been earned of an invoice by now from what is deferred to revenue.
pub(super) async fn recognise(write: &mut Write, issued: &mut Issued, now: Timestamp) -> Result<(), Error> {
    let Invoice { number, account, from, to, price, state, .. } = &issued.invoice;
    if *state == InvoiceState::Uncollectible {
        return Ok(());
    }
    let at = issued.ended_at.map_or(now, |ended| ended.min(now));
    let earned = earned(price.minor, *from, *to, at);
    let new = Money { minor: earned - issued.recognised_minor, ..*price };
    if new.minor <= 0 {
        return Ok(());
    }
    let transaction = Transaction {
        key: format!("earned:{number}:{earned}"),
        kind: "earned",
        description: format!("of invoice {number} to {account}, {earned} of {} so far", price.minor),
        at: now,
        postings: vec![Posting::debit(Account::Deferred, new), Posting::credit(Account::Plans, new)],
    };
    ledger::post(write, &transaction).await?;
    sqlx::query("update invoices set recognised_minor = $1 where number = $2")
        .bind(earned)
        .bind(number)
        .execute(&mut **write)
        .await?;
    issued.recognised_minor = earned;
    Ok(())
}

/// Moves what has been earned of all invoices by now.
pub async fn recognise_all(db: &Db, now: Timestamp) -> Result<(), Error> {
    let mut after = 0;
    loop {
        let mut write = db.write().await?;
        let rows: Vec<Row> = sqlx::query_as(select!(
            "where number > $1 and recognised_minor < price_minor and ended_at is null and state <> 'uncollectible'
             order by number limit $2"
        ))
        .bind(after)
        .bind(BATCH)
        .fetch_all(&mut *write)
        .await?;
        let Some(last) = rows.last() else { return Ok(()) };
        after = last.number;
        for row in rows {
            recognise(&mut write, &mut read(row)?, now).await?;
        }
        write.commit().await?;
    }
}

/// Ends an invoice's period now, and gives what is left of its price, in minor units: that is for the one that comes instead.
pub(super) async fn cut_short(write: &mut Write, issued: &mut Issued, now: Timestamp) -> Result<i64, Error> {
    recognise(write, issued, now).await?;
    sqlx::query("update invoices set ended_at = $1 where number = $2")
        .bind(time(now))
        .bind(issued.invoice.number)
        .execute(&mut **write)
        .await?;
    issued.ended_at = Some(now);
    Ok(issued.invoice.price.minor - issued.recognised_minor)
}

/// Writes off an invoice that was never paid: what is not earned yet never will be, and the rest is lost.
pub(super) async fn write_off(write: &mut Write, issued: &mut Issued, now: Timestamp) -> Result<(), Error> {
    let left = cut_short(write, issued, now).await?;
    let Invoice { number, account, total, .. } = &issued.invoice;
    // What was credited to it was paid before, and is lost to the customer with it.
    let unearned = Money { minor: left, ..*total };
    let lost = Money { minor: total.minor - left, ..*total };
    let mut postings =
        vec![Posting::debit(Account::Deferred, unearned), Posting::credit(Account::Receivable, *total)];
    match lost.minor {
        0 => {}
        1.. => postings.push(Posting::debit(Account::BadDebt, lost)),
        // More is left than is owed: the difference was paid with an earlier invoice, and is earned.
        _ => postings.push(Posting::credit(Account::Plans, Money { minor: -lost.minor, ..lost })),
    }
    postings.retain(|posting| posting.amount.minor != 0);
    let transaction = Transaction {
        key: format!("written-off:{number}"),
        kind: "written-off",
        description: format!("invoice {number} to {account} was never paid"),
        at: now,
        postings,
    };
    ledger::post(write, &transaction).await?;
    sqlx::query("update invoices set state = $1 where number = $2")
        .bind(text(InvoiceState::Uncollectible))
        .bind(number)
        .execute(&mut **write)
        .await?;
    issued.invoice.state = InvoiceState::Uncollectible;
    Ok(())
}

/// Records the payment of an invoice. Recording the same transfer again changes nothing; another one for a paid invoice is
/// refused.
pub async fn record_payment(
    registry: &Registry,
    number: i64,
    payment: &NewPayment,
    now: Timestamp,
) -> Result<Invoice, Error> {
    let mut write = registry.db.write().await?;
    let issued = find(&mut write, number).await?;
    let invoice = issued.invoice;
    match (invoice.state, issued.bank_reference) {
        (InvoiceState::Paid, Some(bank))
            if bank == payment.bank_reference && payment.amount == invoice.total =>
        {
            return Ok(invoice);
        }
        (InvoiceState::Open, _) => {}
        (state, bank) => {
            let by = bank.map(|bank| format!(", by the transfer '{bank}'")).unwrap_or_default();
            return Err(Error::Conflict(format!("invoice {number} is {}{by}", text(state))));
        }
    }
    if payment.amount != invoice.total {
        return Err(Error::Invalid(format!("{} arrived, but {} is due", payment.amount, invoice.total)));
    }
    must_be_new(&mut write, &payment.bank_reference).await?;
    let transaction = Transaction {
        key: format!("invoice-paid:{number}"),
        kind: "invoice-paid",
        description: format!("invoice {number} of {}, by {}", invoice.account, payment.bank_reference),
        at: now,
        postings: vec![
            Posting::debit(Account::Bank, invoice.total),
            Posting::credit(Account::Receivable, invoice.total),
        ],
    };
    ledger::post(&mut write, &transaction).await?;
    sqlx::query("update invoices set state = $1, bank_reference = $2 where number = $3")
        .bind(text(InvoiceState::Paid))
        .bind(&payment.bank_reference)
        .bind(number)
        .execute(&mut *write)
        .await?;
    write.commit().await?;
    Ok(Invoice { state: InvoiceState::Paid, ..invoice })
}

/// Refuses a transfer that has paid for something else.
pub(super) async fn must_be_new(write: &mut Write, bank_reference: &str) -> Result<(), Error> {
    let used: Option<(String,)> = sqlx::query_as(
        "select 'order ''' || reference || '''' from orders where bank_reference = $1
         union all select 'invoice ' || number from invoices where bank_reference = $1",
    )
    .bind(bank_reference)
    .fetch_optional(&mut **write)
    .await?;
    match used {
        Some((other,)) => Err(Error::Conflict(format!("that transfer has paid {other} already"))),
        None => Ok(()),
    }
}

pub(super) async fn find(write: &mut Write, number: i64) -> Result<Issued, Error> {
    let row: Option<Row> =
        sqlx::query_as(select!("where number = $1")).bind(number).fetch_optional(&mut **write).await?;
    read(row.ok_or_else(|| Error::NotFound(format!("invoice {number}")))?)
}

/// The invoices of an account, newest first.
pub async fn invoices(registry: &Registry, account: &Namespace) -> Result<Vec<Invoice>, Error> {
    let rows: Vec<Row> = sqlx::query_as(select!("where account = $1 order by number desc"))
        .bind(account.as_str())
        .fetch_all(registry.db.read())
        .await?;
    rows.into_iter().map(|row| read(row).map(|issued| issued.invoice)).collect()
}

/// Those of an account that are open and were due before this moment.
pub(super) async fn overdue(
    write: &mut Write,
    account: &Namespace,
    before: Timestamp,
) -> Result<Vec<Issued>, Error> {
    let rows: Vec<Row> =
        sqlx::query_as(select!("where account = $1 and state = 'open' and due_at < $2 order by number"))
            .bind(account.as_str())
            .bind(time(before))
            .fetch_all(&mut **write)
            .await?;
    rows.into_iter().map(read).collect()
}

fn text(state: InvoiceState) -> &'static str {
    match state {
        InvoiceState::Open => "open",
        InvoiceState::Paid => "paid",
        InvoiceState::Uncollectible => "uncollectible",
    }
}

fn read(row: Row) -> Result<Issued, Error> {
    let damaged = || Error::Damaged(format!("invoice {} cannot be read", row.number));
    let at = |text: &str| text.parse::<Timestamp>().map_err(|_| damaged());
    let currency: Currency = row.currency.parse()?;
    let states = [InvoiceState::Open, InvoiceState::Paid, InvoiceState::Uncollectible];
    let money = |minor| Money::new(minor, currency);
    Ok(Issued {
        invoice: Invoice {
            number: row.number,
            account: row.account.parse()?,
            tier: row.tier.parse().map_err(|_| damaged())?,
            from: at(&row.from_at)?,
            to: at(&row.to_at)?,
            price: money(row.price_minor),
            credit: money(row.credit_minor),
            total: money(row.price_minor - row.credit_minor),
            issued_at: at(&row.issued_at)?,
            due_at: at(&row.due_at)?,
            state: states.into_iter().find(|state| text(*state) == row.state).ok_or_else(damaged)?,
        },
        ended_at: row.ended_at.as_deref().map(at).transpose()?,
        recognised_minor: row.recognised_minor,
        bank_reference: row.bank_reference,
    })
}
