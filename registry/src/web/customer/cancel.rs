//! The end of a subscription: when what is invoiced is over, or now; what each comes to, and then the end itself.

use axum::extract::State;
use axum::response::{IntoResponse as _, Redirect, Response};
use chandlery_edge::Form;
use chandlery_money::{Finance, billing, rails};
use chandlery_package::problem::Explain as _;
use chandlery_package::wire::{EndedSubscription, NewSubscription, Subscription, SubscriptionState};
use chandlery_package::{Billed, Money, Tier};
use chandlery_pages::{Link, crumbs, day};
use maud::{Markup, html};
use serde::Deserialize;

use super::frame::{self, Customer};
use super::paying;
use super::subscription::paid;
use crate::error::Error;

/// When what is invoiced is over.
const THEN: &str = "then";
/// At once, with what is left of the period given back.
const NOW: &str = "now";
/// What an account has that has subscribed to nothing.
const NOTHING: NewSubscription = NewSubscription { tier: Tier::Free, billed: Billed::Monthly };

/// When it shall end.
#[derive(Deserialize)]
pub(super) struct When {
    #[serde(default)]
    when: String,
}

/// The page `/subscription/cancel`.
pub(super) async fn page(State(finance): State<Finance>, caller: Customer) -> Result<Markup, Error> {
    let (db, now) = (&finance.db, finance.clock.now());
    let has = billing::subscription(db, &caller.name, now).await?;
    let content = match has.state {
        SubscriptionState::Free => {
            html! { p { "There is nothing to cancel: nothing is invoiced, and no trial goes on." } }
        }
        _ => {
            let then = billing::foresee_change(db, &caller.actor, &caller.name, &NOTHING, now).await;
            let at_once = billing::foresee_end(db, &caller.actor, &caller.name, now).await;
            let is_trial = has.state == SubscriptionState::Trial;
            html! {
                @if !is_trial {
                    h2 { "At the end of the period" }
                    @match &then {
                        Ok(foreseen) => { (at_the_end(&has, &foreseen.subscription)) (button(THEN, "Cancel at the end of the period")) }
                        Err(error) => p { (error.problem().in_words()) },
                    }
                }
                h2 { "At once" }
                @match &at_once {
                    Ok(ended) => { (at_this_moment(ended)) (button(NOW, "End it now")) }
                    Err(error) => p { (error.problem().in_words()) },
                }
            }
        }
    };
    let content = html! {
        (crumbs(&[Link { path: "/subscription", name: "Subscription" }], "Cancel"))
        h1 { "Cancel " (ended_tier(&has)) }
        p { "What runs goes on running in any case. Beyond the limit of the tier that you then have, nothing new is deployed." }
        (content)
    };
    Ok(frame::page(&caller, "Cancel the subscription", "/subscription", &content))
}

/// What is ended: what is paid for or, where nothing is, what is tried.
fn ended_tier(has: &Subscription) -> Tier {
    if has.state == SubscriptionState::Trial { has.tier } else { paid(has) }
}

fn button(when: &str, says: &str) -> Markup {
    html! {
        form method="post" action="/subscription/cancel" {
            input type="hidden" name="when" value=(when);
            button { (says) }
        }
    }
}

fn at_the_end(has: &Subscription, foreseen: &Subscription) -> Markup {
    html! {
        p {
            strong { (paid(has)) } " holds"
            @if let Some(until) = foreseen.until.filter(|_| !foreseen.trial) { " until " (day(until)) }
            ", and then free. Nothing is given back, and nothing more is invoiced. Until then you may keep it after all."
        }
    }
}

fn at_this_moment(ended: &EndedSubscription) -> Markup {
    let mut back: Vec<(String, Money)> = Vec::new();
    for note in &ended.credit_notes {
        back.push((format!("Of invoice {}, without taxes", note.invoice), note.net));
        back.push(("Its tax".into(), note.tax));
    }
    html! {
        p { "From this moment on you have " strong { (ended.subscription.tier) } ", with " (Tier::in_words(ended.subscription.deployments)) "." }
        @if back.is_empty() {
            p { "Nothing is given back." }
        } @else {
            p { "What is left of what was invoiced is given back, by the day: the way that it was paid by card, and otherwise as credit or off "
                "what is due." }
            (paying::amounts("What is given back", &back))
        }
    }
}

/// Ends the subscription as the form says, and shows what was done.
pub(super) async fn cancel(
    State(finance): State<Finance>,
    caller: Customer,
    Form(given): Form<When>,
) -> Result<Response, Error> {
    let now = finance.clock.now();
    match given.when.as_str() {
        THEN => {
            billing::change(&finance.db, &caller.actor, &caller.name, &NOTHING, now).await?;
        }
        NOW => {
            rails::end_subscription(&finance, &caller.actor, &caller.name, now).await?;
        }
        _ => {
            return Err(Error::invalid(
                "say when it shall end: 'then', when what is invoiced is over, or 'now'",
            ));
        }
    }
    Ok(Redirect::to("/subscription").into_response())
}
