//! Values, or why there are none.

use chandlery_package::Balance;
use chandlery_package::wire::Ratio;

use super::CURRENCY;

/// A value, or why there is none.
pub(super) type Known<T> = Result<T, String>;

/// An amount, unless it is more than a balance can be.
pub(super) fn usd(minor: Known<i128>) -> Known<Balance> {
    Balance::new(minor?, CURRENCY).map_err(|error| error.to_string())
}

/// `numerator / denominator` of an amount.
pub(super) fn times(amount: Balance, numerator: i64, denominator: i64) -> Known<Balance> {
    amount.times(numerator, denominator).map_err(|error| error.to_string())
}

/// A ratio, or why there is nothing below the line.
pub(super) fn ratio(numerator: i128, denominator: i128, nothing: &str) -> Known<Ratio> {
    match denominator {
        ..=0 => Err(nothing.into()),
        _ => Ratio::of(numerator, denominator).ok_or_else(|| "it is of numbers that are too large".into()),
    }
}
