//! What was used in a month, added up from events.

use std::collections::BTreeMap;

use chandlery_package::column::{Json, Text};
use chandlery_package::{Month, Namespace, PluginId, Unit};
use chandlery_store::time;
use futures::TryStreamExt as _;
use jiff::Timestamp;
use sqlx::AnyConnection;

use crate::Error;
use crate::billing::usage::whole;

/// The use of each deployment, by its name.
pub(super) type Deployments = BTreeMap<String, Use>;

/// Whose use of what.
pub(crate) type Key = (Namespace, PluginId);

/// The use of one plugin by one account in one month.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Use {
    pub deployments: u64,
    pub replica_millis: u64,
    pub gpu_millis: u64,
    pub units: BTreeMap<String, u64>,
    /// When the first of it began, as times are stored.
    pub first: String,
    /// When the last of it began, as times are stored.
    pub last: String,
}

impl Use {
    /// In what the unit counts.
    pub(super) fn of(&self, unit: &Unit) -> u64 {
        match unit {
            Unit::GpuHour => self.gpu_millis,
            Unit::DeploymentHour => self.replica_millis,
            Unit::Reported(word) => self.units.get(word).copied().unwrap_or(0),
        }
    }

    /// Whether all of it began from a moment on, and before another one.
    pub(super) fn is_within(&self, from: Timestamp, to: Option<Timestamp>) -> bool {
        time(from) <= self.first && to.is_none_or(|to| self.last < time(to))
    }

    /// Adds what else was used in the month. So much use costs more than can be charged, or nothing.
    pub(super) fn add(&mut self, other: &Self) {
        self.replica_millis = self.replica_millis.saturating_add(other.replica_millis);
        self.gpu_millis = self.gpu_millis.saturating_add(other.gpu_millis);
        self.add_units(&other.units);
    }

    fn add_units(&mut self, units: &BTreeMap<String, u64>) {
        for (unit, count) in units {
            let sum = self.units.entry(unit.clone()).or_default();
            *sum = sum.saturating_add(*count);
        }
    }
}

/// The use of a month by all.
pub(super) async fn by_all(db: &mut AnyConnection, month: Month) -> Result<BTreeMap<Key, Use>, Error> {
    let used = used(db, month, None).await?;
    Ok(used.into_iter().map(|(key, deployments)| (key, all(deployments))).collect())
}

/// The use of one thing by one account in a month that began from a moment on and before another one.
pub(super) async fn within(
    db: &mut AnyConnection,
    month: Month,
    key: &Key,
    from: Timestamp,
    to: Option<Timestamp>,
) -> Result<Option<Use>, Error> {
    Ok(used(db, month, Some((key, from, to))).await?.remove(key).map(all))
}

/// The same by deployment.
pub(super) async fn by_deployment(
    db: &mut AnyConnection,
    month: Month,
    key: &Key,
    from: Timestamp,
    to: Option<Timestamp>,
) -> Result<Deployments, Error> {
    Ok(used(db, month, Some((key, from, to))).await?.remove(key).unwrap_or_default())
}

/// What deployments have used together.
fn all(deployments: Deployments) -> Use {
    let mut each = deployments.into_values();
    let mut all = each.next().unwrap_or_default();
    for used in each {
        all.add(&used);
        all.deployments += used.deployments;
        all.first = all.first.min(used.first);
        all.last = all.last.max(used.last);
    }
    all
}

async fn used(
    db: &mut AnyConnection,
    month: Month,
    only: Option<(&Key, Timestamp, Option<Timestamp>)>,
) -> Result<BTreeMap<Key, Deployments>, Error> {
    let (account, plugin, from, to) = match only {
        Some(((account, plugin), from, to)) => {
            (account.to_string(), plugin.to_string(), time(from), to.map(time).unwrap_or_default())
        }
        None => Default::default(),
    };
    type Row = (Text<Namespace>, Text<PluginId>, String, i64, i64, i64, i64, String, String);
    let rows: Vec<Row> = sqlx::query_as(
        "select account, plugin, deployment,
                cast(sum(replica_millis / 1000000) as bigint), cast(sum(replica_millis % 1000000) as bigint),
                cast(sum(gpu_millis / 1000000) as bigint), cast(sum(gpu_millis % 1000000) as bigint),
                min(from_at), max(from_at)
         from usage_events
         where month = $1 and ($2 = '' or account = $2 and plugin = $3 and from_at >= $4 and ($5 = '' or from_at < $5))
           and not exists (select 1 from usage_corrections where corrects = usage_events.id
                             and usage_corrections.account = usage_events.account
                             and usage_corrections.plugin = usage_events.plugin)
         group by account, plugin, deployment",
    )
    .bind(month.to_string())
    .bind(&account)
    .bind(&plugin)
    .bind(&from)
    .bind(&to)
    .fetch_all(&mut *db)
    .await?;
    let mut all: BTreeMap<Key, Deployments> = BTreeMap::new();
    for (Text(account), Text(plugin), deployment, replicas, replicas_rest, gpus, gpus_rest, first, last) in
        rows
    {
        let used = Use {
            deployments: 1,
            replica_millis: whole(replicas, replicas_rest),
            gpu_millis: whole(gpus, gpus_rest),
            units: BTreeMap::new(),
            first,
            last,
        };
        all.entry((account, plugin)).or_default().insert(deployment, used);
    }
    // One for each event: as many as the month had.
    let mut reported = sqlx::query_as(
        "select account, plugin, deployment, units from usage_events
         where month = $1 and units <> ''
           and ($2 = '' or account = $2 and plugin = $3 and from_at >= $4 and ($5 = '' or from_at < $5))
           and not exists (select 1 from usage_corrections where corrects = usage_events.id
                             and usage_corrections.account = usage_events.account
                             and usage_corrections.plugin = usage_events.plugin)",
    )
    .bind(month.to_string())
    .bind(&account)
    .bind(&plugin)
    .bind(&from)
    .bind(&to)
    .fetch(db);
    type Reported = (Text<Namespace>, Text<PluginId>, String, Json<BTreeMap<String, u64>>);
    while let Some(row) = reported.try_next().await? {
        let (Text(account), Text(plugin), deployment, Json(units)): Reported = row;
        let deployments = all.get_mut(&(account, plugin));
        if let Some(used) = deployments.and_then(|deployments| deployments.get_mut(&deployment)) {
            used.add_units(&units);
        }
    }
    Ok(all)
}
