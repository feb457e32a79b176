//! What amounts add up to: wider than an amount, and bounded as well.

use std::fmt;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::money::{Unchecked, Written, bounded, divide_half_even, same, total};
use crate::{Currency, Money, MoneyError};

/// What many amounts of one currency add up to, from −[`Balance::LARGEST`] to [`Balance::LARGEST`] minor units: the balance of
/// an account, a month's revenue. It looks as an amount does wherever it is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(try_from = "Unchecked")]
pub struct Balance {
    /// Minor units; below zero where money is owed.
    minor: i64,
    /// Of this currency.
    currency: Currency,
}

impl TryFrom<Unchecked> for Balance {
    type Error = MoneyError;

    fn try_from(Unchecked { minor, currency }: Unchecked) -> Result<Self, MoneyError> {
        Self::new(minor, currency)
    }
}

impl From<Money> for Balance {
    fn from(money: Money) -> Self {
        Self { minor: money.minor(), currency: money.currency() }
    }
}

impl TryFrom<Balance> for Money {
    type Error = MoneyError;

    fn try_from(balance: Balance) -> Result<Self, MoneyError> {
        Self::new(balance.minor, balance.currency)
    }
}

impl Balance {
    /// The largest balance, in minor units: nine thousand of the largest amounts. A 64-bit column holds it, with room for a
    /// hundred amounts more, so that what passes it can be seen and refused before anything overflows.
    pub const LARGEST: i64 = 9_000 * Money::LARGEST;

    /// `minor` units of `currency`, unless that is more than the largest balance.
    pub fn new(minor: impl Into<i128>, currency: Currency) -> Result<Self, MoneyError> {
        let minor = bounded(minor.into(), Self::LARGEST, "balance", currency)?;
        Ok(Self { minor, currency })
    }

    /// Nothing, in this currency.
    pub const fn zero(currency: Currency) -> Self {
        Self { minor: 0, currency }
    }

    /// Minor units; below zero where credits are more than debits.
    pub const fn minor(self) -> i64 {
        self.minor
    }

    /// Of which currency it is.
    pub const fn currency(self) -> Currency {
        self.currency
    }

    /// Whether it is nothing.
    pub const fn is_zero(self) -> bool {
        self.minor == 0
    }

    /// The same, owed the other way.
    pub const fn negated(self) -> Self {
        Self { minor: -self.minor, ..self }
    }

    /// The sum, unless the currencies differ or it is more than the largest balance.
    pub fn plus(self, other: impl Into<Self>) -> Result<Self, MoneyError> {
        let other = other.into();
        same(self.currency, other.currency)?;
        Self::new(i128::from(self.minor) + i128::from(other.minor), self.currency)
    }

    /// What is left when `other` is taken away, unless the currencies differ or it is more than the largest balance.
    pub fn minus(self, other: impl Into<Self>) -> Result<Self, MoneyError> {
        self.plus(other.into().negated())
    }

    /// The sum of amounts of this currency.
    pub fn sum(currency: Currency, amounts: impl IntoIterator<Item = Money>) -> Result<Self, MoneyError> {
        Self::new(total(currency, amounts)?, currency)
    }

    /// `numerator / denominator` of it, rounded as in [`Money::times`].
    pub fn times(self, numerator: i64, denominator: i64) -> Result<Self, MoneyError> {
        let product = i128::from(self.minor) * i128::from(numerator);
        Self::new(divide_half_even(product, i128::from(denominator))?, self.currency)
    }

    /// So much of it as an amount can be: between nothing and `most`.
    pub fn up_to(self, most: Money) -> Result<Money, MoneyError> {
        same(self.currency, most.currency())?;
        most.with_minor(self.minor.min(most.minor()).max(0))
    }
}

impl fmt::Display for Balance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Written(self.minor.into(), self.currency).fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn any_minor() -> impl Strategy<Value = i64> {
        prop_oneof![
            -1000i64..1000,
            -Balance::LARGEST..=Balance::LARGEST,
            (0i64..1000).prop_map(|less| Balance::LARGEST - less),
            (0i64..1000).prop_map(|less| less - Balance::LARGEST),
        ]
    }

    proptest! {
        #[test]
        fn every_operation_is_exact_or_names_the_balance(a in any_minor(), b in any_minor(), most in 0..=Money::LARGEST,
                                                         numerator: i64, denominator in 1i64..) {
            let currency = Currency::Usd;
            let balance = |minor: i64| Balance::new(minor, currency).unwrap();
            let check = |found: Result<Balance, MoneyError>, exact: i128| match found {
                Ok(found) => assert_eq!(i128::from(found.minor()), exact),
                Err(error) => {
                    assert!(exact.unsigned_abs() > Balance::LARGEST.unsigned_abs().into(), "{error}");
                    assert!(error.to_string().starts_with(&Written(exact, currency).to_string()), "{error}");
                }
            };
            let [one, two] = [a, b].map(i128::from);
            check(balance(a).plus(balance(b)), one + two);
            check(balance(a).minus(balance(b)), one - two);
            check(Ok(balance(a).negated()), -one);
            check(balance(a).times(numerator, denominator),
                  divide_half_even(one * i128::from(numerator), denominator.into()).unwrap());
            let most = Money::new(most, currency).unwrap();
            prop_assert_eq!(balance(a).up_to(most).unwrap().minor(), a.clamp(0, most.minor()));
            prop_assert_eq!(Money::try_from(balance(a)).is_ok(), a.abs() <= Money::LARGEST);
            let read: Balance = serde_json::from_value(serde_json::json!(balance(a))).unwrap();
            prop_assert_eq!(read, balance(a));
        }
    }
}
