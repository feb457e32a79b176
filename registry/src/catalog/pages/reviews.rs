//! The operator's queue of reviews: what waits, the one that waits longest first, and what was decided.

use axum::extract::State;
use chandlery_edge::Query as Asked;
use chandlery_package::Release;
use chandlery_package::wire::{Page, Paging, Review, Verdict};
use chandlery_pages::{Column, Tone, badge, empty, minute, next_page, table};
use maud::{Markup, html};
use serde::Deserialize;

use crate::catalog::error::Error;
use crate::catalog::reviews;
use crate::catalog::state::Catalog;
use crate::console::{self, Operator, REVIEWS};

/// Which reviews are shown.
#[derive(Debug, Default, Deserialize)]
pub(super) struct Shown {
    /// Those that were decided, too.
    #[serde(default)]
    all: bool,
}

/// The page of a release's review.
pub(super) fn review_path(release: &Release) -> String {
    let plugin = &release.plugin;
    format!("{REVIEWS}/{}/{}/{}", plugin.namespace, plugin.name, release.version)
}

/// The page `/operator/reviews`.
pub(super) async fn page(
    State(catalog): State<Catalog>,
    operator: Operator,
    Asked(shown): Asked<Shown>,
    Asked(paging): Asked<Paging<i64>>,
) -> Result<Markup, Error> {
    let found = reviews::list(&catalog.db, !shown.all, &paging).await?;
    let content = html! {
        h1 { "Reviews" }
        p {
            "A release waits here when its publisher asks for a review, and always when its plugin is certified: certification covers a "
            "plugin with all of its releases."
        }
        p {
            @if shown.all { a href=(REVIEWS) { "Waiting only" } }
            @else { a href=(format!("{REVIEWS}?all=true")) { "All reviews, including decided ones" } }
        }
        @if found.items.is_empty() && !shown.all { (none()) } @else { (list(&found)) }
        (next_page(found.next.as_deref().map(|after| format!("{REVIEWS}?all={}&after={after}", shown.all)).as_deref()))
    };
    Ok(console::page(&operator, "Reviews", REVIEWS, &content))
}

fn none() -> Markup {
    let next = html! { "A publisher asks for a review with " code { "chandlery review PLUGIN@VERSION" } "." };
    empty("No reviews are waiting.", &next)
}

fn list(found: &Page<Review>) -> Markup {
    let columns = ["Release", "State", "Asked by", "Since", "Said"].map(Column::Text);
    let rows: Vec<Vec<Markup>> = found.items.iter().map(row).collect();
    table("Reviews", &columns, &rows)
}

fn row(review: &Review) -> Vec<Markup> {
    let said = review.decision.as_ref().map_or(&review.note, |decision| &decision.reason);
    vec![
        html! { a href=(review_path(&review.release)) { (review.release) } },
        state(review),
        asker(review),
        minute(review.asked_at),
        html! { (said) },
    ]
}

/// Who has asked for a review.
pub(super) fn asker(review: &Review) -> Markup {
    html! { @match &review.asked_by { Some(by) => { (by) } None => { "the certification of its plugin" } } }
}

/// How a review stands, in a word.
pub(super) fn state(review: &Review) -> Markup {
    match review.decision.as_ref().map(|decision| decision.verdict) {
        None => badge(Tone::Warning, "waits"),
        Some(verdict @ Verdict::Certified) => badge(Tone::Good, verdict.as_str()),
        Some(verdict @ Verdict::Refused) => badge(Tone::Bad, verdict.as_str()),
    }
}
