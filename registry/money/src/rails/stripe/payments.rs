//! Payments at Stripe that succeeded. What is due is paid by them, or a part of it; what is more than that, because something was
//! paid or credited meanwhile, is the customer's credit until an operator gives it back or an invoice uses it.
//!
//! | what happens | debit | credit |
//! | --- | --- | --- |
//! | more arrives than is due | processor and its fees | the customer's credit |
//! | it is given back | the customer's credit | processor |
//!
//! One that nobody has begun here, or that names nothing of anybody's, is in suspense until somebody says what it is for.

use chandlery_package::column::Text;
use chandlery_package::wire::{EventState, Page, Paging, SurplusPayment, TransactionKind};
use chandlery_package::{Currency, Money, Namespace};
use jiff::Timestamp;
use sqlx::AnyConnection;

use super::movements::{self, Movement, Of};
use super::object::Object;
use crate::billing::invoices::Paid;
use crate::ledger::{self, Account, Transaction};
use crate::rails::{Subject, bank, outbox};
use crate::{Error, Processor};
use chandlery_store::{Db, Write, time};

/// How much of a payment Stripe still has, in minor units: what it brought, less what was given back or is to be, unless that did not
/// reach the customer, and less what the customer's bank has taken or asks for.
macro_rules! at_stripe {
    () => {
        "(case received_minor when 0 then minor else received_minor end - booked_refunds_minor + failed_minor
          - (select coalesce(sum(owed.minor), 0) from processor_outbox owed
             where owed.about = processor_payments.id and owed.kind = 'refund')
          - (select coalesce(sum(taken.minor), 0) from processor_disputes taken
             where taken.payment = processor_payments.id and taken.state in ('open', 'lost')))"
    };
}

/// How much of what a payment says of itself is kept, in characters.
const TEXT_MAX: usize = 500;

/// A payment that a customer has begun, or that was seen.
#[derive(Debug, Clone)]
pub(super) struct Payment {
    pub(super) id: String,
    /// None: nobody has said what it pays.
    pub(super) subject: Option<Subject>,
    customer: Option<Namespace>,
    pub(super) currency: Currency,
    /// None: it has not succeeded.
    pub(super) paid_at: Option<Timestamp>,
    pub(super) surplus_minor: i64,
    pub(super) surplus_returned_minor: i64,
    pub(super) failed_minor: i64,
    pub(super) told_refunded_minor: i64,
    pub(super) booked_refunds_minor: i64,
}

#[derive(sqlx::FromRow)]
struct Row {
    id: String,
    subject: String,
    customer: Option<Text<Namespace>>,
    currency: Text<Currency>,
    paid_at: Option<Text<Timestamp>>,
    surplus_minor: i64,
    surplus_returned_minor: i64,
    failed_minor: i64,
    told_refunded_minor: i64,
    booked_refunds_minor: i64,
}

impl Payment {
    /// Whose it is; none: nobody has said so yet.
    pub(super) async fn payer(&self, db: &mut AnyConnection) -> Result<Option<Namespace>, Error> {
        match &self.subject {
            Some(subject) => subject.customer(db).await.map(Some),
            None => Ok(self.customer.clone()),
        }
    }

    /// Whose it is, or that somebody has to say so first.
    pub(super) async fn customer(&self, db: &mut AnyConnection) -> Result<Namespace, Error> {
        let nobody = || {
            Error::Conflict(format!(
                "nobody has said whose payment '{}' is: `chandlery books allot` says it",
                self.id
            ))
        };
        self.payer(db).await?.ok_or_else(nobody)
    }

    /// What the customer has as credit of it: what was more than due, and what came back.
    fn kept(&self) -> Result<Money, Error> {
        let minor = self.surplus_minor + self.failed_minor - self.surplus_returned_minor;
        Ok(Money::new(minor, self.currency)?)
    }
}

/// Writes down a payment that was begun.
pub(super) async fn begun(
    write: &mut Write,
    id: &str,
    subject: &Subject,
    amount: Money,
) -> Result<(), Error> {
    sqlx::query(
        "insert into processor_payments (id, subject, currency, minor) values ($1, $2, $3, $4) on conflict do nothing",
    )
    .bind(id)
    .bind(subject.to_string())
    .bind(amount.currency().code())
    .bind(amount.minor())
    .execute(&mut **write)
    .await?;
    Ok(())
}

pub(super) async fn find(db: &mut AnyConnection, id: &str) -> Result<Option<Payment>, Error> {
    let row: Option<Row> = sqlx::query_as(
        "select id, subject, customer, currency, paid_at, surplus_minor, surplus_returned_minor, failed_minor,
                told_refunded_minor, booked_refunds_minor
         from processor_payments where id = $1",
    )
    .bind(id)
    .fetch_optional(db)
    .await?;
    let Some(row) = row else { return Ok(None) };
    let unknown = || Error::Damaged(format!("what payment {id} is for cannot be read"));
    let subject = match row.subject.as_str() {
        "" => None,
        named => Some(Subject::find(named).ok_or_else(unknown)?),
    };
    Ok(Some(Payment {
        subject,
        customer: row.customer.map(|Text(customer)| customer),
        id: row.id,
        currency: row.currency.0,
        paid_at: row.paid_at.map(|Text(at)| at),
        surplus_minor: row.surplus_minor,
        surplus_returned_minor: row.surplus_returned_minor,
        failed_minor: row.failed_minor,
        told_refunded_minor: row.told_refunded_minor,
        booked_refunds_minor: row.booked_refunds_minor,
    }))
}

/// A payment that is in the books, or that it is not there yet.
pub(super) async fn paid_one(db: &mut AnyConnection, id: Option<&str>) -> Result<Payment, Error> {
    let id = id.ok_or_else(|| Error::NotFound("payment of ours that it is about".into()))?;
    let found = find(db, id).await?.filter(|payment| payment.paid_at.is_some());
    found.ok_or_else(|| Error::NotFound(format!("payment '{id}' in the books yet")))
}

/// What Stripe's account has of a payment, and what Stripe keeps of that; none: it cannot be asked, and the event does not say it.
pub(super) async fn movement(processor: &Processor, object: &Object) -> Result<Option<Movement>, Error> {
    let id = object.id()?;
    let found = match processor.can_be_asked() {
        true => {
            let path = format!("payment_intents/{id}?expand%5B%5D=latest_charge.balance_transaction");
            let found = processor.get(&path).await?;
            found.ok_or_else(|| Error::NotFound(format!("payment '{id}' at the processor")))?
        }
        false => object.clone(),
    };
    match Movement::read(&found.0["latest_charge"]["balance_transaction"])? {
        None if processor.can_be_asked() => {
            Err(Error::Processor(format!("what it keeps of {id} is not known yet")))
        }
        movement => Ok(movement),
    }
}

/// The charge of the payment that a dispute is about, where it can be asked for: what was given back of it is not disputed.
pub(super) async fn charge(processor: &Processor, dispute: &Object) -> Result<Option<Object>, Error> {
    let payment = dispute.reference("payment_intent").filter(|_| processor.can_be_asked());
    let Some(payment) = payment else { return Ok(None) };
    processor.charge(payment).await
}

/// Books a payment that has succeeded, once.
pub(super) async fn succeeded(
    write: &mut Write,
    object: &Object,
    movement: Option<&Movement>,
    hold_days: u32,
    now: Timestamp,
) -> Result<EventState, Error> {
    let (id, amount) = (object.id()?, object.money("amount_received")?);
    let none = Money::zero(amount.currency());
    let movement = movement.filter(|_| amount.is_positive());
    let kept = movement.map_or(none, |movement| movement.fee_in(amount.currency()));
    // The answer to its beginning may be lost, or later than the customer: then it says itself what it is for.
    if let Some(subject) = named(write, object).await? {
        begun(write, &id, &subject, amount).await?;
    }
    let known = find(write, &id).await?;
    if known.as_ref().is_some_and(|payment| payment.paid_at.is_some()) {
        return Ok(EventState::Applied);
    }
    let Some(subject) = known.and_then(|payment| payment.subject) else {
        return seen(write, object, amount, movement, now).await;
    };
    let customer = subject.customer(write).await?;
    let due = subject.due(write).await?.filter(|due| due.minor() > 0 && due.currency() == amount.currency());
    let (mut surplus, mut fee) = (amount, kept);
    if let Some(due) = due
        && (due.minor() <= amount.minor() || amount.is_positive() && subject.takes_parts(write).await?)
    {
        let pays = due.at_most(amount)?;
        subject.pay(write, &Paid::Processor(&id, fee), pays, hold_days, now).await?;
        (surplus, fee) = (amount.minus(pays)?, none);
    }
    if surplus.minor() > 0 {
        let credited = Transaction::new(TransactionKind::Surplus, &id, now)
            .about(format!("payment {id} of {customer}: {surplus} more than was due for {subject}"))
            .link("payment", &id)
            .link("customer", &customer)
            .debit(Account::Processor, surplus.minus(fee)?)
            .debit(Account::ProcessorFees, fee)
            .credit(Account::Credit(customer.clone()), surplus);
        ledger::post(write, credited).await?;
    }
    sqlx::query(
        "update processor_payments set paid_at = $1, customer = $2, currency = $3, surplus_minor = $4, received_minor = $5,
                fee_minor = $6 where id = $7",
    )
    .bind(time(now))
    .bind(customer.as_str())
    .bind(amount.currency().code())
    .bind(surplus.minor())
    .bind(amount.minor())
    .bind(kept.minor())
    .bind(&id)
    .execute(&mut **write)
    .await?;
    if let Some(movement) = movement {
        let of = (Of::Payment(&id), Account::ProcessorFees);
        movements::exchange(write, movement, amount, of, now).await?;
    }
    Ok(EventState::Applied)
}

/// What a payment says that it is for, as far as that is anybody's: others may write whatever they like.
async fn named(db: &mut AnyConnection, object: &Object) -> Result<Option<Subject>, Error> {
    let subject = object.0["metadata"]["subject"].as_str().and_then(Subject::find);
    let Some(subject) = subject else { return Ok(None) };
    match subject.customer(db).await {
        Ok(_) => Ok(Some(subject)),
        Err(Error::NotFound(_)) => Ok(None),
        Err(error) => Err(error),
    }
}

/// Books a payment that nobody has begun here.
async fn seen(
    write: &mut Write,
    object: &Object,
    amount: Money,
    movement: Option<&Movement>,
    now: Timestamp,
) -> Result<EventState, Error> {
    let id = object.id()?;
    if !amount.is_positive() {
        return Ok(EventState::Ignored);
    }
    let fee = movement.map_or(Money::zero(amount.currency()), |movement| movement.fee_in(amount.currency()));
    sqlx::query(
        "insert into processor_payments (id, subject, currency, minor, paid_at, received_minor, fee_minor)
         values ($1, '', $2, $3, $4, $3, $5)",
    )
    .bind(&id)
    .bind(amount.currency().code())
    .bind(amount.minor())
    .bind(time(now))
    .bind(fee.minor())
    .execute(&mut **write)
    .await?;
    let text = object.text("description").unwrap_or_default().chars().take(TEXT_MAX).collect();
    bank::see(write, &id, (amount, fee), text, now).await?;
    if let Some(movement) = movement {
        let of = (Of::Payment(&id), Account::ProcessorFees);
        movements::exchange(write, movement, amount, of, now).await?;
    }
    Ok(EventState::Applied)
}

/// Takes so much of what was more than due from the customer's credit, as far as it is still there: gives how much that is.
pub(super) async fn take_surplus(
    write: &mut Write,
    payment: &Payment,
    customer: &Namespace,
    wanted: Money,
) -> Result<Money, Error> {
    let credit = ledger::owed(write, &Account::Credit(customer.clone()), wanted.currency()).await?;
    let left = wanted.with_minor(payment.surplus_minor - payment.surplus_returned_minor)?.or_zero();
    let taken = credit.up_to(wanted.at_most(left)?)?;
    returned(write, &payment.id, taken).await?;
    Ok(taken)
}

/// Takes so much of what the customer's bank has taken from the customer's credit, as far as it is still there: what was more than due,
/// and what came back of refunds, as far as Stripe has that no more. Gives how much that is.
pub(super) async fn take_lost(
    write: &mut Write,
    payment: &Payment,
    customer: &Namespace,
    wanted: Money,
) -> Result<Money, Error> {
    let credit = ledger::owed(write, &Account::Credit(customer.clone()), wanted.currency()).await?;
    let surplus = wanted.with_minor(payment.surplus_minor - payment.surplus_returned_minor)?.or_zero();
    let gone = payment.kept()?.minus(at_stripe(write, payment).await?)?.or_zero();
    let left = surplus.plus(gone.minus(surplus)?.or_zero())?;
    let taken = credit.up_to(wanted.at_most(left)?)?;
    returned(write, &payment.id, taken).await?;
    Ok(taken)
}

/// Takes so much of what did not reach the customer from its credit, as far as it is still there: gives how much that is. `before` is
/// what was taken of the surplus already.
pub(super) async fn take_failed(
    write: &mut Write,
    payment: &Payment,
    customer: &Namespace,
    wanted: Money,
    before: Money,
) -> Result<Money, Error> {
    let credit = ledger::owed(write, &Account::Credit(customer.clone()), wanted.currency()).await?;
    let left = payment.kept()?.minus(before)?.or_zero();
    let taken = credit.up_to(wanted.at_most(left)?)?;
    returned(write, &payment.id, taken).await?;
    Ok(taken)
}

/// That so much of a payment's credit is the customer's no more.
pub(super) async fn returned(write: &mut Write, id: &str, amount: Money) -> Result<(), Error> {
    sqlx::query(
        "update processor_payments set surplus_returned_minor = surplus_returned_minor + $1 where id = $2",
    )
    .bind(amount.minor())
    .bind(id)
    .execute(&mut **write)
    .await?;
    Ok(())
}

/// What a customer has of a payment as credit, as far as it has not used it.
pub(super) async fn kept_by(
    write: &mut Write,
    payment: &Payment,
    customer: &Namespace,
) -> Result<Money, Error> {
    let credit = ledger::owed(write, &Account::Credit(customer.clone()), payment.currency).await?;
    Ok(credit.up_to(payment.kept()?.or_zero())?)
}

/// How much of a payment Stripe still has.
async fn at_stripe(write: &mut Write, payment: &Payment) -> Result<Money, Error> {
    let (minor,): (i64,) = sqlx::query_as(concat!(
        "select cast(",
        at_stripe!(),
        " as bigint) from processor_payments where id = $1"
    ))
    .bind(&payment.id)
    .fetch_one(&mut **write)
    .await?;
    Ok(Money::new(minor, payment.currency)?.or_zero())
}

/// What is left of a payment's surplus, as far as its customer has not used it and Stripe still has it, and who that is.
async fn left(write: &mut Write, payment: &Payment) -> Result<(Money, Namespace), Error> {
    let customer = payment.customer(write).await?;
    let at_stripe = at_stripe(write, payment).await?;
    let amount = kept_by(write, payment, &customer).await?.at_most(at_stripe)?;
    match amount.is_positive() {
        true => Ok((amount, customer)),
        false => {
            Err(Error::Conflict(format!("nothing of payment '{}' is left to be given back", payment.id)))
        }
    }
}

/// What would be given back of a payment, or that nothing is left of it.
pub async fn surplus_of(db: &Db, id: &str) -> Result<Money, Error> {
    let mut write = db.write().await?;
    let payment = paid_one(&mut write, Some(id)).await?;
    Ok(left(&mut write, &payment).await?.0)
}

/// Gives back what is left of a payment's surplus, as far as the customer has not used it: it is owed to be sent. Gives how much, and
/// the key of the request.
pub async fn give_back(write: &mut Write, id: &str, now: Timestamp) -> Result<(Money, String), Error> {
    let payment = paid_one(write, Some(id)).await?;
    let (amount, customer) = left(write, &payment).await?;
    let key = format!("surplus-{id}-{}", payment.surplus_returned_minor);
    let back = Transaction::new(TransactionKind::SurplusReturned, &key, now)
        .about(format!("{amount} of payment {id} go back to {customer}"))
        .link("payment", id)
        .link("customer", &customer)
        .debit(Account::Credit(customer.clone()), amount)
        .credit(Account::Processor, amount);
    ledger::post(write, back).await?;
    returned(write, id, amount).await?;
    outbox::owe_refund(write, &key, id, amount, now).await?;
    Ok((amount, key))
}

/// The payments of which Stripe has something that was more than due, in the order of their ids.
pub async fn list(db: &Db, paging: &Paging<String>) -> Result<Page<SurplusPayment>, Error> {
    let rows: Vec<(String, String, Text<Namespace>, Text<Currency>, i64)> = sqlx::query_as(concat!(
        "select id, subject, customer, currency, cast(case when kept < there then kept else there end as bigint)
         from (select id, subject, customer, currency, surplus_minor + failed_minor - surplus_returned_minor as kept, ",
        at_stripe!(),
        " as there from processor_payments where customer is not null) as payments
         where id > $1 and kept > 0 and there > 0 order by id limit $2"
    ))
    .bind(paging.after().map_or("", String::as_str))
    .bind(paging.rows())
    .fetch_all(db.read())
    .await?;
    let read = |(id, subject, Text(customer), Text(currency), minor): (_, _, _, _, i64)| {
        Ok(SurplusPayment { id, subject, customer, surplus: Money::new(minor, currency)? })
    };
    paging.cut(rows, |(id, ..)| id.clone()).try_map(read)
}
