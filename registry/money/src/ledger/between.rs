//! What exchanges between two currencies have gained or lost.

use chandlery_package::wire::TransactionKind;
use chandlery_package::{Currency, Money};
use chandlery_store::Write;
use jiff::Timestamp;

use super::{Account, Transaction, owed, post};
use crate::Error;

/// Books what was gained or lost, once nothing is left between two currencies in the one that was exchanged. `key` is that of the
/// exchange by which nothing is left.
pub(crate) async fn settle_between(
    write: &mut Write,
    key: &str,
    exchanged: Currency,
    into: Currency,
    now: Timestamp,
) -> Result<(), Error> {
    let between = || Account::between(exchanged, into);
    let left = owed(write, &between(), exchanged).await?;
    let other = owed(write, &between(), into).await?;
    if !left.is_zero() || other.is_zero() {
        return Ok(());
    }
    let other = Money::try_from(other)?;
    let result = Transaction::new(TransactionKind::ExchangeResult, key, now)
        .about(format!("what is left of exchanges between {exchanged} and {into}"))
        .debit(between(), other);
    let result = match other.is_positive() {
        true => result.credit(Account::FxGain, other),
        false => result.debit(Account::FxLoss, other.negated()),
    };
    post(write, result).await.map(drop)
}
