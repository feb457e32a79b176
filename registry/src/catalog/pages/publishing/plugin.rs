//! A plugin as its publishers manage it: its releases, what waits for approval, and the workloads that publish it.

use axum::extract::State;
use axum::response::{IntoResponse as _, Redirect, Response};
use chandlery_accounts::{Caller, Role, role};
use chandlery_edge::{Path, Query as Asked};
use chandlery_package::wire::Paging;
use chandlery_package::{Namespace, PluginId, PluginName};
use chandlery_pages::{Link, crumbs, fault};
use maud::{Markup, html};
use semver::Version;

use super::answers::{must_be_member, namespace_path, plugin_path, shown, told};
use super::listing::listing_path;
use super::{releases, trust};
use crate::catalog::error::Error;
use crate::catalog::pages::telling;
use crate::catalog::state::Catalog;
use crate::shell::{LogIn, PUBLISH};

/// How many releases are listed at a time.
const SHOWN: u32 = 50;

/// The page `/publish/plugins/{namespace}/{name}`.
pub(super) async fn page(
    State(catalog): State<Catalog>,
    caller: Option<Caller>,
    log_in: LogIn,
    Path((namespace, name)): Path<(Namespace, PluginName)>,
    Asked(paging): Asked<Paging<Version>>,
) -> Result<Response, Error> {
    let plugin = PluginId { namespace, name };
    let Some(caller) = caller else { return Ok(log_in.then(&plugin_path(&plugin))) };
    Ok(content(&catalog, &caller, &plugin, &paging, None).await?.into_response())
}

/// The page again, after what was asked for on it was done, or was not.
pub(super) async fn answer(
    catalog: &Catalog,
    caller: &Caller,
    plugin: &PluginId,
    done: Result<(), Error>,
) -> Result<Response, Error> {
    let Err(error) = done else { return Ok(Redirect::to(&plugin_path(plugin)).into_response()) };
    let (status, fault) = told(error)?;
    let page = content(catalog, caller, plugin, &Paging::first(SHOWN), Some(&fault)).await?;
    Ok((status, page).into_response())
}

async fn content(
    catalog: &Catalog,
    caller: &Caller,
    plugin: &PluginId,
    paging: &Paging<Version>,
    refused: Option<&str>,
) -> Result<Markup, Error> {
    must_be_member(&catalog.db, caller, &plugin.namespace).await?;
    let role = role(&catalog.db, &plugin.namespace, &caller.name).await?;
    let (publishes, owns) = (role >= Some(Role::Publisher), role == Some(Role::Owner));
    let above = namespace_path(&plugin.namespace);
    let content = html! {
        (crumbs(&[Link { path: PUBLISH, name: "Publish" }, Link { path: &above, name: plugin.namespace.as_str() }], plugin.name.as_str()))
        h1 { (plugin) }
        p {
            a href=(telling::plugin_path(plugin)) { "View as a visitor" }
            @if publishes { " · " a href=(listing_path(plugin)) { "Listing" } }
            @if owns { " · " a href=(format!("{}/price", plugin_path(plugin))) { "Price and coupons" } }
        }
        (fault(refused))
        (releases::staged(catalog, plugin, publishes).await?)
        (releases::section(catalog, plugin, paging, (publishes, owns || caller.operator)).await?)
        (trust::section(catalog, plugin, owns).await?)
    };
    Ok(shown(&format!("Manage {plugin}"), caller, &content))
}
