//! The currencies that money is in.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::MoneyError;
use crate::name::text_form;

/// A currency, by its ISO 4217 code. An unknown one is refused as an amount is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Currency {
    /// United States dollar: 100 cents.
    Usd,
    /// Euro: 100 cents.
    Eur,
    /// Pound sterling: 100 pence.
    Gbp,
    /// Japanese yen, which has no smaller unit.
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

text_form!(Currency, pattern: "^(USD|EUR|GBP|JPY)$");
