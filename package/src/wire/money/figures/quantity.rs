//! Values of figures as people write them: `50000.00 USD`, `80.0 %`, `3.1`.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::ratio::{Ratio, one_decimal};
use crate::name::text_form;
use crate::{Balance, Currency, Money};

/// How many digits there are at most before the point.
const DIGITS_MAX: usize = 24;

/// A value of a figure, with what it is measured in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Quantity {
    /// Minor units of a currency.
    Money(i128, Currency),
    /// Tenths of a percent.
    Percent(i128),
    /// Tenths of a number: of accounts, of months, of a multiple.
    Number(i128),
}

/// A text that is no value of a figure.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("'{0}' is no value of a figure: write it as 50000.00 USD, 80 % or 3.1")]
pub struct QuantityError(String);

impl Quantity {
    pub(super) const FIFTY_THOUSAND: Self = Self::Money(5_000_000, Currency::Usd);

    pub(super) fn percent(ratio: Ratio) -> Self {
        Self::Percent(ratio.tenths(100))
    }

    pub(super) fn number(ratio: Ratio) -> Self {
        Self::Number(ratio.tenths(1))
    }

    /// Whether both are measured in the same.
    pub(super) fn is_like(self, other: Self) -> bool {
        self.minus(other).is_some()
    }

    /// What this one is more than another, unless they are measured in different things. Of percentages, points.
    pub fn minus(self, other: Self) -> Option<Self> {
        match (self, other) {
            (Self::Money(one, currency), Self::Money(other, also)) if currency == also => {
                Some(Self::Money(one - other, currency))
            }
            (Self::Percent(one), Self::Percent(other)) => Some(Self::Percent(one - other)),
            (Self::Number(one), Self::Number(other)) => Some(Self::Number(one - other)),
            _ => None,
        }
    }
}

impl From<Balance> for Quantity {
    fn from(balance: Balance) -> Self {
        Self::Money(balance.minor().into(), balance.currency())
    }
}

impl fmt::Display for Quantity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::Money(minor, currency) => crate::money::Written(minor, currency).fmt(f),
            Self::Percent(tenths) => write!(f, "{} %", one_decimal(tenths)),
            // Most are counts.
            Self::Number(tenths) if tenths % 10 == 0 => (tenths / 10).fmt(f),
            Self::Number(tenths) => f.write_str(&one_decimal(tenths)),
        }
    }
}

/// A number with at most one decimal.
fn tenths(text: &str) -> Option<i128> {
    let (sign, digits) = match text.strip_prefix('-') {
        Some(rest) => (-1, rest),
        None => (1, text),
    };
    let (whole, part) = digits.split_once('.').unwrap_or((digits, "0"));
    let digits = |text: &str| text.bytes().all(|b| b.is_ascii_digit());
    let fits = (1..=DIGITS_MAX).contains(&whole.len()) && part.len() == 1 && digits(whole) && digits(part);
    if !fits {
        return None;
    }
    format!("{whole}{part}").parse::<i128>().ok().map(|tenths| sign * tenths)
}

impl FromStr for Quantity {
    type Err = QuantityError;

    fn from_str(text: &str) -> Result<Self, QuantityError> {
        let read = match text.strip_suffix('%') {
            Some(percent) => tenths(percent.trim_end_matches(' ')).map(Self::Percent),
            None if text.contains(' ') => text.parse::<Money>().ok().map(|money| Balance::from(money).into()),
            None => tenths(text).map(Self::Number),
        };
        read.ok_or_else(|| QuantityError(text.chars().take(60).collect()))
    }
}

text_form!(Quantity);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_and_what_is_no_value_is_refused() {
        for (text, shown) in [
            ("50000.00 USD", "50000.00 USD"),
            ("-3.00 EUR", "-3.00 EUR"),
            ("80%", "80.0 %"),
            ("-2.5 %", "-2.5 %"),
            ("3", "3"),
            ("3.0", "3"),
            ("0.4", "0.4"),
        ] {
            let read: Quantity = text.parse().unwrap();
            assert_eq!(read.to_string(), shown);
            assert_eq!(shown.parse(), Ok(read));
            assert_eq!(serde_json::from_str::<Quantity>(&format!("\"{shown}\"")).unwrap(), read);
        }
        for text in [
            "",
            "%",
            "-",
            "3.14",
            "1e9",
            "USD",
            "5.00 ABC",
            "٣",
            "9999999999999999999999999",
            "1.",
            ".5",
            "+1",
        ] {
            assert!(text.parse::<Quantity>().is_err(), "{text}");
        }
    }

    #[test]
    fn a_difference_is_of_like_things() {
        let value = |text: &str| text.parse::<Quantity>().unwrap();
        let minus = |one, other| value(one).minus(value(other)).map(|found| found.to_string());
        assert_eq!(minus("10.00 USD", "12.50 USD"), Some("-2.50 USD".into()));
        assert_eq!(minus("81 %", "80.5 %"), Some("0.5 %".into()));
        assert_eq!(minus("3", "4"), Some("-1".into()));
        assert_eq!((minus("3", "4 %"), minus("1.00 USD", "1.00 EUR")), (None, None));
    }
}
