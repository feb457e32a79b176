//! A subscription to another tier, or the same one after all: what will happen and what it costs, and then the change itself.

use axum::extract::State;
use axum::response::{IntoResponse as _, Redirect, Response};
use chandlery_edge::{Form, Query};
use chandlery_money::Finance;
use chandlery_money::billing::{self, ForeseenChange};
use chandlery_package::wire::{NewSubscription, SubscriptionState};
use chandlery_package::{Billed, Money, Tier};
use chandlery_pages::{Link, crumbs, day};
use maud::{Markup, html};
use serde::Deserialize;

use super::frame::{self, Customer};
use super::paying::{self, Parties};
use super::subscription::paid;
use crate::error::Error;

const ABOVE: Link<'static> = Link { path: "/subscription", name: "Subscription" };

/// What is wanted, as a link or a form says it.
#[derive(Deserialize)]
pub(super) struct Wanted {
    #[serde(default)]
    tier: String,
    #[serde(default)]
    billed: String,
    #[serde(default)]
    terms: String,
    /// The total of the invoice that was shown; nothing: none was.
    #[serde(default)]
    total: String,
}

impl Wanted {
    fn read(&self) -> Result<NewSubscription, Error> {
        let unreadable = |error: chandlery_package::words::UnknownWord| Error::invalid(error.to_string());
        let tier: Tier = self.tier.parse().map_err(unreadable)?;
        let billed: Billed = self.billed.parse().map_err(unreadable)?;
        Ok(NewSubscription { tier, billed })
    }

    /// What was shown that is invoiced at once.
    fn shown(&self) -> Result<Option<Money>, Error> {
        match self.total.as_str() {
            "" => Ok(None),
            total => Ok(Some(total.parse::<Money>().map_err(chandlery_money::Error::from)?)),
        }
    }
}

/// The page `/checkout/subscription`.
pub(super) async fn page(
    State(finance): State<Finance>,
    caller: Customer,
    Query(wanted): Query<Wanted>,
) -> Result<Markup, Error> {
    let new = wanted.read()?;
    let parties = Parties::of(&finance, &caller.name).await?;
    let now = finance.clock.now();
    let has = billing::subscription(&finance.db, &caller.name, now).await?;
    let is_kept = has.billed == Some(new.billed) && paid(&has) == new.tier;
    let foreseen = billing::foresee_change(&finance.db, &caller.actor, &caller.name, &new, now).await?;
    let title = format!("Subscribe to {}, billed {}", new.tier, new.billed);
    let total = foreseen.invoice.as_ref().map(|invoice| invoice.total.to_string()).unwrap_or_default();
    let content = html! {
        (crumbs(&[ABOVE], "Check-out"))
        h1 { (title) }
        (consequence(&new, is_kept, &foreseen))
        h2 { "Seller and buyer" }
        div.card { (parties.shown()) }
        h2 { "Confirm" }
        form.card method="post" action="/checkout/subscription" {
            input type="hidden" name="tier" value=(new.tier);
            input type="hidden" name="billed" value=(new.billed);
            input type="hidden" name="total" value=(total);
            (paying::terms_shown())
            button { (button_of(&foreseen)) }
        }
    };
    Ok(frame::page(&caller, &title, "/subscription", &content))
}

fn button_of(foreseen: &ForeseenChange) -> &'static str {
    match &foreseen.invoice {
        Some(invoice) if invoice.total.is_positive() => "Subscribe, and be invoiced",
        _ => "Change it",
    }
}

/// What will happen, and what it costs; `is_kept`: it is what there is.
fn consequence(new: &NewSubscription, is_kept: bool, foreseen: &ForeseenChange) -> Markup {
    let (has, tier) = (&foreseen.subscription, new.tier);
    let until = has.until.filter(|_| !has.trial);
    html! {
        @match &foreseen.invoice {
            Some(invoice) => {
                p {
                    "From now on you have " strong { (tier) } ", with " (Tier::in_words(tier.deployments())) ", billed " (new.billed)
                    ". It goes on by itself, period by period, until you cancel it. It is invoiced at once, to be paid by "
                    (day(invoice.due_at)) "."
                }
                (paying::lines(invoice))
            }
            None if is_kept => {
                p { "Nothing is charged now. " strong { (tier) } " goes on, and is invoiced again when its period is over." }
            }
            None => {
                p {
                    "Nothing is charged now. It becomes " strong { (tier) } " when what is invoiced is over"
                    @if let Some(until) = until { ", on " (day(until)) }
                    ". What runs goes on running; beyond the limit of " (tier) " nothing new is deployed then."
                }
            }
        }
        @if let Some(until) = has.until.filter(|_| has.trial) {
            p { "Your trial of " (has.tier) " goes on until " (day(until)) ", beside it." }
        }
    }
}

/// Changes it as it was shown, and leads to the invoice, where there is one to be paid.
pub(super) async fn change(
    State(finance): State<Finance>,
    caller: Customer,
    Form(wanted): Form<Wanted>,
) -> Result<Response, Error> {
    let new = wanted.read()?;
    paying::must_be_current(&wanted.terms)?;
    let (db, shown, now) = (&finance.db, wanted.shown()?, finance.clock.now());
    let changed = billing::change_as_foreseen(db, &caller.actor, &caller.name, &new, shown, now).await?;
    let due = changed.due.last().filter(|_| changed.state == SubscriptionState::Due);
    let next = due.map_or("/subscription".into(), |invoice| format!("/invoices/{}", invoice.number));
    Ok(Redirect::to(&next).into_response())
}

/// What an account pays for now, to which it keeps.
async fn kept(finance: &Finance, caller: &Customer) -> Result<NewSubscription, Error> {
    let has = billing::subscription(&finance.db, &caller.name, finance.clock.now()).await?;
    match has.billed {
        Some(billed) => Ok(NewSubscription { tier: paid(&has), billed }),
        None => Err(Error::conflict("nothing is subscribed to that could go on")),
    }
}

/// The page `/subscription/keep`.
pub(super) async fn keep_page(State(finance): State<Finance>, caller: Customer) -> Result<Markup, Error> {
    let new = kept(&finance, &caller).await?;
    let now = finance.clock.now();
    let foreseen = billing::foresee_change(&finance.db, &caller.actor, &caller.name, &new, now).await?;
    let content = html! {
        (crumbs(&[ABOVE], "Keep it"))
        h1 { "Keep " (new.tier) ", billed " (new.billed) }
        (consequence(&new, true, &foreseen))
        form method="post" action="/subscription/keep" { button { "Keep the subscription" } }
    };
    Ok(frame::page(&caller, "Keep the subscription", "/subscription", &content))
}

/// Takes back that it ends or becomes less.
pub(super) async fn keep(State(finance): State<Finance>, caller: Customer) -> Result<Response, Error> {
    let new = kept(&finance, &caller).await?;
    billing::change(&finance.db, &caller.actor, &caller.name, &new, finance.clock.now()).await?;
    Ok(Redirect::to("/subscription").into_response())
}
