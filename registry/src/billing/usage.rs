//! Usage intake: every event counts once, however often it is sent.

use chandlery_package::Namespace;
use chandlery_package::wire::{RefusedUsage, UsageEvent, UsageReceipt, UsageTotal};
use jiff::Timestamp;

use crate::{Error, Registry, Write, time};

enum Outcome {
    Accepted,
    Known,
    Refused(String),
}

/// Stores a batch of events of one account, each by itself: a wrong one does not hold up the others.
pub async fn receive(
    registry: &Registry,
    account: &Namespace,
    events: &[UsageEvent],
) -> Result<UsageReceipt, Error> {
    let mut receipt = UsageReceipt { accepted: 0, known: 0, refused: Vec::new() };
    let mut write = registry.db.write().await?;
    for event in events {
        match insert(&mut write, account, event).await? {
            Outcome::Accepted => receipt.accepted += 1,
            Outcome::Known => receipt.known += 1,
            Outcome::Refused(reason) => receipt.refused.push(RefusedUsage { id: event.id, reason }),
        }
    }
    write.commit().await?;
    Ok(receipt)
}

async fn insert(write: &mut Write, account: &Namespace, event: &UsageEvent) -> Result<Outcome, Error> {
    let (Ok(replicas), Ok(gpus)) = (i64::try_from(event.replica_millis), i64::try_from(event.gpu_millis))
    else {
        return Ok(Outcome::Refused("more use than can be counted".into()));
    };
    if event.to < event.from {
        return Ok(Outcome::Refused("it ends before it begins".into()));
    }
    let plugin = event.release.plugin.to_string();
    let published: Option<(String,)> =
        sqlx::query_as("select plugin from releases where plugin = $1 and version = $2")
            .bind(&plugin)
            .bind(event.release.version.to_string())
            .fetch_optional(&mut **write)
            .await?;
    if published.is_none() {
        return Ok(Outcome::Refused(format!("there is no release {}", event.release)));
    }
    let body = serde_json::json!({ "account": account, "event": event }).to_string();
    let inserted = sqlx::query(
        "insert into usage_events (id, body, account, deployment, plugin, version, from_at, to_at, replica_millis,
                                   gpu_millis, received_at)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11) on conflict do nothing",
    )
    .bind(event.id.to_string())
    .bind(&body)
    .bind(account.as_str())
    .bind(&event.deployment)
    .bind(&plugin)
    .bind(event.release.version.to_string())
    .bind(time(event.from))
    .bind(time(event.to))
    .bind(replicas)
    .bind(gpus)
    .bind(time(Timestamp::now()))
    .execute(&mut **write)
    .await?;
    if inserted.rows_affected() == 1 {
        return Ok(Outcome::Accepted);
    }
    let (stored,): (String,) = sqlx::query_as("select body from usage_events where id = $1")
        .bind(event.id.to_string())
        .fetch_one(&mut **write)
        .await?;
    match stored == body {
        true => Ok(Outcome::Known),
        false => Ok(Outcome::Refused("its id was used before for another event".into())),
    }
}

/// The use of an account's deployments so far.
pub async fn totals(registry: &Registry, account: &Namespace) -> Result<Vec<UsageTotal>, Error> {
    let rows: Vec<(String, String, i64, i64, i64)> = sqlx::query_as(
        "select deployment, plugin, count(*), cast(sum(replica_millis) as bigint), cast(sum(gpu_millis) as bigint)
         from usage_events where account = $1 group by deployment, plugin order by deployment, plugin",
    )
    .bind(account.as_str())
    .fetch_all(registry.db.read())
    .await?;
    rows.into_iter()
        .map(|(deployment, plugin, events, replica_millis, gpu_millis)| {
            Ok(UsageTotal {
                deployment,
                plugin: plugin.parse()?,
                events: events as u64,
                replica_millis: replica_millis as u64,
                gpu_millis: gpu_millis as u64,
            })
        })
        .collect()
}
