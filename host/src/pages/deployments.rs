//! The list of deployments, by team, target and health.

use axum::extract::State;
use chandlery_package::wire::host::{Health, HostRole};
use chandlery_package::wire::{Page, Paging};
use chandlery_pages::{Column, Field, Tone, badge, empty, next_page, select, table};
use maud::{Markup, html};
use serde::Deserialize;

use super::address::{address, chosen};
use super::door::SignedIn;
use super::{layout, values};
use crate::deployments::{Listed, Sought};
use crate::error::Error;
use crate::extract::Query;
use crate::host::Host;
use crate::users::Actor;

const PATH: &str = "/deployments";
const COLUMNS: [Column<'static>; 8] = [
    Column::Text("Deployment"),
    Column::Text("Health"),
    Column::Text("Plugin"),
    Column::Text("Target"),
    Column::Text("Team"),
    Column::Number("Replicas"),
    Column::Number("Revision"),
    Column::Text("Endpoint"),
];

#[derive(Deserialize)]
pub(super) struct Asked {
    #[serde(default, deserialize_with = "chosen")]
    team: Option<String>,
    #[serde(default, deserialize_with = "chosen")]
    target: Option<String>,
    #[serde(default, deserialize_with = "chosen")]
    health: Option<Health>,
}

/// The page `/deployments`.
pub(super) async fn page(
    State(host): State<Host>,
    SignedIn(by): SignedIn,
    Query(Asked { team, target, health }): Query<Asked>,
    Query(paging): Query<Paging<String>>,
) -> Result<Markup, Error> {
    let sought = Sought { team, target, health };
    let Page { items, next } = host.deployments.search(&sought, &paging).await?;
    let targets: Vec<String> = host.targets.engines().await.into_keys().collect();
    let rows: Vec<Vec<Markup>> = items.iter().map(row).collect();
    let is_first = paging.after().is_none();
    let content = html! {
        h1 { "Deployments" }
        @if by.must_be(HostRole::Deployer).is_ok() { p { a.button href="/deploy" { "Deploy a plugin" } } }
        (filters(&sought, &targets))
        @if rows.is_empty() { (none(&by, &sought, is_first)) } @else { (table("Deployments", &COLUMNS, &rows)) }
        (next_page(next.map(|next| link(&sought, Some(next.as_str()))).as_deref()))
    };
    Ok(layout::page("Deployments", Some(&by), content))
}

/// The list of what is looked for, after a place.
fn link(sought: &Sought, after: Option<&str>) -> String {
    let Sought { team, target, health } = sought;
    let values = [
        ("team", team.as_deref()),
        ("target", target.as_deref()),
        ("health", health.map(Health::as_str)),
        ("after", after),
    ];
    address(PATH, &values)
}

fn filters(sought: &Sought, targets: &[String]) -> Markup {
    let any = ("", "Any");
    let targets = targets.iter().map(|target| (target.as_str(), target.as_str()));
    let targets: Vec<(&str, &str)> = [any].into_iter().chain(targets).collect();
    let healths = Health::ALL.map(|health| (health.as_str(), health.as_str()));
    let healths: Vec<(&str, &str)> = [any].into_iter().chain(healths).collect();
    let target = sought.target.as_deref().unwrap_or_default();
    let health = sought.health.map_or("", Health::as_str);
    html! {
        form.card.filters method="get" action=(PATH) {
            (Field::new("team", "Team").value(sought.team.as_deref().unwrap_or_default()))
            (select("target", "Target", target, &targets))
            (select("health", "Health", health, &healths))
            button { "Show" }
        }
    }
}

fn row(Listed { deployment, wanted }: &Listed) -> Vec<Markup> {
    vec![
        values::deployment_link(&deployment.name),
        values::health(deployment.health),
        html! {
            (deployment.release)
            @if deployment.objection.is_some() { " " (badge(Tone::Bad, "not to be run")) }
            @if !deployment.advisories.is_empty() { " " (badge(Tone::Warning, "advisory")) }
            @if !deployment.drift.is_empty() { " " (badge(Tone::Warning, "drift")) }
        },
        html! {
            (deployment.target)
            @if deployment.trouble.is_some() { " " (badge(Tone::Bad, "does not answer")) }
        },
        html! { (deployment.team.as_deref().unwrap_or("–")) },
        html! { (values::replicas(deployment, *wanted)) },
        html! { (deployment.revision) },
        html! {
            @match deployment.endpoints.as_slice() {
                [] => { "–" }
                [endpoint] => { code { (endpoint.address) } }
                [endpoint, rest @ ..] => { code { (endpoint.address) } " and " (rest.len()) " more" }
            }
        },
    ]
}

fn none(by: &Actor, sought: &Sought, is_first: bool) -> Markup {
    let (installs, deploys) =
        (by.must_be(HostRole::Approver).is_ok(), by.must_be(HostRole::Deployer).is_ok());
    let is_whole = sought.team.is_none() && sought.target.is_none() && sought.health.is_none();
    match is_whole && is_first {
        true => empty(
            "Nothing is deployed yet.",
            &html! {
                @if installs { a href="/plugins/install" { "Install a plugin" } ", and " a href="/deploy" { "deploy it" } "." }
                @else if deploys { a href="/deploy" { "Deploy a plugin" } " that an approver has installed." }
                @else { "Whoever is a deployer here deploys what is installed: see " a href="/plugins" { "Plugins" } "." }
            },
        ),
        false => empty("No deployments match.", &html! { a href=(PATH) { "Show all deployments" } "." }),
    }
}
