//! Accounts that are suspended, and the forms that suspend and reinstate.

use axum::extract::State;
use axum::response::{IntoResponse as _, Redirect, Response};
use chandlery_accounts::suspensions;
use chandlery_edge::{Form, Query};
use chandlery_package::Namespace;
use chandlery_package::wire::{NewSuspension, Paging, Suspension};
use chandlery_pages::{Column, Field, empty, fault, minute, next_page, table};
use maud::{Markup, html};
use serde::Deserialize;

use super::parts;
use super::parts::ACCOUNTS;
use crate::catalog::{Catalog, Error};
use crate::console::Operator;
use crate::shell::shown_again;

/// How many accounts are shown below a form that was refused.
const SHOWN: u32 = 100;

/// What a form sends.
#[derive(Debug, Default, Deserialize)]
pub(super) struct Sent {
    #[serde(default)]
    account: String,
    #[serde(default)]
    reason: String,
    /// Whether it is reinstated.
    #[serde(default)]
    reinstate: bool,
}

/// The page `/operator/moderation/accounts`.
pub(super) async fn page(
    State(catalog): State<Catalog>,
    operator: Operator,
    Query(paging): Query<Paging<Namespace>>,
) -> Result<Markup, Error> {
    shown(&catalog, &operator, &paging, &Sent::default(), None).await
}

/// Suspends an account, or reinstates it.
pub(super) async fn put(
    State(catalog): State<Catalog>,
    operator: Operator,
    Form(sent): Form<Sent>,
) -> Result<Response, Error> {
    match change(&catalog, &operator, &sent).await {
        Ok(()) => Ok(Redirect::to(ACCOUNTS).into_response()),
        Err(error) => {
            let why = error.to_string();
            let page = shown(&catalog, &operator, &Paging::first(SHOWN), &sent, Some(&why)).await?;
            shown_again(error, |_| page)
        }
    }
}

async fn change(catalog: &Catalog, operator: &Operator, sent: &Sent) -> Result<(), Error> {
    let account =
        sent.account.trim().parse::<Namespace>().map_err(|error| Error::invalid(error.to_string()))?;
    let new = NewSuspension { suspended: !sent.reinstate, reason: sent.reason.trim().into() };
    Ok(suspensions::put(&catalog.db, &operator.actor, &account, &new).await?)
}

async fn shown(
    catalog: &Catalog,
    operator: &Operator,
    paging: &Paging<Namespace>,
    sent: &Sent,
    wrong: Option<&str>,
) -> Result<Markup, Error> {
    let found = suspensions::list(&catalog.db, paging).await?;
    let next = found.next.as_deref().map(|after| format!("{ACCOUNTS}?after={after}"));
    let (of_list, of_form) = if sent.reinstate { (wrong, None) } else { (None, wrong) };
    let content = html! {
        h1 { "Suspended accounts" }
        (fault(of_list))
        @if found.items.is_empty() {
            (empty("No account is suspended.", &html! { "Nothing that a suspended account has opens the registry, and what it earns is on hold." }))
        } @else { (list(&found.items)) }
        (next_page(next.as_deref()))
        h2 { "Suspend" }
        p.note { "Its log-ins end at once. It keeps all else, and is reinstated as it was. Whoever operates the registry is demoted first." }
        form.card method="post" action=(ACCOUNTS) {
            (fault(of_form))
            (Field::new("account", "Account").value(if sent.reinstate { "" } else { &sent.account }).required())
            (parts::reason("reason", "Reason", "Its owner reads it.", if sent.reinstate { "" } else { &sent.reason }))
            button { "Suspend" }
        }
    };
    Ok(parts::page(operator, "Suspended accounts", ACCOUNTS, &content))
}

fn list(suspended: &[Suspension]) -> Markup {
    let columns = ["Account", "Since", "Reason", "Reinstate it"].map(Column::Text);
    let row = |one: &Suspension| {
        let reinstate = html! {
            form.row method="post" action=(ACCOUNTS) {
                input type="hidden" name="account" value=(one.account);
                input type="hidden" name="reinstate" value="true";
                input name="reason" maxlength="2000" required aria-label=(format!("Why {} is reinstated", one.account)) placeholder="Reason";
                button.quiet aria-label=(format!("Reinstate {}", one.account)) { "Reinstate" }
            }
        };
        vec![html! { (one.account) }, minute(one.since), html! { (one.reason) }, reinstate]
    };
    table("Suspended accounts", &columns, &suspended.iter().map(row).collect::<Vec<_>>())
}
