//! The first page: what this is, for whom, and what is in it.

use axum::extract::State;
use chandlery_accounts::Principal;
use chandlery_package::Namespace;
use chandlery_package::wire::Paging;
use chandlery_pages::{Head, command, empty};
use maud::{Markup, html};

use super::listing::plugins;
use super::telling::Base;
use crate::catalog::error::Error;
use crate::catalog::search::{Query, SearchOrder};
use crate::catalog::state::Catalog;
use crate::shell::{self, ADVISORIES_FEED, FEED, SEARCH};

/// How many plugins each list shows.
const SHOWN: u32 = 6;
const ABOUT: &str = "Signed WebAssembly plugins that deploy AI servers: find one, see what it does and what it may do, and verify what you run.";

/// The page `/`: what everybody may see, whoever asks.
pub(super) async fn page(
    State(catalog): State<Catalog>,
    principal: Principal,
    base: Base,
) -> Result<Markup, Error> {
    let nobody = |_: &Namespace| false;
    let paging = Paging::first(SHOWN);
    let featured = catalog.search.find(&catalog.db, &Query::default(), &paging, nobody).await?.items;
    let by_date = Query { order: Some(SearchOrder::New), ..Query::default() };
    let new = catalog.search.find(&catalog.db, &by_date, &paging, nobody).await?.items;
    let by_use = Query { order: Some(SearchOrder::Deployed), ..Query::default() };
    let mut deployed = catalog.search.find(&catalog.db, &by_use, &paging, nobody).await?.items;
    deployed.retain(|record| record.running > 0);
    let account = principal.account.as_ref();
    let content = html! {
        h1 { "Plugins that fit out GPU fleets" }
        p.lead { (ABOUT) }
        form.filters role="search" aria-label="What to deploy" method="get" action=(SEARCH) {
            div.field {
                label for="words" { "What do you want to deploy?" }
                input id="words" type="search" name="q" maxlength="200" placeholder="vllm, ocr, embeddings";
            }
            button { "Search" }
        }
        @if account.is_some() {
            p { a href="/welcome" { "First steps" } " · " a href="/account" { "Your account" } " · " a href="/dashboard" { "Your payouts" } }
        }
        @if featured.is_empty() {
            h2 { "Plugins" }
            (empty("Nothing is published yet.", &html! { "Begin one with " code { "chandlery new" } "." }))
        } @else {
            h2 { "Featured" }
            p.note { "Certified by whoever operates this registry, then those that are pulled most." }
            (plugins(&featured))
            @if !deployed.is_empty() {
                h2 { "Most deployed" }
                p.note { "By how many accounts have run them within a day, as their hosts have metered it." }
                (plugins(&deployed))
            }
            h2 { "New releases" }
            (plugins(&new))
            p {
                a href=(SEARCH) { "All plugins" } " · " a href=(FEED) { "Feed of releases" }
                " · " a href=(ADVISORIES_FEED) { "Feed of advisories" }
            }
        }
        (for_whom(account.is_some()))
    };
    let head = Head { feed: Some(FEED.into()), ..base.head("/", "Home", ABOUT) };
    Ok(shell::page(&head, account.into(), "", &content))
}

fn for_whom(is_known: bool) -> Markup {
    html! {
        h2 { "For whom" }
        ul.plugins {
            li.card {
                h3 { "Platform teams" }
                p { "See what would run before it does, on your own machines, Slurm or Kubernetes. Every release is signed, and stands in a log "
                    "that cannot be changed quietly." }
                (command("chandlery install NAMESPACE:NAME"))
            }
            li.card {
                h3 { "Publishers" }
                p { "Write a template in Rust, JavaScript or Python. Set a price once, by the month or by use, and follow every cent to your bank." }
                (command("chandlery new NAMESPACE:NAME"))
            }
            li.card {
                h3 { "Consultants" }
                p { "Be certified, offer your services, and be paid as each part is accepted." }
                p { a href="/consultants" { "Who is certified" } }
            }
        }
        @if !is_known { p { a href="/register" { "Sign up" } " · " a href="/pricing" { "Pricing" } } }
    }
}
