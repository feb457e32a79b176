//! Money: whole minor units of one currency, and a split of an amount into parts that sum to it.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::Rate;

mod currency;
mod text;

pub use currency::Currency;
pub(crate) use text::Written;
pub use text::as_text;

/// Why an amount was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MoneyError {
    /// Not a currency that is supported.
    #[error("'{0}' is not a supported currency; use one of USD, EUR, GBP, JPY")]
    Currency(String),
    /// Not an amount of its currency.
    #[error("'{0}' is not an amount: write digits and a currency, such as 100.00 USD")]
    Amount(String),
    /// Two currencies where one was needed.
    #[error("{0} and {1} cannot be added: exchange first")]
    Mixed(Currency, Currency),
    /// More than an amount may be, or a balance.
    #[error("{amount} is too much: the largest {what} is {largest}, above or below zero")]
    TooLarge {
        /// What it would have been.
        amount: String,
        /// What is bounded: an amount, a balance.
        what: &'static str,
        /// What it may be at most.
        largest: String,
    },
    /// Weights that sum to zero, or an amount below zero.
    #[error("an amount is split by weights of which one is above zero, and is itself not below zero")]
    Split,
}

/// An amount: whole minor units of one currency (cents, pence, yen), from −[`Money::LARGEST`] to [`Money::LARGEST`].
///
/// Every operation is exact or an error that names the amount: nothing wraps, nothing is cut off.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(try_from = "Unchecked")]
pub struct Money {
    /// Minor units; below zero where money is owed.
    minor: i64,
    /// Of this currency.
    currency: Currency,
}

/// What was read and may be out of bounds.
#[derive(Deserialize)]
pub(crate) struct Unchecked {
    pub(crate) minor: i64,
    pub(crate) currency: Currency,
}

impl TryFrom<Unchecked> for Money {
    type Error = MoneyError;

    fn try_from(Unchecked { minor, currency }: Unchecked) -> Result<Self, MoneyError> {
        Self::new(minor, currency)
    }
}

impl Money {
    /// The largest amount, in minor units: ten trillion dollars. A number of JSON holds it exactly (2⁵³ is nine times as much), and
    /// so does a 64-bit column the sum of nine thousand of it.
    pub const LARGEST: i64 = 1_000_000_000_000_000;

    /// `minor` units of `currency`, unless that is more than the largest amount.
    pub fn new(minor: impl Into<i128>, currency: Currency) -> Result<Self, MoneyError> {
        let minor = bounded(minor.into(), Self::LARGEST, "amount", currency)?;
        Ok(Self { minor, currency })
    }

    /// Nothing, in this currency.
    pub const fn zero(currency: Currency) -> Self {
        Self { minor: 0, currency }
    }

    /// The smallest amount above zero: one minor unit.
    pub const fn one(currency: Currency) -> Self {
        Self { minor: 1, currency }
    }

    /// Minor units; below zero where money is owed.
    pub const fn minor(self) -> i64 {
        self.minor
    }

    /// Of which currency it is.
    pub const fn currency(self) -> Currency {
        self.currency
    }

    /// `minor` units of the same currency.
    pub fn with_minor(self, minor: impl Into<i128>) -> Result<Self, MoneyError> {
        Self::new(minor, self.currency)
    }

    /// Whether it is nothing.
    pub const fn is_zero(self) -> bool {
        self.minor == 0
    }

    /// Whether it is above zero.
    pub const fn is_positive(self) -> bool {
        self.minor > 0
    }

    /// The sum, unless the currencies differ or it is more than the largest amount.
    pub fn plus(self, other: Self) -> Result<Self, MoneyError> {
        same(self.currency, other.currency)?;
        self.with_minor(i128::from(self.minor) + i128::from(other.minor))
    }

    /// What is left when `other` is taken away, unless the currencies differ or it is more than the largest amount.
    pub fn minus(self, other: Self) -> Result<Self, MoneyError> {
        self.plus(other.negated())
    }

    /// The same amount, owed the other way. The bounds are symmetric, so there always is one.
    pub const fn negated(self) -> Self {
        Self { minor: -self.minor, ..self }
    }

    /// The lesser of two amounts of one currency.
    pub fn at_most(self, other: Self) -> Result<Self, MoneyError> {
        same(self.currency, other.currency)?;
        Ok(if other.minor < self.minor { other } else { self })
    }

    /// It, or nothing where it is below zero.
    pub fn or_zero(self) -> Self {
        Self { minor: self.minor.max(0), ..self }
    }

    /// The sum of amounts of this currency, added up in 128 bits, so that only what comes out must be an amount.
    pub fn sum(currency: Currency, amounts: impl IntoIterator<Item = Self>) -> Result<Self, MoneyError> {
        Self::new(total(currency, amounts)?, currency)
    }

    /// `numerator / denominator` of it, rounded to the nearest minor unit and, half-way between two, to the even one.
    pub fn times(self, numerator: i64, denominator: i64) -> Result<Self, MoneyError> {
        let product = i128::from(self.minor) * i128::from(numerator);
        self.with_minor(divide_half_even(product, i128::from(denominator))?)
    }

    /// This rate of it, rounded as in [`Money::times`].
    pub fn at(self, rate: Rate) -> Result<Self, MoneyError> {
        self.times(i64::from(rate.ppm()), 1_000_000)
    }

    /// Parts in proportion to `weights` that sum to the whole to the last minor unit: each part is rounded down, and
    /// what is left goes one unit each to the parts with the largest remainders, the earlier one first among equals.
    pub fn split(self, weights: &[u64]) -> Result<Vec<Self>, MoneyError> {
        let total: u128 = weights.iter().map(|&weight| u128::from(weight)).sum();
        let whole = u128::try_from(self.minor).map_err(|_| MoneyError::Split)?;
        if total == 0 {
            return Err(MoneyError::Split);
        }
        // No part is more than the whole, which is an amount.
        let shares = weights.iter().map(|&weight| whole * u128::from(weight));
        let (mut parts, remainders): (Vec<_>, Vec<_>) =
            shares.map(|share| ((share / total) as i64, share % total)).unzip();
        let left = self.minor - parts.iter().sum::<i64>();
        let mut order: Vec<_> = (0..weights.len()).collect();
        order.sort_by_key(|&index| std::cmp::Reverse(remainders[index]));
        for &index in order.iter().take(left as usize) {
            parts[index] += 1;
        }
        Ok(parts.into_iter().map(|minor| Self { minor, ..self }).collect())
    }
}

pub(crate) fn same(one: Currency, other: Currency) -> Result<(), MoneyError> {
    if one == other { Ok(()) } else { Err(MoneyError::Mixed(one, other)) }
}

/// The exact sum of amounts of one currency, in minor units. It would take 10²³ of the largest ones to fill 128 bits.
pub(crate) fn total(
    currency: Currency,
    amounts: impl IntoIterator<Item = Money>,
) -> Result<i128, MoneyError> {
    amounts.into_iter().try_fold(0, |sum, amount| {
        same(currency, amount.currency)?;
        Ok(sum + i128::from(amount.minor))
    })
}

/// So many minor units, unless they are more than `largest`, above or below zero.
pub(crate) fn bounded(
    minor: i128,
    largest: i64,
    what: &'static str,
    currency: Currency,
) -> Result<i64, MoneyError> {
    match i64::try_from(minor) {
        Ok(minor) if (-largest..=largest).contains(&minor) => Ok(minor),
        _ => Err(MoneyError::TooLarge {
            amount: Written(minor, currency).to_string(),
            what,
            largest: Written(largest.into(), currency).to_string(),
        }),
    }
}

/// The nearest whole number and, half-way between two, the even one ("banker's rounding", IEEE 754 roundTiesToEven).
pub fn divide_half_even(numerator: i128, denominator: i128) -> Result<i128, MoneyError> {
    if denominator <= 0 {
        return Err(MoneyError::Split);
    }
    let (floor, rest) = (numerator.div_euclid(denominator), numerator.rem_euclid(denominator));
    // The rest against its complement, since twice the rest may not fit.
    let up = match rest.cmp(&(denominator - rest)) {
        std::cmp::Ordering::Less => 0,
        std::cmp::Ordering::Greater => 1,
        std::cmp::Ordering::Equal => floor.rem_euclid(2),
    };
    Ok(floor + up)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn any_money() -> impl Strategy<Value = Money> {
        (any_minor(), 0usize..4)
            .prop_map(|(minor, currency)| Money::new(minor, Currency::ALL[currency]).unwrap())
    }

    /// Small ones, and those at the bounds.
    fn any_minor() -> impl Strategy<Value = i64> {
        let near = 0i64..1000;
        prop_oneof![
            -1_000_000i64..1_000_000,
            -Money::LARGEST..=Money::LARGEST,
            near.clone().prop_map(|less| Money::LARGEST - less),
            near.prop_map(|less| less - Money::LARGEST),
        ]
    }

    /// Exact, or the error that names the amount.
    fn exact_or_named(found: Result<Money, MoneyError>, exact: i128, currency: Currency) {
        match found {
            Ok(money) => assert_eq!((i128::from(money.minor()), money.currency()), (exact, currency)),
            Err(error @ MoneyError::TooLarge { .. }) => {
                assert!(exact.unsigned_abs() > Money::LARGEST.unsigned_abs().into(), "{error}");
                assert!(error.to_string().starts_with(&Written(exact, currency).to_string()), "{error}");
            }
            Err(error) => panic!("{error}"),
        }
    }

    #[test]
    fn half_goes_to_the_even_one() {
        let usd = |minor: i64| Money::new(minor, Currency::Usd).unwrap();
        for (minor, rounded) in [(5, 2), (15, 8), (25, 12), (-5, -2), (-15, -8), (26, 13), (24, 12)] {
            assert_eq!(usd(minor).times(1, 2), Ok(usd(rounded)), "{minor}");
        }
        assert_eq!(usd(49_900).at("10%".parse().unwrap()), Ok(usd(4990)));
        assert_eq!(usd(1).times(1, 0), Err(MoneyError::Split));
    }

    #[test]
    fn the_largest_remainder_gets_the_odd_cent() {
        let parts = Money::new(100, Currency::Usd).unwrap().split(&[1, 1, 1]).unwrap();
        assert_eq!(parts.iter().map(|part| part.minor).collect::<Vec<_>>(), [34, 33, 33]);
        let parts = Money::new(2654, Currency::Usd).unwrap().split(&[85, 15]).unwrap();
        assert_eq!(parts.iter().map(|part| part.minor).collect::<Vec<_>>(), [2256, 398]);
    }

    proptest! {
        #[test]
        fn amounts_read_back(money in any_money()) {
            prop_assert_eq!(money.to_string().parse::<Money>(), Ok(money));
        }

        #[test]
        fn parts_sum_to_the_whole_and_are_fair(minor in 0..=Money::LARGEST, weights in proptest::collection::vec(0u64.., 1..6)) {
            let whole = Money::new(minor, Currency::Eur).unwrap();
            let total: u128 = weights.iter().map(|&weight| u128::from(weight)).sum();
            prop_assume!(total > 0);
            let parts = whole.split(&weights).unwrap();
            prop_assert_eq!(parts.iter().map(|part| i128::from(part.minor)).sum::<i128>(), i128::from(minor));
            for (part, &weight) in parts.iter().zip(&weights) {
                let exact = minor as u128 * u128::from(weight) / total;
                prop_assert!((part.minor as u128).abs_diff(exact) <= 1);
                prop_assert!(weight > 0 || part.minor == 0);
            }
        }

        #[test]
        fn every_operation_is_exact_or_names_the_amount(
            (a, b) in (any_money(), any_minor()), numerator: i64, denominator in 1i64.., ppm in 0u32..=1_000_000,
            many in proptest::collection::vec(any_minor(), 0..2000),
        ) {
            let currency = a.currency();
            let other = Money::new(b, currency).unwrap();
            let [one, two] = [a.minor(), b].map(i128::from);
            exact_or_named(a.plus(other), one + two, currency);
            exact_or_named(a.minus(other), one - two, currency);
            exact_or_named(Ok(a.negated()), -one, currency);
            exact_or_named(a.at_most(other), one.min(two), currency);
            exact_or_named(a.times(numerator, denominator),
                           divide_half_even(one * i128::from(numerator), denominator.into()).unwrap(), currency);
            exact_or_named(a.times(numerator, 1), one * i128::from(numerator), currency);
            exact_or_named(a.at(Rate::from_ppm(ppm)),
                           divide_half_even(one * i128::from(ppm), 1_000_000).unwrap(), currency);
            let sum = many.iter().copied().map(i128::from).sum();
            exact_or_named(Money::sum(currency, many.iter().map(|&minor| a.with_minor(minor).unwrap())), sum, currency);
            exact_or_named(Money::new(numerator, currency), numerator.into(), currency);
            // Read from JSON and from text, it is checked too.
            let json = serde_json::from_value::<Money>(serde_json::json!({ "minor": numerator, "currency": currency }));
            let text = Written(numerator.into(), currency).to_string().parse::<Money>();
            prop_assert_eq!(json.map_err(|_| ()), Money::new(numerator, currency).map_err(|_| ()));
            prop_assert_eq!(text, Money::new(numerator, currency));
        }

        #[test]
        fn no_text_panics(text in ".{0,40}") {
            let _ = text.parse::<Money>();
        }
    }
}
