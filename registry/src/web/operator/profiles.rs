//! What partners have written of how they are paid, and an operator approves who has not written it.

use axum::extract::State;
use axum::response::Response;
use chandlery_edge::Path;
use chandlery_money::{Finance, payouts};
use chandlery_package::Namespace;
use chandlery_package::wire::{PayoutProfile, ProfileVersion};
use chandlery_pages::{Column, Link, crumbs, empty, facts, fault, minute, table};
use maud::{Markup, html};

use super::asking::{confirm, led};
use crate::console::{self, Operator, PAYOUTS};
use crate::error::Error;
use crate::shell::shown_again;
use crate::web::dashboard::bank::about;
use crate::web::layout::rail;

/// The path of the list.
pub(super) const PROFILES: &str = "/operator/payouts/profiles";
/// How many partners are shown.
const SHOWN: u32 = 200;

type OfVersion = (Namespace, i64);

fn path(partner: &Namespace, version: i64) -> String {
    format!("{PROFILES}/{partner}/{version}")
}

/// The page `/operator/payouts/profiles`: the latest version of each partner's that nobody has approved.
pub(super) async fn list(State(finance): State<Finance>, operator: Operator) -> Result<Markup, Error> {
    let all = payouts::profiles_waiting(&finance.db, SHOWN).await?;
    let columns = ["Partner", "Version", "By", "Written by"].map(Column::Text);
    let row = |(partner, of): &(Namespace, ProfileVersion)| {
        vec![
            html! { a href=(path(partner, of.version)) { (partner) } },
            html! { (of.version) },
            html! { (rail(of.profile.rail.kind())) },
            html! { (of.changed_by) },
        ]
    };
    let content = html! {
        (crumbs(&[Link { path: PAYOUTS, name: "Payouts" }], "Bank details"))
        h1 { "Bank details to approve" }
        @if all.is_empty() {
            (empty("None waits.", &html! { "What partners write on their dashboard appears here." }))
        } @else {
            (table("Bank details to approve", &columns, &all.iter().map(row).collect::<Vec<_>>()))
        }
    };
    Ok(console::page(&operator, "Bank details", PAYOUTS, &content))
}

/// The page `/operator/payouts/profiles/{partner}/{version}`.
pub(super) async fn page(
    State(finance): State<Finance>,
    operator: Operator,
    Path((partner, version)): Path<OfVersion>,
) -> Result<Markup, Error> {
    shown(&finance, &operator, &partner, version, None).await
}

async fn shown(
    finance: &Finance,
    operator: &Operator,
    partner: &Namespace,
    version: i64,
    wrong: Option<&str>,
) -> Result<Markup, Error> {
    let mut db = finance.db.snapshot().await?;
    let of = payouts::profile(&mut db, partner, version).await?;
    let (_, holds) = payouts::profile_in_force(&mut db, partner, finance.clock.now()).await?;
    let (latest, _) = payouts::latest_profile(&mut db, partner).await?;
    drop(db);
    let title = format!("Version {version} of '{partner}'");
    let is_own = of.changed_by == *operator.person();
    let is_latest = version == latest;
    let content = html! {
        (crumbs(&[Link { path: PAYOUTS, name: "Payouts" }, Link { path: PROFILES, name: "Bank details" }], &title))
        h1 { (title) }
        (fault(wrong))
        p { "Written by " (of.changed_by) ". " (standing(&of, is_latest)) }
        @if !is_latest {
            p { a href=(path(partner, latest)) { "Version " (latest) } " was written since." }
        }
        h2 { "How it would be paid" }
        (said(&of.profile))
        h2 { "How it is paid now" }
        (said(&holds))
        @if of.approved_by.is_none() && is_latest && !is_own {
            p {
                "Ask an owner by a way that you know of before whether this is so: whoever has taken an account over writes here, too. "
                "Where another account was paid before, it holds " (payouts::PROFILE_WAITS.as_hours()) " hours later."
            }
            (confirm(&path(partner, version), &[], "Approve"))
        }
    };
    Ok(console::page(operator, &title, PAYOUTS, &content))
}

fn standing(of: &ProfileVersion, is_latest: bool) -> Markup {
    html! {
        @match (&of.approved_by, of.holds_from) {
            (None, _) if is_latest => { "Another operator approves it." }
            (None, _) => { "Nobody has approved it." }
            (Some(by), None) => { "Approved by " (by) "." }
            (Some(by), Some(from)) => { "Approved by " (by) ", to hold from " (minute(from)) "." }
        }
    }
}

/// All that a profile says: whoever approves it sees the whole account.
fn said(profile: &PayoutProfile) -> Markup {
    html! { div.card { (facts(&about(profile, str::to_owned))) } }
}

/// Approves a version, or asks others to, where the rules of approval want more of them.
pub(super) async fn approve(
    State(finance): State<Finance>,
    operator: Operator,
    Path((partner, version)): Path<OfVersion>,
) -> Result<Response, Error> {
    match payouts::approve_profile(&finance, &operator, &partner, version).await {
        Ok(approved) => Ok(led(approved, &path(&partner, version))),
        Err(error) => {
            let why = error.to_string();
            let page = shown(&finance, &operator, &partner, version, Some(&why)).await?;
            shown_again(error, |_| page)
        }
    }
}
