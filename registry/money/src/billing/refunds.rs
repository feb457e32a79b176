//! Credit notes: what is given back of an invoice or taken off it, with its tax, from everybody who shared it. Numbers have no gaps.

use chandlery_package::column::Text;
use chandlery_package::wire::{
    CreditNote, EntryKind, Invoice, InvoiceLineKind, InvoiceState, NewRefund, Page, Paging, TransactionKind,
};
use chandlery_package::{Currency, Money, Namespace};
use jiff::Timestamp;
use sqlx::AnyConnection;

use super::{entitlements, invoices, issued, parts, periods, subscribed};
use crate::Error;
use crate::ledger::{self, Account, Transaction};
use crate::sharing::{self, ClawBack, PaidThrough};
use chandlery_accounts::tell;
use chandlery_store::{Db, Write, time};

/// Whether a credit note was made by this key.
pub(crate) async fn is_known(db: &mut AnyConnection, key: &str) -> Result<bool, Error> {
    Ok(find(db, key).await?.is_some())
}

/// The processor's payment that an invoice was paid by, if it was: what is given back of it goes back through the processor.
pub(crate) async fn processor_payment(write: &mut Write, number: i64) -> Result<Option<String>, Error> {
    let (through, payment): (Option<Text<PaidThrough>>, Option<String>) =
        sqlx::query_as("select paid_through, payment from invoices where number = $1")
            .bind(number)
            .fetch_one(&mut **write)
            .await?;
    Ok(payment.filter(|_| through == Some(Text(PaidThrough::Processor))))
}

/// The invoice that a payment has paid.
async fn paid_by(write: &mut Write, payment: &str) -> Result<Option<Invoice>, Error> {
    let found: Option<(i64,)> = sqlx::query_as("select number from invoices where payment = $1")
        .bind(payment)
        .fetch_optional(&mut **write)
        .await?;
    match found {
        Some((number,)) => Ok(Some(invoices::find(write, number).await?)),
        None => Ok(None),
    }
}

/// What of an amount, with taxes, is for what was bought.
fn without_tax(invoice: &Invoice, amount: Money) -> Result<Money, Error> {
    let whole = invoice.net.plus(invoice.tax)?;
    Ok(amount.times(invoice.net.minor(), whole.minor().max(1))?)
}

/// What of an amount of a payment is for what its invoice was for, less the tax; nothing, where it has paid none.
pub(crate) async fn net_of(write: &mut Write, payment: &str, amount: Money) -> Result<Money, Error> {
    match paid_by(write, payment).await? {
        Some(invoice) => without_tax(&invoice, amount),
        None => Ok(Money::zero(amount.currency())),
    }
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

/// Gives back so much of an invoice in the books. The same key again gives the same credit note.
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
    subscribed::before_giving_back(write, number, now).await?;
    let note = make_note(write, &invoice, new, None, hold_days, now).await?;
    follow_the_money(write, &invoice, now).await?;
    Ok(note)
}

/// What was paid for ends with the money for it, and its customer is told.
async fn follow_the_money(write: &mut Write, invoice: &Invoice, now: Timestamp) -> Result<(), Error> {
    subscribed::follow_the_money(write, &invoice.account, now).await?;
    entitlements::tell_of_ends(write, invoice.number, now).await
}

/// Gives back what is left of a subscription that its customer ends or changes: what that becomes is decided there.
pub(crate) async fn book_rest(
    write: &mut Write,
    number: i64,
    new: &NewRefund,
    now: Timestamp,
) -> Result<CreditNote, Error> {
    let invoice = invoices::find(write, number).await?;
    // Nothing was sold by it that could be on hold.
    make_note(write, &invoice, new, None, 0, now).await
}

/// What can still be given back of an invoice, without taxes.
pub(crate) async fn left_of(write: &mut Write, number: i64) -> Result<Money, Error> {
    let invoice = invoices::find(write, number).await?;
    let all: i64 = left(write, &invoice).await?.iter().sum();
    Ok(invoice.net.with_minor(all)?)
}

/// Makes a credit note of what the processor has given back of a payment, with taxes, without having been asked to. Gives what its
/// invoice cannot give back.
pub(crate) async fn book_gross(
    write: &mut Write,
    payment: &str,
    key: &str,
    gross: Money,
    hold_days: u32,
    now: Timestamp,
) -> Result<Money, Error> {
    let (invoice, most, is_part) = match paid_by(write, payment).await? {
        Some(invoice) => (invoice, gross, false),
        None => match parts::of_payment(write, payment).await? {
            Some((number, left)) => {
                (invoices::find(write, number).await?, gross.at_most(gross.with_minor(left)?)?, true)
            }
            None => return Ok(gross),
        },
    };
    if is_part && invoice.state != InvoiceState::Paid {
        return Ok(gross);
    }
    let all: i64 = left(write, &invoice).await?.iter().sum();
    let (net_before, tax_before) = given_back(write, invoice.number).await?;
    let cash = most.at_most(invoice.due()?.or_zero())?;
    let by_then =
        cash.with_minor(i128::from(net_before) + i128::from(tax_before) + i128::from(cash.minor()))?;
    let net = without_tax(&invoice, by_then)?.minus(cash.with_minor(net_before)?)?;
    let net = net.or_zero().at_most(cash)?.at_most(cash.with_minor(all)?)?;
    if net.is_zero() {
        return Ok(gross);
    }
    let tax_left = invoice.tax.minus(invoice.tax.with_minor(tax_before)?)?.or_zero();
    let tax = cash.minus(net)?.at_most(tax_left)?;
    let new = NewRefund {
        key: key.into(),
        amount: net,
        line: None,
        reason: "given back by the processor of payments".into(),
        as_credit: false,
    };
    subscribed::before_giving_back(write, invoice.number, now).await?;
    let given = Given { tax, part_of: is_part.then_some(payment) };
    let note = make_note(write, &invoice, &new, Some(given), hold_days, now).await?;
    follow_the_money(write, &invoice, now).await?;
    Ok(gross.minus(note.cash)?)
}

/// What the processor has given back by itself.
struct Given<'a> {
    /// What of it is tax.
    tax: Money,
    /// The payment that it is of, where that has paid a part of the invoice and is not the last one.
    part_of: Option<&'a str>,
}

/// Makes a credit note, with the tax that goes back with it or that of what the processor has given back.
async fn make_note(
    write: &mut Write,
    invoice: &Invoice,
    new: &NewRefund,
    given: Option<Given<'_>>,
    hold_days: u32,
    now: Timestamp,
) -> Result<CreditNote, Error> {
    let number = invoice.number;
    let (through, paid_with): (Option<Text<PaidThrough>>, Option<String>) =
        sqlx::query_as("select paid_through, payment from invoices where number = $1")
            .bind(number)
            .fetch_one(&mut **write)
            .await?;
    if invoice.state == InvoiceState::Uncollectible {
        return Err(Error::Conflict(format!(
            "invoice {number} was never paid: there is nothing to give back"
        )));
    }
    let mut left = left(write, invoice).await?;
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
    let mut taken = ClawBack::new(transaction);
    for (index, part) in new.amount.split(&weights)?.into_iter().enumerate() {
        if part.minor() == 0 {
            continue;
        }
        match invoice.lines[index].sale {
            None => {
                taken.transaction = periods::claw_back(write, number, part, taken.transaction, now).await?;
            }
            Some(sale) => {
                taken = sharing::claw_back(write, sale, part, EntryKind::Refund, taken, true).await?
            }
        }
        take_off(write, number, index, part).await?;
    }
    let part_of = given.as_ref().and_then(|given| given.part_of);
    let tax = match given {
        Some(given) => given.tax,
        None => tax_of(write, invoice, new.amount).await?,
    };
    let gross = new.amount.plus(tax)?;
    let to = match part_of {
        Some(_) => Account::Processor,
        None => destination(invoice, through.map(|Text(through)| through), new.as_credit),
    };
    if let Some(payment) = part_of.or(paid_with.as_deref()).filter(|_| to == Account::Processor) {
        taken.transaction = taken.transaction.link("payment", payment);
    }
    // What was paid from the customer's credit goes back there.
    let due = invoice.due()?;
    let (cash, back_as_credit) = match to {
        Account::Credit(_) => (Money::zero(gross.currency()), gross),
        _ => {
            let before = match to {
                Account::Processor if part_of.is_none() => paid_before(write, number).await?,
                _ => 0,
            };
            let cash = gross.at_most(due.minus(due.with_minor(before)?)?.or_zero())?;
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
    let made = find(write, &new.key).await?;
    let made = made.ok_or_else(|| Error::Damaged(format!("credit note {note} vanished")))?;
    issued::keep_credit_note(write, invoice, &made).await?;
    Ok(made)
}

/// What other payments had paid of an invoice before a processor's payment paid the rest, in minor units: it cannot go back through that.
async fn paid_before(write: &mut Write, number: i64) -> Result<i64, Error> {
    // A part may have been posted in the same commit.
    write.flush().await?;
    let paid = TransactionKind::InvoicePaid;
    let (minor,): (i64,) = sqlx::query_as(
        "select cast(coalesce(-sum(minor), 0) as bigint) from ledger_transactions
         join ledger_postings on transaction_id = id
         where key >= $1 and key < $2 and account = 'assets:receivable:customers'",
    )
    .bind(format!("{paid}:{number}:"))
    .bind(format!("{paid}:{number};"))
    .fetch_one(&mut **write)
    .await?;
    Ok(minor - parts::given_back(write, number).await?)
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
    let mut rest = amount;
    if let Some(invoice) = paid_by(write, payment).await?
        && periods::of_invoice(write, invoice.number).await?.is_some()
    {
        subscribed::before_giving_back(write, invoice.number, now).await?;
        let mut of_plan = without_tax(&invoice, amount)?;
        let lines = invoice.lines.iter().zip(left(write, &invoice).await?).enumerate();
        for (index, (line, left)) in lines.filter(|(_, (line, _))| line.kind == InvoiceLineKind::Plan) {
            let part = of_plan.at_most(line.amount.with_minor(left)?)?;
            transaction = periods::claw_back(write, invoice.number, part, transaction, now).await?;
            take_off(write, invoice.number, index, part).await?;
            (of_plan, rest) = (of_plan.minus(part)?, rest.minus(part)?);
        }
        subscribed::follow_the_money(write, &invoice.account, now).await?;
    }
    Ok(transaction.debit(Account::BadDebt, rest))
}

/// Tells a customer that its bank has taken the payment of an invoice back, and what that means.
pub(crate) async fn tell_of_dispute(write: &mut Write, payment: &str, now: Timestamp) -> Result<(), Error> {
    let Some(Invoice { number, account, .. }) = paid_by(write, payment).await? else { return Ok(()) };
    let subject = format!("Your bank has taken the payment of invoice {number} back");
    let body = "Until the bank has decided, nothing new is deployed of what it paid for, nor after that where it decides for you. What \
                serves goes on for as long as the terms say. Where the dispute is a mistake, withdraw it at the bank or card issuer that you paid \
                with: what it paid for holds again once the bank reports that.\n";
    tell(write, &account, &format!("dispute:{number}"), &subject, body, now).await?;
    Ok(())
}

/// What credit notes have given back of an invoice so far, and the tax with it, in minor units.
async fn given_back(db: &mut AnyConnection, invoice: i64) -> Result<(i64, i64), Error> {
    let sums: (i64, i64) = sqlx::query_as(
        "select cast(coalesce(sum(minor), 0) as bigint), cast(coalesce(sum(tax_minor), 0) as bigint)
         from refunds where invoice = $1",
    )
    .bind(invoice)
    .fetch_one(db)
    .await?;
    Ok(sums)
}

/// The same with the tax, whether it went back as money or as credit.
pub(crate) async fn given(db: &mut AnyConnection, invoice: &Invoice) -> Result<Money, Error> {
    let (net, tax) = given_back(db, invoice.number).await?;
    Ok(invoice.net.with_minor(i128::from(net) + i128::from(tax))?)
}

/// Refuses a refund where something else was given back of its invoice since somebody has seen how much that was.
pub(crate) async fn must_be_as_seen(
    write: &mut Write,
    number: i64,
    key: &str,
    seen: Money,
) -> Result<(), Error> {
    if is_known(write, key).await? {
        return Ok(());
    }
    let invoice = invoices::find(write, number).await?;
    let given = given(write, &invoice).await?;
    match given == seen {
        true => Ok(()),
        false => Err(Error::Conflict(format!(
            "{given} of invoice {number} were given back by now, and not {seen}: ask again"
        ))),
    }
}

/// The tax that goes back with so much more of an invoice's net: in proportion, so that the last part lands on zero.
async fn tax_of(write: &mut Write, invoice: &Invoice, amount: Money) -> Result<Money, Error> {
    let (net, tax) = given_back(write, invoice.number).await?;
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

/// The credit note of this number, or that there is none.
pub(super) async fn numbered(db: &mut AnyConnection, number: i64) -> Result<CreditNote, Error> {
    let row: Option<Row> = sqlx::query_as(
        "select number, invoice, currency, minor, tax_minor, cash_minor, reason, at from refunds where number = $1",
    )
    .bind(number)
    .fetch_optional(db)
    .await?;
    read(row.ok_or_else(|| Error::NotFound(format!("credit note {number}")))?)
}

async fn find(db: &mut AnyConnection, key: &str) -> Result<Option<CreditNote>, Error> {
    let row: Option<Row> = sqlx::query_as(
        "select number, invoice, currency, minor, tax_minor, cash_minor, reason, at from refunds where key = $1",
    )
    .bind(key)
    .fetch_optional(db)
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
