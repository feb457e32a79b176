//! Money: whole minor units of one currency, and a split of an amount into parts that sum to it.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::Rate;
use crate::name::text_form;

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
    /// Outside what 64 bits hold.
    #[error("the amount is too large")]
    Overflow,
    /// Weights that sum to zero, or an amount below zero.
    #[error("an amount is split by weights of which one is above zero, and is itself not below zero")]
    Split,
}

/// An ISO 4217 currency.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
#[allow(missing_docs)]
pub enum Currency {
    Usd,
    Eur,
    Gbp,
    Jpy,
}

impl Currency {
    /// Every currency there is here.
    pub const ALL: [Self; 4] = [Self::Usd, Self::Eur, Self::Gbp, Self::Jpy];

    /// The ISO 4217 code.
    pub fn code(self) -> &'static str {
        match self {
            Self::Usd => "USD",
            Self::Eur => "EUR",
            Self::Gbp => "GBP",
            Self::Jpy => "JPY",
        }
    }

    /// How many digits the minor unit has (ISO 4217).
    pub fn digits(self) -> usize {
        match self {
            Self::Jpy => 0,
            Self::Usd | Self::Eur | Self::Gbp => 2,
        }
    }
}

impl fmt::Display for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

impl FromStr for Currency {
    type Err = MoneyError;

    fn from_str(text: &str) -> Result<Self, MoneyError> {
        let found = Self::ALL.into_iter().find(|currency| currency.code() == text);
        found.ok_or_else(|| MoneyError::Currency(text.into()))
    }
}

text_form!(Currency);

/// An amount: `minor` units of `currency` (cents, pence, yen).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Money {
    /// Minor units; below zero where money is owed.
    pub minor: i64,
    /// Of this currency.
    pub currency: Currency,
}

impl Money {
    /// `minor` units of `currency`.
    pub fn new(minor: i64, currency: Currency) -> Self {
        Self { minor, currency }
    }

    /// Nothing, in this currency.
    pub fn zero(currency: Currency) -> Self {
        Self::new(0, currency)
    }

    /// The sum, unless the currencies differ or it does not fit.
    pub fn plus(self, other: Self) -> Result<Self, MoneyError> {
        if self.currency != other.currency {
            return Err(MoneyError::Mixed(self.currency, other.currency));
        }
        let minor = self.minor.checked_add(other.minor).ok_or(MoneyError::Overflow)?;
        Ok(Self { minor, ..self })
    }

    /// What is left when `other` is taken away, unless the currencies differ or it does not fit.
    pub fn minus(self, other: Self) -> Result<Self, MoneyError> {
        self.plus(Self { minor: other.minor.checked_neg().ok_or(MoneyError::Overflow)?, ..other })
    }

    /// The same amount, owed the other way.
    pub fn negated(self) -> Self {
        Self { minor: -self.minor, ..self }
    }

    /// `numerator / denominator` of it, rounded to the nearest minor unit and, half-way between two, to the even one.
    pub fn times(self, numerator: i64, denominator: i64) -> Result<Self, MoneyError> {
        let minor =
            divide_half_even(i128::from(self.minor) * i128::from(numerator), i128::from(denominator))?;
        Ok(Self { minor, ..self })
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

/// The nearest whole number and, half-way between two, the even one ("banker's rounding", IEEE 754 roundTiesToEven).
pub(crate) fn divide_half_even(numerator: i128, denominator: i128) -> Result<i64, MoneyError> {
    if denominator <= 0 {
        return Err(MoneyError::Split);
    }
    let (floor, rest) = (numerator.div_euclid(denominator), numerator.rem_euclid(denominator));
    let up = match (rest * 2).cmp(&denominator) {
        std::cmp::Ordering::Less => 0,
        std::cmp::Ordering::Greater => 1,
        std::cmp::Ordering::Equal => floor.rem_euclid(2),
    };
    i64::try_from(floor + up).map_err(|_| MoneyError::Overflow)
}

/// Money as people write it, `100.00 USD`, for files that people write.
pub mod as_text {
    use serde::{Deserialize as _, Deserializer, Serializer, de::Error as _};

    use super::Money;

    /// For `#[serde(with)]`.
    pub fn serialize<S: Serializer>(money: &Money, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(money)
    }

    /// For `#[serde(with)]`.
    pub fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Money, D::Error> {
        String::deserialize(from)?.parse().map_err(D::Error::custom)
    }
}

impl fmt::Display for Money {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let digits = self.currency.digits();
        let unit = 10_u64.pow(digits as u32);
        let sign = if self.minor < 0 { "-" } else { "" };
        let (whole, part) = (self.minor.unsigned_abs() / unit, self.minor.unsigned_abs() % unit);
        match digits {
            0 => write!(f, "{sign}{whole} {}", self.currency),
            _ => write!(f, "{sign}{whole}.{part:0digits$} {}", self.currency),
        }
    }
}

impl FromStr for Money {
    type Err = MoneyError;

    fn from_str(text: &str) -> Result<Self, MoneyError> {
        let refuse = || MoneyError::Amount(text.into());
        let (amount, currency) = text.split_once(' ').ok_or_else(refuse)?;
        let currency: Currency = currency.parse()?;
        let (sign, amount) = match amount.strip_prefix('-') {
            Some(rest) => (-1, rest),
            None => (1, amount),
        };
        let (whole, part) = amount.split_once('.').unwrap_or((amount, ""));
        let digits = currency.digits();
        let all_digits = |text: &str| text.bytes().all(|b| b.is_ascii_digit());
        let part_fits = part.len() == digits || (part.is_empty() && !amount.contains('.'));
        if whole.is_empty() || !all_digits(whole) || !all_digits(part) || !part_fits {
            return Err(refuse());
        }
        let minor: i64 = format!("{whole}{part:0<digits$}").parse().map_err(|_| MoneyError::Overflow)?;
        Ok(Self { minor: sign * minor, currency })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn any_money() -> impl Strategy<Value = Money> {
        (-1_000_000_000_000i64..1_000_000_000_000, 0usize..4)
            .prop_map(|(minor, currency)| Money::new(minor, Currency::ALL[currency]))
    }

    #[test]
    fn reads_as_people_write() {
        let usd = |minor| Money::new(minor, Currency::Usd);
        assert_eq!("100.00 USD".parse(), Ok(usd(10_000)));
        assert_eq!("100 USD".parse(), Ok(usd(10_000)));
        assert_eq!("-0.05 USD".parse(), Ok(usd(-5)));
        assert_eq!("7 JPY".parse(), Ok(Money::new(7, Currency::Jpy)));
        for text in [
            "1.5 USD",
            "1.005 USD",
            "1. USD",
            ".5 USD",
            "1,000 USD",
            "USD",
            "1 XYZ",
            "7.00 JPY",
            "--1 USD",
            "+1 USD",
        ] {
            assert!(text.parse::<Money>().is_err(), "{text}");
        }
    }

    #[test]
    fn half_goes_to_the_even_one() {
        let usd = |minor| Money::new(minor, Currency::Usd);
        for (minor, rounded) in [(5, 2), (15, 8), (25, 12), (-5, -2), (-15, -8), (26, 13), (24, 12)] {
            assert_eq!(usd(minor).times(1, 2), Ok(usd(rounded)), "{minor}");
        }
        assert_eq!(usd(49_900).at("10%".parse().unwrap()), Ok(usd(4990)));
        assert_eq!(usd(1).times(1, 0), Err(MoneyError::Split));
    }

    #[test]
    fn the_largest_remainder_gets_the_odd_cent() {
        let parts = Money::new(100, Currency::Usd).split(&[1, 1, 1]).unwrap();
        assert_eq!(parts.iter().map(|part| part.minor).collect::<Vec<_>>(), [34, 33, 33]);
        let parts = Money::new(2654, Currency::Usd).split(&[85, 15]).unwrap();
        assert_eq!(parts.iter().map(|part| part.minor).collect::<Vec<_>>(), [2256, 398]);
    }

    proptest! {
        #[test]
        fn amounts_read_back(money in any_money()) {
            prop_assert_eq!(money.to_string().parse::<Money>(), Ok(money));
        }

        #[test]
        fn parts_sum_to_the_whole_and_are_fair(minor in 0i64..i64::MAX, weights in proptest::collection::vec(0u64.., 1..6)) {
            let whole = Money::new(minor, Currency::Eur);
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
        fn no_text_panics(text in ".{0,40}") {
            let _ = text.parse::<Money>();
        }
    }
}
