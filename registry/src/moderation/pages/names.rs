//! Names that go to other accounts: those that went, and the form by which one does.

use axum::extract::State;
use axum::response::{IntoResponse as _, Redirect, Response};
use chandlery_accounts::audit;
use chandlery_edge::{Form, Query};
use chandlery_package::Namespace;
use chandlery_package::wire::{Act, AuditEntry, NewOwner, Paging};
use chandlery_pages::{Column, Field, checkbox, empty, fault, minute, next_page, table};
use maud::{Markup, html};
use serde::Deserialize;

use super::parts;
use super::parts::NAMES;
use crate::catalog::Catalog;
use crate::console::Operator;
use crate::error::Error;
use crate::moderation::transfer;
use crate::shell::shown_again;

/// How many transfers are shown below a form that was refused.
const SHOWN: u32 = 100;

/// What the form sends.
#[derive(Debug, Default, Deserialize)]
pub(super) struct Sent {
    #[serde(default)]
    namespace: String,
    #[serde(default)]
    account: String,
    #[serde(default)]
    reason: String,
    /// Whether it was said that it is meant.
    #[serde(default)]
    certain: bool,
}

/// The page `/operator/moderation/names`.
pub(super) async fn page(
    State(catalog): State<Catalog>,
    operator: Operator,
    Query(paging): Query<Paging<i64>>,
) -> Result<Markup, Error> {
    shown(&catalog, &operator, &paging, &Sent::default(), None).await
}

/// Gives a namespace to an account.
pub(super) async fn transfer(
    State(catalog): State<Catalog>,
    operator: Operator,
    Form(sent): Form<Sent>,
) -> Result<Response, Error> {
    match give(&catalog, &operator, &sent).await {
        Ok(()) => Ok(Redirect::to(NAMES).into_response()),
        Err(error) => {
            let why = error.to_string();
            let page = shown(&catalog, &operator, &Paging::first(SHOWN), &sent, Some(&why)).await?;
            shown_again(error, |_| page)
        }
    }
}

async fn give(catalog: &Catalog, operator: &Operator, sent: &Sent) -> Result<(), Error> {
    let name =
        |text: &str| text.trim().parse::<Namespace>().map_err(|error| Error::invalid(error.to_string()));
    let (namespace, account) = (name(&sent.namespace)?, name(&sent.account)?);
    if !sent.certain {
        return Err(Error::invalid("its members lose the name and its keys end: say that you are certain"));
    }
    let new = NewOwner { account, reason: sent.reason.trim().into() };
    transfer::transfer(catalog, operator, &namespace, &new).await
}

async fn shown(
    catalog: &Catalog,
    operator: &Operator,
    paging: &Paging<i64>,
    sent: &Sent,
    wrong: Option<&str>,
) -> Result<Markup, Error> {
    let filter = audit::Filter { act: Some(Act::NamespaceTransferred), ..audit::Filter::default() };
    let found = audit::list(&catalog.db, &filter, paging).await?;
    let next = found.next.as_deref().map(|after| format!("{NAMES}?after={after}"));
    let content = html! {
        h1 { "Names" }
        h2 { "Give a name to another account" }
        p.note {
            "Where a name is squatted, or belongs to somebody else. The account is its only member from then on. What was published stays, "
            "and stays signed; the keys that signed it sign nothing more."
        }
        form.card method="post" action=(NAMES) {
            (fault(wrong))
            (Field::new("namespace", "Namespace").value(&sent.namespace).required())
            (Field::new("account", "Its new owner").value(&sent.account).required())
            (parts::reason("reason", "Reason", "Everybody who uses what it has published reads it, and it is in the log.", &sent.reason))
            (checkbox("certain", "I am certain: its members lose it, and its keys end", false))
            button { "Transfer" }
        }
        h2 { "Transferred before" }
        @if found.items.is_empty() {
            (empty("No name was transferred.", &html! { "Its history stands here, and in the log." }))
        } @else { (list(&found.items)) }
        (next_page(next.as_deref()))
    };
    Ok(parts::page(operator, "Names", NAMES, &content))
}

fn list(transfers: &[AuditEntry]) -> Markup {
    let columns = ["Namespace", "To", "By", "At", "Reason"].map(Column::Text);
    let row = |entry: &AuditEntry| {
        let said = |what: &str| {
            let after = entry.after.as_ref().and_then(|after| after[what].as_str());
            html! { (after.unwrap_or("–")) }
        };
        let by =
            entry.actor.as_ref().map_or_else(|| "whoever holds the machine".to_owned(), ToString::to_string);
        vec![html! { (entry.subject) }, said("owner"), html! { (by) }, minute(entry.at), said("reason")]
    };
    table("Names that were transferred", &columns, &transfers.iter().map(row).collect::<Vec<_>>())
}
