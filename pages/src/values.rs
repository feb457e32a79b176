//! Dates, numbers, sizes and amounts as pages write them. Times are those of UTC.

use chandlery_package::Balance;
use jiff::Timestamp;
use maud::{Markup, html};

pub use chandlery_package::size::bytes;

/// A day, which machines read as the moment.
pub fn day(at: Timestamp) -> Markup {
    html! { time datetime=(at.to_string()) { (at.strftime("%Y-%m-%d").to_string()) } }
}

/// A minute, which machines read as the moment.
pub fn minute(at: Timestamp) -> Markup {
    html! { time datetime=(at.to_string()) { (at.strftime("%Y-%m-%d %H:%M UTC").to_string()) } }
}

/// A whole number with a comma before each three digits.
pub fn number(number: u64) -> String {
    grouped(&number.to_string())
}

/// A whole number that may be below zero.
pub fn signed(number: i64) -> String {
    let sign = if number < 0 { "-" } else { "" };
    format!("{sign}{}", self::number(number.unsigned_abs()))
}

/// An amount with its currency, such as `2,999.00 USD`.
pub fn money(amount: impl Into<Balance>) -> String {
    let text = amount.into().to_string();
    let (sign, text) = text.strip_prefix('-').map_or(("", text.as_str()), |rest| ("-", rest));
    format!("{sign}{}", grouped_at_start(text))
}

/// A text whose words that begin with a number have its commas, such as `1,234.00 USD once`.
pub fn with_commas(text: &str) -> String {
    text.split(' ').map(grouped_at_start).collect::<Vec<_>>().join(" ")
}

fn grouped_at_start(text: &str) -> String {
    let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (whole, rest) = text.split_at(digits);
    grouped(whole) + rest
}

fn grouped(digits: &str) -> String {
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}
