//! Usage intake: every event counts once, however often it is sent; a wrong one does not hold up the others of its batch. A
//! batch that is all new is one statement.

mod bounds;
pub(crate) mod corrections;
mod rows;

use std::collections::{BTreeSet, HashMap};

use chandlery_package::column::Text;
use chandlery_package::wire::{Page, Paging, UsageEvent, UsageReceipt, UsageTotal};
use chandlery_package::{Namespace, PluginId};
use jiff::Timestamp;
use sqlx::AnyConnection;

use crate::Error;
use chandlery_store::Db;

use bounds::Refusal;
use rows::Stored;

pub use bounds::Bounds;
pub(crate) use bounds::{SPAN_MAX, whole};

/// Stores a batch of events of one account, each by itself.
pub async fn receive(
    db: &Db,
    account: &Namespace,
    events: &[UsageEvent],
    bounds: Bounds,
) -> Result<UsageReceipt, Error> {
    let now = bounds.now;
    let mut receipt = UsageReceipt { accepted: 0, held: 0, known: 0, refused: Vec::new() };
    let mut rows = Vec::with_capacity(events.len());
    for event in events {
        match bounds.check(event) {
            Ok(()) => rows.push(Stored::of(event)),
            Err(refusal) => receipt.refused.push(refusal.of(event)),
        }
    }
    let mut write = db.write().await?;
    let opened_at = opened_at(&mut write, account).await?;
    let published = published(&mut write, &rows).await?;
    rows.retain(|row| {
        let release = published.get(&(row.plugin.clone(), row.version.clone()));
        let refusal = match release {
            None => Some(Refusal::for_good(format!("there is no release {}", row.event.release))),
            Some(published_at) => bounds
                .must_follow(row.event, "the account", opened_at)
                .and_then(|()| bounds.must_follow(row.event, "the release", *published_at))
                .err(),
        };
        let is_taken = refusal.is_none();
        receipt.refused.extend(refusal.map(|refusal| refusal.of(row.event)));
        is_taken
    });
    let (corrections, plain): (Vec<_>, Vec<_>) =
        rows.into_iter().partition(|row| row.event.corrects.is_some());
    let inserted = rows::insert(&mut write, account, &plain, now).await?;
    for id in &inserted.taken {
        let event = plain.iter().find(|row| row.event.id == *id);
        let refusal = Refusal::for_good("its id was used before for another event");
        receipt.refused.extend(event.map(|row| refusal.of(row.event)));
    }
    let kept = corrections::keep(&mut write, account, &corrections, now).await?;
    corrections::settle(&mut write, account, now).await?;
    receipt.held = corrections::waiting(&mut write, account, &corrections).await?;
    receipt.accepted = inserted.new + kept.new;
    receipt.known = inserted.known + kept.known;
    receipt.refused.extend(kept.refused);
    write.commit().await?;
    Ok(receipt)
}

/// When an account was opened, where that is known.
async fn opened_at(db: &mut AnyConnection, account: &Namespace) -> Result<Option<Timestamp>, Error> {
    let found: Option<(String,)> = sqlx::query_as("select created_at from accounts where name = $1")
        .bind(account.as_str())
        .fetch_optional(db)
        .await?;
    Ok(found.and_then(|(at,)| at.parse().ok()))
}

/// Releases, by plugin and version, and since when they are there, where that is known.
type Published = HashMap<(String, String), Option<Timestamp>>;

/// Which releases of these there are.
async fn published(db: &mut AnyConnection, rows: &[Stored<'_>]) -> Result<Published, Error> {
    let wanted: BTreeSet<_> = rows.iter().map(|row| (&row.plugin, &row.version)).collect();
    let mut found = HashMap::new();
    for (plugin, version) in wanted {
        let release: Option<(String,)> =
            sqlx::query_as("select published_at from releases where plugin = $1 and version = $2")
                .bind(plugin)
                .bind(version)
                .fetch_optional(&mut *db)
                .await?;
        if let Some((at,)) = release {
            found.insert((plugin.clone(), version.clone()), at.parse().ok());
        }
    }
    Ok(found)
}

/// A deployment's place among its account's: its name, and a plugin that it used.
pub(crate) type Key = (String, PluginId);

/// The use of an account's deployments so far; what was corrected does not count.
pub async fn totals(db: &Db, account: &Namespace, paging: &Paging<Key>) -> Result<Page<UsageTotal>, Error> {
    let (deployment, plugin) = paging.after().map_or_else(
        || (String::new(), String::new()),
        |(deployment, plugin)| (deployment.clone(), plugin.to_string()),
    );
    let rows: Vec<(String, Text<PluginId>, i64, i64, i64, i64, i64)> = sqlx::query_as(
        "select deployment, plugin, count(*),
                cast(sum(replica_millis / 1000000) as bigint), cast(sum(replica_millis % 1000000) as bigint),
                cast(sum(gpu_millis / 1000000) as bigint), cast(sum(gpu_millis % 1000000) as bigint)
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
    Ok(page.map(|(deployment, Text(plugin), events, replicas, replicas_rest, gpus, gpus_rest)| UsageTotal {
        deployment,
        plugin,
        events: events.unsigned_abs(),
        replica_millis: whole(replicas, replicas_rest),
        gpu_millis: whole(gpus, gpus_rest),
    }))
}
