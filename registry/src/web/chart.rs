//! Bars by month.

use chandlery_package::wire::MonthlyEarning;
use chandlery_package::{Balance, Month};
use maud::{Markup, html};

const HEIGHT: f64 = 160.0;
const BAR: f64 = 44.0;
const STEP: f64 = 80.0;
const MONTHS_SHOWN: usize = 12;

/// The twelve months up to the last one with a sale, of one currency, as SVG; the table beside it says the same in
/// numbers.
pub(super) fn months(months: &[&MonthlyEarning]) -> Markup {
    let highest = months.iter().map(|month| month.gross.minor()).max().unwrap_or(0).max(1) as f64;
    let width = STEP * MONTHS_SHOWN as f64;
    let scale = |minor: i64| HEIGHT * minor.max(0) as f64 / highest;
    html! {
        svg viewBox=(format!("0 -24 {width} {}", HEIGHT + 48.0)) width="100%" role="img"
            aria-label="Earnings by month; the table below has the figures" {
            @for (index, label) in labels(months).iter().enumerate() {
                @let x = STEP * index as f64 + (STEP - BAR) / 2.0;
                @let middle = x + BAR / 2.0;
                @if let Some(month) = months.iter().find(|month| month.month == *label) {
                    @let (gross, net) = (scale(month.gross.minor()), scale(month.net.minor()));
                    rect.rest x=(x) y=(HEIGHT - gross) width=(BAR) height=(gross - net) {}
                    rect.net x=(x) y=(HEIGHT - net) width=(BAR) height=(net) {}
                    text x=(middle) y=(HEIGHT - gross - 8.0) text-anchor="middle" { (whole(month.net.into())) }
                }
                text x=(middle) y=(HEIGHT + 18.0) text-anchor="middle" { (label) }
            }
            line x1="0" x2=(width) y1=(HEIGHT) y2=(HEIGHT) {}
        }
        p.legend { span { "your share" } span { "marketplace's share" } }
    }
}

/// A bar for each of the last twelve months.
pub(super) fn bars(all: &[(Month, Balance)], label: &str) -> Markup {
    let shown = &all[all.len().saturating_sub(MONTHS_SHOWN)..];
    let highest = shown.iter().map(|(_, money)| money.minor()).max().unwrap_or(0).max(1) as f64;
    let width = STEP * MONTHS_SHOWN as f64;
    html! {
        svg viewBox=(format!("0 -24 {width} {}", HEIGHT + 48.0)) width="100%" role="img" aria-label=(label) {
            @for (index, (month, money)) in shown.iter().enumerate() {
                @let x = STEP * index as f64 + (STEP - BAR) / 2.0;
                @let height = HEIGHT * money.minor().max(0) as f64 / highest;
                rect.net x=(x) y=(HEIGHT - height) width=(BAR) height=(height) {}
                text x=(x + BAR / 2.0) y=(HEIGHT - height - 8.0) text-anchor="middle" { (whole(*money)) }
                text x=(x + BAR / 2.0) y=(HEIGHT + 18.0) text-anchor="middle" { (month) }
            }
            line x1="0" x2=(width) y1=(HEIGHT) y2=(HEIGHT) {}
        }
    }
}

/// Whole units of the currency: the table beside it has the rest.
fn whole(money: Balance) -> String {
    let text = money.to_string();
    let (amount, currency) = text.split_once(' ').unwrap_or((&text, ""));
    format!("{} {currency}", amount.split('.').next().unwrap_or(amount))
}

/// The months shown, oldest first.
fn labels(months: &[&MonthlyEarning]) -> Vec<Month> {
    let last = months.last().map(|month| month.month);
    let mut labels: Vec<_> =
        std::iter::successors(last, |month| Some(month.previous())).take(MONTHS_SHOWN).collect();
    labels.reverse();
    labels
}

#[cfg(test)]
mod tests {
    use chandlery_package::Currency;

    use super::*;

    #[test]
    fn a_year_is_shown_across_its_end() {
        let zero = chandlery_package::Money::zero(Currency::Usd);
        let month = MonthlyEarning { month: "2026-02".parse().unwrap(), gross: zero, net: zero, sales: 1 };
        let labels = labels(&[&month]);
        assert_eq!(
            (labels.len(), labels[0].to_string(), labels[11].to_string()),
            (12, "2025-03".into(), "2026-02".into())
        );
    }
}
