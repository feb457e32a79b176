//! Shares and multiples.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A share or a multiple, as the two whole numbers that it is of. Without a denominator there is no ratio.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Ratio {
    /// Above the line.
    pub numerator: i64,
    /// Below it; never 0.
    pub denominator: i64,
}

impl Ratio {
    /// None where nothing is below the line, or one of the two is more than 64 bits hold.
    pub fn of(numerator: i128, denominator: i128) -> Option<Self> {
        let (numerator, denominator) = (i64::try_from(numerator).ok()?, i64::try_from(denominator).ok()?);
        (denominator > 0).then_some(Self { numerator, denominator })
    }

    /// As a percentage with one decimal: `104.2 %`.
    pub fn percent(self) -> String {
        format!("{} %", self.decimal(100))
    }

    /// As a multiple with one decimal: `3.1`.
    pub fn times(self) -> String {
        self.decimal(1)
    }

    fn decimal(self, unit: i128) -> String {
        one_decimal(self.tenths(unit))
    }

    pub(super) fn tenths(self, unit: i128) -> i128 {
        // What was sent to us is not held to what we send.
        i128::from(self.numerator) * unit * 10 / i128::from(self.denominator.max(1))
    }
}

/// Tenths as a number.
pub(super) fn one_decimal(tenths: i128) -> String {
    let sign = if tenths < 0 { "-" } else { "" };
    format!("{sign}{}.{}", tenths.abs() / 10, tenths.abs() % 10)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ratio_has_one_decimal_and_something_below_the_line() {
        let of = |numerator, denominator| Ratio::of(numerator, denominator);
        assert_eq!(of(1042, 1000).map(Ratio::percent), Some("104.2 %".into()));
        assert_eq!(of(-31, 10).map(Ratio::times), Some("-3.1".into()));
        assert_eq!((of(1, 0), of(1, -1), of(i128::MAX, 1)), (None, None, None));
    }
}
