//! Whether a release of a namespace waits for a second person, on the page of the namespace.

use chandlery_package::Namespace;
use chandlery_package::wire::TwoPeople;
use chandlery_pages::minute;
use maud::{Markup, html};

use super::answers::namespace_path;
use crate::catalog::error::Error;
use crate::catalog::state::Catalog;
use crate::catalog::two_people::{self, has_two};

/// What the page of a namespace says of it, and lets an owner do.
pub(super) async fn section(catalog: &Catalog, namespace: &Namespace, owns: bool) -> Result<Markup, Error> {
    let now = two_people::show(&catalog.db, namespace).await?;
    let alone = owns && !has_two(&mut *catalog.db.read().acquire().await?, namespace).await?;
    Ok(html! {
        h2 { "Release approval" }
        (said(&now))
        @if alone && !now.required {
            p.note {
                "To require a second person, first invite somebody as a publisher or an owner and let them accept: only one person can "
                "publish here, and nobody could approve."
            }
        } @else if owns {
            (acts(namespace, &now))
        }
    })
}

fn said(now: &TwoPeople) -> Markup {
    html! {
        @match (now.required, &now.end_asked_by, now.end_lapses_at) {
            (false, ..) => { p { "One person publishes: a release is available as soon as it is signed." } }
            (true, Some(by), Some(until)) => {
                p {
                    "Two people are required. " strong { (by) } " asks to let one person publish. That takes effect when another owner "
                    "agrees before " (minute(until)) "."
                }
            }
            (true, ..) => { p { "Two people are required: what one member has signed waits until another one approves it." } }
        }
    }
}

fn acts(namespace: &Namespace, now: &TwoPeople) -> Markup {
    html! {
        form method="post" action=(format!("{}/two-people", namespace_path(namespace))) {
            @if !now.required { button.quiet name="act" value="require" { "Require two people" } }
            @if now.end_asked_by.is_some() { button.quiet name="act" value="require" { "Keep requiring two people" } " " }
            @if now.required { button.quiet name="act" value="end" { "Let one person publish" } }
        }
    }
}
