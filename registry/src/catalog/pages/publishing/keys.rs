//! The keys of a namespace on its page: shown to its members, and to its owners with what adds and revokes them.

use chandlery_package::Namespace;
use chandlery_package::wire::{KeyRecord, Paging};
use chandlery_pages::{Column, Tone, badge, day, table};
use maud::{Markup, html};

use super::answers::namespace_path;
use super::signing::{Place, key_form};
use crate::catalog::error::Error;
use crate::catalog::keys::{keys, trusted};
use crate::catalog::pages::log_entry;
use crate::catalog::state::Catalog;

/// How many of its first keys are shown.
const SHOWN: u32 = 100;

/// What the page of a namespace says of its keys, and lets an owner do.
pub(super) async fn section(catalog: &Catalog, namespace: &Namespace, owns: bool) -> Result<Markup, Error> {
    let all = keys(&catalog.db, namespace, &Paging::first(SHOWN)).await?;
    let own = trusted(&catalog.db, namespace).await?;
    let rows: Vec<Vec<Markup>> = all.items.iter().map(|key| row(namespace, key, owns)).collect();
    let columns = ["Key", "Added by", "State", "Do"].map(Column::Text);
    let place = Place {
        action: &format!("{}/keys", namespace_path(namespace)),
        namespace,
        keys: &own,
        adds: owns,
        button: "Add it to the namespace",
        texts: &[],
    };
    Ok(html! {
        h2 { "Keys" }
        p { "What these keys sign is a release of '" (namespace) "', and nothing else is. The log tells of each for ever." }
        (table("Keys", &columns, &rows))
        @if owns {
            h3 { "Add one" }
            (key_form(&place))
            p.note { "With the command: " code { "chandlery keys add " (namespace) } }
        }
    })
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
                    input name="from" aria-label=(format!("From when on {id} is not to be trusted")) placeholder="now, or 2026-01-31T12:00:00Z";
                    button.quiet { "Revoke" }
                }
            }
        },
    ]
}
