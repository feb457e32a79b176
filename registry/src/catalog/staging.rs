//! What one member wants to publish where it takes two: another one approves it, and only then it is in the log and the catalog.

use chandlery_accounts::audit::record;
use chandlery_accounts::{Actor, Role, is_suspended, role_within};
use chandlery_package::column::{Json, Text};
use chandlery_package::wire::{Act, Page, Paging, ReleaseRecord, StagedRelease};
use chandlery_package::{Digest, Identity, Namespace, PluginId, PublicKey, Release};
use chandlery_store::{Db, Write, time};
use jiff::Timestamp;
use semver::Version;
use serde_json::{Value, json};
use sqlx::AnyConnection;

use super::accept;
use super::error::Error;
use super::state::Catalog;
use super::two_people::{LAPSES_AFTER, are_independent, forget_unwanted};
use crate::trusted::Exchange;

#[derive(sqlx::FromRow)]
struct Row {
    plugin: Text<PluginId>,
    version: Text<Version>,
    artifact: Text<Digest>,
    asked_by: Text<Namespace>,
    asked_at: Text<Timestamp>,
    lapses_at: Text<Timestamp>,
    pem: Option<Text<PublicKey>>,
    identity: Option<Json<Identity>>,
}

impl From<Row> for StagedRelease {
    fn from(row: Row) -> Self {
        Self {
            release: Release { plugin: row.plugin.0, version: row.version.0 },
            artifact: row.artifact.0,
            asked_by: row.asked_by.0,
            identity: row.identity.map(|Json(identity)| identity),
            asked_at: row.asked_at.0,
            lapses_at: row.lapses_at.0,
        }
    }
}

impl Row {
    /// Whoever asked by a token that was exchanged.
    fn exchange(&self) -> Option<Exchange> {
        let (Text(key), Json(identity)) = self.pem.zip(self.identity.clone())?;
        Some(Exchange { identity, key })
    }
}

/// What is staged as a release, unless it has lapsed.
async fn find(db: &mut AnyConnection, release: &Release) -> Result<Option<Row>, Error> {
    let found = sqlx::query_as(
        "select plugin, version, artifact, asked_by, asked_at, lapses_at, pem, identity from staged_releases
         where plugin = $1 and version = $2 and lapses_at > $3",
    )
    .bind(release.plugin.to_string())
    .bind(release.version.to_string())
    .bind(time(Timestamp::now()))
    .fetch_optional(db)
    .await?;
    Ok(found)
}

fn missing(release: &Release) -> Error {
    Error::not_found(format!("release {release} that waits for approval"))
}

/// Keeps what was checked until another member approves it. The same content may be staged again; other content may not.
pub(super) async fn stage(
    write: &mut Write,
    (actor, by): (&Actor, &Namespace),
    release: &Release,
    artifact: Digest,
    exchange: Option<&Exchange>,
) -> Result<StagedRelease, Error> {
    let found = find(write, release).await?;
    let waits = match found {
        Some(row) if publishes(write, &release.plugin.namespace, &row.asked_by.0).await? => Some(row),
        _ => None,
    };
    match waits {
        Some(row) if row.artifact.0 == artifact => return Ok(row.into()),
        Some(row) => {
            return Err(Error::conflict(format!(
                "{release} waits for approval with other content, {}: refuse that first",
                row.artifact.0
            )));
        }
        None => {}
    }
    let now = Timestamp::now();
    // What has lapsed makes room.
    sqlx::query("delete from staged_releases where plugin = $1 and version = $2")
        .bind(release.plugin.to_string())
        .bind(release.version.to_string())
        .execute(&mut **write)
        .await?;
    let (identity, key) = exchange.map(|exchange| (exchange.identity.clone(), exchange.key)).unzip();
    let staged = StagedRelease {
        release: release.clone(),
        artifact,
        asked_by: by.clone(),
        identity,
        asked_at: now,
        lapses_at: now + LAPSES_AFTER,
    };
    sqlx::query(
        "insert into staged_releases (plugin, version, artifact, asked_by, asked_at, lapses_at, pem, identity)
         values ($1, $2, $3, $4, $5, $6, $7, $8)",
    )
    .bind(release.plugin.to_string())
    .bind(release.version.to_string())
    .bind(artifact.to_string())
    .bind(by.as_str())
    .bind(time(now))
    .bind(time(staged.lapses_at))
    .bind(key.map(|key| key.to_string()))
    .bind(staged.identity.as_ref().map(|identity| json!(identity).to_string()))
    .execute(&mut **write)
    .await?;
    let after = json!({ "artifact": artifact, "identity": staged.identity });
    record(write, actor, Act::ReleaseStaged, &release.to_string(), Value::Null, after).await?;
    Ok(staged)
}

/// Forgets what waits for approval in a namespace, in the transaction that gives it to another account: none of its members asks any more.
pub async fn forget_all(write: &mut Write, namespace: &Namespace) -> Result<(), Error> {
    sqlx::query("delete from staged_releases where plugin like $1")
        .bind(format!("{namespace}:%"))
        .execute(&mut **write)
        .await?;
    Ok(())
}

/// A page of what waits for approval of a plugin, by the texts of the versions. What somebody asked for who may not publish any more is left
/// out.
pub async fn list(db: &Db, plugin: &PluginId, paging: &Paging<String>) -> Result<Page<StagedRelease>, Error> {
    let rows: Vec<Row> = sqlx::query_as(
        "select plugin, version, artifact, asked_by, asked_at, lapses_at, pem, identity from staged_releases
         where plugin = $1 and lapses_at > $2 and version > $3 order by version limit $4",
    )
    .bind(plugin.to_string())
    .bind(time(Timestamp::now()))
    .bind(paging.after().map_or("", String::as_str))
    .bind(paging.rows())
    .fetch_all(db.read())
    .await?;
    let page = paging.cut(rows, |row| row.version.0.to_string());
    let mut items = Vec::with_capacity(page.items.len());
    for row in page.items {
        if publishes(&mut *db.read().acquire().await?, &plugin.namespace, &row.asked_by.0).await? {
            items.push(row.into());
        }
    }
    Ok(Page { items, next: page.next })
}

/// A page of the plugins of a namespace of which something is published or waits for approval, by their ids.
pub async fn plugins(
    db: &Db,
    namespace: &Namespace,
    paging: &Paging<String>,
) -> Result<Page<PluginId>, Error> {
    let rows: Vec<(Text<PluginId>,)> = sqlx::query_as(
        "select id from plugins where namespace = $1 and id > $4
         union
         select plugin as id from staged_releases where plugin like $2 and lapses_at > $3 and plugin > $4
         order by id limit $5",
    )
    .bind(namespace.as_str())
    .bind(format!("{namespace}:%"))
    .bind(time(Timestamp::now()))
    .bind(paging.after().map_or("", String::as_str))
    .bind(paging.rows())
    .fetch_all(db.read())
    .await?;
    Ok(paging.cut(rows, |(Text(plugin),)| plugin.to_string()).map(|(Text(plugin),)| plugin))
}

/// Publishes what another member has staged, if it is what was looked at.
pub async fn approve(
    catalog: &Catalog,
    (actor, by): (&Actor, &Namespace),
    release: &Release,
    artifact: Digest,
) -> Result<ReleaseRecord, Error> {
    let mut snapshot = catalog.db.snapshot().await?;
    let staged = find(&mut snapshot, release).await?.ok_or_else(|| missing(release))?;
    drop(snapshot);
    must_be_looked_at(&staged, release, artifact)?;
    let exchange = staged.exchange();
    let checked = accept::check(catalog, by, release, artifact, exchange.as_ref()).await?;

    let mut write = catalog.db.write().await?;
    let again = find(&mut write, release).await?.ok_or_else(|| missing(release))?;
    must_be_looked_at(&again, release, artifact)?;
    let asked_by = &again.asked_by.0;
    if again.exchange() != exchange {
        return Err(Error::conflict(format!("{release} was staged anew: look at it again")));
    }
    if !are_independent(&mut write, asked_by, by).await? {
        let action = format!("approve what '{asked_by}' has staged: it takes somebody else");
        let remedy = format!(
            "ask another publisher or owner of '{}' to run `chandlery releases approve {release}`",
            release.plugin.namespace
        );
        return Err(chandlery_edge::Error::forbidden_until(by, action, remedy).into());
    }
    for (account, did) in [(asked_by, "staged"), (by, "looked at")] {
        if !may_publish(&mut write, &release.plugin.namespace, account).await? {
            return Err(Error::conflict(format!(
                "'{account}', who has {did} {release}, may not publish it any more: somebody else does"
            )));
        }
    }
    forget(&mut write, release).await?;
    let after = json!({ "artifact": artifact, "asked_by": asked_by });
    record(&mut write, actor, Act::ReleaseApproved, &release.to_string(), Value::Null, after).await?;
    accept::accept(&mut write, actor, release, artifact, &checked).await?;
    write.commit().await?;
    accept::accepted(catalog, release, artifact).await
}

/// Whether an account may publish in a namespace, as the transaction sees it.
pub(super) async fn may_publish(
    db: &mut AnyConnection,
    namespace: &Namespace,
    account: &Namespace,
) -> Result<bool, Error> {
    Ok(publishes(&mut *db, namespace, account).await? && !is_suspended(db, account).await?)
}

/// Whether an account has the role to publish in a namespace, suspended or not: what it staged goes with the role.
pub(super) async fn publishes(
    db: &mut AnyConnection,
    namespace: &Namespace,
    account: &Namespace,
) -> Result<bool, Error> {
    Ok(role_within(db, namespace, account).await? >= Some(Role::Publisher))
}

/// Forgets what has lapsed, and what was asked for by somebody who has no role for it any more.
pub async fn forget_lapsed(db: &Db) -> Result<(), Error> {
    type Row = (Text<PluginId>, Text<Version>, Text<Namespace>, Text<Timestamp>);
    let (waiting,): (i64,) = sqlx::query_as(
        "select (select count(*) from staged_releases)
              + (select count(*) from two_people where end_asked_by is not null)",
    )
    .fetch_one(db.read())
    .await?;
    if waiting == 0 {
        return Ok(());
    }
    let mut write = db.write().await?;
    let rows: Vec<Row> = sqlx::query_as("select plugin, version, asked_by, lapses_at from staged_releases")
        .fetch_all(&mut *write)
        .await?;
    for (Text(plugin), Text(version), Text(asked_by), Text(lapses_at)) in rows {
        let stands = lapses_at > Timestamp::now();
        if !stands || !publishes(&mut write, &plugin.namespace, &asked_by).await? {
            forget(&mut write, &Release { plugin, version }).await?;
        }
    }
    forget_unwanted(&mut write).await?;
    Ok(write.commit().await?)
}

fn must_be_looked_at(staged: &Row, release: &Release, artifact: Digest) -> Result<(), Error> {
    match staged.artifact.0 {
        found if found == artifact => Ok(()),
        found => Err(Error::conflict(format!(
            "{release} waits for approval with the content {found}, not {artifact}: look at it again"
        ))),
    }
}

/// Refuses what is staged, or takes it back.
pub async fn refuse(db: &Db, actor: &Actor, release: &Release) -> Result<(), Error> {
    let mut write = db.write().await?;
    let staged = find(&mut write, release).await?.ok_or_else(|| missing(release))?;
    forget(&mut write, release).await?;
    let before = json!({ "artifact": staged.artifact.0, "asked_by": staged.asked_by.0 });
    record(&mut write, actor, Act::ReleaseRefused, &release.to_string(), before, Value::Null).await?;
    Ok(write.commit().await?)
}

async fn forget(write: &mut Write, release: &Release) -> Result<(), Error> {
    sqlx::query("delete from staged_releases where plugin = $1 and version = $2")
        .bind(release.plugin.to_string())
        .bind(release.version.to_string())
        .execute(&mut **write)
        .await?;
    Ok(())
}
