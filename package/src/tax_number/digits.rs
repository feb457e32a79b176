//! Sums of digits, which check digits follow from.

use jiff::civil::Date;

/// The digits of a text that has nothing else; none of any other text, nor of an empty one.
pub(super) fn digits(text: &str) -> Option<Vec<i64>> {
    let all = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    all.then(|| text.bytes().map(|byte| i64::from(byte - b'0')).collect())
}

/// Each digit times its weight, for as many as there are weights.
pub(super) fn weigh(digits: &[i64], weights: &[i64]) -> i64 {
    digits.iter().zip(weights).map(|(digit, weight)| digit * weight).sum()
}

/// The number that digits write.
pub(super) fn value(digits: &[i64]) -> i64 {
    digits.iter().fold(0, |value, digit| value * 10 + digit)
}

/// The remainder of Luhn's sum (ISO/IEC 7812-1), whose last digit counts once: zero where a check digit fits.
pub(super) fn luhn(digits: &[i64]) -> i64 {
    let doubled = |digit: i64| digit * 2 / 10 + digit * 2 % 10;
    let each = digits.iter().rev().enumerate();
    each.map(|(index, digit)| if index % 2 == 0 { *digit } else { doubled(*digit) }).sum::<i64>() % 10
}

/// Whether a check digit fits by ISO/IEC 7064, MOD 11,10.
pub(super) fn is_mod_11_10(digits: &[i64]) -> bool {
    digits.iter().fold(5, |check, digit| {
        let before = if check == 0 { 10 } else { check };
        (before * 2 % 11 + digit) % 10
    }) == 1
}

/// Whether there is such a day.
pub(super) fn is_day(year: i64, month: i64, day: i64) -> bool {
    let date = i16::try_from(year).ok().zip(i8::try_from(month).ok()).zip(i8::try_from(day).ok());
    date.is_some_and(|((year, month), day)| Date::new(year, month, day).is_ok())
}

/// The letter at a place of an alphabet.
pub(super) fn letter(alphabet: &str, place: i64) -> Option<char> {
    alphabet.chars().nth(usize::try_from(place).ok()?)
}

/// The place of a letter in an alphabet.
pub(super) fn place(alphabet: &str, letter: Option<char>) -> Option<i64> {
    alphabet.find(letter?).and_then(|place| i64::try_from(place).ok())
}
