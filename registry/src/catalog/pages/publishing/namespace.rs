//! A namespace as its publishers manage it: its plugins, its keys, who belongs to it, and how many it takes to publish.

use axum::extract::State;
use axum::response::{IntoResponse as _, Redirect, Response};
use chandlery_accounts::{Caller, Role, role};
use chandlery_edge::{Path, Query as Asked};
use chandlery_package::Namespace;
use chandlery_package::problem::Explain as _;
use chandlery_package::wire::Paging;
use chandlery_pages::{Link, crumbs, empty, fault, next_page};
use maud::html;

use super::answers::{must_be_member, namespace_path, plugin_path, shown, told};
use super::signing::script_tag;
use super::{approval, keys, team};
use crate::catalog::error::Error;
use crate::catalog::pages::telling::publisher_path;
use crate::catalog::staging;
use crate::catalog::state::Catalog;
use crate::shell::{LogIn, PUBLISH, scripted};
use crate::team::{Chosen, Typed};

/// How many of its plugins are listed after a form.
const SHOWN: u32 = 100;

/// The page `/publish/namespaces/{namespace}`.
pub(super) async fn page(
    State(catalog): State<Catalog>,
    caller: Option<Caller>,
    log_in: LogIn,
    Path(namespace): Path<Namespace>,
    Asked(paging): Asked<Paging<String>>,
) -> Result<Response, Error> {
    let Some(caller) = caller else { return Ok(log_in.then(&namespace_path(&namespace))) };
    content(&catalog, &caller, &namespace, &paging, &Typed::default()).await
}

/// The page again, after what was asked for on it was done, or was not.
pub(super) async fn answer(
    catalog: &Catalog,
    caller: &Caller,
    namespace: &Namespace,
    done: Result<(), Error>,
) -> Result<Response, Error> {
    let Err(error) = done else { return Ok(Redirect::to(&namespace_path(namespace)).into_response()) };
    let typed = Typed::refused(Chosen::default(), &error.problem());
    again(catalog, caller, namespace, error, &typed).await
}

/// The page again, with what was typed on it and refused.
pub(super) async fn again(
    catalog: &Catalog,
    caller: &Caller,
    namespace: &Namespace,
    error: Error,
    typed: &Typed,
) -> Result<Response, Error> {
    let (status, _) = told(error)?;
    let mut page = content(catalog, caller, namespace, &Paging::first(SHOWN), typed).await?;
    *page.status_mut() = status;
    Ok(page)
}

async fn content(
    catalog: &Catalog,
    caller: &Caller,
    namespace: &Namespace,
    paging: &Paging<String>,
    typed: &Typed,
) -> Result<Response, Error> {
    must_be_member(&catalog.db, caller, namespace).await?;
    let role = role(&catalog.db, namespace, &caller.name).await?;
    let (publishes, owns) = (role >= Some(Role::Publisher), role == Some(Role::Owner));
    let plugins = staging::plugins(&catalog.db, namespace, paging).await?;
    let path = namespace_path(namespace);
    let next = plugins.next.as_deref().map(|after| format!("{path}?after={after}"));
    let content = html! {
        (crumbs(&[Link { path: PUBLISH, name: "Publish" }], namespace.as_str()))
        h1 { (namespace) }
        p { a href=(publisher_path(namespace)) { "View as a visitor" } }
        (fault(typed.of_team.as_deref()))
        h2 { "Plugins" }
        @if plugins.items.is_empty() {
            (empty("Nothing is published here yet.", &html! { a href=(PUBLISH) { "Upload a component" } }))
        } @else {
            ul { @for plugin in &plugins.items { li { a href=(plugin_path(plugin)) { (plugin.name) } } } }
            (next_page(next.as_deref()))
        }
        (keys::section(catalog, namespace, (&caller.name, role)).await?)
        (approval::section(catalog, namespace, owns).await?)
        (team::section(catalog, caller, namespace, typed).await?)
        @if publishes { (script_tag()) }
    };
    let page = shown(&format!("Manage {namespace}"), caller, &content);
    Ok(if publishes { scripted(page) } else { page.into_response() })
}
