//! Credit notes: what is given back of an invoice or taken off it, with its tax, from everybody who shared it. Numbers have no gaps.

use chandlery_package::column::Text;
use chandlery_package::wire::{
    Act, CreditNote, EntryKind, Invoice, InvoiceLineKind, InvoiceState, NewRefund, Page, Paging,
    TransactionKind,
};
use chandlery_package::{Currency, Money, Namespace};
use jiff::Timestamp;
use serde_json::json;

use super::invoices;
use super::periods;
use crate::Error;
use crate::ledger::{self, Account, Transaction};
use crate::sharing::{self, ClawBack, PaidThrough};
use chandlery_accounts::Actor;
use chandlery_accounts::audit::record_once;
use chandlery_store::{Db, Write, time};

/// Gives back so much of an invoice. The same key again gives the same credit note.
pub async fn refund(
    db: &Db,
    actor: &Actor,
    hold_days: u32,
    number: i64,
    new: &NewRefund,
    now: Timestamp,
) -> Result<CreditNote, Error> {
    let (actor, wanted) = (actor.clone(), new.clone());
    db.group_commit(move |write| {
        Box::pin(async move {
            let note = book_refund(write, number, &wanted, hold_days, now).await?;
            let subject = format!("invoice {number}");
            record_once(write, &actor, Act::Refunded, &subject, json!(wanted)).await?;
            Ok::<_, Error>(note)
        })
    })
    .await
}

/// The processor's payment that an invoice was paid by, if it was: what is given back of it goes back through the processor.
pub(crate) async fn processor_payment(db: &Db, number: i64) -> Result<Option<String>, Error> {
    let (through, payment): (Option<Text<PaidThrough>>, Option<String>) =
        sqlx::query_as("select paid_through, payment from invoices where number = $1")
            .bind(number)
            .fetch_one(db.read())
            .await?;
    Ok(payment.filter(|_| through == Some(Text(PaidThrough::Processor))))
}

/// What can still be given back of each line, in minor units.
async fn left(write: &mut Write, invoice: &Invoice) -> Result<Vec<i64>, Error> {
    let rows: Vec<(i64, i64)> =
        sqlx::query_as("select line, refunded_minor from invoice_lines where invoice = $1 order by line")
            .bind(invoice.number)
            .fetch_all(&mut **write)
            .await?;
    let unused: i64 = invoice
        .lines
        .iter()
        .filter(|line| line.kind == InvoiceLineKind::Unused)
        .map(|line| line.amount.minor())
        .sum();
    let mut left = Vec::new();
    for (line, (_, refunded)) in invoice.lines.iter().zip(rows) {
        // A dispute that was lost has given a sale back, too, without a credit note.
        left.push(match line.sale {
            Some(sale) => sharing::find_sale(write, sale).await?.left()?.minor(),
            None => (line.amount.minor() - refunded
                + if line.kind == InvoiceLineKind::Plan { unused } else { 0 })
            .max(0),
        });
    }
    Ok(left)
}

pub(crate) async fn book_refund(
    write: &mut Write,
    number: i64,
    new: &NewRefund,
    hold_days: u32,
    now: Timestamp,
) -> Result<CreditNote, Error> {
    if let Some(known) = find(write, &new.key).await? {
        return match known.invoice == number && known.net == new.amount {
            true => Ok(known),
            false => Err(Error::KeyReused { key: new.key.clone() }),
        };
    }
    let invoice = invoices::find(write, number).await?;
    let (through,): (Option<Text<PaidThrough>>,) =
        sqlx::query_as("select paid_through from invoices where number = $1")
            .bind(number)
            .fetch_one(&mut **write)
            .await?;
    if invoice.state == InvoiceState::Uncollectible {
        return Err(Error::Conflict(format!(
            "invoice {number} was never paid: there is nothing to give back"
        )));
    }
    let mut left = left(write, &invoice).await?;
    if let Some(wanted) = new.line {
        for (index, minor) in left.iter_mut().enumerate() {
            *minor = if index as i64 == wanted { *minor } else { 0 };
        }
    }
    let all: i64 = left.iter().sum();
    if new.amount.currency() != invoice.net.currency() || new.amount.minor() <= 0 || new.amount.minor() > all
    {
        let all = invoice.net.with_minor(all)?;
        return Err(Error::Conflict(format!("{} cannot be given back: {all} are left", new.amount)));
    }
    let (note,): (i64,) = sqlx::query_as("select cast(coalesce(max(number), 0) + 1 as bigint) from refunds")
        .fetch_one(&mut **write)
        .await?;
    let transaction = Transaction::new(TransactionKind::Refund, note, now)
        .about(format!("credit note {note} of invoice {number} to {}: {}", invoice.account, new.reason))
        .link("credit-note", note)
        .link("invoice", number)
        .link("customer", &invoice.account);
    let weights: Vec<_> = left.iter().map(|minor| minor.unsigned_abs()).collect();
    let mut plan = periods::of_invoice(write, number).await?;
    let mut taken = ClawBack::new(transaction);
    for (index, part) in new.amount.split(&weights)?.into_iter().enumerate() {
        if part.minor() == 0 {
            continue;
        }
        match invoice.lines[index].sale {
            None => {
                let plan = plan.as_mut().ok_or_else(|| {
                    Error::Damaged(format!("line {index} of invoice {number} is for nothing"))
                })?;
                taken.transaction = periods::claw_back(write, plan, part, taken.transaction, now).await?;
            }
            Some(sale) => {
                taken = sharing::claw_back(write, sale, part, EntryKind::Refund, taken, true).await?
            }
        }
        take_off(write, number, index, part).await?;
    }
    let tax = tax_of(write, &invoice, new.amount).await?;
    let gross = new.amount.plus(tax)?;
    let to = destination(&invoice, through.map(|Text(through)| through), new.as_credit);
    // What was paid from the customer's credit goes back there.
    let due = invoice.total.minus(invoice.refunded)?;
    let (cash, back_as_credit) = match to {
        Account::Credit(_) => (Money::zero(gross.currency()), gross),
        _ => {
            let cash = gross.at_most(due.or_zero())?;
            (cash, gross.minus(cash)?)
        }
    };
    let transaction = taken
        .transaction
        .debit(Account::SalesTax, tax)
        .credit(to, cash)
        .credit(Account::Credit(invoice.account.clone()), back_as_credit);
    let posted = ledger::post(write, transaction).await?;
    for entry in &taken.entries {
        sharing::add_entry(write, entry, posted).await?;
    }
    sqlx::query("update invoices set refunded_minor = refunded_minor + $1 where number = $2")
        .bind(cash.minor())
        .bind(number)
        .execute(&mut **write)
        .await?;
    sqlx::query(
        "insert into refunds (number, key, invoice, currency, minor, tax_minor, cash_minor, reason, at, transaction_id)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)",
    )
    .bind(note)
    .bind(&new.key)
    .bind(number)
    .bind(gross.currency().code())
    .bind(new.amount.minor())
    .bind(tax.minor())
    .bind(cash.minor())
    .bind(&new.reason)
    .bind(time(now))
    .bind(posted)
    .execute(&mut **write)
    .await?;
    invoices::reduced(write, number, hold_days, now).await?;
    find(write, &new.key).await?.ok_or_else(|| Error::Damaged(format!("credit note {note} vanished")))
}

/// Takes off an invoice's line what was given back of it.
async fn take_off(write: &mut Write, invoice: i64, line: usize, part: Money) -> Result<(), Error> {
    sqlx::query(
        "update invoice_lines set refunded_minor = refunded_minor + $1 where invoice = $2 and line = $3",
    )
    .bind(part.minor())
    .bind(invoice)
    .bind(line as i64)
    .execute(&mut **write)
    .await?;
    Ok(())
}

/// Takes what the customer's bank has taken back of a payment off the subscription that it was for, without a credit note; what
/// it was for beside that is lost.
pub(crate) async fn lose(
    write: &mut Write,
    payment: &str,
    amount: Money,
    mut transaction: Transaction,
    now: Timestamp,
) -> Result<Transaction, Error> {
    let found: Option<(i64,)> = sqlx::query_as("select number from invoices where payment = $1")
        .bind(payment)
        .fetch_optional(&mut **write)
        .await?;
    let mut rest = amount;
    if let Some((number,)) = found
        && let Some(mut plan) = periods::of_invoice(write, number).await?
    {
        let invoice = invoices::find(write, number).await?;
        let lines = invoice.lines.iter().zip(left(write, &invoice).await?).enumerate();
        for (index, (line, left)) in lines.filter(|(_, (line, _))| line.kind == InvoiceLineKind::Plan) {
            let part = rest.at_most(line.amount.with_minor(left)?)?;
            transaction = periods::claw_back(write, &mut plan, part, transaction, now).await?;
            take_off(write, number, index, part).await?;
            rest = rest.minus(part)?;
        }
    }
    Ok(transaction.debit(Account::BadDebt, rest))
}

/// The tax that goes back with so much more of an invoice's net: in proportion, so that the last part lands on zero.
async fn tax_of(write: &mut Write, invoice: &Invoice, amount: Money) -> Result<Money, Error> {
    let (net, tax): (i64, i64) = sqlx::query_as(
        "select cast(coalesce(sum(minor), 0) as bigint), cast(coalesce(sum(tax_minor), 0) as bigint)
         from refunds where invoice = $1",
    )
    .bind(invoice.number)
    .fetch_one(&mut **write)
    .await?;
    let by_then = invoice.tax.times(net + amount.minor(), invoice.net.minor().max(1))?;
    Ok(by_then.minus(by_then.with_minor(tax)?)?)
}

fn destination(invoice: &Invoice, through: Option<PaidThrough>, as_credit: bool) -> Account {
    match (invoice.state, through) {
        (InvoiceState::Open, _) => Account::Receivable,
        (_, _) if as_credit => Account::Credit(invoice.account.clone()),
        (_, Some(PaidThrough::Processor)) => Account::Processor,
        (_, Some(PaidThrough::Bank)) => Account::Bank,
        (_, _) => Account::Credit(invoice.account.clone()),
    }
}

async fn find(write: &mut Write, key: &str) -> Result<Option<CreditNote>, Error> {
    let row: Option<Row> = sqlx::query_as(
        "select number, invoice, currency, minor, tax_minor, cash_minor, reason, at from refunds where key = $1",
    )
    .bind(key)
    .fetch_optional(&mut **write)
    .await?;
    row.map(read).transpose()
}

type Row = (i64, i64, Text<Currency>, i64, i64, i64, String, Text<Timestamp>);

fn read(
    (number, invoice, Text(currency), net, tax, cash, reason, Text(at)): Row,
) -> Result<CreditNote, Error> {
    let money = |minor| Money::new(minor, currency);
    Ok(CreditNote { number, invoice, net: money(net)?, tax: money(tax)?, cash: money(cash)?, reason, at })
}

/// The credit notes of an account, newest first.
pub async fn credit_notes(
    db: &Db,
    account: &Namespace,
    paging: &Paging<i64>,
) -> Result<Page<CreditNote>, Error> {
    let rows: Vec<Row> = sqlx::query_as(
        "select refunds.number, invoice, refunds.currency, minor, refunds.tax_minor, cash_minor, reason, at
         from refunds join invoices on invoices.number = invoice
         where account = $1 and refunds.number < $2 order by refunds.number desc limit $3",
    )
    .bind(account.as_str())
    .bind(paging.after().copied().unwrap_or(i64::MAX))
    .bind(paging.rows())
    .fetch_all(db.read())
    .await?;
    paging.cut(rows, |(number, ..)| *number).try_map(read)
}
