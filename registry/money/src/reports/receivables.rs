//! What customers owe: every invoice, for how long it is overdue, and what its customer was told.

use chandlery_package::column::Text;
use chandlery_package::wire::{
    AgedReceivable, CustomerInvoice, Dunning, DunningStep, InvoiceState, Page, Paging, Reminder,
};
use chandlery_package::{Balance, Currency, Money, Month, Namespace};
use jiff::{SignedDuration, Timestamp};
use serde::Deserialize;
use sqlx::AnyConnection;

use crate::Error;
use crate::billing::PATIENCE;
use crate::billing::notices::SECOND;
use chandlery_store::time;

/// Which invoices are asked for; none: all.
#[derive(Debug, Clone, Default, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub struct Wanted {
    /// Those of one customer.
    pub account: Option<Namespace>,
    /// Those in one state.
    #[param(inline)]
    pub state: Option<InvoiceState>,
    /// Those that were issued in one month.
    pub month: Option<Month>,
}

#[derive(sqlx::FromRow)]
struct Row {
    number: i64,
    account: Text<Namespace>,
    currency: Text<Currency>,
    state: Text<InvoiceState>,
    issued_at: Text<Timestamp>,
    due_at: Text<Timestamp>,
    total_minor: i64,
    credit_minor: i64,
    refunded_minor: i64,
    paid_minor: i64,
    credited_minor: i64,
}

/// The invoices of all customers, the newest first.
pub async fn invoices(
    db: &mut AnyConnection,
    wanted: &Wanted,
    paging: &Paging<i64>,
) -> Result<Page<CustomerInvoice>, Error> {
    let (begin, end) = match wanted.month {
        Some(month) => (time(month.first_moment()), time(month.next().first_moment())),
        None => (String::new(), time(Timestamp::MAX)),
    };
    let rows: Vec<Row> = sqlx::query_as(
        "select number, account, currency, state, issued_at, due_at, net_minor + tax_minor as total_minor, credit_minor,
                refunded_minor,
                (select cast(coalesce(sum(part_payments.minor), 0) as bigint) from part_payments
                 where part_payments.invoice = invoices.number) as paid_minor,
                (select cast(coalesce(sum(refunds.minor + refunds.tax_minor), 0) as bigint) from refunds
                 where refunds.invoice = invoices.number) as credited_minor
         from invoices
         where number < $1 and ($2 = '' or account = $2) and ($3 = '' or state = $3) and issued_at >= $4 and issued_at < $5
         order by number desc limit $6",
    )
    .bind(paging.after().copied().unwrap_or(i64::MAX))
    .bind(wanted.account.as_ref().map_or("", Namespace::as_str).to_owned())
    .bind(wanted.state.map_or("", InvoiceState::as_str))
    .bind(begin)
    .bind(end)
    .bind(paging.rows())
    .fetch_all(db)
    .await?;
    paging.cut(rows, |row| row.number).try_map(read)
}

fn read(row: Row) -> Result<CustomerInvoice, Error> {
    let Text(state) = row.state;
    let to_be_paid = row.total_minor - row.credit_minor - row.refunded_minor;
    let (due, written_off) = match state {
        InvoiceState::Open => (to_be_paid - row.paid_minor, 0),
        InvoiceState::Paid => (0, 0),
        // What transfers had paid of it by then is the customer's credit.
        InvoiceState::Uncollectible => (0, to_be_paid),
    };
    let money = |minor: i64| Money::new(minor, row.currency.0);
    Ok(CustomerInvoice {
        number: row.number,
        account: row.account.0,
        state,
        issued_at: row.issued_at.0,
        due_at: row.due_at.0,
        total: money(row.total_minor)?,
        paid: money(row.total_minor - row.credited_minor - written_off - due)?,
        credited: money(row.credited_minor)?,
        written_off: money(written_off)?,
        due: money(due)?,
    })
}

/// A row's place in the ageing: its customer and its currency.
pub type AgeingKey = (Namespace, Currency);

/// What every customer or one owes at a moment, by how long it is overdue.
pub async fn ageing(
    db: &mut AnyConnection,
    only: Option<&Namespace>,
    now: Timestamp,
    paging: &Paging<AgeingKey>,
) -> Result<Page<AgedReceivable>, Error> {
    let before =
        |days: i64| time(now.checked_sub(SignedDuration::from_hours(24 * days)).unwrap_or(Timestamp::MIN));
    let (account, currency) =
        paging.after().map_or(("", ""), |(account, currency)| (account.as_str(), currency.code()));
    let rows: Vec<(Text<Namespace>, Text<Currency>, i64, i64, i64, i64, i64)> = sqlx::query_as(
        "select account, currency,
                cast(sum(case when due_at >= $1 then left_minor else 0 end) as bigint),
                cast(sum(case when due_at < $1 and due_at >= $2 then left_minor else 0 end) as bigint),
                cast(sum(case when due_at < $2 and due_at >= $3 then left_minor else 0 end) as bigint),
                cast(sum(case when due_at < $3 and due_at >= $4 then left_minor else 0 end) as bigint),
                cast(sum(case when due_at < $4 then left_minor else 0 end) as bigint)
         from (select account, currency, due_at,
                      net_minor + tax_minor - credit_minor - refunded_minor - coalesce(minor, 0) as left_minor
               from invoices left join part_payments on invoice = number where state = 'open') as open_invoices
         where account >= $5 and (account > $5 or currency > $6) and ($8 = '' or account = $8)
         group by account, currency order by account, currency limit $7",
    )
    .bind(before(0))
    .bind(before(30))
    .bind(before(60))
    .bind(before(90))
    .bind(account.to_owned())
    .bind(currency)
    .bind(paging.rows())
    .bind(only.map_or("", Namespace::as_str).to_owned())
    .fetch_all(db)
    .await?;
    let page = paging.cut(rows, |(Text(account), Text(currency), ..)| (account.clone(), *currency));
    page.try_map(|(Text(account), Text(currency), not_due, days_30, days_60, days_90, older)| {
        let sum = |minor: i128| Balance::new(minor, currency);
        let parts = [not_due, days_30, days_60, days_90, older].map(i128::from);
        Ok(AgedReceivable {
            account,
            not_due: sum(parts[0])?,
            days_30: sum(parts[1])?,
            days_60: sum(parts[2])?,
            days_90: sum(parts[3])?,
            older: sum(parts[4])?,
            total: sum(parts.into_iter().sum())?,
        })
    })
}

/// How many invoices are overdue at a moment, of all customers.
pub async fn count_overdue(db: &mut AnyConnection, now: Timestamp) -> Result<i64, Error> {
    let (count,): (i64,) =
        sqlx::query_as("select count(*) from invoices where state = 'open' and due_at < $1")
            .bind(time(now))
            .fetch_one(db)
            .await?;
    Ok(count)
}

#[derive(sqlx::FromRow)]
struct Dunned {
    number: i64,
    account: Text<Namespace>,
    currency: Text<Currency>,
    left_minor: i64,
    due_at: Text<Timestamp>,
    reminded: i64,
    first_at: Option<Text<Timestamp>>,
    first_sent_at: Option<Text<Timestamp>>,
    first_refused: Option<String>,
    second_at: Option<Text<Timestamp>>,
    second_sent_at: Option<Text<Timestamp>>,
    second_refused: Option<String>,
}

/// Every invoice that is open, of all customers or of one, in order: what its customer was told of it, and what comes next.
pub async fn dunning(
    db: &mut AnyConnection,
    only: Option<&Namespace>,
    paging: &Paging<i64>,
) -> Result<Page<Dunning>, Error> {
    let rows: Vec<Dunned> = sqlx::query_as(
        "select number, invoices.account, currency,
                net_minor + tax_minor - credit_minor - refunded_minor - coalesce(minor, 0) as left_minor, due_at, reminded,
                one.made_at as first_at, one.sent_at as first_sent_at, one.refused as first_refused,
                two.made_at as second_at, two.sent_at as second_sent_at, two.refused as second_refused
         from invoices left join part_payments on invoice = number
         left join notices one on one.key = 'reminder:' || number || ':1'
         left join notices two on two.key = 'reminder:' || number || ':2'
         where state = 'open' and number > $1 and ($3 = '' or invoices.account = $3) order by number limit $2",
    )
    .bind(paging.after().copied().unwrap_or(0))
    .bind(paging.rows())
    .bind(only.map_or("", Namespace::as_str).to_owned())
    .fetch_all(db)
    .await?;
    paging.cut(rows, |row| row.number).try_map(told)
}

fn told(row: Dunned) -> Result<Dunning, Error> {
    let Text(due_at) = row.due_at;
    let (next, after) = match row.reminded {
        0 => (DunningStep::FirstReminder, SignedDuration::ZERO),
        1 => (DunningStep::SecondReminder, SECOND),
        _ => (DunningStep::WrittenOff, PATIENCE),
    };
    let reminders = [
        (row.first_at, row.first_sent_at, row.first_refused),
        (row.second_at, row.second_sent_at, row.second_refused),
    ];
    let reminder = |(at, sent_at, refused): (Option<Text<Timestamp>>, Option<Text<Timestamp>>, _)| {
        at.map(|Text(at)| Reminder { at, sent_at: sent_at.map(|Text(at)| at), refused })
    };
    Ok(Dunning {
        invoice: row.number,
        account: row.account.0,
        due: Money::new(row.left_minor, row.currency.0)?,
        due_at,
        reminders: reminders.into_iter().filter_map(reminder).collect(),
        next,
        next_at: due_at.checked_add(after).unwrap_or(Timestamp::MAX),
    })
}
