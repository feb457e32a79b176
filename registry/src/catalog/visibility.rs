//! Who may see and pull what a namespace holds.

use chandlery_accounts::{Actor, Visibility};
use chandlery_package::Namespace;

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
