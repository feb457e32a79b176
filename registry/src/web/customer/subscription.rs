//! What an account has subscribed to, and what else it may have.

use std::cmp::Ordering;

use axum::extract::State;
use chandlery_accounts::organisations::Power;
use chandlery_money::{Finance, billing};
use chandlery_package::wire::{Subscription, SubscriptionState};
use chandlery_package::{Billed, Tier};
use chandlery_pages::{Column, day, money, table};
use maud::{Markup, html};

use super::cards::{Reader, cards};
use super::frame::{self, Customer};
use crate::error::Error;

/// What whoever looks at the page may do.
#[derive(Clone, Copy)]
struct May {
    pay: bool,
    begin: bool,
}

/// The page `/subscription`.
pub(super) async fn page(State(finance): State<Finance>, caller: Customer) -> Result<Markup, Error> {
    let has = billing::subscription(&finance.db, &caller.name, finance.clock.now()).await?;
    let mut db = finance.db.read().acquire().await?;
    let used = billing::deployments(&mut db, &caller.name).await?;
    drop(db);
    let may = May {
        pay: caller.may(&finance.db, Power::Pay).await?,
        begin: caller.may(&finance.db, Power::Use).await?,
    };
    let content = html! {
        h1 { "Subscription of " (caller.name) }
        (cards(Reader::Own, &has, used))
        p data-figure="state" { (in_words(&has)) }
        @if may.pay { (ends(&has)) }
        h2 { "Tiers" }
        (tiers(&has, may))
        p.note {
            "Without taxes. A higher tier begins at once, less what is left of the one that is paid; a lower one when that is over. "
            a href="/pricing" { "Pricing" }
        }
    };
    Ok(frame::page(&caller, "Subscription", "/subscription", &content))
}

/// How it stands, in a sentence.
fn in_words(has: &Subscription) -> Markup {
    let until = has.until.map(day);
    html! {
        @match has.state {
            SubscriptionState::Free if has.trial_left => "Nothing is invoiced. There is a trial that you have not begun.",
            SubscriptionState::Free => "Nothing is invoiced.",
            SubscriptionState::Trial => "It is a trial: nothing is invoiced, and it ends by itself.",
            SubscriptionState::Due => "What is invoiced waits to be paid, and may be used meanwhile; more can be had when it is paid.",
            SubscriptionState::Active => "It is paid, and renews itself.",
            SubscriptionState::Changing => "It is paid, and becomes less when that is over.",
            SubscriptionState::Ending => "It is paid, and ends when that is over.",
            SubscriptionState::Disputed => {
                "Your bank has taken the payment back, and has not decided; more can be had when it has. If the dispute is a mistake, \
                 withdraw it at the bank or card issuer that you paid with."
            }
        }
        @if let (Some(billed), Some(until)) = (has.billed, until) { " Billed " (billed) ", until " (until) "." }
    }
}

/// What ends it, or lets it go on.
fn ends(has: &Subscription) -> Markup {
    let goes_on = matches!(has.state, SubscriptionState::Changing | SubscriptionState::Ending);
    html! {
        p {
            @if goes_on { a.button href="/subscription/keep" { "Keep the subscription" } " " }
            @if has.state != SubscriptionState::Free { a href="/subscription/cancel" { "Cancel the subscription" } }
        }
    }
}

/// What is paid for: what a trial offers beside that does not count.
pub(super) fn paid(has: &Subscription) -> Tier {
    if has.trial { has.then.unwrap_or(Tier::Free) } else { has.tier }
}

fn tiers(has: &Subscription, may: May) -> Markup {
    let columns = [
        Column::Text("Tier"),
        Column::Text("Deployments"),
        Column::Number("A month"),
        Column::Number("A year"),
        Column::Text("Trial"),
    ];
    let rows: Vec<Vec<Markup>> = Tier::ALL.into_iter().map(|tier| row(tier, has, may)).collect();
    table("Tiers", &columns, &rows)
}

fn row(tier: Tier, has: &Subscription, may: May) -> Vec<Markup> {
    let offers_trial =
        may.begin && has.trial_left && tier > has.tier && tier.price(Billed::Monthly).is_some();
    vec![
        html! { (tier) @if tier == has.tier { " " span.note { "yours" } } },
        html! { @match tier.deployments() { Some(limit) => (limit), None => "any number" } },
        price(tier, Billed::Monthly, has, may),
        price(tier, Billed::Yearly, has, may),
        html! { @if offers_trial { a href=(format!("/subscription/trial?tier={tier}")) { "Try " (tier) } } },
    ]
}

/// Whether it is something else than there is, and no more than there can be now.
fn can_become(has: &Subscription, tier: Tier, billed: Billed) -> bool {
    match (tier, Some(billed)).cmp(&(paid(has), has.billed)) {
        Ordering::Less => true,
        Ordering::Equal => false,
        Ordering::Greater => billing::takes_more(has.state),
    }
}

/// What a tier costs, with what leads to it.
fn price(tier: Tier, billed: Billed, has: &Subscription, may: May) -> Markup {
    let is_offered = may.pay && can_become(has, tier, billed);
    html! {
        @match tier.price(billed) {
            Some(price) if is_offered => {
                (money(price)) " "
                a href=(format!("/checkout/subscription?tier={tier}&billed={billed}")) aria-label=(format!("Choose {tier}, billed {billed}")) {
                    "Choose"
                }
            }
            Some(price) => (money(price)),
            None if tier == Tier::Free => "nothing",
            None => "as agreed",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stands(state: SubscriptionState, tier: Tier, billed: Option<Billed>) -> Subscription {
        Subscription {
            account: "globex".parse().unwrap(),
            state,
            tier,
            deployments: tier.deployments(),
            trial: false,
            trial_left: false,
            billed,
            until: None,
            then: None,
            due: Vec::new(),
        }
    }

    #[test]
    fn nothing_is_offered_that_would_be_refused() {
        use SubscriptionState::{Active, Disputed, Due, Free};
        let developer = (Tier::Developer, Billed::Monthly);
        for (state, more, less) in
            [(Free, true, true), (Due, false, true), (Active, true, true), (Disputed, false, true)]
        {
            let has = match state {
                Free => stands(state, Tier::Free, None),
                _ => stands(state, Tier::Team, Some(Billed::Monthly)),
            };
            let offers = |(tier, billed)| can_become(&has, tier, billed);
            assert_eq!(offers((Tier::Team, Billed::Yearly)), more, "{state}");
            assert_eq!(offers((Tier::Enterprise, Billed::Monthly)), more, "{state}");
            assert_eq!(offers(developer), less, "{state}");
            assert!(state == Free || !offers((Tier::Team, Billed::Monthly)), "{state}");
        }
    }
}
