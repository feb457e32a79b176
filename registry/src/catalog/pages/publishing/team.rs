//! The team of a namespace on its page: who belongs to it and as what, who is invited, and the forms that change it; and the
//! invitations that somebody finds where publishing begins.

use chandlery_accounts::{Account, Role, members};
use chandlery_package::Namespace;
use chandlery_package::wire::{Member, Paging};
use chandlery_pages::{Column, command, table};
use maud::{Markup, html};

use super::answers::team_path;
use crate::catalog::error::Error;
use crate::catalog::state::Catalog;
use crate::team::{Seen, Typed, invitation, invite_form};

/// How many members, and how many invitations, are shown.
const SHOWN: u32 = 100;
const HINT: &str = "The name of an account or an organisation. It becomes a member when it accepts.";

/// What the page of a namespace says of its team, and lets whoever looks do.
pub(super) async fn section(
    catalog: &Catalog,
    caller: &Account,
    namespace: &Namespace,
    typed: &Typed,
) -> Result<Markup, Error> {
    let team = members::list(&catalog.db, namespace, &Paging::first(SHOWN)).await?;
    let given = members::may_give(&catalog.db, namespace, &caller.name).await?;
    let offered: Vec<&str> = given.into_iter().map(Role::as_str).collect();
    let path = team_path(namespace);
    let row = |member: &Member| {
        let seen = Seen {
            path: &path,
            account: &member.account,
            role: member.role.as_str(),
            invited: member.invited,
            own: member.account == caller.name,
            offered: &offered,
        };
        vec![html! { (member.account) }, seen.role(), seen.state(html! { "member" }), seen.end()]
    };
    let rows: Vec<Vec<Markup>> = team.items.iter().map(row).collect();
    Ok(html! {
        h2 { "Team" }
        p { "Viewers see private plugins. Publishers push and publish. Owners also manage keys, the team and the namespace." }
        (table("Team", &["Account", "Role", "State", "Actions"].map(Column::Text), &rows))
        @if team.next.is_some() {
            p.note { "These are the first " (SHOWN) ". To list all of them:" }
            (command(&format!("chandlery namespace members {namespace}")))
        }
        @if !offered.is_empty() {
            h3 { "Invite a member" }
            (invite_form(&path, &offered, Role::Publisher.as_str(), typed, HINT))
        }
    })
}

/// The invitations that wait for whoever looks.
pub(super) async fn invitations(catalog: &Catalog, caller: &Account) -> Result<Markup, Error> {
    let waiting = members::invitations(&catalog.db, &caller.name, &Paging::first(SHOWN)).await?;
    Ok(html! {
        @for invited in &waiting.items {
            (invitation(&team_path(&invited.namespace), &html! {
                "You are invited to the namespace " strong { (invited.namespace) } " as its " (invited.role) "."
            }))
        }
    })
}
