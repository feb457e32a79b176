//! What the pages of publishers share: where they are, who may see them, and how they say that something was refused.

use axum::extract::{FromRequestParts, OptionalFromRequestParts};
use axum::http::request::Parts;
use axum::response::{IntoResponse as _, Response};
use chandlery_accounts::{Account, Caller, role};
use chandlery_edge::Path;
use chandlery_package::{Namespace, PluginId};
use chandlery_pages::Head;
use chandlery_store::Db;
use maud::Markup;
use serde::de::DeserializeOwned;
use uuid::Uuid;

use crate::catalog::error::Error;
use crate::catalog::state::Catalog;
use crate::shell::{self, LogIn, PUBLISH};

pub(super) use crate::shell::told;

/// The path of a draft's page.
pub(super) fn draft_path(draft: Uuid) -> String {
    format!("{PUBLISH}/{draft}")
}

/// The path of the page on which publishers manage a namespace.
pub(super) fn namespace_path(namespace: &Namespace) -> String {
    format!("{PUBLISH}/namespaces/{namespace}")
}

/// The path below which what changes the team of a namespace is sent.
pub(super) fn team_path(namespace: &Namespace) -> String {
    format!("{PUBLISH}/teams/{namespace}")
}

/// The path of the page on which they manage a plugin: not below that of its namespace, since a plugin may have any name that a form there
/// is sent to.
pub(super) fn plugin_path(PluginId { namespace, name }: &PluginId) -> String {
    format!("{PUBLISH}/plugins/{namespace}/{name}")
}

/// A whole page, which search engines leave out.
pub(super) fn shown(title: &str, caller: &Account, content: &Markup) -> Markup {
    let head = Head { title: title.into(), private: true, ..Head::default() };
    shell::page(&head, Some(caller).into(), "", content)
}

/// Refuses whoever is no member of a namespace.
pub(super) async fn must_be_member(db: &Db, caller: &Account, namespace: &Namespace) -> Result<(), Error> {
    match caller.operator || role(db, namespace, &caller.name).await?.is_some() {
        true => Ok(()),
        false => {
            let action = format!("see how '{namespace}' publishes");
            Err(chandlery_edge::Error::forbidden(&caller.name, action).into())
        }
    }
}

/// That a form has asked for what its page does not do.
pub(super) fn unknown(act: &str) -> Error {
    Error::invalid(format!("'{act}' is nothing that this page does"))
}

/// What the path of a request names, or the answer to a path that names no such thing.
pub(super) async fn named<T>(parts: &mut Parts, catalog: &Catalog) -> Result<T, Response>
where
    T: DeserializeOwned + Send,
{
    let read = <Path<T> as FromRequestParts<Catalog>>::from_request_parts(parts, catalog).await;
    read.map(|Path(named)| named).map_err(refusal)
}

/// Who has sent a request; whoever is not logged in is sent to the log-in and, having sent a form, from there to its page.
pub(super) async fn logged_in(parts: &mut Parts, catalog: &Catalog, form: &str) -> Result<Caller, Response> {
    let caller = <Caller as OptionalFromRequestParts<Catalog>>::from_request_parts(parts, catalog).await;
    caller.map_err(refusal)?.ok_or_else(|| LogIn::of(parts).then(form))
}

/// The answer to a request that never comes to its handler.
pub(super) fn refusal(error: chandlery_edge::Error) -> Response {
    Error::from(error).into_response()
}
