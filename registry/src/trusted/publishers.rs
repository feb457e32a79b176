//! Which workloads may publish a plugin: owners say so, and the log says that they did.

use chandlery_accounts::audit::record;
use chandlery_accounts::{Actor, Role, end_exchanged, role_within};
use chandlery_log as log;
use chandlery_package::column::{Json, Text};
use chandlery_package::log::Entry;
use chandlery_package::problem::Kind;
use chandlery_package::wire::{Act, Page, Paging, PublisherRecord};
use chandlery_package::{Identity, Namespace, PluginId, TrustedPublisher};
use chandlery_store::{Db, Write, time};
use jiff::Timestamp;
use serde_json::{Value, json};
use sqlx::AnyConnection;

use super::claims;
use super::error::{
    Error, UNTRUSTED_CLAIM, UNTRUSTED_ENVIRONMENT, UNTRUSTED_REF, UNTRUSTED_REPOSITORY, UNTRUSTED_WORKFLOW,
};

/// How many workloads may publish a plugin.
const PUBLISHERS_MAX: i64 = 20;
/// The claims whose difference has a word of its own, those that tell most first.
const WORDS: [(&str, &Kind); 8] = [
    ("repository", &UNTRUSTED_REPOSITORY),
    ("project_path", &UNTRUSTED_REPOSITORY),
    ("ref", &UNTRUSTED_REF),
    ("ref_type", &UNTRUSTED_REF),
    ("environment", &UNTRUSTED_ENVIRONMENT),
    ("workflow_ref", &UNTRUSTED_WORKFLOW),
    ("job_workflow_ref", &UNTRUSTED_WORKFLOW),
    ("ci_config_ref_uri", &UNTRUSTED_WORKFLOW),
];

type Row = (i64, Json<TrustedPublisher>, Text<Namespace>, Text<Timestamp>, i64, Option<Json<Identity>>);

fn publisher(row: Row) -> PublisherRecord {
    let (id, Json(publisher), Text(added_by), Text(added_at), log_index, pinned) = row;
    let pinned = pinned.map(|Json(ids)| ids);
    PublisherRecord { id, publisher, added_by, added_at, log_index: log_index.unsigned_abs(), pinned }
}

/// Lets a workload publish a plugin, and says so in the log. Doing so again changes nothing, unless whoever has done so before owns the
/// namespace no more: then it is by the right of this owner, of the same repository.
pub async fn add(
    db: &Db,
    actor: &Actor,
    by: &Namespace,
    plugin: &PluginId,
    new: TrustedPublisher,
) -> Result<PublisherRecord, Error> {
    let mut write = db.write().await?;
    let text = json!(new).to_string();
    let known: Option<Row> = sqlx::query_as(
        "select id, publisher, added_by, added_at, log_index, pinned from trusted_publishers
         where plugin = $1 and publisher = $2",
    )
    .bind(plugin.to_string())
    .bind(&text)
    .fetch_optional(&mut *write)
    .await?;
    let mut pinned = None;
    if let Some(known) = known.map(publisher) {
        if role_within(&mut write, &plugin.namespace, &known.added_by).await? == Some(Role::Owner) {
            return Ok(known);
        }
        end(&mut write, actor, plugin, &known).await?;
        pinned = known.pinned;
    }
    let (last, count): (i64, i64) = sqlx::query_as(
        "select cast(coalesce(max(id), 0) as bigint), cast(count(case when plugin = $1 then 1 end) as bigint)
         from trusted_publishers",
    )
    .bind(plugin.to_string())
    .fetch_one(&mut *write)
    .await?;
    if count >= PUBLISHERS_MAX {
        return Err(Error::conflict(format!("{plugin} has {count} trusted publishers: remove one first")));
    }
    let at = Timestamp::now();
    let entry = Entry::PublisherTrusted { plugin: plugin.clone(), publisher: new.clone(), at };
    let log_index = log::append(&mut write, &entry).await?;
    sqlx::query(
        "insert into trusted_publishers (id, plugin, publisher, added_by, added_at, log_index, pinned)
         values ($1, $2, $3, $4, $5, $6, $7)",
    )
    .bind(last + 1)
    .bind(plugin.to_string())
    .bind(&text)
    .bind(by.as_str())
    .bind(time(at))
    .bind(log_index as i64)
    .bind(pinned.as_ref().map(|ids| json!(ids).to_string()))
    .execute(&mut *write)
    .await?;
    let after = json!(new);
    record(&mut write, actor, Act::PublisherTrusted, &plugin.to_string(), Value::Null, after).await?;
    write.commit().await?;
    Ok(PublisherRecord {
        id: last + 1,
        publisher: new,
        added_by: by.clone(),
        added_at: at,
        log_index,
        pinned,
    })
}

/// Ends that a workload publishes a plugin, with the tokens that it has, and says so in the log.
pub async fn remove(db: &Db, actor: &Actor, plugin: &PluginId, id: i64) -> Result<(), Error> {
    let mut write = db.write().await?;
    let known: Option<Row> = sqlx::query_as(
        "select id, publisher, added_by, added_at, log_index, pinned from trusted_publishers
         where id = $1 and plugin = $2",
    )
    .bind(id)
    .bind(plugin.to_string())
    .fetch_optional(&mut *write)
    .await?;
    let known = known.map(publisher).ok_or_else(|| Error::not_found(format!("trusted publisher '{id}'")))?;
    end(&mut write, actor, plugin, &known).await?;
    Ok(write.commit().await?)
}

async fn end(
    write: &mut Write,
    actor: &Actor,
    plugin: &PluginId,
    known: &PublisherRecord,
) -> Result<(), Error> {
    let ended: Vec<(String,)> =
        sqlx::query_as("delete from exchanged_tokens where publisher = $1 returning hash")
            .bind(known.id)
            .fetch_all(&mut **write)
            .await?;
    for (hash,) in ended {
        end_exchanged(write, &hash).await?;
    }
    sqlx::query("delete from trusted_publishers where id = $1").bind(known.id).execute(&mut **write).await?;
    let (before, publisher) = (json!(known.publisher), known.publisher.clone());
    let entry = Entry::PublisherRemoved { plugin: plugin.clone(), publisher, at: Timestamp::now() };
    log::append(write, &entry).await?;
    record(write, actor, Act::PublisherRemoved, &plugin.to_string(), before, Value::Null).await?;
    Ok(())
}

/// A page of the workloads that may publish a plugin, in the order in which they were added.
pub async fn list(db: &Db, plugin: &PluginId, paging: &Paging<i64>) -> Result<Page<PublisherRecord>, Error> {
    let rows: Vec<Row> = sqlx::query_as(
        "select id, publisher, added_by, added_at, log_index, pinned from trusted_publishers
         where plugin = $1 and id > $2 order by id limit $3",
    )
    .bind(plugin.to_string())
    .bind(paging.after().copied().unwrap_or(0))
    .bind(paging.rows())
    .fetch_all(db.read())
    .await?;
    Ok(paging.cut(rows, |row| row.0).map(publisher))
}

/// The publisher of a plugin that a workload is; where it is none, in what it differs from the one that it is most like.
pub(super) async fn find(
    db: &mut AnyConnection,
    plugin: &PluginId,
    whole: &Identity,
) -> Result<PublisherRecord, Error> {
    let rows: Vec<Row> = sqlx::query_as(
        "select id, publisher, added_by, added_at, log_index, pinned from trusted_publishers
         where plugin = $1 order by id",
    )
    .bind(plugin.to_string())
    .fetch_all(db)
    .await?;
    let known: Vec<PublisherRecord> = rows.into_iter().map(publisher).collect();
    let of_issuer = known.iter().filter(|known| *known.publisher.issuer() == whole.issuer);
    let closest = of_issuer.min_by_key(|known| known.publisher.mismatches(whole).len());
    let Some(closest) = closest else {
        return Err(untrusted(plugin, whole, &["repository"]));
    };
    let differs = closest.publisher.mismatches(whole);
    if !differs.is_empty() {
        return Err(untrusted(plugin, whole, &differs));
    }
    must_be_pinned(plugin, closest, whole)?;
    Ok(closest.clone())
}

/// Whether a workload may publish a plugin still: its issuer is believed, and whoever trusts it owns the namespace.
pub async fn is_trusted(write: &mut Write, plugin: &PluginId, identity: &Identity) -> Result<bool, Error> {
    let rows: Vec<(Json<TrustedPublisher>, Text<Namespace>)> = sqlx::query_as(
        "select publisher, added_by from trusted_publishers
         where plugin = $1 and exists (select 1 from oidc_issuers where oidc_issuers.issuer = $2)",
    )
    .bind(plugin.to_string())
    .bind(identity.issuer.as_str())
    .fetch_all(&mut **write)
    .await?;
    for (Json(publisher), Text(added_by)) in rows {
        let owns = role_within(write, &plugin.namespace, &added_by).await? == Some(Role::Owner);
        if owns && publisher.covers(identity) {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Says in what a workload differs, by the claim that tells most, without telling what it should be.
fn untrusted(plugin: &PluginId, whole: &Identity, differs: &[&str]) -> Error {
    let named = WORDS.iter().find(|(claim, _)| differs.contains(claim));
    let (claim, kind) = match named {
        Some((claim, kind)) => (*claim, *kind),
        None => (differs.first().copied().unwrap_or("sub"), &UNTRUSTED_CLAIM),
    };
    let what = match whole.claim(claim) {
        "" => format!("its token has no '{claim}'"),
        found => format!("its '{claim}' is '{found}'"),
    };
    Error::Untrusted { kind, plugin: plugin.clone(), what }
}

/// Refuses a repository that has taken the name of the one that published first.
fn must_be_pinned(plugin: &PluginId, known: &PublisherRecord, whole: &Identity) -> Result<(), Error> {
    let Some(pinned) = &known.pinned else { return Ok(()) };
    let other = pinned.claims.iter().find(|(name, value)| whole.claim(name) != value.as_str());
    let Some((name, value)) = other else { return Ok(()) };
    let what = format!("its '{name}' was '{value}' when it first published, and is '{}'", whole.claim(name));
    Err(Error::Untrusted { kind: &UNTRUSTED_REPOSITORY, plugin: plugin.clone(), what })
}

/// Remembers the ids of a workload that publishes for the first time.
pub(super) async fn pin(write: &mut Write, known: &PublisherRecord, whole: &Identity) -> Result<(), Error> {
    let Some(ids) = claims::ids(whole).filter(|_| known.pinned.is_none()) else { return Ok(()) };
    sqlx::query("update trusted_publishers set pinned = $1 where id = $2")
        .bind(json!(ids).to_string())
        .bind(known.id)
        .execute(&mut **write)
        .await?;
    Ok(())
}
