//! A bar for each month: the partner's net, and above it what the marketplace kept.

use maud::{Markup, html};

use crate::payouts::MonthlyEarning;

const HEIGHT: f64 = 160.0;
const BAR: f64 = 44.0;
const STEP: f64 = 84.0;
const MONTHS_SHOWN: usize = 12;

/// The last twelve months of one currency, as SVG; the table beside it says the same in numbers.
pub(super) fn months(months: &[&MonthlyEarning]) -> Markup {
    let shown = &months[months.len().saturating_sub(MONTHS_SHOWN)..];
    let highest = shown.iter().map(|month| month.gross.minor).max().unwrap_or(0).max(1) as f64;
    let width = STEP * shown.len() as f64;
    let scale = |minor: i64| HEIGHT * minor.max(0) as f64 / highest;
    html! {
        svg viewBox=(format!("0 -24 {width} {}", HEIGHT + 48.0)) width=(width) role="img"
            aria-label="Earnings by month; the table below has the figures" {
            @for (index, month) in shown.iter().enumerate() {
                @let x = STEP * index as f64 + (STEP - BAR) / 2.0;
                @let (gross, net) = (scale(month.gross.minor), scale(month.net.minor));
                rect.rest x=(x) y=(HEIGHT - gross) width=(BAR) height=(gross - net) {}
                rect.net x=(x) y=(HEIGHT - net) width=(BAR) height=(net) {}
                text x=(x + BAR / 2.0) y=(HEIGHT - gross - 8.0) text-anchor="middle" { (month.net) }
                text x=(x + BAR / 2.0) y=(HEIGHT + 18.0) text-anchor="middle" { (month.month) }
            }
            line x1="0" x2=(width) y1=(HEIGHT) y2=(HEIGHT) {}
        }
        p.legend { span { "your share" } span { "marketplace's share" } }
    }
}
