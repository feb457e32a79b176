//! How an account stands, in cards.

use chandlery_package::wire::{Invoice, Subscription};
use chandlery_package::{Billed, Tier};
use chandlery_pages::{day, money};
use maud::{Markup, html};

/// Whom cards are shown to.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(in crate::web) enum Reader {
    /// The account itself, which is told how it has more and how it pays.
    Own,
    /// An operator, for whom the same commands and links would buy and pay for another account.
    Operator,
}

/// What an account may have, what it has of that, and what it is to pay.
pub(in crate::web) fn cards(reader: Reader, has: &Subscription, used: u32) -> Markup {
    let own = reader == Reader::Own;
    let more = has.deployments.map(|limit| Tier::for_deployments(limit.saturating_add(1)));
    html! {
        dl.cards {
            div.card {
                dt { "Tier" } dd data-figure="tier" { (has.tier) }
                dd.note {
                    @if has.trial { "on trial" } @else if has.tier != Tier::Free { "subscribed" }
                    @if let Some(until) = has.until { " until " (day(until)) }
                    @if let Some(then) = has.then { ", then " (then) }
                }
            }
            div.card {
                dt { "Deployments" }
                dd data-figure="deployments" {
                    (used) " of " @match has.deployments { Some(limit) => (limit), None => "any number" }
                }
                @if let Some(more) = more {
                    dd.note {
                        (more) " allows "
                        @match more.deployments() { Some(limit) => (limit), None => "any number" }
                        @if let Some(price) = more.price(Billed::Monthly) { " for " (money(price)) " a month" }
                        @if own {
                            ". " a href="/subscription" { "Change the tier" } " or run " code { "chandlery subscription change " (more) }
                        }
                    }
                }
            }
            @for invoice in &has.due {
                div.card {
                    dt { "Due by " (day(invoice.due_at)) } dd { (due(invoice)) }
                    @if own {
                        dd.note {
                            a href=(format!("/invoices/{}", invoice.number)) { "Pay it" }
                            ", or transfer it with the text INVOICE-" (invoice.number)
                        }
                    }
                }
            }
        }
    }
}

/// What is left to be paid of an invoice; what is too large to be an amount was never issued.
pub(in crate::web) fn due(invoice: &Invoice) -> String {
    invoice.due().map_or_else(|error| error.to_string(), money)
}

#[cfg(test)]
mod tests {
    use chandlery_package::wire::{InvoiceState, SubscriptionState};
    use chandlery_package::{Currency, Money};
    use jiff::Timestamp;

    use super::*;

    #[test]
    fn an_operator_is_not_told_how_to_buy_and_pay() {
        let (zero, total) = (Money::zero(Currency::Usd), Money::new(9900, Currency::Usd).unwrap());
        let invoice = Invoice {
            number: 7,
            account: "globex".parse().unwrap(),
            lines: Vec::new(),
            net: total,
            tax: zero,
            tax_name: String::new(),
            credit: zero,
            total,
            refunded: zero,
            part_paid: None,
            issued_at: Timestamp::UNIX_EPOCH,
            due_at: Timestamp::UNIX_EPOCH,
            state: InvoiceState::Open,
        };
        let has = Subscription {
            account: "globex".parse().unwrap(),
            state: SubscriptionState::Free,
            tier: Tier::Free,
            deployments: Tier::Free.deployments(),
            trial: false,
            trial_left: true,
            billed: None,
            until: None,
            then: None,
            due: vec![invoice],
        };
        let [own, operators] =
            [Reader::Own, Reader::Operator].map(|reader| cards(reader, &has, 1).into_string());
        for advice in ["chandlery subscription change", "/subscription", "/invoices/7"] {
            assert!(own.contains(advice) && !operators.contains(advice), "{advice}: {operators}");
        }
        assert!(operators.contains("99.00 USD") && operators.contains("data-figure=\"tier\""), "{operators}");
    }
}
