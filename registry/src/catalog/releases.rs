//! Releases as the catalog knows them.

use chandlery_package::wire::{Deprecation, ReleaseRecord};
use chandlery_package::{PluginId, Release};

use super::error::Error;
use chandlery_store::Db;

#[derive(sqlx::FromRow)]
pub(super) struct Row {
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
    offer: Option<String>,
    certified_at: Option<String>,
    yanked_at: Option<String>,
    withdrawn_reason: Option<String>,
    deprecated_note: Option<String>,
    successor: Option<String>,
    downloads: i64,
    pub(super) manifest: Option<String>,
    pub(super) visibility: String,
}

macro_rules! select_releases {
    ($condition:literal) => {
        concat!(
            "select releases.plugin, releases.version, releases.kind, releases.title, releases.description,
                    releases.component, releases.component_bytes, releases.artifact, namespace_keys.pem,
                    namespace_keys.log_index as key_log_index, releases.log_index, releases.published_at,
                    plugins.offer, plugins.certified_at, releases.yanked_at,
                    releases.withdrawn_reason, releases.deprecated_note, releases.successor,
                    releases.downloads, releases.manifest, namespaces.visibility
             from releases join plugins on plugins.id = releases.plugin
             join namespaces on namespaces.name = plugins.namespace
             join namespace_keys on namespace_keys.namespace = plugins.namespace
                  and namespace_keys.key_id = releases.key_id ",
            $condition
        )
    };
}
pub(super) use select_releases;

/// The releases of a plugin, newest version first.
pub async fn releases(db: &Db, plugin: &PluginId) -> Result<Vec<ReleaseRecord>, Error> {
    let rows: Vec<Row> = sqlx::query_as(select_releases!("where releases.plugin = $1"))
        .bind(plugin.to_string())
        .fetch_all(db.read())
        .await?;
    if rows.is_empty() {
        return Err(Error::NotFound(format!("plugin '{plugin}'")));
    }
    let mut releases: Vec<_> = rows.iter().map(read_row).collect::<Result<_, _>>()?;
    releases.sort_by(|a, b| b.release.version.cmp(&a.release.version));
    Ok(releases)
}

/// One release, if it is published, with its manifest.
pub async fn find_release(db: &Db, release: &Release) -> Result<Option<ReleaseRecord>, Error> {
    let row: Option<Row> =
        sqlx::query_as(select_releases!("where releases.plugin = $1 and releases.version = $2"))
            .bind(release.plugin.to_string())
            .bind(release.version.to_string())
            .fetch_optional(db.read())
            .await?;
    let Some(row) = row else { return Ok(None) };
    let manifest = row.manifest.as_ref().map(|text| serde_json::from_str(text)).transpose();
    let manifest = manifest.map_err(|_| damaged("manifest"))?;
    Ok(Some(ReleaseRecord { manifest, ..read_row(&row)? }))
}

fn damaged(what: &str) -> Error {
    Error::Damaged(format!("a release's {what} cannot be read"))
}

pub(super) fn read_row(row: &Row) -> Result<ReleaseRecord, Error> {
    let price = row
        .offer
        .as_deref()
        .map(|text| serde_json::from_str(text).map_err(|_| damaged("offer")))
        .transpose()?;
    let successor = row.successor.as_ref().map(|plugin| plugin.parse()).transpose()?;
    Ok(ReleaseRecord {
        release: format!("{}@{}", row.plugin, row.version).parse()?,
        kind: super::kind_from_text(&row.kind).ok_or_else(|| damaged("kind"))?,
        title: row.title.clone(),
        description: row.description.clone(),
        component: row.component.parse()?,
        component_bytes: row.component_bytes as u64,
        artifact: row.artifact.parse()?,
        key: row.pem.parse()?,
        key_log_index: row.key_log_index as u64,
        log_index: row.log_index as u64,
        published_at: row.published_at.parse().map_err(|_| damaged("date"))?,
        price,
        certified: row.certified_at.is_some(),
        yanked: row.yanked_at.is_some(),
        withdrawn: row.withdrawn_reason.clone(),
        deprecated: row.deprecated_note.clone().map(|note| Deprecation { note, successor }),
        downloads: row.downloads as u64,
        manifest: None,
    })
}
