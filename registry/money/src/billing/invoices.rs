//! Invoices: numbers without gaps, lines, taxes, and what becomes of them.
//!
//! | what happens | debit | credit |
//! | --- | --- | --- |
//! | an invoice is issued | receivable, the customer's credit | deferred for a subscription, unbilled for what was sold, sales tax |
//! | it is paid | bank, or suspense, or processor and its fees | receivable |

use std::collections::BTreeMap;

use chandlery_package::column::Text;
use chandlery_package::wire::{
    Invoice, InvoiceLine, InvoiceLineKind, InvoiceState, Page, Paging, TransactionKind,
};
use chandlery_package::{Balance, Currency, Money, Namespace};
use jiff::{SignedDuration, Timestamp};
use sqlx::AnyConnection;

use super::issued::{self, NewDocument};
use super::parts;
use super::taxes::{Tax, tax};
use crate::Error;
use crate::ledger::{self, Account, Transaction};
use crate::sharing::{self, PaidThrough};
use chandlery_store::{Db, Write, time};

/// How long a customer has to pay.
const DUE: SignedDuration = SignedDuration::from_hours(14 * 24);

/// How an invoice was paid.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Paid<'a> {
    /// By a bank transfer with this reference, as an operator says.
    Bank(&'a str),
    /// By the line of this id of the bank's statement, which is in suspense. It may pay a part.
    Line(&'a str),
    /// Through the processor of payments, by its payment of this id, less its fee. It may pay a part.
    Processor(&'a str, Money),
    /// Through the same, by its payment of this id, which is in suspense. It may pay a part.
    Claimed(&'a str),
}

#[derive(sqlx::FromRow)]
struct Row {
    number: i64,
    account: Text<Namespace>,
    currency: Text<Currency>,
    net_minor: i64,
    tax_minor: i64,
    tax_name: String,
    credit_minor: i64,
    refunded_minor: i64,
    paid_minor: i64,
    issued_at: Text<Timestamp>,
    due_at: Text<Timestamp>,
    state: Text<InvoiceState>,
}

macro_rules! select {
    ($condition:literal) => {
        concat!(
            "select number, account, currency, net_minor, tax_minor, tax_name, credit_minor, refunded_minor, issued_at,
                    due_at, state,
                    (select cast(coalesce(sum(minor), 0) as bigint) from part_payments where invoice = number) as paid_minor
             from invoices ",
            $condition
        )
    };
}

/// What is to be invoiced.
pub struct NewInvoice<'a> {
    /// Who owes it.
    pub account: &'a Namespace,
    /// Of all lines.
    pub currency: Currency,
    /// What is charged; they sum to the net amount.
    pub lines: &'a [InvoiceLine],
    /// The tax that the customer was told, where it was told one; none: the one by the rules of now. What was told is
    /// paid as it was told: from a transfer, not from credit.
    pub told: Option<&'a Tax>,
    /// The first and the last moment of what is supplied; none: it is supplied when it is invoiced.
    pub period: Option<(Timestamp, Timestamp)>,
    /// How long what is sold is on hold once it is paid.
    pub hold_days: u32,
}

/// Issues an invoice, whose number follows the last one's. What the customer has as credit pays for it first.
pub async fn issue(
    write: &mut Write,
    new: &NewInvoice<'_>,
    about: impl FnOnce(Transaction) -> Transaction,
    now: Timestamp,
) -> Result<i64, Error> {
    let NewInvoice { account, currency, lines, told, period, hold_days } = *new;
    let zero = Money::zero(currency);
    let sum = |wanted: fn(&InvoiceLine) -> bool| {
        lines.iter().filter(|line| wanted(line)).try_fold(zero, |sum, line| sum.plus(line.amount))
    };
    let (net, sold) = (sum(|_| true)?, sum(|line| line.sale.is_some())?);
    let (tax, usable) = match told {
        Some(told) => (told.clone(), Balance::zero(currency)),
        None => (
            tax(write, account, net, now).await?,
            ledger::owed(write, &Account::Credit(account.clone()), currency).await?,
        ),
    };
    let all = net.plus(tax.amount)?;
    let credit = usable.up_to(all)?;
    let total = all.minus(credit)?;
    let (number,): (i64,) =
        sqlx::query_as("select cast(coalesce(max(number), 0) + 1 as bigint) from invoices")
            .fetch_one(&mut **write)
            .await?;
    let due_at = now.checked_add(DUE).map_err(|error| Error::Damaged(error.to_string()))?;
    sqlx::query(
        "insert into invoices (number, account, currency, net_minor, tax_minor, tax_name, credit_minor, refunded_minor, issued_at,
                               due_at, state, reminded)
         values ($1, $2, $3, $4, $5, $6, $7, 0, $8, $9, 'open', 0)",
    )
    .bind(number)
    .bind(account.as_str())
    .bind(currency.code())
    .bind(net.minor())
    .bind(tax.amount.minor())
    .bind(&tax.terms.name)
    .bind(credit.minor())
    .bind(time(now))
    .bind(time(due_at))
    .execute(&mut **write)
    .await?;
    for (index, line) in lines.iter().enumerate() {
        sqlx::query(
            "insert into invoice_lines (invoice, line, kind, description, quantity, amount_minor, sale, refunded_minor)
             values ($1, $2, $3, $4, $5, $6, nullif($7, 0), 0)",
        )
        .bind(number)
        .bind(index as i64)
        .bind(line.kind.as_str())
        .bind(&line.description)
        .bind(&line.quantity)
        .bind(line.amount.minor())
        .bind(line.sale.unwrap_or(0))
        .execute(&mut **write)
        .await?;
    }
    let document = NewDocument { number, account, lines, net, tax: &tax, credit, period, due_at };
    issued::keep_invoice(write, &document, now).await?;
    let transaction = Transaction::new(TransactionKind::Invoice, number, now)
        .about(format!("invoice {number} to {account}, {}", tax.terms.name))
        .link("invoice", number)
        .link("customer", account)
        .debit(Account::Receivable, total)
        .debit(Account::Credit(account.clone()), credit)
        .credit(Account::Unbilled, sold)
        .credit(Account::Deferred, net.minus(sold)?)
        .credit(Account::SalesTax, tax.amount);
    ledger::post(write, about(transaction)).await?;
    if total.minor() == 0 {
        // What costs nothing, or was paid before, is paid.
        settle(write, number, PaidThrough::Credit, None, hold_days, now).await?;
    }
    Ok(number)
}

/// Marks an invoice as paid, and puts what was sold by it on hold.
async fn settle(
    write: &mut Write,
    number: i64,
    through: PaidThrough,
    payment: Option<&str>,
    hold_days: u32,
    now: Timestamp,
) -> Result<(), Error> {
    sqlx::query(
        "update invoices set state = 'paid', paid_at = $1, paid_through = $2, payment = nullif($3, '') where number = $4",
    )
    .bind(time(now))
    .bind(through.as_str())
    .bind(payment.unwrap_or(""))
    .bind(number)
    .execute(&mut **write)
    .await?;
    parts::forget(write, number).await?;
    for line in lines(write, number).await? {
        if let Some(sale) = line.sale {
            sharing::collect(write, sale, through, hold_days, now).await?;
        }
    }
    Ok(())
}

/// Records the payment of an invoice. Recording the same one again changes nothing; another one for a paid invoice is refused.
pub(super) async fn pay(
    write: &mut Write,
    number: i64,
    paid: &Paid<'_>,
    amount: Money,
    hold_days: u32,
    now: Timestamp,
) -> Result<Invoice, Error> {
    let invoice = find(write, number).await?;
    let none = Money::zero(amount.currency());
    let (through, payment, into, fee) = match *paid {
        Paid::Bank(reference) => (PaidThrough::Bank, reference.to_owned(), Account::Bank, none),
        // One line may pay several invoices.
        Paid::Line(id) => (PaidThrough::Bank, format!("{id} for INVOICE-{number}"), Account::Suspense, none),
        Paid::Processor(id, fee) => (PaidThrough::Processor, id.to_owned(), Account::Processor, fee),
        Paid::Claimed(id) => (PaidThrough::Processor, id.to_owned(), Account::Suspense, none),
    };
    let due = invoice.due()?;
    let (by,): (Option<String>,) = sqlx::query_as("select payment from invoices where number = $1")
        .bind(number)
        .fetch_one(&mut **write)
        .await?;
    match (invoice.state, by) {
        // What of a line is left over is not paid with again.
        (InvoiceState::Paid, Some(by))
            if by == payment
                && amount.currency() == due.currency()
                && !matches!(paid, Paid::Line(_) | Paid::Claimed(_)) =>
        {
            return Ok(invoice);
        }
        (InvoiceState::Open, _) => {}
        (state, by) => {
            let by = by.map(|by| format!(", by '{by}'")).unwrap_or_default();
            return Err(Error::Conflict(format!("invoice {number} is {state}{by}")));
        }
    }
    let is_part = !matches!(paid, Paid::Bank(_))
        && amount.currency() == due.currency()
        && (1..due.minor()).contains(&amount.minor());
    if amount != due && !is_part {
        return Err(Error::Invalid(format!("{amount} arrived, but {due} is due")));
    }
    must_be_new(write, &payment).await?;
    if let Paid::Bank(reference) = paid {
        ledger::must_not_be_told(write, reference, &[amount]).await?;
    }
    let by_then = invoice.total.minus(invoice.refunded)?.minus(due)?.plus(amount)?;
    let id = match paid {
        // What is given back of a part makes it due again: as much may be paid by then once more.
        Paid::Line(line) => format!("{number}:{}:{line}", by_then.minor()),
        Paid::Processor(payment, _) | Paid::Claimed(payment) if is_part => format!("{number}:{payment}"),
        Paid::Bank(_) | Paid::Processor(..) | Paid::Claimed(_) => number.to_string(),
    };
    let transaction = Transaction::new(TransactionKind::InvoicePaid, id, now)
        .about(format!("invoice {number} of {}, by {payment}", invoice.account))
        .link("invoice", number)
        .link("customer", &invoice.account)
        .link("payment", &payment)
        .debit(into, amount.minus(fee)?)
        .debit(Account::ProcessorFees, fee)
        .credit(Account::Receivable, amount);
    ledger::post(write, transaction).await?;
    match is_part {
        true => {
            if let Paid::Processor(payment, _) | Paid::Claimed(payment) = paid {
                parts::keep(write, payment, number, amount).await?;
            }
            parts::set_paid(write, number, by_then).await?;
        }
        false => settle(write, number, through, Some(payment.as_str()), hold_days, now).await?,
    }
    find(write, number).await
}

/// Takes off what is due of an open invoice by a credit note; when nothing is left, it is settled.
pub(crate) async fn reduced(
    write: &mut Write,
    number: i64,
    hold_days: u32,
    now: Timestamp,
) -> Result<(), Error> {
    let invoice = find(write, number).await?;
    if invoice.state == InvoiceState::Open && invoice.due()?.is_zero() {
        settle(write, number, PaidThrough::Credit, None, hold_days, now).await?;
    }
    Ok(())
}

/// Refuses a payment that has paid for something else.
async fn must_be_new(write: &mut Write, payment: &str) -> Result<(), Error> {
    let used: Option<(i64,)> = sqlx::query_as("select number from invoices where payment = $1")
        .bind(payment)
        .fetch_optional(&mut **write)
        .await?;
    match used {
        Some((other,)) => Err(Error::Conflict(format!("that transfer has paid invoice {other} already"))),
        None => Ok(()),
    }
}

/// The invoice of this number, or that there is none.
pub async fn find(db: &mut AnyConnection, number: i64) -> Result<Invoice, Error> {
    let row: Option<Row> =
        sqlx::query_as(select!("where number = $1")).bind(number).fetch_optional(&mut *db).await?;
    let row = row.ok_or_else(|| Error::NotFound(format!("invoice {number}")))?;
    read(row, lines(db, number).await?)
}

/// The invoices of an account, newest first.
pub async fn invoices(db: &Db, account: &Namespace, paging: &Paging<i64>) -> Result<Page<Invoice>, Error> {
    let mut db = db.snapshot().await?;
    let rows: Vec<Row> =
        sqlx::query_as(select!("where account = $1 and number < $2 order by number desc limit $3"))
            .bind(account.as_str())
            .bind(paging.after().copied().unwrap_or(i64::MAX))
            .bind(paging.rows())
            .fetch_all(&mut *db)
            .await?;
    let page = paging.cut(rows, |row| row.number);
    let (Some(newest), Some(oldest)) = (page.items.first(), page.items.last()) else {
        return Ok(Page { items: Vec::new(), next: None });
    };
    let mut lines = lines_between(&mut db, account, oldest.number, newest.number).await?;
    page.try_map(|row| {
        let lines = lines.remove(&row.number).unwrap_or_default();
        read(row, lines)
    })
}

type LineRow = (i64, Text<InvoiceLineKind>, String, String, i64, Option<i64>, Text<Currency>);

macro_rules! select_lines {
    ($condition:literal) => {
        concat!(
            "select invoice, kind, description, quantity, amount_minor, sale, currency
             from invoice_lines join invoices on number = invoice where ",
            $condition,
            " order by invoice, line"
        )
    };
}

async fn lines(db: &mut AnyConnection, number: i64) -> Result<Vec<InvoiceLine>, Error> {
    let rows: Vec<LineRow> = sqlx::query_as(select_lines!("invoice = $1")).bind(number).fetch_all(db).await?;
    rows.into_iter().map(read_line).collect()
}

/// The lines of an account's invoices from one number to another, by their numbers.
async fn lines_between(
    db: &mut AnyConnection,
    account: &Namespace,
    first: i64,
    last: i64,
) -> Result<BTreeMap<i64, Vec<InvoiceLine>>, Error> {
    let rows: Vec<LineRow> = sqlx::query_as(select_lines!("account = $1 and number >= $2 and number <= $3"))
        .bind(account.as_str())
        .bind(first)
        .bind(last)
        .fetch_all(db)
        .await?;
    let mut lines: BTreeMap<i64, Vec<InvoiceLine>> = BTreeMap::new();
    for row in rows {
        lines.entry(row.0).or_default().push(read_line(row)?);
    }
    Ok(lines)
}

fn read_line(row: LineRow) -> Result<InvoiceLine, Error> {
    let (_, Text(kind), description, quantity, minor, sale, Text(currency)) = row;
    Ok(InvoiceLine { kind, description, quantity, amount: Money::new(minor, currency)?, sale })
}

fn read(row: Row, lines: Vec<InvoiceLine>) -> Result<Invoice, Error> {
    let money = |minor| Money::new(minor, row.currency.0);
    Ok(Invoice {
        number: row.number,
        account: row.account.0,
        lines,
        net: money(row.net_minor)?,
        tax: money(row.tax_minor)?,
        tax_name: row.tax_name,
        credit: money(row.credit_minor)?,
        total: money(row.net_minor + row.tax_minor - row.credit_minor)?,
        refunded: money(row.refunded_minor)?,
        part_paid: (row.paid_minor != 0).then(|| money(row.paid_minor)).transpose()?,
        issued_at: row.issued_at.0,
        due_at: row.due_at.0,
        state: row.state.0,
    })
}
