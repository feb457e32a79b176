//! Usage intake: every event counts once, however often it is sent; a wrong one does not hold up the others of its batch. A
//! batch that is all new is one statement.

use std::collections::{BTreeSet, HashMap, HashSet};

use chandlery_package::column::Text;
use chandlery_package::wire::{Page, Paging, RefusedUsage, UsageEvent, UsageReceipt, UsageTotal};
use chandlery_package::{Month, Namespace, PluginId};
use jiff::Timestamp;
use sqlx::AnyConnection;

use crate::{Error, ledger};
use chandlery_store::{Cell, Db, Write, insert_rows, time};

/// How many events one statement inserts.
const ROWS_MAX: usize = 1000;
/// How long the name of a deployment may be, in bytes.
const NAME_MAX: usize = 255;
/// How much of anything one event may count: of milliseconds, three centuries, or a hundred thousand GPUs for a day. A column holds
/// the sum of nearly a million of it.
const COUNT_MAX: u64 = 10_000_000_000_000;

/// An event as it is stored.
struct Stored<'a> {
    event: &'a UsageEvent,
    id: String,
    month: Month,
    deployment: &'a str,
    plugin: String,
    version: String,
    from_at: String,
    to_at: String,
    replica_millis: i64,
    gpu_millis: i64,
    units: String,
}

impl<'a> Stored<'a> {
    /// The event as a row, or what is wrong with it.
    fn of(event: &'a UsageEvent) -> Result<Self, String> {
        let counts = [event.replica_millis, event.gpu_millis];
        if let Some(count) = counts.iter().chain(event.units.values()).find(|count| **count > COUNT_MAX) {
            return Err(format!("{count} is more use than one event can count: the most is {COUNT_MAX}"));
        }
        let [replica_millis, gpu_millis] = counts.map(|count| count as i64);
        if event.to < event.from {
            return Err("it ends before it begins".into());
        }
        let name = &event.deployment;
        if name.is_empty() || name.len() > NAME_MAX || name.chars().any(char::is_control) {
            return Err(format!(
                "a deployment's name has 1 to {NAME_MAX} bytes, none of them control characters"
            ));
        }
        let units = match event.units.is_empty() {
            true => String::new(),
            false => serde_json::json!(event.units).to_string(),
        };
        Ok(Self {
            event,
            id: event.id.to_string(),
            month: Month::of(event.to),
            deployment: name,
            plugin: event.release.plugin.to_string(),
            version: event.release.version.to_string(),
            from_at: time(event.from),
            to_at: time(event.to),
            replica_millis,
            gpu_millis,
            units,
        })
    }
}

/// Stores a batch of events of one account, each by itself.
pub async fn receive(
    db: &Db,
    account: &Namespace,
    events: &[UsageEvent],
    now: Timestamp,
) -> Result<UsageReceipt, Error> {
    let mut receipt = UsageReceipt { accepted: 0, known: 0, refused: Vec::new() };
    let mut refuse = |event: &UsageEvent, reason: String| {
        receipt.refused.push(RefusedUsage { id: event.id, reason });
    };
    let mut rows = Vec::with_capacity(events.len());
    for event in events {
        match Stored::of(event) {
            Ok(row) => rows.push(row),
            Err(reason) => refuse(event, reason),
        }
    }
    let mut write = db.write().await?;
    let published = published(&mut write, &rows).await?;
    rows.retain(|row| match published.contains(&(row.plugin.clone(), row.version.clone())) {
        true => true,
        false => {
            refuse(row.event, format!("there is no release {}", row.event.release));
            false
        }
    });
    let reasons = wrong_corrections(&mut write, account, &rows).await?;
    rows.retain(|row| match reasons.get(&row.event.id) {
        None => true,
        Some(reason) => {
            refuse(row.event, reason.clone());
            false
        }
    });
    let (accepted, known, taken) = insert(&mut write, account, &rows, now).await?;
    for id in taken {
        receipt.refused.push(RefusedUsage { id, reason: "its id was used before for another event".into() });
    }
    (receipt.accepted, receipt.known) = (accepted, known);
    write.commit().await?;
    Ok(receipt)
}

/// Which releases of these there are.
async fn published(db: &mut AnyConnection, rows: &[Stored<'_>]) -> Result<HashSet<(String, String)>, Error> {
    let wanted: BTreeSet<_> = rows.iter().map(|row| (&row.plugin, &row.version)).collect();
    let mut found = HashSet::new();
    for (plugin, version) in wanted {
        let release: Option<(String, String)> =
            sqlx::query_as("select plugin, version from releases where plugin = $1 and version = $2")
                .bind(plugin)
                .bind(version)
                .fetch_optional(&mut *db)
                .await?;
        found.extend(release);
    }
    Ok(found)
}

/// Corrections of what was corrected by another event already.
async fn wrong_corrections(
    write: &mut Write,
    account: &Namespace,
    rows: &[Stored<'_>],
) -> Result<HashMap<uuid::Uuid, String>, Error> {
    let (mut wrong, mut seen) = (HashMap::new(), HashMap::new());
    for row in rows {
        let Some(corrects) = row.event.corrects else { continue };
        let stored: Option<(String,)> =
            sqlx::query_as("select id from usage_corrections where corrects = $1 and account = $2")
                .bind(corrects.to_string())
                .bind(account.as_str())
                .fetch_optional(&mut **write)
                .await?;
        let by = stored.map_or_else(|| row.id.clone(), |(by,)| by);
        let by = seen.entry(corrects).or_insert(by);
        if *by != row.id {
            wrong.insert(row.event.id, format!("{corrects} was corrected by {by}: correct that one"));
        }
    }
    Ok(wrong)
}

/// Inserts what is new. Gives how many were, how many were known, and those whose id was used for something else.
async fn insert(
    write: &mut Write,
    account: &Namespace,
    rows: &[Stored<'_>],
    now: Timestamp,
) -> Result<(u64, u64, Vec<uuid::Uuid>), Error> {
    let (mut accepted, mut known, mut taken) = (0, 0, Vec::new());
    for some in rows.chunks(ROWS_MAX) {
        let inserted = insert_new(write, account, some, now).await?;
        accepted += inserted;
        if inserted < some.len() as u64 {
            let others = others(write, account, some).await?;
            known += some.len() as u64 - inserted - others.len() as u64;
            taken.extend(others);
        }
    }
    note_corrections(write, account, rows, &taken).await?;
    Ok((accepted, known, taken))
}

async fn insert_new(
    db: &mut AnyConnection,
    account: &Namespace,
    rows: &[Stored<'_>],
    now: Timestamp,
) -> Result<u64, Error> {
    let received_at = time(now);
    let values = rows.iter().map(|row| -> [Cell; 12] {
        [
            row.id.as_str().into(),
            account.as_str().into(),
            row.month.to_string().into(),
            row.deployment.into(),
            row.plugin.as_str().into(),
            row.version.as_str().into(),
            row.from_at.as_str().into(),
            row.to_at.as_str().into(),
            row.replica_millis.into(),
            row.gpu_millis.into(),
            row.units.as_str().into(),
            received_at.as_str().into(),
        ]
    });
    let table = "usage_events (id, account, month, deployment, plugin, version, from_at, to_at, replica_millis, gpu_millis,
                               units, received_at)";
    Ok(insert_rows(db, table, values.collect(), "on conflict do nothing").await?)
}

/// Those whose id is another event's.
async fn others(
    db: &mut AnyConnection,
    account: &Namespace,
    rows: &[Stored<'_>],
) -> Result<Vec<uuid::Uuid>, Error> {
    let mut others = Vec::new();
    let mut seen = HashMap::new();
    for row in rows {
        let stored: (String, String, String, String, String, String, i64, i64, String) = sqlx::query_as(
            "select account, deployment, plugin, version, from_at, to_at, replica_millis, gpu_millis, units
             from usage_events where id = $1",
        )
        .bind(&row.id)
        .fetch_one(&mut *db)
        .await?;
        let sent = (
            account.to_string(),
            row.event.deployment.clone(),
            row.plugin.clone(),
            row.version.clone(),
            row.from_at.clone(),
            row.to_at.clone(),
            row.replica_millis,
            row.gpu_millis,
            row.units.clone(),
        );
        // Of two in one batch, the first one was stored.
        let first = seen.entry(&row.id).or_insert(&row.event.corrects);
        if stored != sent || **first != row.event.corrects {
            others.push(row.event.id);
        }
    }
    Ok(others)
}

/// Notes what does not count any more, and which closed months are to be rated again.
async fn note_corrections(
    write: &mut Write,
    account: &Namespace,
    rows: &[Stored<'_>],
    taken: &[uuid::Uuid],
) -> Result<(), Error> {
    let open_from = ledger::open_from(write).await?;
    let is_closed = |month: Month| open_from.is_some_and(|open| month.first_moment() < open);
    let mut reopened = BTreeSet::new();
    for row in rows.iter().filter(|row| !taken.contains(&row.event.id)) {
        if is_closed(row.month) {
            reopened.insert((row.month, row.plugin.clone()));
        }
        let Some(corrects) = row.event.corrects else { continue };
        sqlx::query(
            "insert into usage_corrections (corrects, account, plugin, id) values ($1, $2, $3, $4) on conflict do nothing",
        )
        .bind(corrects.to_string())
        .bind(account.as_str())
        .bind(&row.plugin)
        .bind(&row.id)
        .execute(&mut **write)
        .await?;
        let original: Option<(Text<Month>,)> =
            sqlx::query_as("select month from usage_events where id = $1 and account = $2 and plugin = $3")
                .bind(corrects.to_string())
                .bind(account.as_str())
                .bind(&row.plugin)
                .fetch_optional(&mut **write)
                .await?;
        if let Some((Text(month),)) = original.filter(|(Text(month),)| is_closed(*month)) {
            reopened.insert((month, row.plugin.clone()));
        }
    }
    for (month, plugin) in reopened {
        sqlx::query(
            "insert into reopened_usage (month, account, plugin) values ($1, $2, $3) on conflict do nothing",
        )
        .bind(month.to_string())
        .bind(account.as_str())
        .bind(plugin)
        .execute(&mut **write)
        .await?;
    }
    Ok(())
}

/// A deployment's place among its account's: its name, and a plugin that it used.
pub(crate) type Key = (String, PluginId);

/// The use of an account's deployments so far; what was corrected does not count.
pub async fn totals(db: &Db, account: &Namespace, paging: &Paging<Key>) -> Result<Page<UsageTotal>, Error> {
    let (deployment, plugin) = paging.after().map_or_else(
        || (String::new(), String::new()),
        |(deployment, plugin)| (deployment.clone(), plugin.to_string()),
    );
    let rows: Vec<(String, Text<PluginId>, i64, i64, i64)> = sqlx::query_as(
        "select deployment, plugin, count(*), cast(sum(replica_millis) as bigint), cast(sum(gpu_millis) as bigint)
         from usage_events
         where account = $1 and deployment >= $2 and (deployment > $2 or plugin > $3)
           and not exists (select 1 from usage_corrections where corrects = usage_events.id
                             and usage_corrections.account = usage_events.account
                             and usage_corrections.plugin = usage_events.plugin)
         group by deployment, plugin order by deployment, plugin limit $4",
    )
    .bind(account.as_str())
    .bind(deployment)
    .bind(plugin)
    .bind(paging.rows())
    .fetch_all(db.read())
    .await?;
    let page = paging.cut(rows, |(deployment, Text(plugin), ..)| (deployment.clone(), plugin.clone()));
    Ok(page.map(|(deployment, Text(plugin), events, replica_millis, gpu_millis)| UsageTotal {
        deployment,
        plugin,
        events: events.unsigned_abs(),
        replica_millis: replica_millis.unsigned_abs(),
        gpu_millis: gpu_millis.unsigned_abs(),
    }))
}
