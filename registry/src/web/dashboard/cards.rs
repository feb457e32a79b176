//! What a partner has, where it is, and when it moves on.

use chandlery_money::partners::{Due, OnItsWay};
use chandlery_package::wire::{NextPayout, PartnerBalance};
use chandlery_pages::{empty, money};
use maud::{Markup, html};

/// How many dates a card has.
const DATES: usize = 3;

/// What the cards are of.
pub(super) struct Standing {
    /// In one currency; none: nothing was earned in it yet.
    pub(super) balance: Option<PartnerBalance>,
    pub(super) held: Vec<Due>,
    pub(super) reserved: Vec<Due>,
    pub(super) on_its_way: Vec<OnItsWay>,
    pub(super) hold_days: u32,
}

/// What becomes of what is available.
fn next_payout(next: &NextPayout) -> String {
    let NextPayout { amount, minimum, not_before } = next;
    let when = not_before
        .map_or("the next run".into(), |from| format!("the first run from {} on", from.strftime("%Y-%m-%d")));
    match (amount.minor(), amount.minor() < minimum.minor().max(1)) {
        (..=0, _) => "nothing waits for the next payout".into(),
        (_, true) => {
            format!("{} wait until they are {}, the least that is paid out", money(*amount), money(*minimum))
        }
        (_, false) => format!("{} are paid out by {when}", money(*amount)),
    }
}

fn dates(all: &[Due]) -> Markup {
    html! {
        @for due in all.iter().take(DATES) { dd.note { (money(due.amount)) " on " time { (due.day) } } }
        @if all.len() > DATES { dd.note { "and " (all.len() - DATES) " later dates, until " (all[all.len() - 1].day) } }
    }
}

/// One card for each place that a partner's money can be in.
pub(super) fn cards(standing: &Standing) -> Markup {
    let Some(balance) = &standing.balance else {
        let next = html! { "Sales appear here as soon as they are invoiced." };
        return empty("Nothing was earned yet.", &next);
    };
    html! {
        dl.cards {
            @if !balance.accrued.is_zero() {
                div.card {
                    dt { "Earned, not yet paid for" } dd data-figure="accrued" { (money(balance.accrued)) }
                    dd.note { "invoiced to customers" }
                }
            }
            div.card {
                dt { "On hold" } dd data-figure="on-hold" { (money(balance.on_hold)) }
                dd.note { "for " (standing.hold_days) " days after each payment" }
                (dates(&standing.held))
            }
            @if !balance.reserve.is_zero() {
                div.card {
                    dt { "Reserve" } dd data-figure="reserve" { (money(balance.reserve)) }
                    dd.note { "kept for refunds, then yours" }
                    (dates(&standing.reserved))
                }
            }
            div.card {
                dt { "Available" } dd data-figure="available" { (money(balance.available)) }
                dd.note { (money(balance.next_payout.amount)) " of it in no payout yet" }
            }
            div.card {
                dt { "Next payout" } dd data-figure="next-payout" { (money(balance.next_payout.amount)) }
                dd.note { (next_payout(&balance.next_payout)) }
            }
            @if !balance.in_transit.is_zero() {
                div.card {
                    dt { "On its way" } dd data-figure="in-transit" { (money(balance.in_transit)) }
                    @for payout in &standing.on_its_way { (on_its_way(payout)) }
                    @if standing.on_its_way.is_empty() { dd.note { "approved, not yet confirmed by the bank" } }
                }
            }
            @if !balance.disputed.is_zero() {
                div.card {
                    dt { "Disputed" } dd data-figure="disputed" { (money(balance.disputed)) }
                    dd.note { "until the customer's bank has decided" }
                }
            }
            @if !balance.owed.is_zero() {
                div.card {
                    dt { "Owed back" } dd data-figure="owed" { (money(balance.owed)) }
                    dd.note { "taken from what you earn next" }
                }
            }
            div.card {
                dt { "Paid" } dd data-figure="paid" { (money(balance.paid)) }
                dd.note { "has reached your bank" }
            }
        }
    }
}

fn on_its_way(payout: &OnItsWay) -> Markup {
    html! {
        dd.note {
            "payout " (payout.payout) ": " (money(payout.sent)) ", "
            @if payout.is_sent { "sent" } @else { "to be sent" }
            ", expected by " (payout.arrives_by.to_string())
        }
    }
}
