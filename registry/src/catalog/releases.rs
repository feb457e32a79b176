//! Releases as the catalog knows them.

use chandlery_accounts::Visibility;
use chandlery_package::column::{Json, Text};
use chandlery_package::wire::{Advised, Category, Deprecation, Page, Paging, ReleaseRecord};
use chandlery_package::{Advisory, Digest, Identity, Kind, Manifest, Offer, PluginId, PublicKey, Release};
use jiff::Timestamp;

use super::error::Error;
use super::versions;
use chandlery_store::Db;
use semver::Version;

/// A release as it is stored, with what is known of its plugin, its key and its namespace.
#[derive(sqlx::FromRow)]
pub(super) struct Row {
    plugin: Text<PluginId>,
    version: Text<Version>,
    kind: Text<Kind>,
    title: String,
    description: String,
    component: Text<Digest>,
    component_bytes: i64,
    artifact: Text<Digest>,
    pem: Text<PublicKey>,
    key_log_index: i64,
    identity: Option<Json<Identity>>,
    log_index: i64,
    published_at: Text<Timestamp>,
    offer: Option<Json<Offer>>,
    certified_at: Option<String>,
    category: Option<Text<Category>>,
    icon: Option<Text<Digest>>,
    yanked_at: Option<String>,
    withdrawn_reason: Option<String>,
    quarantine: Option<String>,
    plugin_quarantine: Option<String>,
    deprecated_note: Option<String>,
    successor: Option<Text<PluginId>>,
    downloads: i64,
    running: i64,
    pub(super) manifest: Option<Json<Manifest>>,
    pub(super) visibility: Text<Visibility>,
}

/// Releases with their manifests, which are as long as a README, a changelog and more; a list of them says `without manifests`.
macro_rules! select_releases {
    (without manifests $condition:literal) => {
        select_releases!("cast(null as text)", $condition)
    };
    ($condition:literal) => {
        select_releases!("releases.manifest", $condition)
    };
    ($manifest:literal, $condition:literal) => {
        concat!(
            "select releases.plugin, releases.version, releases.kind, releases.title, releases.description,
                    releases.component, releases.component_bytes, releases.artifact, namespace_keys.pem,
                    namespace_keys.log_index as key_log_index, namespace_keys.identity, releases.log_index, releases.published_at,
                    plugins.offer, plugins.certified_at, listings.category, icons.digest as icon, releases.yanked_at,
                    releases.withdrawn_reason, of_release.reason as quarantine,
                    of_plugin.reason as plugin_quarantine, releases.deprecated_note, releases.successor,
                    releases.downloads, plugins.running, ",
            $manifest,
            " as manifest, namespaces.visibility
             from releases join plugins on plugins.id = releases.plugin
             join namespaces on namespaces.name = plugins.namespace
             join namespace_keys on namespace_keys.namespace = plugins.namespace
                  and namespace_keys.key_id = releases.key_id
             left join listings on listings.plugin = releases.plugin
             left join listing_images as icons on icons.plugin = releases.plugin and icons.part = 'icon'
             left join quarantines as of_release
                  on of_release.subject = releases.plugin || '@' || releases.version
             left join quarantines as of_plugin on of_plugin.subject = releases.plugin ",
            $condition
        )
    };
}
pub(super) use select_releases;

/// A page of the releases of a plugin, highest version first.
pub async fn releases(
    db: &Db,
    plugin: &PluginId,
    paging: &Paging<Version>,
) -> Result<Page<ReleaseRecord>, Error> {
    // After everything that sorts as a version.
    let below = paging.after().map_or_else(|| "~".to_owned(), versions::order);
    let rows: Vec<Row> = sqlx::query_as(select_releases!(
        without manifests
        "where releases.plugin = $1 and releases.version_order < $2
         order by releases.version_order desc limit $3"
    ))
    .bind(plugin.to_string())
    .bind(below)
    .bind(paging.rows())
    .fetch_all(db.read())
    .await?;
    let releases = rows.into_iter().map(ReleaseRecord::from).collect();
    Ok(paging.cut(releases, |record: &ReleaseRecord| record.release.version.clone()))
}

/// How often all releases of a plugin together were pulled.
pub(super) async fn pulls(db: &Db, plugin: &PluginId) -> Result<u64, Error> {
    let (count,): (i64,) =
        sqlx::query_as("select cast(coalesce(sum(downloads), 0) as bigint) from releases where plugin = $1")
            .bind(plugin.to_string())
            .fetch_one(db.read())
            .await?;
    Ok(count.unsigned_abs())
}

/// One release, if it is published, with its manifest.
pub async fn find_release(db: &Db, release: &Release) -> Result<Option<ReleaseRecord>, Error> {
    let row: Option<Row> =
        sqlx::query_as(select_releases!("where releases.plugin = $1 and releases.version = $2"))
            .bind(release.plugin.to_string())
            .bind(release.version.to_string())
            .fetch_optional(db.read())
            .await?;
    let Some(mut row) = row else { return Ok(None) };
    let manifest = row.manifest.take().map(|Json(manifest)| manifest);
    let advisories = advised(db, release).await?;
    Ok(Some(ReleaseRecord { manifest, advisories, ..row.into() }))
}

/// The release before one, which may be one that is not published yet: the highest version below it that was not withdrawn.
pub(super) async fn version_before(db: &Db, release: &Release) -> Result<Option<Version>, Error> {
    let row: Option<(Text<Version>,)> = sqlx::query_as(
        "select version from releases where plugin = $1 and version_order < $2 and withdrawn_at is null
         order by version_order desc limit 1",
    )
    .bind(release.plugin.to_string())
    .bind(versions::order(&release.version))
    .fetch_optional(db.read())
    .await?;
    Ok(row.map(|(Text(version),)| version))
}

/// The same with its manifest.
pub(super) async fn release_before(db: &Db, release: &Release) -> Result<Option<ReleaseRecord>, Error> {
    match version_before(db, release).await? {
        Some(version) => find_release(db, &Release { plugin: release.plugin.clone(), version }).await,
        None => Ok(None),
    }
}

/// The advisories that are about a release, by their ids.
async fn advised(db: &Db, release: &Release) -> Result<Vec<Advised>, Error> {
    let all = advisories(db, &release.plugin).await?;
    let about = all.iter().filter(|advisory| advisory.affects(&release.version));
    Ok(about.map(Advised::of).collect())
}

/// What holds of all that was said of dangers of a plugin, by its id; a plugin has a bounded number of them.
pub(super) async fn advisories(db: &Db, plugin: &PluginId) -> Result<Vec<Advisory>, Error> {
    let rows: Vec<(Json<Advisory>,)> =
        sqlx::query_as("select body from advisories where plugin = $1 and withdrawn_at is null order by id")
            .bind(plugin.to_string())
            .fetch_all(db.read())
            .await?;
    Ok(rows.into_iter().map(|(Json(advisory),)| advisory).collect())
}

/// An advisory as a list of the latest has it.
#[derive(sqlx::FromRow)]
pub(super) struct LatestAdvisory {
    pub(super) plugin: Text<PluginId>,
    pub(super) body: Json<Advisory>,
    /// When it was changed last, or withdrawn.
    pub(super) modified_at: Text<Timestamp>,
    /// When it was withdrawn, as it is stored; none: it holds.
    pub(super) withdrawn_at: Option<String>,
}

/// The advisories that were changed last, those that were withdrawn included, the last one first: about one plugin, or about all that
/// everybody may see.
pub(super) async fn latest_advisories(
    db: &Db,
    plugin: Option<&PluginId>,
    count: u32,
) -> Result<Vec<LatestAdvisory>, Error> {
    let rows = sqlx::query_as(
        "select advisories.plugin, advisories.body, advisories.modified_at, advisories.withdrawn_at
         from advisories join plugins on plugins.id = advisories.plugin
         join namespaces on namespaces.name = plugins.namespace
         where advisories.plugin = $1 or $1 = '' and namespaces.visibility = 'public'
         order by advisories.modified_at desc, advisories.id limit $2",
    )
    .bind(plugin.map(ToString::to_string).unwrap_or_default())
    .bind(i64::from(count))
    .fetch_all(db.read())
    .await?;
    Ok(rows)
}

/// The latest releases that everybody may see and install, the last one first.
pub(super) async fn latest(db: &Db, count: u32) -> Result<Vec<ReleaseRecord>, Error> {
    let rows: Vec<Row> = sqlx::query_as(select_releases!(
        without manifests
        "where namespaces.visibility = 'public' and releases.yanked_at is null and releases.withdrawn_at is null
               and of_release.subject is null and of_plugin.subject is null
         order by releases.log_index desc limit $1"
    ))
    .bind(i64::from(count))
    .fetch_all(db.read())
    .await?;
    Ok(rows.into_iter().map(ReleaseRecord::from).collect())
}

/// What the log says in an entry, as it stands there.
pub(super) async fn logged(db: &Db, index: u64) -> Result<Option<String>, Error> {
    let found: Option<(String,)> = sqlx::query_as("select entry from log_entries where idx = $1")
        .bind(index as i64)
        .fetch_optional(db.read())
        .await?;
    Ok(found.map(|(entry,)| entry))
}

impl From<Row> for ReleaseRecord {
    /// All but the manifest and the advisories, which only who asks for one release is told.
    fn from(row: Row) -> Self {
        let successor = row.successor.map(|Text(plugin)| plugin);
        Self {
            release: Release { plugin: row.plugin.0, version: row.version.0 },
            kind: row.kind.0,
            title: row.title,
            description: row.description,
            component: row.component.0,
            component_bytes: row.component_bytes.unsigned_abs(),
            artifact: row.artifact.0,
            key: row.pem.0,
            key_log_index: row.key_log_index.unsigned_abs(),
            identity: row.identity.map(|Json(identity)| identity),
            log_index: row.log_index.unsigned_abs(),
            published_at: row.published_at.0,
            price: row.offer.map(|Json(offer)| offer),
            certified: row.certified_at.is_some(),
            category: row.category.map(|Text(category)| category),
            icon: row.icon.map(|Text(digest)| digest),
            yanked: row.yanked_at.is_some(),
            withdrawn: row.withdrawn_reason,
            quarantined: row.quarantine.or(row.plugin_quarantine),
            deprecated: row.deprecated_note.map(|note| Deprecation { note, successor }),
            downloads: row.downloads.unsigned_abs(),
            running: row.running.unsigned_abs(),
            advisories: Vec::new(),
            manifest: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{registry, write};

    #[tokio::test]
    async fn the_release_before_is_the_highest_below_that_was_not_withdrawn() {
        let (_folder, registry) = registry().await;
        let mut statements: Vec<String> = vec![
            "insert into namespaces (name, created_at) values ('acme', '')".into(),
            "insert into plugins (id, namespace) values ('acme:x', 'acme')".into(),
        ];
        // More of them than a page has.
        for patch in 0..120 {
            let version = Version::new(1, 0, patch);
            let (order, withdrawn) = (versions::order(&version), if patch == 4 { "'then'" } else { "null" });
            statements.push(format!(
                "insert into releases (plugin, version, version_order, kind, title, description, component, component_bytes,
                                       artifact, key_id, log_index, published_at, withdrawn_at)
                 values ('acme:x', '{version}', '{order}', 'template', '', '', '', 0, '', '', 0, '', {withdrawn})"
            ));
        }
        write(&registry, &statements).await;
        for (of, before) in
            [("2.0.0", Some(119)), ("1.0.7", Some(6)), ("1.0.5", Some(3)), ("1.0.0", None), ("0.1.0", None)]
        {
            let release = format!("acme:x@{of}").parse().unwrap();
            let found = version_before(&registry.db, &release).await.unwrap();
            assert_eq!(found, before.map(|patch| Version::new(1, 0, patch)), "{of}");
        }
    }
}
