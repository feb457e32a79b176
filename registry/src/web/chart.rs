//! Bars by month.

use chandlery_package::{Balance, Month};
use chandlery_pages::chart::{self, Bar, Part};
use chandlery_pages::{money, signed};
use maud::Markup;

const MONTHS_SHOWN: usize = 12;

/// A bar for each of the last twelve months, all of one currency.
pub(super) fn bars(all: &[(Month, Balance)], label: &str) -> Markup {
    let shown = &all[all.len().saturating_sub(MONTHS_SHOWN)..];
    let bar = |(month, amount): &(Month, Balance)| {
        let part = Part { value: amount.minor(), title: format!("{month}: {}", money(*amount)) };
        Bar { name: month.to_string(), parts: vec![part] }
    };
    let written = |minor: i64| match shown.first() {
        Some((_, first)) => Balance::new(minor, first.currency()).map_or_else(|_| signed(minor), money),
        None => signed(minor),
    };
    chart::bars(label, &shown.iter().map(bar).collect::<Vec<_>>(), &written)
}
