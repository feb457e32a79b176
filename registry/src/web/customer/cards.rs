//! How an account stands, in cards.

use chandlery_package::wire::{Invoice, Subscription};
use chandlery_package::{Billed, Tier};
use chandlery_pages::{day, money};
use maud::{Markup, html};

/// What an account may have, what it has of that, and what it is to pay.
pub(in crate::web) fn cards(has: &Subscription, used: u32) -> Markup {
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
                        ": " code { "chandlery subscription change " (more) } " or " a href="/subscription" { "here" }
                    }
                }
            }
            @for invoice in &has.due {
                div.card {
                    dt { "Due by " (day(invoice.due_at)) } dd { (due(invoice)) }
                    dd.note {
                        a href=(format!("/invoices/{}", invoice.number)) { "Pay it" }
                        ", or transfer it with the text INVOICE-" (invoice.number)
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
