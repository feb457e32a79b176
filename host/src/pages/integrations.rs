//! By which rules plugins come in, which policies plans pass, and who is told of what happens; each with what it did last.

use axum::extract::State;
use chandlery_package::rules::Broken;
use chandlery_package::wire::Paging;
use chandlery_package::wire::host::{Entry, Locked, Standing};
use chandlery_package::{InstallRules, Kind};
use chandlery_pages::{Column, Tone, badge, banner, facts, minute, number, table};
use maud::{Markup, html};

use super::door::SignedIn;
use super::{layout, values};
use crate::audit;
use crate::deployments::PassedPlan;
use crate::error::Error;
use crate::events::{self, DeliveryState, Told};
use crate::host::Host;

/// How many calls are shown of each.
const SHOWN: u32 = 5;

/// An integration, and what it did last.
struct Shown {
    standing: Standing,
    told: Vec<Told>,
    uses: Vec<Entry>,
}

/// The page `/integrations`.
pub(super) async fn page(State(host): State<Host>, SignedIn(by): SignedIn) -> Result<Markup, Error> {
    let rules = host.installs.rules().read().await?;
    let broken = host.installs.all_broken().await?;
    let policies = host.installs.of_kind(Kind::Policy).await?;
    let passed = host.deployments.passed(i64::from(SHOWN)).await?;
    let mut integrations = Vec::new();
    for standing in host.integrations.list().await? {
        let release = &standing.locked.release;
        let told = events::latest(host.db.pool(), &release.plugin, i64::from(SHOWN)).await?;
        let uses = audit::read(host.db.pool(), release, &Paging::first(SHOWN)).await?.items;
        integrations.push(Shown { standing, told, uses });
    }
    let content = html! {
        h1 { "Rules and integrations" }
        h2 { "Install rules" }
        (install_rules(&rules, &broken))
        h2 { "Policies" }
        (policies_shown(&policies, &passed))
        h2 { "Integrations" }
        @for shown in &integrations { (integration(shown)) }
        @if integrations.is_empty() {
            p.none { "No integrations are installed: nobody is told what happens to deployments." }
        }
    };
    Ok(layout::page("Rules and integrations", Some(&by), content))
}

fn install_rules(rules: &InstallRules, broken: &[Broken]) -> Markup {
    let mut told = Vec::new();
    if let Some(publishers) = &rules.publishers {
        told.push(("Publishers", html! { (values::joined(publishers)) }));
    }
    if rules.certified_only {
        told.push(("Certified", html! { "only what the registry's operator vouches for" }));
    }
    if let Some(age) = rules.minimum_age {
        told.push(("Minimum age", html! { (age) ", unless it is the fix of a release that was taken back" }));
    }
    if let Some(permissions) = &rules.permissions {
        told.push(("Permissions", html! { "no more than " (values::joined(permissions)) }));
    }
    html! {
        @if told.is_empty() { p { "There are no rules: anything that proves where it comes from can be installed by approvers." } }
        @else { div.card { (facts(&told)) } }
        p.note { "An approver sets them with " code { "chandlery host rules set FILE" } "." }
        @for broken in broken {
            (banner(Tone::Warning, &html! { (broken) ". " (broken.remedy) "." }))
        }
    }
}

fn policies_shown(policies: &[Locked], passed: &[PassedPlan]) -> Markup {
    let columns = [Column::Text("Policy"), Column::Text("Installed")];
    let row = |locked: &Locked| vec![html! { (locked.release) }, minute(locked.installed_at)];
    let rows: Vec<Vec<Markup>> = policies.iter().map(row).collect();
    html! {
        @if rows.is_empty() { p.none { "No policies are installed: every plan passes." } }
        @else {
            p { "Every plan passes each of these, by name, or is denied. A denial is told to whoever asked, and stands in the activity." }
            (table("Policies", &columns, &rows))
        }
        @if !passed.is_empty() { h3 { "Last plans that passed" } (passed_table(passed)) }
    }
}

fn passed_table(passed: &[PassedPlan]) -> Markup {
    let columns = [
        Column::Text("When"),
        Column::Text("Deployment"),
        Column::Number("Revision"),
        Column::Text("Policy"),
        Column::Text("Verdict"),
    ];
    let mut rows = Vec::new();
    for plan in passed {
        for said in &plan.reviews {
            let (tone, verdict) = match (said.amended, said.remarks.is_empty()) {
                (true, _) => (Tone::Warning, "changed it"),
                (false, false) => (Tone::Warning, "warns"),
                (false, true) => (Tone::Good, "allows it"),
            };
            rows.push(vec![
                minute(plan.at),
                values::deployment_link(&plan.deployment),
                html! { (plan.revision) },
                html! { (said.policy) },
                html! { (badge(tone, verdict)) " " (said.remarks.join("; ")) },
            ]);
        }
    }
    table("Last plans that passed", &columns, &rows)
}

fn integration(Shown { standing, told, uses }: &Shown) -> Markup {
    let Standing { locked, delivered, waiting, given_up, problem } = standing;
    let count = |count: &i64| html! { (number(count.unsigned_abs())) };
    let told_of = [
        ("Told of", count(delivered)),
        ("Waiting", count(waiting)),
        ("Given up", count(given_up)),
        ("Installed", minute(locked.installed_at)),
    ];
    html! {
        h3 id=(locked.release.plugin) { (locked.release) }
        @if let Some(problem) = problem { (banner(Tone::Warning, &html! { "The last problem: " (problem) })) }
        div.card { (facts(&told_of)) }
        @if !told.is_empty() { (calls(told)) }
        @if !uses.is_empty() { (uses_table(uses)) }
    }
}

fn calls(told: &[Told]) -> Markup {
    let columns = [
        Column::Text("When"),
        Column::Text("Event"),
        Column::Text("Deployment"),
        Column::Text("State"),
        Column::Number("Attempts"),
        Column::Text("Problem"),
    ];
    let row = |Told { event, state, attempts, problem }: &Told| {
        let tone = match state {
            DeliveryState::Delivered => Tone::Good,
            DeliveryState::Waiting => Tone::Plain,
            DeliveryState::GivenUp => Tone::Bad,
        };
        vec![
            minute(event.at),
            html! { (event.kind) },
            html! { (event.deployment) },
            badge(tone, state.as_str()),
            html! { (attempts) },
            html! { (problem.as_deref().unwrap_or("–")) },
        ]
    };
    let rows: Vec<Vec<Markup>> = told.iter().map(row).collect();
    table("Last calls", &columns, &rows)
}

fn uses_table(uses: &[Entry]) -> Markup {
    let columns = [
        Column::Text("When"),
        Column::Text("Permission"),
        Column::Text("What it did"),
        Column::Text("Granted"),
    ];
    let row = |used: &Entry| {
        let granted = if used.granted { badge(Tone::Good, "yes") } else { badge(Tone::Bad, "refused") };
        vec![minute(used.at), html! { code { (used.permission) } }, html! { (used.what) }, granted]
    };
    let rows: Vec<Vec<Markup>> = uses.iter().map(row).collect();
    table("Last uses of permissions", &columns, &rows)
}
