//! The secrets of the host by their names, and which plugins may use each. Their values are shown nowhere.

use std::collections::BTreeMap;

use axum::extract::State;
use chandlery_package::wire::host::{Locked, SecretInfo};
use chandlery_package::wire::{Page, Paging};
use chandlery_package::{Permission, SecretName};
use chandlery_pages::{Column, empty, minute, next_page, table};
use maud::{Markup, html};

use super::address::address;
use super::door::SignedIn;
use super::layout;
use crate::error::Error;
use crate::extract::Query;
use crate::host::Host;

const PATH: &str = "/secrets";
const COLUMNS: [Column<'static>; 3] =
    [Column::Text("Secret"), Column::Text("Set"), Column::Text("Who may use it")];

/// The page `/secrets`.
pub(super) async fn page(
    State(host): State<Host>,
    SignedIn(by): SignedIn,
    Query(paging): Query<Paging<SecretName>>,
) -> Result<Markup, Error> {
    let Page { items, next } = host.secrets.list(&paging).await?;
    let installed = host.installs.list().await?;
    let users = users(&installed);
    let rows: Vec<Vec<Markup>> = items.iter().map(|secret| row(secret, &users)).collect();
    let next = next.map(|next| address(PATH, &[("after", Some(next.as_str()))]));
    let set = html! { "An admin sets one with " code { "chandlery secrets set NAME" } ", which reads its value from standard input." };
    let content = html! {
        h1 { "Secrets" }
        p { "Plugins use a secret by name and never see it. Its value cannot be read again, on any page or by any command." }
        @if rows.is_empty() { (empty("There are no secrets.", &set)) }
        @else { (table("Secrets", &COLUMNS, &rows)) p.note { (set) } }
        (next_page(next.as_deref()))
    };
    Ok(layout::page("Secrets", Some(&by), content))
}

/// What was granted each secret.
fn users(installed: &[Locked]) -> BTreeMap<&SecretName, Vec<&Locked>> {
    let mut users: BTreeMap<&SecretName, Vec<&Locked>> = BTreeMap::new();
    for locked in installed {
        for permission in &locked.permissions {
            if let Permission::Secret(name) = permission {
                users.entry(name).or_default().push(locked);
            }
        }
    }
    users
}

fn row(secret: &SecretInfo, users: &BTreeMap<&SecretName, Vec<&Locked>>) -> Vec<Markup> {
    let may = users.get(&secret.name).map_or(&[][..], Vec::as_slice);
    vec![
        html! { code { (secret.name) } },
        minute(secret.updated_at),
        html! {
            @if may.is_empty() { "nobody: no plugin was granted it" }
            @for locked in may {
                p { (locked.release) " may " (Permission::Secret(secret.name.clone()).in_words(locked.kind)) }
            }
        },
    ]
}
