//! A namespace as its publishers manage it: its plugins, its keys, who belongs to it, and how many it takes to publish.

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::response::{IntoResponse as _, Redirect, Response};
use chandlery_accounts::{Actor, Caller, Role, role};
use chandlery_edge::Query as Asked;
use chandlery_package::Namespace;
use chandlery_package::problem::Explain as _;
use chandlery_package::wire::Paging;
use chandlery_pages::{Link, crumbs, empty, fault, next_page};
use chandlery_store::Db;
use maud::html;
use serde::Deserialize;

use super::answers::{logged_in, must_be_member, named, namespace_path, plugin_path, shown, told};
use super::signing::script_tag;
use super::{approval, keys, team};
use crate::catalog::error::Error;
use crate::catalog::pages::telling::publisher_path;
use crate::catalog::staging;
use crate::catalog::state::Catalog;
use crate::shell::{PUBLISH, scripted};
use crate::team::{Chosen, Typed};

/// How many of its plugins are listed after a form.
const SHOWN: u32 = 100;

/// Whoever manages the namespace of the path. Whoever is not logged in is sent to the log-in; what a member may do, each act asks.
pub(super) struct Manager {
    catalog: Catalog,
    pub(super) namespace: Namespace,
    pub(super) caller: Caller,
}

#[derive(Deserialize)]
struct NamespacePath {
    namespace: Namespace,
}

impl FromRequestParts<Catalog> for Manager {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, catalog: &Catalog) -> Result<Self, Response> {
        let NamespacePath { namespace } = named(parts, catalog).await?;
        let caller = logged_in(parts, catalog, &namespace_path(&namespace)).await?;
        Ok(Self { catalog: catalog.clone(), namespace, caller })
    }
}

impl Manager {
    /// The registry's database.
    pub(super) fn db(&self) -> &Db {
        &self.catalog.db
    }

    /// What the trail keeps of them.
    pub(super) fn actor(&self) -> &Actor {
        &self.caller.actor
    }

    /// Who asks for what another member decides, or decides it.
    pub(super) fn member(&self) -> (&Actor, &Namespace) {
        (&self.caller.actor, &self.caller.name)
    }

    /// Refuses whoever does not own the namespace; `action` ends before its name.
    pub(super) async fn must_own(&self, action: &str) -> Result<(), Error> {
        Ok(self.caller.must_own(self.db(), &self.namespace, action).await?)
    }

    /// Refuses whoever may not publish in the namespace; `action` ends before its name.
    pub(super) async fn must_publish(&self, action: &str) -> Result<(), Error> {
        Ok(self.caller.must_be(self.db(), Role::Publisher, &self.namespace, action).await?)
    }

    /// The page again, after what was asked for on it was done, or was not. `chosen` is what was sent of a member.
    pub(super) async fn answer(&self, done: Result<(), Error>, chosen: Chosen) -> Result<Response, Error> {
        let Err(error) = done else {
            return Ok(Redirect::to(&namespace_path(&self.namespace)).into_response());
        };
        let typed = Typed::refused(chosen, &error.problem());
        let (status, _) = told(error)?;
        let mut page = self.content(&Paging::first(SHOWN), &typed).await?;
        *page.status_mut() = status;
        Ok(page)
    }

    async fn content(&self, paging: &Paging<String>, typed: &Typed) -> Result<Response, Error> {
        let Self { catalog, namespace, caller } = self;
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
}

/// The page `/publish/namespaces/{namespace}`.
pub(super) async fn page(by: Manager, Asked(paging): Asked<Paging<String>>) -> Result<Response, Error> {
    by.content(&paging, &Typed::default()).await
}
