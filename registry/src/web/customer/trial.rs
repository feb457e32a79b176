//! The one trial of an account: what it will be, and its beginning.

use axum::extract::State;
use axum::response::{IntoResponse as _, Redirect, Response};
use chandlery_edge::{Form, Query};
use chandlery_money::Finance;
use chandlery_money::billing::{self, TRIAL_DAYS};
use chandlery_package::Tier;
use chandlery_package::wire::NewTrial;
use chandlery_pages::{Link, crumbs};
use maud::{Markup, html};
use serde::Deserialize;

use super::frame::{self, Customer};
use crate::error::Error;
use crate::shell::shown_again;

/// Which tier, as a link or a form says it.
#[derive(Deserialize)]
pub(super) struct Wanted {
    #[serde(default)]
    tier: String,
}

impl Wanted {
    fn read(&self) -> Result<Tier, Error> {
        self.tier
            .parse()
            .map_err(|error: chandlery_package::words::UnknownWord| Error::invalid(error.to_string()))
    }
}

/// The page `/subscription/trial`.
pub(super) async fn page(
    State(finance): State<Finance>,
    caller: Customer,
    Query(wanted): Query<Wanted>,
) -> Result<Markup, Error> {
    let tier = wanted.read()?;
    let has = billing::subscription(&finance.db, &caller.name, finance.clock.now()).await?;
    let content = shown(tier, has.trial_left, has.tier, None);
    Ok(frame::page(&caller, "Trial", "/subscription", &content))
}

fn shown(tier: Tier, is_left: bool, has: Tier, fault: Option<&str>) -> Markup {
    html! {
        (crumbs(&[Link { path: "/subscription", name: "Subscription" }], "Trial"))
        h1 { "Try " (tier) }
        (frame::fault(fault))
        @if is_left {
            p {
                "For " (TRIAL_DAYS) " days from now on you have " strong { (tier) } ", with " (Tier::in_words(tier.deployments()))
                ". Nothing is charged. It ends by itself, and then you have " (has) " again: what runs goes on running, and beyond that "
                "limit nothing new is deployed. There is one trial for each account."
            }
            form method="post" action="/subscription/trial" {
                input type="hidden" name="tier" value=(tier);
                button { "Start the trial of " (tier) }
            }
        } @else {
            p { "This account has used its trial. " a href="/subscription" { "What " (tier) " costs" } }
        }
    }
}

/// Begins the trial, and leads to the subscription.
pub(super) async fn begin(
    State(finance): State<Finance>,
    caller: Customer,
    Form(wanted): Form<Wanted>,
) -> Result<Response, Error> {
    let tier = wanted.read()?;
    let (db, now) = (&finance.db, finance.clock.now());
    match billing::try_out(db, &caller.actor, &caller.name, &NewTrial { tier }, now).await {
        Ok(_) => Ok(Redirect::to("/subscription").into_response()),
        Err(error) => {
            let has = billing::subscription(db, &caller.name, now).await?;
            shown_again(error, |fault| {
                let content = shown(tier, has.trial_left, has.tier, Some(fault));
                frame::page(&caller, "Trial", "/subscription", &content)
            })
        }
    }
}
