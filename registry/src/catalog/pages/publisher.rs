//! A publisher: its plugins, and the keys that sign them.

use axum::extract::State;
use chandlery_accounts::Principal;
use chandlery_accounts::organisations::domains;
use chandlery_edge::{Path, Query as Asked};
use chandlery_package::Namespace;
use chandlery_package::wire::{KeyRecord, Paging};
use chandlery_pages::{Column, Link, Tone, badge, crumbs, day, empty, next_page, table};
use maud::{Markup, html};

use super::telling::{Base, publisher_path};
use super::{listing, log_entry};
use crate::catalog::error::Error;
use crate::catalog::keys::keys;
use crate::catalog::search::{Key, Query, SearchOrder};
use crate::catalog::state::Catalog;
use crate::catalog::visibility::must_see_namespace;
use crate::shell::{self, SEARCH};

/// How many of its first keys are shown.
const KEYS_SHOWN: u32 = 50;

/// The page `/publishers/{namespace}`.
pub(super) async fn page(
    State(catalog): State<Catalog>,
    principal: Principal,
    base: Base,
    Path(namespace): Path<Namespace>,
    Asked(paging): Asked<Paging<Key>>,
) -> Result<Markup, Error> {
    must_see_namespace(&catalog.db, &principal, &namespace).await?;
    let of_it =
        Query { publisher: Some(namespace.clone()), order: Some(SearchOrder::Name), ..Query::default() };
    let found = catalog.search.find(&catalog.db, &of_it, &paging, |_| true).await?;
    let keys = keys(&catalog.db, &namespace, &Paging::first(KEYS_SHOWN)).await?;
    let domains = domains::proved_of_namespace(&catalog.db, &namespace).await?;
    let path = publisher_path(&namespace);
    let next = found.next.as_deref().map(|after| format!("{path}?after={after}"));
    let content = html! {
        (crumbs(&[Link { path: SEARCH, name: "Plugins" }], namespace.as_str()))
        h1 { (namespace) }
        @if !domains.is_empty() {
            p.badges { @for domain in &domains { (badge(Tone::Good, domain.as_str())) } }
            p.note { "Domains that an organisation which owns this namespace has proved by DNS to be its own." }
        }
        h2 { "Plugins" }
        @if found.items.is_empty() {
            (empty("This publisher has no plugin that can be installed.", &html! { "Look at " a href=(SEARCH) { "all plugins" } "." }))
        }
        (listing::plugins(&found.items))
        (next_page(next.as_deref()))
        h2 { "Keys" }
        p { "A release of '" (namespace) "' is signed by one of these keys, or by a workload that an owner of it trusts." }
        (table("Keys", &[Column::Text("Key"), Column::Text("Added by"), Column::Text("State")], &rows(&keys.items)))
        @if keys.next.is_some() {
            p.note { "These are the first " (KEYS_SHOWN) "; " code { "chandlery keys list " (namespace) } " shows all of them." }
        }
    };
    let about = format!("Plugins of {namespace}, and the keys that sign them.");
    let head = base.head(&path, namespace.as_str(), &about);
    Ok(shell::page(&head, principal.account.as_ref().into(), "", &content))
}

fn rows(keys: &[KeyRecord]) -> Vec<Vec<Markup>> {
    let state = |key: &KeyRecord| match key.revoked_from {
        Some(from) => html! { (badge(Tone::Bad, "revoked")) " from " (day(from)) " on" },
        None => badge(Tone::Good, "signs"),
    };
    let row = |key: &KeyRecord| {
        vec![
            html! { code { (key.key.id()) } },
            html! { a href=(log_entry::path(key.log_index)) { "entry " (key.log_index) } " of the log" },
            state(key),
        ]
    };
    keys.iter().map(row).collect()
}
