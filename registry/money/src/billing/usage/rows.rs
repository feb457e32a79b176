//! Events as rows: stored once each, and the closed months that they make to be rated again.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use chandlery_package::column::Text;
use chandlery_package::wire::UsageEvent;
use chandlery_package::{Month, Namespace};
use jiff::{SignedDuration, Timestamp};
use sqlx::{AnyConnection, AssertSqlSafe};

use crate::{Error, ledger};
use chandlery_store::{Cell, Write, insert_rows, places, time};

/// How exactly times are stored.
const INSTANT: SignedDuration = SignedDuration::from_micros(1);
/// How many events one statement inserts.
const ROWS_MAX: usize = 1000;

/// An event as it is stored.
pub(super) struct Stored<'a> {
    pub event: &'a UsageEvent,
    pub id: String,
    pub month: Month,
    pub plugin: String,
    pub version: String,
    from_at: String,
    to_at: String,
    replica_millis: i64,
    gpu_millis: i64,
    units: String,
    /// The host that has signed it; empty: none has.
    host: &'a str,
}

impl<'a> Stored<'a> {
    /// An event that is within its bounds, as a row that no host has signed.
    pub(super) fn of(event: &'a UsageEvent) -> Self {
        let count = |count: u64| i64::try_from(count).unwrap_or(i64::MAX);
        Self {
            event,
            id: event.id.to_string(),
            month: Month::of(event.to),
            plugin: event.release.plugin.to_string(),
            version: event.release.version.to_string(),
            from_at: time(event.from),
            to_at: time(event.to),
            replica_millis: count(event.replica_millis),
            gpu_millis: count(event.gpu_millis),
            units: units_text(&event.units),
            host: "",
        }
    }

    /// The same, as this host has signed it.
    pub(super) fn signed_by(self, host: &'a str) -> Self {
        Self { host, ..self }
    }
}

fn units_text(units: &BTreeMap<String, u64>) -> String {
    match units.is_empty() {
        true => String::new(),
        false => serde_json::json!(units).to_string(),
    }
}

/// What became of rows.
#[derive(Default)]
pub(super) struct Inserted {
    /// How many are new.
    pub new: u64,
    /// How many were there before.
    pub known: u64,
    /// Those whose id is another event's.
    pub taken: Vec<uuid::Uuid>,
}

/// The ids of these rows that are there already, whatever has them.
pub(super) async fn known(db: &mut AnyConnection, rows: &[Stored<'_>]) -> Result<HashSet<String>, Error> {
    let mut known = HashSet::new();
    for some in rows.chunks(ROWS_MAX) {
        let sql = format!("select id from usage_events where id in ({})", places(db, 0, some.len()));
        let mut query = sqlx::query_as(AssertSqlSafe(sql));
        for row in some {
            query = query.bind(row.id.clone());
        }
        let found: Vec<(String,)> = query.fetch_all(&mut *db).await?;
        known.extend(found.into_iter().map(|(id,)| id));
    }
    Ok(known)
}

/// Inserts what is new, and remembers which closed months are to be rated again.
pub(super) async fn insert(
    write: &mut Write,
    account: &Namespace,
    rows: &[Stored<'_>],
    now: Timestamp,
) -> Result<Inserted, Error> {
    let mut all = Inserted::default();
    let came = came_at(write, account, rows, now).await?;
    for some in rows.chunks(ROWS_MAX) {
        let inserted = insert_new(write, account, some, &came).await?;
        all.new += inserted;
        if inserted < some.len() as u64 {
            let others = others(write, account, some).await?;
            all.known += some.len() as u64 - inserted - others.len() as u64;
            all.taken.extend(others);
        }
    }
    let mut months = BTreeSet::new();
    for row in rows.iter().filter(|row| !all.taken.contains(&row.event.id)) {
        months.insert((row.month, row.plugin.clone()));
    }
    reopen(write, account, months).await?;
    Ok(all)
}

/// When rows came, by the month that they count in: now, and after the last root of that month was made, which is of all that came
/// until then.
async fn came_at(
    db: &mut AnyConnection,
    account: &Namespace,
    rows: &[Stored<'_>],
    now: Timestamp,
) -> Result<BTreeMap<Month, String>, Error> {
    let months: BTreeSet<Month> = rows.iter().map(|row| row.month).collect();
    let mut came = BTreeMap::new();
    for month in months {
        let closed: Option<(Text<Timestamp>,)> = sqlx::query_as(
            "select closed_at from usage_roots
             where account = $1 and month = $2 order by log_index desc limit 1",
        )
        .bind(account.as_str())
        .bind(month.to_string())
        .fetch_optional(&mut *db)
        .await?;
        let after = closed.and_then(|(Text(closed),)| closed.checked_add(INSTANT).ok());
        came.insert(month, time(after.map_or(now, |after| now.max(after))));
    }
    Ok(came)
}

async fn insert_new(
    db: &mut AnyConnection,
    account: &Namespace,
    rows: &[Stored<'_>],
    came: &BTreeMap<Month, String>,
) -> Result<u64, Error> {
    let values = rows.iter().map(|row| -> [Cell; 13] {
        [
            row.id.as_str().into(),
            account.as_str().into(),
            row.month.to_string().into(),
            row.event.deployment.as_str().into(),
            row.plugin.as_str().into(),
            row.version.as_str().into(),
            row.from_at.as_str().into(),
            row.to_at.as_str().into(),
            row.replica_millis.into(),
            row.gpu_millis.into(),
            row.units.as_str().into(),
            came.get(&row.month).map_or("", String::as_str).into(),
            row.host.into(),
        ]
    });
    let table = "usage_events (id, account, month, deployment, plugin, version, from_at, to_at, replica_millis, gpu_millis,
                               units, received_at, host)";
    Ok(insert_rows(db, table, values.collect(), "on conflict do nothing").await?)
}

/// Those whose id is another event's.
async fn others(
    db: &mut AnyConnection,
    account: &Namespace,
    rows: &[Stored<'_>],
) -> Result<Vec<uuid::Uuid>, Error> {
    let mut others = Vec::new();
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
        if stored != sent {
            others.push(row.event.id);
        }
    }
    Ok(others)
}

/// Remembers that use of these months is to be rated again, where they are closed.
pub(super) async fn reopen(
    write: &mut Write,
    account: &Namespace,
    months: BTreeSet<(Month, String)>,
) -> Result<(), Error> {
    if months.is_empty() {
        return Ok(());
    }
    let Some(open) = ledger::open_from(write).await? else { return Ok(()) };
    for (month, plugin) in months.into_iter().filter(|(month, _)| month.first_moment() < open) {
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
