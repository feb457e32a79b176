//! Refunds at Stripe, whoever asked for them. What the registry itself asks for is in the books before it is sent; of what else Stripe
//! has given back, a credit note is made.
//!
//! | what happens | debit | credit |
//! | --- | --- | --- |
//! | Stripe gives back what nobody has said the use of | suspense | processor |
//! | it gives back what was more than due | the customer's credit | processor |
//! | it gives back a part that an open invoice was paid with | receivable | processor |
//! | it gives back what an invoice was paid with | as a credit note | processor |
//! | it gives back what no invoice can, and had not reached the customer before | the customer's credit | processor |
//! | it gives back anything else that no invoice can | bad debt | processor |
//! | a refund fails, or is refused | processor | bad debt, as far as the customer has had the same; the customer's credit, or suspense |

use chandlery_package::column::Text;
use chandlery_package::wire::{EventState, TransactionKind};
use chandlery_package::{Money, Namespace};
use jiff::Timestamp;

use super::disputes;
use super::movements::{self, Movement, Of};
use super::object::Object;
use super::payments::{self, Payment};
use crate::Error;
use crate::billing::payments::take_part_back;
use crate::billing::refunds;
use crate::ledger::{self, Account, Transaction};
use crate::rails::{Subject, bank, outbox};
use chandlery_store::Write;

chandlery_package::words! {
    /// How a refund stands.
    enum Standing: "standing of a refund" {
        /// It left, or is about to leave.
        Given = "given",
        /// It did not reach the customer.
        Failed = "failed",
    }
}

/// A charge tells how much of it was given back so far.
pub(super) async fn told(
    write: &mut Write,
    charge: &Object,
    hold_days: u32,
    now: Timestamp,
) -> Result<EventState, Error> {
    let mut payment = payments::paid_one(write, charge.reference("payment_intent")).await?;
    let so_far = charge.money("amount_refunded")?;
    if so_far.currency() != payment.currency {
        return Err(Error::Conflict(format!("payment '{}' was made in {}", payment.id, payment.currency)));
    }
    payment.told_refunded_minor = payment.told_refunded_minor.max(so_far.minor());
    sqlx::query("update processor_payments set told_refunded_minor = $1 where id = $2")
        .bind(payment.told_refunded_minor)
        .bind(&payment.id)
        .execute(&mut **write)
        .await?;
    catch_up(write, &payment, hold_days, now).await?;
    Ok(EventState::Applied)
}

/// A refund tells how it stands.
pub(super) async fn follow(
    write: &mut Write,
    refund: &Object,
    hold_days: u32,
    now: Timestamp,
) -> Result<EventState, Error> {
    let (id, amount) = (refund.id()?, refund.money("amount")?);
    let standing = match refund.text("status")? {
        "pending" | "succeeded" => Standing::Given,
        "failed" | "canceled" => Standing::Failed,
        // The customer has to say first where to.
        "requires_action" => return Ok(EventState::Ignored),
        other => {
            return Err(Error::Processor(format!("'{other}' is no status of a refund that is known here")));
        }
    };
    let payment = payments::paid_one(write, refund.reference("payment_intent")).await?;
    if amount.currency() != payment.currency {
        return Err(Error::Conflict(format!("payment '{}' was made in {}", payment.id, payment.currency)));
    }
    sqlx::query(
        "insert into processor_refunds (id, payment, minor, state) values ($1, $2, $3, $4) on conflict do nothing",
    )
    .bind(&id)
    .bind(&payment.id)
    .bind(amount.minor())
    .bind(Standing::Given.as_str())
    .execute(&mut **write)
    .await?;
    catch_up(write, &payment, hold_days, now).await?;
    let (Text(known),): (Text<Standing>,) =
        sqlx::query_as("select state from processor_refunds where id = $1")
            .bind(&id)
            .fetch_one(&mut **write)
            .await?;
    if standing == Standing::Failed && known == Standing::Given {
        fail(write, &payment, &id, amount, now).await?;
    }
    for (name, moved) in [("balance_transaction", amount.negated()), ("failure_balance_transaction", amount)]
    {
        if let Some(movement) = Movement::read(&refund.0[name])? {
            let of = (Of::Refund(&payment.id), Account::ProcessorFees);
            movements::exchange(write, &movement, moved, of, now).await?;
        }
    }
    Ok(EventState::Applied)
}

/// What did not reach the customer is its credit, and an operator is shown it.
async fn fail(
    write: &mut Write,
    payment: &Payment,
    id: &str,
    amount: Money,
    now: Timestamp,
) -> Result<(), Error> {
    // What the customer's bank has taken beside it was lost as well.
    let (given, taken) = (lost(write, &payment.id, amount).await?, beyond(write, &payment.id, amount).await?);
    let again = given.plus(taken.minus(given)?.or_zero())?;
    keep(write, payment, id, amount, again, now).await?;
    sqlx::query("update processor_refunds set state = $1 where id = $2")
        .bind(Standing::Failed.as_str())
        .bind(id)
        .execute(&mut **write)
        .await?;
    Ok(())
}

/// The same of a refund that Stripe has refused. What the customer's bank has taken instead was lost, and is not the customer's once more.
pub(super) async fn keep_refused(
    write: &mut Write,
    payment: &Payment,
    request: &str,
    amount: Money,
    now: Timestamp,
) -> Result<(), Error> {
    let taken = beyond(write, &payment.id, amount).await?;
    keep(write, payment, &format!("{}:{request}", payment.id), amount, taken, now).await
}

/// So much stays at the processor: of what was lost before, so much is not, and the rest is the customer's or, where nobody has said who
/// that is, in suspense again.
async fn keep(
    write: &mut Write,
    payment: &Payment,
    id: &str,
    amount: Money,
    again: Money,
    now: Timestamp,
) -> Result<(), Error> {
    let (customer, rest) = (payment.payer(write).await?, amount.minus(again)?);
    let back = Transaction::new(TransactionKind::RefundFailed, id, now)
        .link("payment", &payment.id)
        .debit(Account::Processor, amount)
        .credit(Account::BadDebt, again);
    let (back, no_credit) = match &customer {
        Some(customer) => {
            let about = format!("refund {id} of {amount} did not reach {customer}");
            let back = back.about(about).link("customer", customer);
            (back.credit(Account::Credit(customer.clone()), rest), again)
        }
        None => {
            bank::put_back(write, &payment.id, rest, "did not go back", now).await?;
            let about = format!("refund {id} of {amount} did not reach whoever has paid it");
            (back.about(about).credit(Account::Suspense, rest), amount)
        }
    };
    ledger::post(write, back).await?;
    payments::returned(write, &payment.id, no_credit).await?;
    sqlx::query(
        "update processor_payments set failed_minor = failed_minor + $1, customer = coalesce(nullif($2, ''), customer)
         where id = $3",
    )
    .bind(amount.minor())
    .bind(customer.as_ref().map_or("", Namespace::as_str))
    .bind(&payment.id)
    .execute(&mut **write)
    .await?;
    Ok(())
}

/// What Stripe has given back of a payment that no invoice could, as far as no refund that failed explains it: so much at most.
async fn lost(write: &mut Write, payment: &str, most: Money) -> Result<Money, Error> {
    // What else this event brought is looked at, too.
    write.flush().await?;
    let (kind, failed) = (TransactionKind::RefundLost, TransactionKind::RefundFailed);
    let (minor,): (i64,) = sqlx::query_as(
        "select cast(coalesce(sum(ledger_postings.minor), 0) as bigint) from ledger_postings
         join ledger_transactions on ledger_transactions.id = transaction_id
         where account = $1 and ((key > $2 and key < $3) or (key > $4 and key < $5)
                                 or key in (select $6 || processor_refunds.id from processor_refunds where payment = $7))",
    )
    .bind(Account::BadDebt.to_string())
    .bind(format!("{kind}:{payment}:"))
    .bind(format!("{kind}:{payment};"))
    .bind(format!("{failed}:{payment}:"))
    .bind(format!("{failed}:{payment};"))
    .bind(format!("{failed}:"))
    .bind(payment)
    .fetch_one(&mut **write)
    .await?;
    Ok(most.with_minor(minor)?.or_zero().at_most(most)?)
}

/// By how much more than a payment brought has left it, with what is refused and what customers' banks have taken: so much at most. The
/// customer has had it already.
async fn beyond(write: &mut Write, payment: &str, most: Money) -> Result<Money, Error> {
    let (minor,): (i64,) = sqlx::query_as(
        "select cast(booked_refunds_minor - failed_minor - case received_minor when 0 then minor else received_minor end
                + (select coalesce(sum(owed.minor), 0) from processor_outbox owed
                   where owed.about = processor_payments.id and owed.kind = 'refund')
                + (select coalesce(sum(lost.minor), 0) from processor_disputes lost
                   where lost.payment = processor_payments.id and lost.state = 'lost') as bigint)
         from processor_payments where id = $1",
    )
    .bind(payment)
    .fetch_one(&mut **write)
    .await?;
    Ok(most.with_minor(minor)?.or_zero().at_most(most)?)
}

/// Books what Stripe has given back of a payment and the books do not have: neither was it owed to be sent, nor booked before.
pub(super) async fn catch_up(
    write: &mut Write,
    payment: &Payment,
    hold_days: u32,
    now: Timestamp,
) -> Result<(), Error> {
    let (each,): (i64,) = sqlx::query_as(
        "select cast(coalesce(sum(minor), 0) as bigint) from processor_refunds where payment = $1",
    )
    .bind(&payment.id)
    .fetch_one(&mut **write)
    .await?;
    let booked = outbox::refunds_of(write, &payment.id).await? + payment.booked_refunds_minor;
    let missing = each.max(payment.told_refunded_minor) - booked;
    if missing <= 0 {
        return Ok(());
    }
    let missing = Money::new(missing, payment.currency)?;
    let open = disputes::let_go(write, &payment.id, now).await?;
    give_back(write, payment, missing, hold_days, now).await?;
    disputes::hold_again(write, open, now).await?;
    sqlx::query(
        "update processor_payments set booked_refunds_minor = booked_refunds_minor + $1 where id = $2",
    )
    .bind(missing.minor())
    .bind(&payment.id)
    .execute(&mut **write)
    .await?;
    Ok(())
}

/// Posts that so much went back of what an account holds.
async fn give(
    write: &mut Write,
    (payment, customer, now): (&Payment, Option<&Namespace>, Timestamp),
    (kind, key): (TransactionKind, String),
    account: Account,
    part: Money,
) -> Result<(), Error> {
    let whom = customer.map_or_else(String::new, |customer| format!(" to {customer}"));
    let mut given = Transaction::new(kind, key, now)
        .about(format!("the processor has given {part} of payment {} back{whom}", payment.id))
        .link("payment", &payment.id)
        .debit(account, part)
        .credit(Account::Processor, part);
    if let Some(customer) = customer {
        given = given.link("customer", customer);
    }
    if let Some(Subject::Invoice(number)) = payment.subject {
        given = given.link("invoice", number);
    }
    match given.postings.is_empty() {
        true => Ok(()),
        false => ledger::post(write, given).await.map(drop),
    }
}

/// First what nobody has said the use of, then what was more than due, then what the invoice was paid with, which is due again where that
/// is open, then what had not reached the customer before; the rest is lost.
async fn give_back(
    write: &mut Write,
    payment: &Payment,
    amount: Money,
    hold_days: u32,
    now: Timestamp,
) -> Result<(), Error> {
    let key = format!("{}:{}", payment.id, payment.booked_refunds_minor);
    let customer = payment.payer(write).await?;
    let of = (payment, customer.as_ref(), now);
    let held = bank::take(write, &payment.id, amount, "was given back by the processor", now).await?;
    give(write, of, (TransactionKind::SurplusReturned, format!("{key}:held")), Account::Suspense, held)
        .await?;
    let mut rest = amount.minus(held)?;
    if let Some(customer) = &customer {
        rest = give_back_to(write, payment, customer, &key, rest, (hold_days, now)).await?;
    }
    give(write, of, (TransactionKind::RefundLost, key), Account::BadDebt, rest).await
}

/// Takes what goes back to a customer from what it has of a payment, and gives what that cannot bear.
async fn give_back_to(
    write: &mut Write,
    payment: &Payment,
    customer: &Namespace,
    key: &str,
    amount: Money,
    (hold_days, now): (u32, Timestamp),
) -> Result<Money, Error> {
    let (id, of) = (&payment.id, (payment, Some(customer), now));
    let kept = || Account::Credit(customer.clone());
    let surplus = payments::take_surplus(write, payment, customer, amount).await?;
    give(write, of, (TransactionKind::SurplusReturned, key.to_owned()), kept(), surplus).await?;
    let rest = amount.minus(surplus)?;
    let part = take_part_back(write, id, rest).await?;
    give(write, of, (TransactionKind::PartReturned, key.to_owned()), Account::Receivable, part).await?;
    let rest = rest.minus(part)?;
    let rest = refunds::book_gross(write, id, &format!("processor:{key}"), rest, hold_days, now).await?;
    let again = payments::take_failed(write, payment, customer, rest, surplus).await?;
    give(write, of, (TransactionKind::SurplusReturned, format!("{key}:again")), kept(), again).await?;
    Ok(rest.minus(again)?)
}
