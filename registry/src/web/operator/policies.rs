//! The policies by which sales are shared, and the next one: tried on all sales there were before it is set.

use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use chandlery_edge::{Form, Query};
use chandlery_money::{Finance, sharing};
use chandlery_package::wire::{NewPolicy, Page, Paging, PolicyVersion, ReplayDifference};
use chandlery_package::{Money, RevenueSharePolicy};
use chandlery_pages::{Column, Link, Tone, badge, crumbs, day, money, next_page, table};
use jiff::{SignedDuration, Timestamp};
use maud::{Markup, html};
use serde::Deserialize;

use super::asking::{confirm, led};
use super::policy_form::{self, Fields};
use crate::console::{self, Operator, POLICIES};
use crate::error::Error;
use crate::shell::shown_again;
use crate::web::customer::frame::fault;

/// Where the next policy is tried and set.
const NEXT: &str = "/operator/policies/next";
/// The field by which a form asks for a replay.
const TRY: &str = "try";

/// The page `/operator/policies`.
pub(super) async fn page(
    State(finance): State<Finance>,
    operator: Operator,
    Query(paging): Query<Paging<i64>>,
) -> Result<Markup, Error> {
    let found = sharing::policies(&finance.db, &paging).await?;
    let (current, _) =
        sharing::in_force(&mut *finance.db.read().acquire().await?, finance.clock.now()).await?;
    let content = html! {
        h1 { "Policies of the revenue share" }
        p { a.button href=(NEXT) { "Try another one" } }
        (all(&found, current))
    };
    Ok(console::page(&operator, "Policies", POLICIES, &content))
}

fn all(page: &Page<PolicyVersion>, current: i64) -> Markup {
    let columns = [
        Column::Text("Version"),
        Column::Text("Since"),
        Column::Text("Commission"),
        Column::Text("Exceptions"),
        Column::Text("Others"),
    ];
    let row = |version: &PolicyVersion| {
        vec![
            html! { (version.version) @if version.version == current { " " (badge(Tone::Good, "in force")) } },
            day(version.since),
            commission(&version.policy),
            html! { @if version.policy.exceptions.is_empty() { "none" } @for (plugin, rate) in &version.policy.exceptions { div { (plugin) ": " (rate) } } },
            others(&version.policy),
        ]
    };
    let next = page.next.as_deref().map(|after| format!("{POLICIES}?after={after}"));
    html! {
        (table("Policies", &columns, &page.items.iter().map(row).collect::<Vec<_>>()))
        (next_page(next.as_deref()))
    }
}

fn commission(policy: &RevenueSharePolicy) -> Markup {
    html! {
        @for step in &policy.commission {
            div {
                (step.rate)
                @match step.up_to {
                    Some(end) => { " up to " (money(end)) }
                    None => { @if policy.commission.len() > 1 { " above" } }
                }
            }
        }
        @if policy.commission.len() > 1 { p.note { "of sales: " (policy.volume) } }
    }
}

fn others(policy: &RevenueSharePolicy) -> Markup {
    let minimum: Vec<Money> = policy.minimum.values().map(|least| least.0).collect();
    html! {
        div { "services: " (policy.services) }
        div { "referrers: " (policy.referral) }
        div { "reserve: " (policy.reserve.rate) " for " (policy.reserve.days) @if policy.reserve.days == 1 { " day" } @else { " days" } }
        @for least in minimum { div { "paid out from " (money(least)) } }
    }
}

/// The page `/operator/policies/next`: a form with the policy in force or, where one was tried, with that, and what it would have come to.
pub(super) async fn next(
    State(finance): State<Finance>,
    operator: Operator,
    Query(fields): Query<Fields>,
) -> Result<Response, Error> {
    if !fields.contains_key(TRY) {
        let (_, policy) =
            sharing::in_force(&mut *finance.db.read().acquire().await?, finance.clock.now()).await?;
        let fields = policy_form::written(&policy, tomorrow(finance.clock.now()));
        return Ok(shown(&operator, &fields, &html! {}).into_response());
    }
    match tried(&finance, &fields).await {
        Ok(tried) => Ok(shown(&operator, &fields, &tried).into_response()),
        Err(error) => shown_again(error, |wrong| shown(&operator, &fields, &fault(Some(wrong)))),
    }
}

fn tomorrow(now: Timestamp) -> Timestamp {
    now.checked_add(SignedDuration::from_hours(24)).unwrap_or(now)
}

fn shown(operator: &Operator, fields: &Fields, tried: &Markup) -> Markup {
    let content = html! {
        (crumbs(&[Link { path: POLICIES, name: "Policies" }], "The next one"))
        h1 { "The next policy" }
        (tried)
        h2 { "What it says" }
        (policy_form::form(NEXT, fields))
    };
    console::page(operator, "The next policy", POLICIES, &content)
}

/// What all sales would have come to by a policy, and the form that sets it as it was tried.
async fn tried(finance: &Finance, fields: &Fields) -> Result<Markup, Error> {
    let new = policy_form::asked(fields)?;
    let found = sharing::replay(&mut *finance.db.snapshot().await?, &new.policy).await?;
    let policy = serde_json::json!(new.policy).to_string();
    let since = new.since.to_string();
    Ok(html! {
        h2 { "All sales, shared by it" }
        (differences(&found))
        p { "Nothing that was sold is shared anew: the policy holds for what is sold from " (day(new.since)) " on, and cannot be taken back \
            once it has begun." }
        (confirm(NEXT, &[("policy", policy.as_str()), ("since", since.as_str())], &format!("Set it from {} on", new.since.strftime("%Y-%m-%d"))))
    })
}

fn differences(found: &[ReplayDifference]) -> Markup {
    let columns = [
        Column::Text("Who"),
        Column::Number("Got"),
        Column::Number("Would have got"),
        Column::Number("Difference"),
    ];
    let row = |one: &ReplayDifference| {
        let who = html! {
            @match &one.partner {
                Some(partner) => a href=(format!("/dashboard/{partner}")) { (partner) },
                None => "the marketplace",
            }
        };
        let mut cells = vec![who];
        cells.extend([one.was, one.would_be, one.difference].map(|amount| html! { (money(amount)) }));
        cells
    };
    table("All sales, shared by it", &columns, &found.iter().map(row).collect::<Vec<_>>())
}

/// The policy that was tried, and from when on it is to hold.
#[derive(Deserialize)]
pub(super) struct Tried {
    #[serde(default)]
    policy: String,
    #[serde(default)]
    since: String,
}

/// Lets the policy follow, or asks others. Sent again, it changes nothing.
pub(super) async fn follow(
    State(finance): State<Finance>,
    operator: Operator,
    Form(tried): Form<Tried>,
) -> Result<Response, Error> {
    let policy: RevenueSharePolicy = serde_json::from_str(&tried.policy)
        .map_err(|error| Error::invalid(format!("the policy: {error}")))?;
    let since: Timestamp =
        tried.since.parse().map_err(|_| Error::invalid("say from when on the policy is to hold"))?;
    let new = NewPolicy { since, policy };
    match sharing::follow(&finance, &operator, &new).await {
        Ok(followed) => Ok(led(followed, POLICIES)),
        Err(error) => {
            let fields = policy_form::written(&new.policy, new.since);
            shown_again(error, |wrong| shown(&operator, &fields, &fault(Some(wrong))))
        }
    }
}
