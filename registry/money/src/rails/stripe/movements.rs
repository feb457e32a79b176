//! What moves in Stripe's account, which may settle in other currencies than customers pay in: of a payment in dollars it has euros then.
//! A balance transaction says how much. Where its currency is not that of what moved, it is an exchange, which is posted once.
//!
//! | what happens | debit | credit |
//! | --- | --- | --- |
//! | what arrived is had in another currency | equity:fx; processor and fees in the other one | processor; equity:fx in the other one |
//! | what left is taken in another currency | processor; equity:fx and fees in the other one | equity:fx; processor in the other one |
//! | what left had come before there were exchanges | fees in the other one | processor in the other one |
//!
//! <https://docs.stripe.com/api/balance_transactions/object>

use chandlery_package::wire::TransactionKind;
use chandlery_package::{Currency, Money};
use chandlery_store::Write;
use jiff::Timestamp;
use serde_json::Value;

use super::object::Object;
use crate::Error;
use crate::ledger::{self, Account, Transaction};

/// What Stripe's account has more of or, below zero, less, in the currency that it settles in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Movement {
    id: String,
    /// Before the fee.
    gross: Money,
    fee: Money,
}

/// What a movement is of.
#[derive(Debug, Clone, Copy)]
pub(super) enum Of<'a> {
    /// A payment of this id.
    Payment(&'a str),
    /// What goes back of the payment of this id, or has not reached its customer.
    Refund(&'a str),
    /// A dispute of a payment, by the ids of both.
    Dispute(&'a str, &'a str),
}

impl Movement {
    /// A balance transaction; none: there is none yet, or its id alone is known.
    pub(super) fn read(value: &Value) -> Result<Option<Self>, Error> {
        if !value.is_object() {
            return Ok(None);
        }
        let object = Object(value.clone());
        let (id, code) = (object.id()?, object.text("currency")?.to_uppercase());
        if code.parse::<Currency>().is_err() {
            return Err(Error::Processor(format!(
                "{id} is settled in {code}, which the books do not have: let its account settle in one of {}",
                Currency::ALL.map(Currency::code).join(", ")
            )));
        }
        Ok(Some(Self { gross: object.money("amount")?, fee: object.money("fee")?, id }))
    }

    /// The fee, where it is in this currency; nothing, where it is a part of an exchange.
    pub(super) fn fee_in(&self, currency: Currency) -> Money {
        match self.fee.currency() == currency {
            true => self.fee,
            false => Money::zero(currency),
        }
    }

    /// So much as it moves of an amount: below zero, where that leaves.
    pub(super) fn moves(&self, amount: Money) -> Money {
        match self.gross.minor() {
            ..0 => amount.negated(),
            0 => Money::zero(amount.currency()),
            1.. => amount,
        }
    }

    /// Refuses one in another currency than the money that left by it: that is exchanged neither here nor at the bank.
    pub(super) fn must_be_in(&self, currency: Currency) -> Result<(), Error> {
        match self.gross.currency() == currency {
            true => Ok(()),
            false => Err(Error::Conflict(format!(
                "{} of it were taken in {}, and it is in {currency}: send it in the currency of the balance that it leaves",
                self.gross,
                self.gross.currency()
            ))),
        }
    }
}

/// Whether what a payment has brought was exchanged. Before there were exchanges in the books, it was booked as if it had stayed in
/// its currency.
async fn was_exchanged(write: &mut Write, payment: &str) -> Result<bool, Error> {
    let (brought,): (i64,) =
        sqlx::query_as("select count(*) from processor_exchanges where item = $1 and minor > 0")
            .bind(payment)
            .fetch_one(&mut **write)
            .await?;
    Ok(brought > 0)
}

/// Books that a movement is in another currency than what has moved (below zero: it left), once. Of what was not exchanged when it
/// came, what leaves is not either: the fee alone is taken in the other currency.
pub(super) async fn exchange(
    write: &mut Write,
    movement: &Movement,
    moved: Money,
    (of, fees): (Of<'_>, Account),
    now: Timestamp,
) -> Result<(), Error> {
    let Movement { id, gross, fee } = movement;
    let (from, to) = (moved.currency(), gross.currency());
    if from == to {
        return Ok(());
    }
    if moved.minor().signum() * gross.minor().signum() < 0 {
        return Err(Error::Processor(format!("{moved} moved by {id}, and it says that {gross} did")));
    }
    let (link, item, brought) = match of {
        Of::Payment(item) => ("payment", item, None),
        Of::Refund(payment) => ("payment", payment, Some(payment)),
        Of::Dispute(item, payment) => ("dispute", item, Some(payment)),
    };
    let is_exchanged = match brought {
        Some(payment) => was_exchanged(write, payment).await?,
        None => true,
    };
    let (moved, gross) = match is_exchanged {
        true => (moved, *gross),
        false => (Money::zero(from), Money::zero(to)),
    };
    if moved.is_zero() && gross.is_zero() && fee.is_zero() {
        return Ok(());
    }
    let new = sqlx::query(
        "insert into processor_exchanges (id, item, currency, minor, into_currency, into_minor, fee_minor)
         values ($1, $2, $3, $4, $5, $6, $7) on conflict do nothing",
    )
    .bind(id)
    .bind(item)
    .bind(from.code())
    .bind(moved.minor())
    .bind(to.code())
    .bind(gross.minor())
    .bind(fee.minor())
    .execute(&mut **write)
    .await?;
    if new.rows_affected() == 0 {
        return Ok(());
    }
    let between = || Account::between(from, to);
    let exchanged = Transaction::new(TransactionKind::ProcessorExchange, id, now)
        .about(format!("the processor has {gross} for {moved}, and takes {fee} of them: {id}"))
        .link(link, item)
        .debit(between(), moved)
        .credit(Account::Processor, moved)
        .debit(Account::Processor, gross.minus(*fee)?)
        .debit(fees, *fee)
        .credit(between(), gross);
    ledger::post(write, exchanged).await?;
    ledger::settle_between(write, id, from, to, now).await
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_balance_transaction_has_a_currency_that_the_books_have() {
        let told =
            |currency: &str| json!({ "id": "txn_1", "amount": -9200, "fee": 297, "currency": currency });
        let movement = Movement::read(&told("eur")).unwrap().unwrap();
        let [usd, eur] = [Currency::Usd, Currency::Eur];
        assert_eq!((movement.fee_in(usd).minor(), movement.fee_in(eur).minor()), (0, 297));
        assert_eq!(movement.moves(Money::new(10_000, usd).unwrap()).minor(), -10_000);
        assert!(movement.must_be_in(eur).is_ok() && movement.must_be_in(usd).is_err());
        let refused = Movement::read(&told("sek")).unwrap_err().to_string();
        assert!(refused.contains("SEK") && refused.contains("USD"), "{refused}");
        assert!(Movement::read(&json!({ "id": "txn_1", "amount": 1, "fee": 0 })).is_err());
        assert_eq!(Movement::read(&json!("txn_1")).unwrap(), None);
    }
}
