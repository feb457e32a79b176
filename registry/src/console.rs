//! The operator's console: who may enter it, and the frame of its pages. Each of them lives in the room of its domain.

use std::ops::Deref;

use axum::extract::{FromRef, FromRequestParts};
use axum::http::request::Parts;
use axum::response::{IntoResponse as _, Response};
use chandlery_accounts::{Accounts, Caller, Error};
use chandlery_pages::{Head, Link, tabs};
use maud::{Markup, html};

use crate::shell;

/// Where the console begins.
pub const OVERVIEW: &str = "/operator";
/// Releases that wait for a review.
pub const REVIEWS: &str = "/operator/reviews";
/// Reports of abuse, and what is quarantined or withdrawn.
pub const MODERATION: &str = "/operator/moderation";
/// Payouts, and the runs that they are proposed in.
pub const PAYOUTS: &str = "/operator/payouts";
/// What one operator has asked for and another approves.
pub const REQUESTS: &str = "/operator/approvals";
/// What the bank has told of, and what of it is not matched.
pub const BANK: &str = "/operator/bank";
/// What goes back to customers by the bank.
pub const SEND_BACKS: &str = "/operator/send-backs";
/// Payments that customers' banks have taken back.
pub const DISPUTES: &str = "/operator/disputes";
/// Who buys here, and what they owe.
pub const CUSTOMERS: &str = "/operator/customers";
/// Months, and what keeps them from being closed.
pub const CLOSE: &str = "/operator/close";
/// By which rules sales are shared.
pub const POLICIES: &str = "/operator/policies";
/// What it comes to, month by month.
pub const FIGURES: &str = "/figures";
/// Who has done what.
pub const AUDIT: &str = "/operator/audit";
/// How replicas, queues and mail are.
pub const HEALTH: &str = "/operator/health";

const LINKS: [Link<'static>; 14] = [
    Link { path: OVERVIEW, name: "Overview" },
    Link { path: REVIEWS, name: "Reviews" },
    Link { path: MODERATION, name: "Moderation" },
    Link { path: PAYOUTS, name: "Payouts" },
    Link { path: REQUESTS, name: "Approvals" },
    Link { path: BANK, name: "Bank" },
    Link { path: SEND_BACKS, name: "Send-backs" },
    Link { path: DISPUTES, name: "Disputes" },
    Link { path: CUSTOMERS, name: "Customers" },
    Link { path: CLOSE, name: "Close" },
    Link { path: POLICIES, name: "Policies" },
    Link { path: FIGURES, name: "Figures" },
    Link { path: AUDIT, name: "Audit" },
    Link { path: HEALTH, name: "Health" },
];

/// Whoever operates the registry, with the second factor where it demands one of them. Nobody in particular is sent to the log-in, and
/// comes back; everybody else is refused.
pub struct Operator(Caller);

impl Deref for Operator {
    type Target = Caller;

    fn deref(&self) -> &Caller {
        &self.0
    }
}

impl<S> FromRequestParts<S> for Operator
where
    Accounts: FromRef<S>,
    S: Send + Sync,
{
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Response> {
        let caller = match <Caller as FromRequestParts<S>>::from_request_parts(parts, state).await {
            Ok(caller) => caller,
            Err(Error::Unauthenticated) => return Err(shell::LogIn::of(parts).then(OVERVIEW)),
            Err(error) => return Err(error.into_response()),
        };
        match caller.must_operate("use the operator's console") {
            Ok(()) => Ok(Self(caller)),
            Err(error) => Err(error.into_response()),
        }
    }
}

/// A whole page of the console. `here` is the path of the one that it is or that leads to it, such as [`PAYOUTS`].
pub fn page(operator: &Operator, title: &str, here: &str, content: &Markup) -> Markup {
    let head = Head { title: title.into(), private: true, ..Head::default() };
    let content = html! { (tabs("Operator's console", &LINKS, here)) (content) };
    shell::page(&head, shell::Visitor::Known(operator), "", &content)
}
