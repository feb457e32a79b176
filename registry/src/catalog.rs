//! The catalog: namespaces and their keys, plugins, releases and what became of them, and search.

mod error;
mod keys;
mod lifecycle;
mod namespaces;
mod publish;
mod releases;
mod routes;
mod search;

pub use error::{Error, KINDS};
pub use keys::{add_key, keys, revoke_key};
pub use lifecycle::{certify, deprecate, withdraw, yank};
pub use namespaces::{set_visibility, take_namespace};
pub use publish::publish;
pub use releases::{find_release, releases};
pub use routes::routes;
pub use search::{Query, Search};

use chandlery_package::{Kind, PluginId};

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

fn kind_to_text(kind: Kind) -> String {
    match serde_json::json!(kind) {
        serde_json::Value::String(text) => text,
        other => other.to_string(),
    }
}

fn kind_from_text(text: &str) -> Option<Kind> {
    serde_json::from_value(text.into()).ok()
}
