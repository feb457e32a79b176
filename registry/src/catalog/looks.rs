//! Names of plugins that would be taken for others. What has its name already keeps it.

use chandlery_accounts::looks;
use chandlery_package::PluginId;
use chandlery_store::{Db, Write};
use sqlx::AnyConnection;

use super::error::Error;

/// How many plugins are filled in at a time.
const BATCH: i64 = 1000;

/// Makes a place for a plugin, where it has none yet and its name would not be mistaken for another's.
pub(super) async fn place(write: &mut Write, plugin: &PluginId) -> Result<(), Error> {
    if has_place(write, plugin).await? {
        return Ok(());
    }
    sqlx::query("insert into plugins (id, namespace, looks) values ($1, $2, $3)")
        .bind(plugin.to_string())
        .bind(plugin.namespace.as_str())
        .bind(looks(&plugin.to_string()))
        .execute(&mut **write)
        .await?;
    Ok(())
}

/// Whether a plugin is there. One that is not, and whose name would be mistaken for another's, is refused.
pub(super) async fn has_place(db: &mut AnyConnection, plugin: &PluginId) -> Result<bool, Error> {
    let id = plugin.to_string();
    let alike: Vec<(String,)> =
        sqlx::query_as("select id from plugins where id = $1 or looks = $2 order by id")
            .bind(&id)
            .bind(looks(&id))
            .fetch_all(db)
            .await?;
    if alike.iter().any(|(known,)| *known == id) {
        return Ok(true);
    }
    match alike.first() {
        None => Ok(false),
        Some((other,)) => Err(Error::conflict(format!(
            "the plugin '{plugin}' would be mistaken for '{other}': choose another name"
        ))),
    }
}

/// Fills in what the names of plugins look like that were published before it was kept.
pub async fn fill_in_looks(db: &Db) -> Result<(), Error> {
    loop {
        let mut write = db.write().await?;
        let ids: Vec<(String,)> = sqlx::query_as("select id from plugins where looks = '' limit $1")
            .bind(BATCH)
            .fetch_all(&mut *write)
            .await?;
        if ids.is_empty() {
            return Ok(());
        }
        for (id,) in ids {
            sqlx::query("update plugins set looks = $1 where id = $2")
                .bind(looks(&id))
                .bind(id)
                .execute(&mut *write)
                .await?;
        }
        write.commit().await?;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_plugin_that_looks_like_another_gets_no_place_and_older_ones_stay() {
        let (_folder, registry) = crate::testing::registry().await;
        let rows = [
            "insert into namespaces (name, created_at) values ('acme', '')",
            "insert into namespaces (name, created_at) values ('other', '')",
            // As an earlier version let it in.
            "insert into plugins (id, namespace) values ('acme:clock', 'acme')",
            "insert into plugins (id, namespace) values ('acme:dock', 'acme')",
        ];
        crate::testing::write(&registry, &rows.map(str::to_owned)).await;
        fill_in_looks(&registry.db).await.unwrap();
        for (plugin, mistaken_for) in [
            ("acme:clock", None),
            ("acme:dock", None),
            ("acme:d-ock", Some("acme:clock")),
            ("acme:ocr-server", None),
            ("acme:ocrserver", Some("acme:ocr-server")),
            ("acme:ocr-servers", None),
            ("other:ocr-server", None),
        ] {
            let mut write = registry.db.write().await.unwrap();
            let placed = place(&mut write, &plugin.parse().unwrap()).await;
            match mistaken_for {
                None => assert!(placed.is_ok(), "{plugin}: {placed:?}"),
                Some(other) => {
                    let refused = placed.unwrap_err().to_string();
                    assert!(refused.contains(&format!("mistaken for '{other}'")), "{plugin}: {refused}");
                }
            }
            write.commit().await.unwrap();
        }
    }
}
