//! The keys of a namespace on its page: shown to its members, to its publishers with what asks for one, and to its owners with what adds and
//! revokes them.

use chandlery_accounts::Role;
use chandlery_package::Namespace;
use chandlery_package::wire::{KeyRecord, KeyRequest, Paging};
use chandlery_pages::{Column, Tone, badge, day, minute, table};
use maud::{Markup, html};

use super::answers::namespace_path;
use super::signing::{Place, UnknownKey, key_form};
use crate::catalog::error::Error;
use crate::catalog::key_requests;
use crate::catalog::keys::{keys, trusted};
use crate::catalog::pages::log_entry;
use crate::catalog::state::Catalog;

/// How many of its first keys are shown.
const SHOWN: u32 = 100;

/// What the page of a namespace says of its keys, and lets `who` do in this role.
pub(super) async fn section(
    catalog: &Catalog,
    namespace: &Namespace,
    (who, role): (&Namespace, Option<Role>),
) -> Result<Markup, Error> {
    let owns = role == Some(Role::Owner);
    let all = keys(&catalog.db, namespace, &Paging::first(SHOWN)).await?;
    let rows: Vec<Vec<Markup>> = all.items.iter().map(|key| row(namespace, key, owns)).collect();
    let columns = ["Key", "Added by", "State", "Actions"].map(Column::Text);
    Ok(html! {
        h2 id="keys" { "Keys" }
        p { "Only what one of these keys has signed is a release of '" (namespace) "'. The log records each key for ever." }
        (table("Keys", &columns, &rows))
        @if role >= Some(Role::Publisher) {
            (asked_for(catalog, namespace, who, owns).await?)
            (another(catalog, namespace, owns).await?)
        }
    })
}

/// The form by which an owner adds a key, and another member asks for one.
async fn another(catalog: &Catalog, namespace: &Namespace, owns: bool) -> Result<Markup, Error> {
    let own = trusted(&catalog.db, namespace).await?;
    let (title, part, unknown, button, command) = match owns {
        true => ("Add a key", "keys", UnknownKey::Added, "Add it to the namespace", "add"),
        false => {
            ("Request a key", "key-requests", UnknownKey::AskedFor, "Ask the owners to add it", "request")
        }
    };
    let action = format!("{}/{part}", namespace_path(namespace));
    let place = Place { action: &action, namespace, keys: &own, unknown, button, texts: &[] };
    Ok(html! {
        h3 { (title) }
        (key_form(&place))
        p.note { "On the command line: " code { "chandlery keys " (command) " " (namespace) } }
    })
}

/// The keys that members ask for, if there are any.
async fn asked_for(
    catalog: &Catalog,
    namespace: &Namespace,
    who: &Namespace,
    owns: bool,
) -> Result<Markup, Error> {
    let waiting = key_requests::list(&catalog.db, namespace, &Paging::first(SHOWN)).await?.items;
    let rows: Vec<Vec<Markup>> =
        waiting.iter().map(|request| request_row(namespace, request, who, owns)).collect();
    let columns = ["Key", "Requested by", "Expires", "Actions"].map(Column::Text);
    Ok(html! {
        @if !rows.is_empty() {
            h3 { "Requested keys" }
            p { "Before you add a key, ask the person who requests it to read its id out to you." }
            (table("Requested keys", &columns, &rows))
        }
    })
}

fn request_row(namespace: &Namespace, request: &KeyRequest, who: &Namespace, owns: bool) -> Vec<Markup> {
    let id = request.key.id().to_string();
    let path = format!("{}/key-requests/{id}", namespace_path(namespace));
    vec![
        html! { code { (id) } },
        html! { (request.asked_by) },
        minute(request.lapses_at),
        html! {
            form.row method="post" action=(path) {
                @if owns { button.quiet name="act" value="approve" aria-label=(format!("Add key {id}")) { "Add" } " " }
                @if owns || request.asked_by == *who {
                    button.quiet name="act" value="refuse" aria-label=(format!("Refuse key {id}")) { "Refuse" }
                }
            }
        },
    ]
}

fn row(namespace: &Namespace, key: &KeyRecord, owns: bool) -> Vec<Markup> {
    let id = key.key.id().to_string();
    let path = format!("{}/keys/{id}/revocation", namespace_path(namespace));
    let state = match key.revoked_from {
        Some(from) => html! { (badge(Tone::Bad, "revoked")) " from " (day(from)) " on" },
        None => badge(Tone::Good, "signs"),
    };
    vec![
        html! { code { (id) } },
        html! { a href=(log_entry::path(key.log_index)) { "entry " (key.log_index) } " of the log" },
        state,
        html! {
            @if owns {
                form.row method="post" action=(path) {
                    input name="from" size="28" aria-label=(format!("From when on {id} is not to be trusted")) placeholder="now, or 2026-01-31T12:00:00Z";
                    button.quiet { "Revoke" }
                }
            }
        },
    ]
}
