//! Amounts as people write them: `100.00 USD`.

use std::fmt;
use std::str::FromStr;

use super::{Currency, Money, MoneyError};

/// How much of a text that is too long for an amount is shown.
const SHOWN_MAX: usize = 60;

/// Minor units as people write an amount, however many there are.
pub(crate) struct Written(pub(crate) i128, pub(crate) Currency);

impl fmt::Display for Written {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(minor, currency) = self;
        let digits = currency.digits();
        let unit = 10_u128.pow(digits as u32);
        let sign = if *minor < 0 { "-" } else { "" };
        let (whole, part) = (minor.unsigned_abs() / unit, minor.unsigned_abs() % unit);
        match digits {
            0 => write!(f, "{sign}{whole} {currency}"),
            _ => write!(f, "{sign}{whole}.{part:0digits$} {currency}"),
        }
    }
}

/// Money as people write it, `100.00 USD`, for files that people write.
pub mod as_text {
    use serde::{Deserialize as _, Deserializer, Serializer, de::Error as _};

    use super::Money;

    /// Writes an amount as a text.
    pub fn serialize<S: Serializer>(money: &Money, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(money)
    }

    /// Reads an amount from a text.
    pub fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Money, D::Error> {
        String::deserialize(from)?.parse().map_err(D::Error::custom)
    }
}

impl fmt::Display for Money {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Written(self.minor().into(), self.currency()).fmt(f)
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
        // What is too long for a number is too much for an amount, too.
        let too_large = |_| MoneyError::TooLarge {
            amount: text.chars().take(SHOWN_MAX).collect(),
            what: "amount",
            largest: Written(Self::LARGEST.into(), currency).to_string(),
        };
        let minor: i64 = format!("{whole}{part:0<digits$}").parse().map_err(too_large)?;
        Self::new(sign * i128::from(minor), currency)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_as_people_write() {
        let usd = |minor: i64| Money::new(minor, Currency::Usd).unwrap();
        assert_eq!("100.00 USD".parse(), Ok(usd(10_000)));
        assert_eq!("100 USD".parse(), Ok(usd(10_000)));
        assert_eq!("-0.05 USD".parse(), Ok(usd(-5)));
        assert_eq!("7 JPY".parse(), Money::new(7, Currency::Jpy));
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
    fn the_largest_amount_is_the_largest() {
        let largest: Money = "10000000000000.00 USD".parse().unwrap();
        assert_eq!((largest.minor(), largest.negated().minor()), (Money::LARGEST, -Money::LARGEST));
        for text in [
            "10000000000000.01 USD",
            "-10000000000000.01 USD",
            "92233720368547758.07 USD",
            "92233720368547758.08 USD",
            "99999999999999999999999999999999999999999999.00 USD",
        ] {
            let refused = text.parse::<Money>().unwrap_err().to_string();
            assert_eq!(
                refused,
                format!(
                    "{text} is too much: the largest amount is 10000000000000.00 USD, above or below zero"
                )
            );
        }
        let json = r#"{"minor": 1000000000000001, "currency": "JPY"}"#;
        let refused = serde_json::from_str::<Money>(json).unwrap_err().to_string();
        assert_eq!(
            refused,
            "1000000000000001 JPY is too much: the largest amount is 1000000000000000 JPY, above or below zero"
        );
    }
}
