//! A share of an amount, such as 15 %, in whole parts per million.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::name::text_form;

/// From nothing to the whole, in parts per million. Written as a percentage: `15%`, `2.5%`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Rate(u32);

/// Why a rate was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("'{0}' is not a rate: write a percentage from 0% to 100%, such as 15% or 2.5%")]
pub struct RateError(String);

impl Rate {
    /// The whole: 100 %.
    pub const WHOLE: Self = Self(1_000_000);
    /// Nothing: 0 %.
    pub const ZERO: Self = Self(0);

    /// So many parts per million; more than all of them are all of them.
    pub const fn from_ppm(ppm: u32) -> Self {
        Self(if ppm > 1_000_000 { 1_000_000 } else { ppm })
    }

    /// Parts per million.
    pub const fn ppm(self) -> u32 {
        self.0
    }

    /// What is left of the whole.
    pub const fn rest(self) -> Self {
        Self(1_000_000 - self.0)
    }
}

impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (whole, part) = (self.0 / 10_000, self.0 % 10_000);
        match part {
            0 => write!(f, "{whole}%"),
            _ => write!(f, "{whole}.{}%", format!("{part:04}").trim_end_matches('0')),
        }
    }
}

impl FromStr for Rate {
    type Err = RateError;

    fn from_str(text: &str) -> Result<Self, RateError> {
        let refuse = || RateError(text.into());
        let number = text.strip_suffix('%').ok_or_else(refuse)?.trim_end();
        let (whole, part) = number.split_once('.').unwrap_or((number, "0"));
        let digits = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
        if !digits(whole) || !digits(part) || whole.len() > 3 || part.len() > 4 {
            return Err(refuse());
        }
        let ppm: u32 = format!("{whole}{part:0<4}").parse().map_err(|_| refuse())?;
        if ppm > 1_000_000 { Err(refuse()) } else { Ok(Self(ppm)) }
    }
}

text_form!(Rate);

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn reads_percentages_and_nothing_else() {
        assert_eq!("15%".parse(), Ok(Rate(150_000)));
        assert_eq!("2.5 %".parse(), Ok(Rate(25_000)));
        for text in ["15", "101%", "-1%", "1.23456%", "%", ".5%", "1e1%"] {
            assert!(text.parse::<Rate>().is_err(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn rates_read_back(ppm in 0u32..=1_000_000) {
            prop_assert_eq!(Rate(ppm).to_string().parse(), Ok(Rate(ppm)));
        }
    }
}
