//! Advisories about plugins: kept as they were published, with their digest in the log.

use chandlery_accounts::audit::record;
use chandlery_accounts::{Account, Caller, Role, tell_members};
use chandlery_log as log;
use chandlery_package::advisory::{ADVISORIES_MAX, ADVISORY_BYTES_MAX};
use chandlery_package::column::{Json, Text};
use chandlery_package::log::Entry;
use chandlery_package::wire::{Act, Page, Paging};
use chandlery_package::{Advisory, AdvisoryId, Digest, Namespace, PluginId};
use chandlery_store::{Db, Write, time};
use jiff::Timestamp;
use serde_json::{Value, json};

use crate::catalog::Error;

/// What somebody does to advisories, after "may not".
pub(super) const ACTION: &str = "publish advisories about plugins of";

/// An advisory as it is stored.
#[derive(sqlx::FromRow)]
struct Row {
    plugin: Text<PluginId>,
    body: Json<Advisory>,
    by_operator: i64,
    modified_at: String,
    withdrawn_at: Option<Text<Timestamp>>,
}

impl Row {
    /// As it is shown: with when it was withdrawn.
    fn shown(self) -> Advisory {
        let (Json(advisory), withdrawn) = (self.body, self.withdrawn_at.map(|Text(at)| at));
        Advisory { withdrawn, ..advisory }
    }
}

/// Refuses whoever neither publishes in a plugin's namespace nor operates the registry.
pub(super) async fn must_advise(db: &Db, account: &Account, namespace: &Namespace) -> Result<(), Error> {
    match account.operator {
        true => Ok(()),
        false => Ok(account.must_be(db, Role::Publisher, namespace, ACTION).await?),
    }
}

/// Publishes an advisory, or says something else in it. The same again changes nothing.
pub(super) async fn publish(
    db: &Db,
    caller: &Caller,
    plugin: &PluginId,
    advisory: Advisory,
) -> Result<Advisory, Error> {
    advisory.check(plugin).map_err(|error| Error::invalid(error.to_string()))?;
    let (advisory, now) = (advisory.unpublished(), Timestamp::now());
    let mut write = db.write().await?;
    must_be_there(&mut write, plugin).await?;
    let known = find(&mut write, &advisory.id).await?;
    if let Some(known) = &known {
        must_be_own(caller, plugin, &advisory.id, known)?;
        if known.withdrawn_at.is_none() && known.body.0.clone().unpublished() == advisory {
            return Ok(known.body.0.clone());
        }
    }
    if known.is_none() {
        must_have_room(&mut write, plugin).await?;
    }
    let published = known.as_ref().and_then(|known| known.body.0.published).unwrap_or(now);
    let advisory = Advisory { modified: Some(now), published: Some(published), ..advisory };
    let (id, body) = (advisory.id.clone(), json!(advisory).to_string());
    if body.len() > ADVISORY_BYTES_MAX {
        return Err(Error::invalid(format!("an advisory has at most {ADVISORY_BYTES_MAX} bytes")));
    }
    let digest = Digest::of(&body);
    let entry = Entry::Advised { plugin: plugin.clone(), id: id.clone(), advisory: digest, at: now };
    log::append(&mut write, &entry).await?;
    sqlx::query(
        "insert into advisories (id, plugin, body, by_operator, modified_at) values ($1, $2, $3, $4, $5)
         on conflict (id) do update set body = excluded.body, by_operator = excluded.by_operator,
             modified_at = excluded.modified_at, withdrawn_at = null",
    )
    .bind(id.as_str())
    .bind(plugin.to_string())
    .bind(&body)
    .bind(i64::from(caller.operator))
    .bind(time(now))
    .execute(&mut *write)
    .await?;
    let after =
        json!({ "plugin": plugin, "digest": digest, "severity": advisory.database_specific.severity });
    record(&mut write, &caller.actor, Act::AdvisoryPublished, id.as_str(), Value::Null, after).await?;
    let title = format!("advisory {id} about {plugin}: {}", advisory.summary);
    let key = format!("advisory:{id}:{}", time(now));
    let body = "Hosts that run an affected version hear of it within a minute.\n";
    tell_members(&mut write, &plugin.namespace, Role::Publisher, &key, &title, body, now).await?;
    write.commit().await?;
    tracing::warn!(%plugin, %id, "advisory published");
    Ok(advisory)
}

/// Withdraws an advisory that does not hold. One that was withdrawn stays so.
pub(super) async fn withdraw(
    db: &Db,
    caller: &Caller,
    plugin: &PluginId,
    id: &AdvisoryId,
) -> Result<(), Error> {
    let now = Timestamp::now();
    let mut write = db.write().await?;
    let known = find(&mut write, id).await?.filter(|known| known.plugin.0 == *plugin);
    let known = known.ok_or_else(|| not_found(id))?;
    must_be_own(caller, plugin, id, &known)?;
    if known.withdrawn_at.is_some() {
        return Ok(());
    }
    let entry = Entry::AdvisoryWithdrawn { plugin: plugin.clone(), id: id.clone(), at: now };
    log::append(&mut write, &entry).await?;
    sqlx::query("update advisories set withdrawn_at = $1, modified_at = $1 where id = $2")
        .bind(time(now))
        .bind(id.as_str())
        .execute(&mut *write)
        .await?;
    let before = json!({ "plugin": plugin });
    record(&mut write, &caller.actor, Act::AdvisoryWithdrawn, id.as_str(), before, Value::Null).await?;
    write.commit().await?;
    Ok(())
}

/// What an operator has said of a plugin its publishers do not take back.
fn must_be_own(caller: &Caller, plugin: &PluginId, id: &AdvisoryId, known: &Row) -> Result<(), Error> {
    if known.plugin.0 != *plugin {
        return Err(Error::conflict(format!("'{id}' is another advisory: choose another id")));
    }
    match known.by_operator == 1 && !caller.operator {
        true => {
            Err(chandlery_edge::Error::forbidden(&caller.name, "change what an operator has published")
                .into())
        }
        false => Ok(()),
    }
}

async fn must_be_there(write: &mut Write, plugin: &PluginId) -> Result<(), Error> {
    let found: Option<(String,)> = sqlx::query_as("select id from plugins where id = $1")
        .bind(plugin.to_string())
        .fetch_optional(&mut **write)
        .await?;
    found.map(drop).ok_or_else(|| Error::not_found(format!("plugin '{plugin}'")))
}

/// Hosts fetch each of them.
async fn must_have_room(write: &mut Write, plugin: &PluginId) -> Result<(), Error> {
    let (count,): (i64,) = sqlx::query_as("select count(*) from advisories where plugin = $1")
        .bind(plugin.to_string())
        .fetch_one(&mut **write)
        .await?;
    match count.unsigned_abs() < ADVISORIES_MAX as u64 {
        true => Ok(()),
        false => Err(Error::conflict(format!(
            "there are {ADVISORIES_MAX} advisories about {plugin}: change one of them"
        ))),
    }
}

async fn find(write: &mut Write, id: &AdvisoryId) -> Result<Option<Row>, Error> {
    let sql = "select plugin, body, by_operator, modified_at, withdrawn_at from advisories where id = $1";
    Ok(sqlx::query_as(sql).bind(id.as_str()).fetch_optional(&mut **write).await?)
}

/// That there is no such advisory, or none that may be seen.
pub(super) fn not_found(id: &AdvisoryId) -> Error {
    Error::not_found(format!("advisory '{id}'"))
}

/// An advisory byte for byte as the log has its digest, with the plugin that it is about. One that was withdrawn says so instead.
pub(super) async fn read(db: &Db, id: &AdvisoryId) -> Result<Option<(PluginId, String)>, Error> {
    let found: Option<(Text<PluginId>, String, Option<Text<Timestamp>>)> =
        sqlx::query_as("select plugin, body, withdrawn_at from advisories where id = $1")
            .bind(id.as_str())
            .fetch_optional(db.read())
            .await?;
    let Some((Text(plugin), body, withdrawn)) = found else { return Ok(None) };
    let Some(Text(withdrawn)) = withdrawn else { return Ok(Some((plugin, body))) };
    let damaged = |error: serde_json::Error| Error::damaged(format!("advisory '{id}': {error}"));
    let advisory: Advisory = serde_json::from_str(&body).map_err(damaged)?;
    let shown = Advisory { withdrawn: Some(withdrawn), ..advisory };
    Ok(Some((plugin, json!(shown).to_string())))
}

/// Where an advisory stands among all: when it was changed last, and its id.
pub(super) type Place = (String, AdvisoryId);

/// A page of all advisories that an account may see, those that were withdrawn included, in the order in which they were changed.
pub(super) async fn list(
    db: &Db,
    account: Option<&Account>,
    paging: &Paging<Place>,
) -> Result<Page<Advisory>, Error> {
    let (modified, id) = paging.after().map_or(("", ""), |(at, id)| (at.as_str(), id.as_str()));
    let rows: Vec<Row> = sqlx::query_as(
        "select advisories.plugin, advisories.body, advisories.by_operator, advisories.modified_at, advisories.withdrawn_at
         from advisories join plugins on plugins.id = advisories.plugin
         join namespaces on namespaces.name = plugins.namespace
         where (advisories.modified_at, advisories.id) > ($1, $2)
               and ($3 = 1 or namespaces.visibility = 'public' or exists (
                   select 1 from namespace_members
                   where namespace_members.namespace = namespaces.name
                         and (namespace_members.account = $4 or exists (
                             select 1 from organisation_members
                             where organisation_members.organisation = namespace_members.account
                                   and organisation_members.account = $4
                                   and not exists (select 1 from suspensions
                                                   where suspensions.account = organisation_members.organisation)))))
         order by advisories.modified_at, advisories.id limit $5",
    )
    .bind(modified)
    .bind(id)
    .bind(i64::from(account.is_some_and(|account| account.operator)))
    .bind(account.map_or("", |account| account.name.as_str()))
    .bind(paging.rows())
    .fetch_all(db.read())
    .await?;
    let page = paging.cut(rows, |row: &Row| (row.modified_at.clone(), row.body.0.id.clone()));
    Ok(page.map(Row::shown))
}

/// A page of a plugin's advisories by id, those that were withdrawn included.
pub(super) async fn of_plugin(
    db: &Db,
    plugin: &PluginId,
    paging: &Paging<AdvisoryId>,
) -> Result<Page<Advisory>, Error> {
    let rows: Vec<Row> = sqlx::query_as(
        "select plugin, body, by_operator, modified_at, withdrawn_at from advisories
         where plugin = $1 and id > $2 order by id limit $3",
    )
    .bind(plugin.to_string())
    .bind(paging.after().map_or("", AdvisoryId::as_str))
    .bind(paging.rows())
    .fetch_all(db.read())
    .await?;
    let page = paging.cut(rows, |row: &Row| row.body.0.id.clone());
    Ok(page.map(Row::shown))
}
