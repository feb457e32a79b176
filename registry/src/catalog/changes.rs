//! The mark that a change leaves, by which searches find it.

use chandlery_package::PluginId;
use chandlery_store::Write;
use futures::future::BoxFuture;

/// Marks a plugin as changed, so that searches see it as it is now.
pub async fn changed(write: &mut Write, plugin: &PluginId) -> Result<(), chandlery_store::Error> {
    let (generation,): (i64,) =
        sqlx::query_as("update counters set value = value + 1 where name = 'catalog' returning value")
            .fetch_one(&mut **write)
            .await?;
    sqlx::query("update plugins set generation = $1 where id = $2")
        .bind(generation)
        .bind(plugin.to_string())
        .execute(&mut **write)
        .await?;
    Ok(())
}

/// Notes what a plugin costs everybody from now on, in the transaction that sets it: the offer as it is stored.
pub fn offer_changed<'a>(
    write: &'a mut Write,
    plugin: &'a PluginId,
    offer: &'a str,
) -> BoxFuture<'a, Result<(), chandlery_store::Error>> {
    Box::pin(async move {
        sqlx::query("update plugins set offer = $1 where id = $2")
            .bind(offer)
            .bind(plugin.to_string())
            .execute(&mut **write)
            .await?;
        changed(write, plugin).await
    })
}
