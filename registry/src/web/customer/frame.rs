//! What the pages of customers share: who asks, the frame, and what is said where something was refused.

use std::ops::Deref;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::response::{IntoResponse as _, Response};
use chandlery_accounts::{Account, Caller};
use chandlery_money::Finance;
use chandlery_pages::{Link, Tone, banner, tabs};
use maud::{Markup, html};

use crate::error::Error;
use crate::shell;
use crate::web::layout;

pub(in crate::web) use chandlery_pages::fault;

/// Where an account begins.
pub(in crate::web) const OVERVIEW: &str = "/account";
/// Where its organisations are, which people have for themselves.
pub(in crate::web) const ORGANISATIONS: &str = "/organisations";

const LINKS: [Link<'static>; 8] = [
    Link { path: OVERVIEW, name: "Overview" },
    Link { path: "/subscription", name: "Subscription" },
    Link { path: "/orders", name: "Orders" },
    Link { path: "/invoices", name: "Invoices" },
    Link { path: "/spend", name: "Spend" },
    Link { path: "/hosts", name: "Hosts" },
    Link { path: "/billing", name: "Billing address" },
    Link { path: ORGANISATIONS, name: "Organisations" },
];

/// Whoever is logged in, or the organisation that they act for. Whoever is not is sent to the log-in, and comes back.
pub(in crate::web) struct Customer(Caller);

impl Deref for Customer {
    type Target = Caller;

    fn deref(&self) -> &Caller {
        &self.0
    }
}

impl FromRequestParts<Finance> for Customer {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, finance: &Finance) -> Result<Self, Response> {
        match <Caller as FromRequestParts<Finance>>::from_request_parts(parts, finance).await {
            Ok(caller) => Ok(Self(caller)),
            Err(chandlery_accounts::Error::Unauthenticated) => Err(shell::LogIn::of(parts).then(OVERVIEW)),
            Err(error) => Err(Error::from(error).into_response()),
        }
    }
}

/// A whole page of a customer's, at the path `here` of those beside it.
pub(in crate::web) fn page(caller: &Account, title: &str, here: &str, content: &Markup) -> Markup {
    let organisation = caller.organisation();
    let links: Vec<Link<'_>> =
        LINKS.into_iter().filter(|link| organisation.is_none() || link.path != ORGANISATIONS).collect();
    let content = html! {
        (tabs("Your account", &links, here))
        @if let Some(organisation) = organisation {
            (banner(Tone::Plain, &html! { (caller.person()) " acts for " strong { (organisation) } "." }))
        }
        (content)
    };
    layout::page(title, Some(caller), content)
}
