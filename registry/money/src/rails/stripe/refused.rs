//! Refunds that Stripe refuses for good: an operator says what becomes of them. Whatever Stripe has given back by itself, or a customer's
//! bank has taken, is not given once more.
//!
//! | what happens | debit | credit |
//! | --- | --- | --- |
//! | what is refused stays at Stripe | processor | bad debt, as far as the customer's bank has taken the same; the customer's credit, or suspense |
//! | it is sent by bank instead | the customer's credit | bank |

use chandlery_accounts::Actor;
use chandlery_accounts::audit::record;
use chandlery_package::wire::{Act, NewSettlement, RequestKind, Settlement, SettlementWay, TransactionKind};
use chandlery_package::{Money, Namespace};
use chandlery_store::Write;
use jiff::Timestamp;
use serde_json::{Value, json};

use super::payments::{self, Payment};
use super::refunds;
use crate::Error;
use crate::ledger::{self, Account, By, Transaction};
use crate::rails::own_accounts::PROCESSOR;
use crate::rails::{outbox, send_backs};

/// What Stripe calls it where a customer's bank has taken the payment back.
const BY_DISPUTE: [&str; 2] = ["charge_disputed", "refund_disputed_payment"];

/// Lets a refund that is refused become what an operator says.
pub(in crate::rails) async fn settle(
    write: &mut Write,
    actor: &Actor,
    new: &NewSettlement,
    hold_days: u32,
    now: Timestamp,
) -> Result<Settlement, Error> {
    ledger::by(write, By::Actor(actor));
    let refused = outbox::refused(write, &new.request).await?;
    if new.way == SettlementWay::Again {
        return send_again(write, actor, new, refused.amount, now).await;
    }
    must_be_a_refund(&new.request, &refused)?;
    must_be_decided(write, &refused.about, &refused.code).await?;
    let payment = payments::paid_one(write, Some(&refused.about)).await?;
    if new.way == SettlementWay::Bank {
        must_have_payer(write, &payment).await?;
    }
    outbox::settle(write, &new.request, new.way, now).await?;
    refunds::keep_refused(write, &payment, &new.request, refused.amount, now).await?;
    // What Stripe has given back by itself was taken for what is refused until now.
    let payment = payments::paid_one(write, Some(&refused.about)).await?;
    refunds::catch_up(write, &payment, hold_days, now).await?;
    let payment = payments::paid_one(write, Some(&refused.about)).await?;
    let kept = match payment.payer(write).await? {
        Some(customer) => payments::kept_by(write, &payment, &customer).await?.at_most(refused.amount)?,
        None => refused.amount,
    };
    let reference = match new.way {
        SettlementWay::Credit | SettlementWay::Again => None,
        SettlementWay::Bank => {
            let customer = payment.customer(write).await?;
            Some(send(write, &payment, &customer, kept, now).await?)
        }
    };
    let settled = Settlement { request: new.request.clone(), amount: refused.amount, kept, reference };
    record(write, actor, Act::RequestSettled, &new.request, Value::Null, json!(settled)).await?;
    Ok(settled)
}

/// Lets it be sent again: nobody has got anything by it yet.
async fn send_again(
    write: &mut Write,
    actor: &Actor,
    new: &NewSettlement,
    amount: Money,
    now: Timestamp,
) -> Result<Settlement, Error> {
    outbox::send_again(write, &new.request, now).await?;
    record(write, actor, Act::RequestSettled, &new.request, Value::Null, json!(new)).await?;
    let kept = Money::zero(amount.currency());
    Ok(Settlement { request: new.request.clone(), amount, kept, reference: None })
}

/// Refuses what is of no customer's: a payout is its partner's.
fn must_be_a_refund(request: &str, refused: &outbox::Refused) -> Result<(), Error> {
    match refused.kind {
        RequestKind::Refund => Ok(()),
        RequestKind::Transfer => Err(Error::Conflict(format!(
            "request '{request}' sends payout {0} to its partner: let it be sent again (`--as again`), or return the payout \
             (`chandlery payouts return {0}`)",
            refused.about
        ))),
    }
}

/// Refuses to decide before the customer's bank has.
async fn must_be_decided(write: &mut Write, payment: &str, code: &str) -> Result<(), Error> {
    let (all, open): (i64, i64) = sqlx::query_as(
        "select count(*), cast(coalesce(sum(case when state = 'open' then 1 else 0 end), 0) as bigint)
         from processor_disputes where payment = $1",
    )
    .bind(payment)
    .fetch_one(&mut **write)
    .await?;
    match open > 0 || all == 0 && BY_DISPUTE.contains(&code) {
        true => Err(Error::Conflict(format!(
            "payment '{payment}' is disputed: what becomes of its refund is decided when the customer's bank has decided"
        ))),
        false => Ok(()),
    }
}

/// Refuses to send by the bank what nobody has said whose it is: it is allotted from suspense, where it is put as credit.
async fn must_have_payer(write: &mut Write, payment: &Payment) -> Result<(), Error> {
    match payment.payer(write).await? {
        Some(_) => Ok(()),
        None => Err(Error::Conflict(format!(
            "nobody has said whose payment '{0}' is: settle it `--as credit`, which puts it into suspense again, then say with \
             `chandlery books allot {PROCESSOR}/{0}` whose it is",
            payment.id
        ))),
    }
}

/// Sends what is the customer's by the bank, and gives the reference of the transfer.
async fn send(
    write: &mut Write,
    payment: &Payment,
    customer: &Namespace,
    kept: Money,
    now: Timestamp,
) -> Result<String, Error> {
    if !kept.is_positive() {
        return Err(Error::Conflict(format!(
            "nothing of payment '{}' is left to be sent: the customer has it, or has used it; settle it as credit",
            payment.id
        )));
    }
    let number = send_backs::next_owed(write).await?;
    let sent = Transaction::new(TransactionKind::BankSentBack, send_backs::owed_key(number), now)
        .about(format!("{kept} of payment {} go back to {customer} by the bank", payment.id))
        .link("payment", &payment.id)
        .link("customer", customer)
        .debit(Account::Credit(customer.clone()), kept)
        .credit(Account::Bank, kept);
    ledger::post(write, sent).await?;
    payments::returned(write, &payment.id, kept).await?;
    send_backs::owe_customer(write, number, customer).await
}
