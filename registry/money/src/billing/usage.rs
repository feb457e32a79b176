//! Usage intake: every event counts once, however often it is sent; a wrong one does not hold up the others of its batch. A
//! batch that is all new is one statement.

mod bounds;
pub(crate) mod chains;
pub(crate) mod corrections;
mod days;
mod deployments;
mod incidents;
mod intake;
pub(crate) mod records;
pub(crate) mod roots;
mod rows;

use chandlery_package::column::Text;
use chandlery_package::wire::{Page, Paging, UsageEvent, UsageReceipt, UsageTotal};
use chandlery_package::{Month, Namespace, PluginId};

use crate::Error;
use chandlery_store::Db;

use intake::Batch;

pub use bounds::Bounds;
pub(crate) use bounds::{NAME_MAX as DEPLOYMENT_BYTES_MAX, SPAN_MAX, whole};

/// Stores a batch of events of one account that no host has signed, each by itself.
pub async fn receive(
    db: &Db,
    account: &Namespace,
    events: &[UsageEvent],
    bounds: Bounds,
) -> Result<UsageReceipt, Error> {
    let batch = Batch::of(events, bounds, "");
    let mut write = db.write().await?;
    let taken = batch.take(&mut write, account).await?;
    write.commit().await?;
    Ok(taken.receipt)
}

/// A deployment's place among its account's: its name, and a plugin that it used.
pub(crate) type Key = (String, PluginId);

/// The use of an account's deployments so far; what was corrected does not count.
pub async fn totals(db: &Db, account: &Namespace, paging: &Paging<Key>) -> Result<Page<UsageTotal>, Error> {
    totals_in(db, account, None, paging).await
}

/// The same, of one month; none: of all.
pub async fn totals_in(
    db: &Db,
    account: &Namespace,
    month: Option<Month>,
    paging: &Paging<Key>,
) -> Result<Page<UsageTotal>, Error> {
    let (deployment, plugin) = paging.after().map_or_else(
        || (String::new(), String::new()),
        |(deployment, plugin)| (deployment.clone(), plugin.to_string()),
    );
    let rows: Vec<(String, Text<PluginId>, i64, i64, i64, i64, i64, i64)> = sqlx::query_as(
        "select deployment, plugin, count(*), cast(sum(case when host = '' then 1 else 0 end) as bigint),
                cast(sum(replica_millis / 1000000) as bigint), cast(sum(replica_millis % 1000000) as bigint),
                cast(sum(gpu_millis / 1000000) as bigint), cast(sum(gpu_millis % 1000000) as bigint)
         from usage_events
         where account = $1 and deployment >= $2 and (deployment > $2 or plugin > $3) and ($5 = '' or month = $5)
           and not exists (select 1 from usage_corrections where corrects = usage_events.id
                             and usage_corrections.account = usage_events.account
                             and usage_corrections.plugin = usage_events.plugin)
         group by deployment, plugin order by deployment, plugin limit $4",
    )
    .bind(account.as_str())
    .bind(deployment)
    .bind(plugin)
    .bind(paging.rows())
    .bind(month.map(|month| month.to_string()).unwrap_or_default())
    .fetch_all(db.read())
    .await?;
    let page = paging.cut(rows, |(deployment, Text(plugin), ..)| (deployment.clone(), plugin.clone()));
    Ok(page.map(|(deployment, Text(plugin), events, unsigned, replicas, replicas_rest, gpus, gpus_rest)| {
        UsageTotal {
            deployment,
            plugin,
            events: events.unsigned_abs(),
            unsigned: unsigned.unsigned_abs(),
            replica_millis: whole(replicas, replicas_rest),
            gpu_millis: whole(gpus, gpus_rest),
        }
    }))
}
