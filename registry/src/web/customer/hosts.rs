//! The hosts that report for an account: when each was last heard of, what it signs with, and what is wrong with that.

use std::collections::BTreeMap;

use axum::extract::State;
use axum::response::{IntoResponse as _, Redirect, Response};
use chandlery_accounts::organisations::Power;
use chandlery_edge::{Form, Query};
use chandlery_money::{Finance, billing};
use chandlery_package::wire::{ChainState, HostChain, HostSeen, Page, Paging};
use chandlery_pages::{Column, Tone, badge, command, empty, minute, next_page, number, table};
use maud::{Markup, html};
use serde::Deserialize;

use super::frame::{self, Customer};
use crate::error::Error;

const PAGE: &str = "/hosts";
/// How many keys are shown beside a page of hosts.
const KEYS_SHOWN: u32 = 1000;

/// The page `/hosts`.
pub(super) async fn page(
    State(finance): State<Finance>,
    caller: Customer,
    Query(paging): Query<Paging<String>>,
) -> Result<Markup, Error> {
    let may_forget = caller.may(&finance.db, Power::Use).await?;
    let mut db = finance.db.snapshot().await?;
    let hosts = billing::hosts(&mut db, &caller.name, &paging).await?;
    let (registry, now) = (finance.log.origin(), finance.clock.now());
    let chains =
        billing::host_chains(&mut db, registry, Some(&caller.name), &Paging::first(KEYS_SHOWN), now).await?;
    drop(db);
    let is_whole = paging.after().is_none() && hosts.next.is_none();
    let content = html! {
        h1 { "Hosts of " (caller.name) }
        p { "They report by themselves, each hour. Their deployments count together; one that was not heard of for 7 days counts no more." }
        @if hosts.items.is_empty() && chains.items.is_empty() {
            (empty("No host has reported yet.", &html! { "A host appears here once it runs for this account." }))
            (command("chandlery host run --data DIR"))
        } @else {
            (table("Hosts", &COLUMNS, &rows(&hosts, &chains, is_whole, may_forget)))
            (next_page(hosts.next.as_deref().map(|after| format!("{PAGE}?after={after}")).as_deref()))
            p.note { "To forget a host that is no more makes room for others. What it has reported stays, and is invoiced." }
        }
    };
    Ok(frame::page(&caller, "Hosts", PAGE, &content))
}

const COLUMNS: [Column<'static>; 6] = [
    Column::Text("Host"),
    Column::Text("Last report"),
    Column::Number("Deployments"),
    Column::Text("Key"),
    Column::Text("State"),
    Column::Text("Do"),
];

/// A row for each host that was heard of lately and, where that is all of them, for each that has a key alone.
fn rows(
    hosts: &Page<HostSeen>,
    chains: &Page<HostChain>,
    is_whole: bool,
    may_forget: bool,
) -> Vec<Vec<Markup>> {
    let mut keys: BTreeMap<&str, &HostChain> =
        chains.items.iter().map(|chain| (chain.host.as_str(), chain)).collect();
    let mut rows = Vec::new();
    for seen in &hosts.items {
        let chain = keys.remove(seen.host.as_str());
        rows.push(row(
            &seen.host,
            html! { (minute(seen.seen_at)) },
            number(seen.deployments.into()),
            chain,
            may_forget,
        ));
    }
    if is_whole {
        for chain in keys.into_values() {
            let can_be_forgotten = may_forget && chain.state != ChainState::Forgotten;
            rows.push(row(&chain.host, minute(chain.heard_at), "none".into(), Some(chain), can_be_forgotten));
        }
    }
    rows
}

fn row(
    host: &str,
    last: Markup,
    deployments: String,
    chain: Option<&HostChain>,
    may_forget: bool,
) -> Vec<Markup> {
    vec![
        html! { code { (host) } },
        last,
        html! { (deployments) },
        html! { @match chain { Some(chain) => code { (chain.key.id()) }, None => "signs nothing" } },
        html! { @if let Some(chain) = chain { (state(chain)) } },
        html! {
            @if may_forget {
                form method="post" action=(PAGE) {
                    input type="hidden" name="host" value=(host);
                    button.quiet aria-label=(format!("Forget {host}")) { "Forget" }
                }
            }
        },
    ]
}

fn state(chain: &HostChain) -> Markup {
    let tone = match chain.state {
        ChainState::Reporting => Tone::Good,
        ChainState::Silent => Tone::Warning,
        ChainState::Forgotten => Tone::Plain,
    };
    html! {
        (badge(tone, chain.state.as_str()))
        @for incident in &chain.incidents {
            " " (badge(Tone::Bad, incident.kind.as_str())) " " span.note { "record " (incident.sequence) }
        }
    }
}

/// Which host is no more.
#[derive(Deserialize)]
pub(super) struct Gone {
    #[serde(default)]
    host: String,
}

/// Forgets a host.
pub(super) async fn forget(
    State(finance): State<Finance>,
    caller: Customer,
    Form(gone): Form<Gone>,
) -> Result<Response, Error> {
    billing::forget_host(&finance.db, &caller.name, &gone.host, finance.clock.now()).await?;
    Ok(Redirect::to(PAGE).into_response())
}
