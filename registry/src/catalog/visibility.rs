//! Who may see and pull what a namespace holds.

use std::collections::HashSet;

use chandlery_accounts::{Actor, Grant, Principal, Scope, Visibility, namespaces_of};
use chandlery_package::column::Text;
use chandlery_package::{Namespace, PluginId};
use chandlery_store::Db;

use super::changes::changed;
use super::error::Error;
use super::state::Catalog;

/// Says who may see and pull what a namespace holds.
pub async fn set_visibility(
    catalog: &Catalog,
    actor: &Actor,
    namespace: &Namespace,
    public: bool,
) -> Result<(), Error> {
    let mut write = catalog.db.write().await?;
    let visibility = if public { Visibility::Public } else { Visibility::Private };
    chandlery_accounts::set_visibility(&mut write, actor, namespace, visibility).await?;
    let plugins: Vec<(String,)> = sqlx::query_as("select id from plugins where namespace = $1")
        .bind(namespace.as_str())
        .fetch_all(&mut *write)
        .await?;
    for (plugin,) in plugins {
        changed(&mut write, &plugin.parse()?).await?;
    }
    write.commit().await?;
    catalog.oci.cache.changed(namespace);
    Ok(())
}

/// Refuses whoever may not see a plugin, without saying whether it exists.
pub async fn must_see(db: &Db, principal: &Principal, plugin: &PluginId) -> Result<(), Error> {
    let row: Option<(Text<Visibility>,)> = sqlx::query_as(
        "select namespaces.visibility from plugins join namespaces on namespaces.name = plugins.namespace
         where plugins.id = $1",
    )
    .bind(plugin.to_string())
    .fetch_optional(db.read())
    .await?;
    let hidden = || Error::not_found(format!("plugin '{plugin}'"));
    match row {
        Some((Text(Visibility::Public),)) => Ok(()),
        Some(_) if principal.may_see(db, &plugin.namespace, &plugin.repository()).await? => Ok(()),
        _ => Err(hidden()),
    }
}

/// Refuses whoever may not see what a namespace holds, without saying whether it exists.
pub(super) async fn must_see_namespace(
    db: &Db,
    principal: &Principal,
    namespace: &Namespace,
) -> Result<(), Error> {
    let row: Option<(Text<Visibility>,)> =
        sqlx::query_as("select visibility from namespaces where name = $1")
            .bind(namespace.as_str())
            .fetch_optional(db.read())
            .await?;
    match row {
        Some((Text(Visibility::Public),)) => Ok(()),
        Some(_) if principal.may_see(db, namespace, namespace.as_str()).await? => Ok(()),
        _ => Err(Error::not_found(format!("publisher '{namespace}'"))),
    }
}

/// Whether a visitor sees everything, and the namespaces it belongs to.
pub(super) async fn namespaces_seen(
    db: &Db,
    principal: &Principal,
) -> Result<(bool, HashSet<String>), Error> {
    let (Some(account), Grant::Token(Scope::Full | Scope::Read)) = (&principal.account, &principal.grant)
    else {
        return Ok((false, HashSet::new()));
    };
    let mine = namespaces_of(db, &account.name).await?;
    Ok((account.operator, mine.into_iter().map(|(name, _)| name.to_string()).collect()))
}
