//! Money that leaves Stripe: transfers to partners, which may be reversed in parts, and payouts to the marketplace's bank, which may
//! fail after they had arrived.

use chandlery_package::Money;
use chandlery_package::column::Text;
use chandlery_package::wire::{EventState, TransactionKind};
use jiff::Timestamp;

use super::movements::Movement;
use super::object::Object;
use crate::ledger::{self, Account, Transaction};
use crate::{Error, payouts};
use chandlery_store::Write;

chandlery_package::words! {
    /// Where money is that was sent to the marketplace's bank.
    enum Arrival: "state of a payout of the processor" {
        /// At the bank.
        Arrived = "arrived",
        /// At the processor again.
        Failed = "failed",
    }
}

/// A transfer tells how much of it stands.
pub(super) async fn follow(
    write: &mut Write,
    transfer: &Object,
    now: Timestamp,
) -> Result<EventState, Error> {
    let payout = transfer.0["metadata"]["payout"].as_str().and_then(|payout| payout.parse().ok());
    let Some(payout) = payout else { return Ok(EventState::Ignored) };
    let (id, amount) = (transfer.id()?, transfer.money("amount")?);
    must_be_of_one_currency(transfer, amount)?;
    let reversed = match (transfer.0["amount_reversed"].as_i64(), transfer.0["reversed"].as_bool()) {
        (Some(minor), _) => amount.with_minor(minor)?,
        (None, Some(true)) => amount,
        (None, _) => Money::zero(amount.currency()),
    };
    payouts::follow_transfer(write, payout, &id, amount, reversed, now).await?;
    Ok(EventState::Applied)
}

/// Refuses what has left in another currency than that of the balance that it was taken from.
fn must_be_of_one_currency(object: &Object, amount: Money) -> Result<(), Error> {
    match Movement::read(&object.0["balance_transaction"])? {
        Some(movement) => movement.must_be_in(amount.currency()),
        None => Ok(()),
    }
}

/// A payout to the marketplace's bank tells where its money is.
pub(super) async fn arrive(write: &mut Write, payout: &Object, now: Timestamp) -> Result<EventState, Error> {
    let (id, amount) = (payout.id()?, payout.money("amount")?);
    must_be_of_one_currency(payout, amount)?;
    let arrival = match payout.text("status")? {
        "paid" => Arrival::Arrived,
        "failed" | "canceled" => Arrival::Failed,
        "pending" | "in_transit" => return Ok(EventState::Ignored),
        other => {
            return Err(Error::Processor(format!("'{other}' is no status of a payout that is known here")));
        }
    };
    let known: Option<(Text<Arrival>,)> = sqlx::query_as("select state from processor_payouts where id = $1")
        .bind(&id)
        .fetch_optional(&mut **write)
        .await?;
    if known == Some((Text(Arrival::Failed),)) {
        return Ok(EventState::Applied);
    }
    let moved = |kind, about: String| {
        Transaction::new(kind, &id, now)
            .about(about)
            .link("payment", &id)
            .debit(Account::Bank, amount)
            .credit(Account::Processor, amount)
    };
    let sent = moved(TransactionKind::ProcessorPayout, format!("the processor has sent {amount}: {id}"));
    if arrival == Arrival::Arrived {
        ledger::post(write, sent).await?;
    } else if ledger::is_posted(write, &sent).await? {
        let kind = TransactionKind::ProcessorPayoutFailed;
        let mut back = moved(kind, format!("what the processor had sent did not arrive: {id}"));
        for posting in &mut back.postings {
            posting.amount = posting.amount.negated();
        }
        ledger::post(write, back).await?;
    }
    sqlx::query(
        "insert into processor_payouts (id, state, currency, minor) values ($1, $2, $3, $4)
         on conflict (id) do update set state = excluded.state",
    )
    .bind(&id)
    .bind(arrival.as_str())
    .bind(amount.currency().code())
    .bind(amount.minor())
    .execute(&mut **write)
    .await?;
    Ok(EventState::Applied)
}
