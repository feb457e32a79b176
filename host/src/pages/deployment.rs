//! The page of one deployment: how it fares and why, what runs of it, what became of it, and where it comes from.

mod provenance;
mod story;

use std::collections::BTreeMap;

use axum::extract::State;
use chandlery_package::wire::Paging;
use chandlery_package::wire::host::{Deployment, Replica, ReplicaState};
use chandlery_pages::{Column, Tone, badge, banner, crumbs, facts, minute, money, table};
use maud::{Markup, html};

use super::address::address;
use super::door::SignedIn;
use super::{actions, layout, values};
use crate::deployments::{Detail, USED_DAYS};
use crate::error::Error;
use crate::extract::{Path, Query};
use crate::host::Host;

/// The page `/deployments/{name}`, with the revisions from a place on.
pub(super) async fn page(
    State(host): State<Host>,
    SignedIn(by): SignedIn,
    Path(name): Path<String>,
    Query(paging): Query<Paging<i64>>,
) -> Result<Markup, Error> {
    let found = host.deployments.detail(&name).await?;
    let story = story::of(&host, &name, &paging).await?;
    let deployment = &found.deployment;
    let content = html! {
        (crumbs(&[values::DEPLOYMENTS], &deployment.name))
        h1 { (deployment.name) " " (values::health(deployment.health)) }
        (actions::offered(&by, deployment))
        (notices(deployment))
        (summary(&found))
        (endpoints(deployment))
        (replicas(&found))
        (drift(deployment))
        (story)
        (provenance::section(&found))
    };
    Ok(layout::page(&deployment.name, Some(&by), content))
}

/// What must be seen first: why it does not fare well, and what is said against its release.
fn notices(deployment: &Deployment) -> Markup {
    let unwell = values::current(deployment).find(|replica| !values::is_well(replica));
    html! {
        @if let Some(trouble) = &deployment.trouble {
            (banner(Tone::Bad, &html! { "The target " (deployment.target) " does not answer: " (trouble) }))
        }
        @if let Some(replica) = unwell {
            (banner(tone(replica), &html! {
                (values::label(replica)) " is " (replica.state) @if !replica.detail.is_empty() { ": " (replica.detail) }
            }))
        }
        @if let Some(objection) = &deployment.objection {
            (banner(Tone::Bad, &html! { (deployment.release) ": " (objection) }))
        }
        @for advised in &deployment.advisories {
            (banner(Tone::Warning, &html! { (deployment.release) ": " (advised) }))
        }
        @for note in &deployment.notes { p.note { (note) } }
    }
}

fn tone(replica: &Replica) -> Tone {
    match replica.state {
        ReplicaState::Failed => Tone::Bad,
        ReplicaState::BackingOff => Tone::Warning,
        _ => Tone::Plain,
    }
}

fn summary(Detail { deployment, wanted, cost_per_hour, used, .. }: &Detail) -> Markup {
    let on_target = address("/deployments", &[("target", Some(deployment.target.as_str()))]);
    let logs = format!("{}/logs", values::deployment_path(&deployment.name));
    let mut told = vec![
        ("Plugin", html! { (deployment.release) }),
        ("Target", html! { a href=(on_target) { (deployment.target) } }),
    ];
    if let Some(owner) = &deployment.owner {
        told.push(("Owner of its files", html! { (owner) }));
    }
    if let Some(team) = &deployment.team {
        let of_team = address("/deployments", &[("team", Some(team.as_str()))]);
        told.push(("Team", html! { a href=(of_team) { (team) } }));
    }
    told.push(("Revision", html! { (deployment.revision) }));
    told.push(("Replicas", html! { (values::replicas(deployment, wanted.values().sum())) " are well" }));
    if let Some(cost) = cost_per_hour {
        told.push(("Cost", html! { (money(*cost)) " an hour" }));
    }
    let days = format!("in the last {USED_DAYS} days");
    told.push(("GPU hours", html! { (values::hours(used.gpu_millis)) " " (days) }));
    told.push(("Replica hours", html! { (values::hours(used.replica_millis)) " " (days) }));
    told.push(("Logs", html! { a href=(logs) { "Logs of the replicas" } }));
    html! { div.card { (facts(&told)) } }
}

fn endpoints(deployment: &Deployment) -> Markup {
    let columns = [Column::Text("Port"), Column::Text("Workload"), Column::Text("Address")];
    let rows: Vec<Vec<Markup>> = deployment
        .endpoints
        .iter()
        .map(|endpoint| {
            vec![
                html! { (endpoint.port) },
                html! { (endpoint.workload) },
                html! { code { (endpoint.address) } },
            ]
        })
        .collect();
    html! {
        h2 { "Endpoints" }
        @if rows.is_empty() { p.none { "No ports are open." } }
        @else { (table("Endpoints", &columns, &rows)) }
    }
}

fn replicas(Detail { deployment, wanted, .. }: &Detail) -> Markup {
    let columns = [
        Column::Text("Replica"),
        Column::Text("State"),
        Column::Text("Why"),
        Column::Number("Revision"),
        Column::Number("Restarts"),
        Column::Text("Since"),
        Column::Text("GPUs"),
    ];
    let rows: Vec<Vec<Markup>> = deployment.replicas.iter().map(replica_row).collect();
    html! {
        h2 { "Replicas" }
        p.note { (by_workload(wanted)) }
        @if rows.is_empty() { p.none { "No replicas are running." } } @else { (table("Replicas", &columns, &rows)) }
    }
}

/// How many of each workload should run, in a sentence.
fn by_workload(wanted: &BTreeMap<String, u32>) -> String {
    let each: Vec<String> = wanted.iter().map(|(workload, count)| format!("{count} of {workload}")).collect();
    match each.is_empty() {
        true => "Nothing of it should run.".into(),
        false => format!("There should be {}.", each.join(", ")),
    }
}

fn replica_row(replica: &Replica) -> Vec<Markup> {
    vec![
        html! { (values::label(replica)) },
        values::replica_state(replica.state),
        html! {
            (replica.detail)
            @if let Some(unmetered) = &replica.unmetered {
                " " (badge(Tone::Warning, "not metered")) " since " (minute(unmetered.since)) ": " (unmetered.reason)
            }
        },
        html! { (replica.revision) },
        html! { (replica.restarts) },
        html! { @match replica.started_at { Some(at) => { (minute(at)) } None => { "–" } } },
        html! { @if replica.gpus.is_empty() { "–" } @else { (replica.gpus.join(", ")) } },
    ]
}

fn drift(deployment: &Deployment) -> Markup {
    let columns = [Column::Text("What"), Column::Text("Should be"), Column::Text("Is")];
    let rows = deployment
        .drift
        .iter()
        .map(|drift| vec![html! { code { (drift.path) } }, html! { (drift.should) }, html! { (drift.is) }]);
    let rows: Vec<Vec<Markup>> = rows.collect();
    html! {
        @if !rows.is_empty() {
            h2 { "Drift" }
            p { "Somebody else has changed it; a repair makes it as it should be." }
            (table("Drift", &columns, &rows))
        }
    }
}
