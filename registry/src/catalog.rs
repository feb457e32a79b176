//! The catalog: namespaces and their keys, plugins, releases, and search.

mod publish;
mod routes;

use base64::prelude::{BASE64_STANDARD, Engine as _};
use chandlery_package::log::Entry;
use chandlery_package::wire::{KeyRecord, NewKey, ReleaseRecord};
use chandlery_package::{Kind, Money, Namespace, PluginId, PublicKey, Release};
use jiff::Timestamp;

use crate::accounts::{self, Role};
use crate::{Error, Registry, log, time};

pub use publish::publish;
pub use routes::routes;

/// Takes a namespace for an account.
pub async fn take_namespace(registry: &Registry, owner: &Namespace, name: &Namespace) -> Result<(), Error> {
    let mut write = registry.db.write().await?;
    let taken =
        sqlx::query("insert into namespaces (name, created_at) values ($1, $2) on conflict do nothing")
            .bind(name.as_str())
            .bind(time(Timestamp::now()))
            .execute(&mut *write)
            .await?;
    if taken.rows_affected() == 0 {
        return Err(Error::Conflict(format!("the namespace '{name}' is taken")));
    }
    accounts::join(&mut write, name, owner, Role::Owner).await?;
    write.commit().await?;
    Ok(())
}

/// Adds a signing key to a namespace and says so in the log, at once. Adding it again changes nothing.
pub async fn add_key(registry: &Registry, namespace: &Namespace, new: &NewKey) -> Result<KeyRecord, Error> {
    let proof =
        BASE64_STANDARD.decode(&new.proof).map_err(|_| Error::Invalid("the proof is not base64".into()))?;
    new.key.verify(NewKey::proof_text(namespace).as_bytes(), &proof)?;
    let mut write = registry.db.write().await?;
    let known: Option<(i64,)> =
        sqlx::query_as("select log_index from namespace_keys where namespace = $1 and key_id = $2")
            .bind(namespace.as_str())
            .bind(new.key.id().to_string())
            .fetch_optional(&mut *write)
            .await?;
    if let Some((index,)) = known {
        return Ok(KeyRecord { key: new.key, log_index: index as u64 });
    }
    let entry = Entry::KeyAdded { namespace: namespace.clone(), key: new.key, at: Timestamp::now() };
    let log_index = log::append(&mut write, &entry).await?;
    sqlx::query("insert into namespace_keys (namespace, key_id, pem, log_index) values ($1, $2, $3, $4)")
        .bind(namespace.as_str())
        .bind(new.key.id().to_string())
        .bind(new.key.to_string())
        .bind(log_index as i64)
        .execute(&mut *write)
        .await?;
    write.commit().await?;
    Ok(KeyRecord { key: new.key, log_index })
}

/// The keys of a namespace.
pub async fn keys(registry: &Registry, namespace: &Namespace) -> Result<Vec<KeyRecord>, Error> {
    let rows: Vec<(String, i64)> =
        sqlx::query_as("select pem, log_index from namespace_keys where namespace = $1 order by log_index")
            .bind(namespace.as_str())
            .fetch_all(registry.db.read())
            .await?;
    rows.into_iter()
        .map(|(pem, index)| Ok(KeyRecord { key: pem.parse::<PublicKey>()?, log_index: index as u64 }))
        .collect()
}

#[derive(sqlx::FromRow)]
struct Row {
    plugin: String,
    version: String,
    kind: String,
    title: String,
    description: String,
    component: String,
    component_bytes: i64,
    artifact: String,
    pem: String,
    key_log_index: i64,
    log_index: i64,
    published_at: String,
    price_minor: Option<i64>,
    price_currency: Option<String>,
}

macro_rules! select_releases {
    ($condition:literal) => {
        concat!(
            "select releases.plugin, releases.version, releases.kind, releases.title, releases.description,
                    releases.component, releases.component_bytes, releases.artifact, namespace_keys.pem,
                    namespace_keys.log_index as key_log_index, releases.log_index, releases.published_at,
                    plugins.price_minor, plugins.price_currency
             from releases join plugins on plugins.id = releases.plugin
             join namespace_keys on namespace_keys.namespace = plugins.namespace
                  and namespace_keys.key_id = releases.key_id ",
            $condition
        )
    };
}

/// The releases of a plugin, newest version first.
pub async fn releases(registry: &Registry, plugin: &PluginId) -> Result<Vec<ReleaseRecord>, Error> {
    let rows: Vec<Row> = sqlx::query_as(select_releases!("where releases.plugin = $1"))
        .bind(plugin.to_string())
        .fetch_all(registry.db.read())
        .await?;
    if rows.is_empty() {
        return Err(Error::NotFound(format!("plugin '{plugin}'")));
    }
    let mut releases: Vec<_> = rows.into_iter().map(read_row).collect::<Result<_, _>>()?;
    releases.sort_by(|a, b| b.release.version.cmp(&a.release.version));
    Ok(releases)
}

/// One release, if it is published.
pub async fn find_release(registry: &Registry, release: &Release) -> Result<Option<ReleaseRecord>, Error> {
    let row: Option<Row> =
        sqlx::query_as(select_releases!("where releases.plugin = $1 and releases.version = $2"))
            .bind(release.plugin.to_string())
            .bind(release.version.to_string())
            .fetch_optional(registry.db.read())
            .await?;
    row.map(read_row).transpose()
}

/// The newest release of every plugin in whose name, title or description all the words occur; those with a word in
/// their name first.
pub async fn search(registry: &Registry, words: &str) -> Result<Vec<ReleaseRecord>, Error> {
    let rows: Vec<Row> =
        sqlx::query_as(select_releases!("order by releases.plugin")).fetch_all(registry.db.read()).await?;
    let words: Vec<_> = words.split_whitespace().map(str::to_lowercase).collect();
    let mut newest: Vec<ReleaseRecord> = Vec::new();
    for row in rows {
        let found = read_row(row)?;
        match newest.last_mut() {
            Some(last) if last.release.plugin == found.release.plugin => {
                if found.release.version > last.release.version {
                    *last = found;
                }
            }
            _ => newest.push(found),
        }
    }
    newest.retain(|found| {
        let text = format!("{} {} {}", found.release.plugin, found.title, found.description).to_lowercase();
        words.iter().all(|word| text.contains(word))
    });
    newest.sort_by_key(|found| {
        let name = found.release.plugin.to_string();
        !words.iter().any(|word| name.contains(word.as_str()))
    });
    Ok(newest)
}

fn read_row(row: Row) -> Result<ReleaseRecord, Error> {
    let damaged = |what: &str| Error::Damaged(format!("a release's {what} cannot be read"));
    let price = match (row.price_minor, row.price_currency) {
        (Some(minor), Some(currency)) => Some(Money::new(minor, currency.parse()?)),
        _ => None,
    };
    Ok(ReleaseRecord {
        release: format!("{}@{}", row.plugin, row.version).parse()?,
        kind: kind_from_text(&row.kind).ok_or_else(|| damaged("kind"))?,
        title: row.title,
        description: row.description,
        component: row.component.parse()?,
        component_bytes: row.component_bytes as u64,
        artifact: row.artifact.parse()?,
        key: row.pem.parse()?,
        key_log_index: row.key_log_index as u64,
        log_index: row.log_index as u64,
        published_at: row.published_at.parse().map_err(|_| damaged("date"))?,
        price,
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
