//! Where things are deployed: each target with its GPUs, what is free of them, and which deployments hold them.

use axum::extract::State;
use chandlery_package::plan::{Facts, GpuPool};
use chandlery_package::wire::host::Target;
use chandlery_pages::{Column, Tone, banner, bytes, facts, money, number, table};
use maud::{Markup, html};

use super::address::address;
use super::door::SignedIn;
use super::{layout, values};
use crate::engines::replicas::Held;
use crate::error::Error;
use crate::host::Host;

const MIB_BYTES: u64 = 1 << 20;

/// The page `/targets`.
pub(super) async fn page(State(host): State<Host>, SignedIn(by): SignedIn) -> Result<Markup, Error> {
    let targets = host.targets.list().await?;
    let held = host.targets.holders().await?;
    let looks = host.targets.looks().await;
    let content = html! {
        h1 { "Targets" }
        p {
            "An admin adds one with " code { "chandlery target add NAME --engine ENGINE" } ". "
            code { "local" } " is the machine of the host itself."
        }
        @for target in &targets {
            h2 id=(target.name) { (target.name) }
            (notices(target, looks.get(&target.name)))
            (summary(target, looks.get(&target.name)))
            (gpus(target, looks.get(&target.name), &held))
        }
    };
    Ok(layout::page("Targets", Some(&by), content))
}

type Look = Result<Facts, String>;

fn notices(target: &Target, look: Option<&Look>) -> Markup {
    let away = match (&target.trouble, look) {
        (Some(trouble), _) => Some(trouble),
        (None, Some(Err(reason))) => Some(reason),
        (None, _) => None,
    };
    html! {
        @if let Some(reason) = away { (banner(Tone::Bad, &html! { "It does not answer: " (reason) })) }
        @if let Some(warning) = &target.warning { (banner(Tone::Warning, &html! { (warning) })) }
    }
}

fn summary(target: &Target, look: Option<&Look>) -> Markup {
    let on_it = address("/deployments", &[("target", Some(target.name.as_str()))]);
    let mut told = vec![
        ("Engine", html! { (target.engine) }),
        ("Deployments", html! { a href=(on_it) { (target.deployments.len()) } }),
    ];
    if let Some(Ok(found)) = look {
        let runtimes: Vec<&str> = found.runtimes.iter().map(|runtime| runtime.as_str()).collect();
        told.push(("Runs", html! { (runtimes.join(", ")) " on " (found.architecture) }));
    }
    if let Some(millis) = target.pass_millis {
        told.push(("Last look", html! { "took " (number(millis)) " ms" }));
    }
    let prices: Vec<String> =
        target.prices.iter().map(|(what, price)| format!("{what} {}", money(*price))).collect();
    if !prices.is_empty() {
        told.push(("Prices by the hour", html! { (prices.join(", ")) }));
    }
    html! { div.card { (facts(&told)) } }
}

fn gpus(target: &Target, look: Option<&Look>, held: &[Held]) -> Markup {
    let holders: Vec<&Held> = held.iter().filter(|held| held.target == target.name).collect();
    html! {
        @if let Some(Ok(found)) = look { (pools(found)) }
        @if !holders.is_empty() { (holders_table(&holders)) }
    }
}

fn pools(found: &Facts) -> Markup {
    let columns = [
        Column::Text("GPU"),
        Column::Number("Memory of each"),
        Column::Number("Total"),
        Column::Number("Free"),
        Column::Number("Nodes"),
    ];
    let row = |pool: &GpuPool| {
        let memory = match pool.memory_mib {
            0 => "–".to_owned(),
            mib => bytes(u64::from(mib) * MIB_BYTES),
        };
        vec![
            html! { (pool.kind) },
            html! { (memory) },
            html! { (pool.total) },
            html! { (pool.free) },
            html! { (pool.nodes) },
        ]
    };
    let rows: Vec<Vec<Markup>> = found.gpu_pools.iter().map(row).collect();
    html! {
        @if rows.is_empty() { p.none { "This target has no GPUs." } }
        @else { (table(&format!("GPUs of {}", found.name), &columns, &rows)) }
    }
}

fn holders_table(holders: &[&Held]) -> Markup {
    let columns = [Column::Text("Held by"), Column::Number("GPUs"), Column::Number("Replicas")];
    let row = |held: &&Held| {
        vec![values::deployment_link(&held.deployment), html! { (held.gpus) }, html! { (held.replicas) }]
    };
    let rows: Vec<Vec<Markup>> = holders.iter().map(row).collect();
    table("Deployments that hold GPUs", &columns, &rows)
}
