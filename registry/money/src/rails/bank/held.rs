//! Payments at the processor that nobody has begun here: made on its dashboard, by a payment link, by another program. Each is a line of
//! the same list as the bank's, and in suspense until somebody says what it is for.
//!
//! | what happens | debit | credit |
//! | --- | --- | --- |
//! | it is seen | processor and its fees | suspense |
//! | the processor gives it back, or the customer's bank has taken it | suspense | processor, or disputes held |
//! | what was given back did not reach the customer | processor | suspense |

use chandlery_package::Money;
use chandlery_package::wire::TransactionKind;
use chandlery_store::Write;
use jiff::Timestamp;

use super::super::own_accounts::PROCESSOR;
use super::lines::{self, Kept, Line, Tie};
use super::statement::{Counterparty, NewLine, Owner, Stated};
use crate::Error;
use crate::ledger::{self, Account, Transaction};

/// The id of the line that a payment at the processor is.
fn id_of(payment: &str) -> String {
    format!("{PROCESSOR}/{payment}")
}

async fn find(write: &mut Write, payment: &str) -> Result<Option<Line>, Error> {
    lines::find(write, &id_of(payment)).await
}

/// Takes a payment of so much into the books, less the fee that the processor keeps of it in the same currency.
pub(in crate::rails) async fn see(
    write: &mut Write,
    payment: &str,
    (amount, fee): (Money, Money),
    text: String,
    now: Timestamp,
) -> Result<(), Error> {
    let seen = Transaction::new(TransactionKind::PaymentSeen, payment, now)
        .about(format!("payment {payment} at the processor, which nobody has begun here: {text}"))
        .link("payment", payment)
        .debit(Account::Processor, amount.minus(fee)?)
        .debit(Account::ProcessorFees, fee)
        .credit(Account::Suspense, amount);
    let posted = ledger::post(write, seen).await?;
    let line = NewLine {
        id: id_of(payment),
        owner: Owner { name: PROCESSOR.into(), ..Owner::default() },
        is_placed: false,
        amount: Stated::Known(amount),
        day: None,
        text,
        returned: false,
        other: Counterparty::default(),
        part_of: None,
    };
    let kept = Kept {
        currency: amount.currency().code(),
        minor: amount.minor(),
        posted: Some(posted),
        state: "open",
        outcome: "unmatched: nobody has begun it here",
    };
    lines::insert(write, &line, &kept, now).await
}

/// Takes what of a payment is in suspense, as far as it is and at most so much, for what became of it: gives how much that is, to be
/// posted against suspense.
pub(in crate::rails) async fn take(
    write: &mut Write,
    payment: &str,
    most: Money,
    target: &str,
    now: Timestamp,
) -> Result<Money, Error> {
    let none = Money::zero(most.currency());
    let Some(mut line) = find(write, payment).await? else { return Ok(none) };
    let open = line.open()?.filter(|open| open.currency() == most.currency());
    let part = most.at_most(open.unwrap_or(none))?.or_zero();
    if part.is_positive() {
        lines::allot(write, &mut line, part, target, Tie::Nothing, now).await?;
    }
    Ok(part)
}

/// Puts so much of a payment into suspense again, for why: it is to be posted there.
pub(in crate::rails) async fn put_back(
    write: &mut Write,
    payment: &str,
    amount: Money,
    why: &str,
    now: Timestamp,
) -> Result<(), Error> {
    if amount.is_zero() {
        return Ok(());
    }
    let lost = || Error::Damaged(format!("the line of payment {payment} vanished"));
    let mut line = find(write, payment).await?.ok_or_else(lost)?;
    lines::allot(write, &mut line, amount.negated(), why, Tie::Nothing, now).await
}
