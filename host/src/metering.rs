//! What deployments use, as events that are durable before they are sent, sent until they are acknowledged, and counted
//! once.

use std::time::Duration;

use chandlery_package::Release;
use chandlery_package::wire::UsageEvent;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use sqlx::SqlitePool;
use uuid::Uuid;

use crate::Error;
use crate::engines::replicas;
use crate::installs::RegistryClient;

const BATCH_EVENTS: i64 = 500;

/// How far usage has come.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Metered {
    /// Events that the registry has acknowledged.
    pub sent: i64,
    /// Events that wait to be sent.
    pub waiting: i64,
    /// Events that the registry refused.
    pub refused: i64,
    /// Milliseconds that replicas ran, by all events.
    pub replica_millis: u64,
}

/// Turns what every running replica has used so far into events.
pub async fn meter(db: &SqlitePool) -> Result<(), Error> {
    for replica in replicas::running(db).await? {
        meter_until(db, &replica, Timestamp::now()).await?;
    }
    Ok(())
}

/// Turns what one replica has used since it was last metered into an event. The event and the mark up to which was
/// metered change together, so that no moment is counted twice or lost.
pub(crate) async fn meter_until(db: &SqlitePool, replica: &str, now: Timestamp) -> Result<(), Error> {
    let mut write = db.begin_with("begin immediate").await?;
    let found: Option<(String, String, i64, Option<String>)> = sqlx::query_as(
        "select replicas.deployment, revisions.release, replicas.gpu_count, replicas.metered_until
         from replicas join revisions on revisions.deployment = replicas.deployment
                                     and revisions.revision = replicas.revision
         where replicas.id = $1 and replicas.handle is not null",
    )
    .bind(replica)
    .fetch_optional(&mut *write)
    .await?;
    let Some((deployment, release, gpus, Some(from))) = found else { return Ok(()) };
    let from: Timestamp = from.parse().map_err(|_| damaged("a replica's meter"))?;
    let millis = now.duration_since(from).as_millis();
    // Whole milliseconds are counted; what is left over is counted the next time.
    let to = from.checked_add(SignedDuration::from_millis(i64::try_from(millis).unwrap_or(0)));
    let (Ok(to), true) = (to, millis > 0) else { return Ok(()) };
    let event = UsageEvent {
        id: Uuid::now_v7(),
        deployment,
        release: release.parse::<Release>()?,
        from,
        to,
        replica_millis: millis as u64,
        gpu_millis: millis as u64 * u64::try_from(gpus).unwrap_or_default(),
        units: Default::default(),
        corrects: None,
    };
    sqlx::query("insert into usage_events (id, body) values ($1, $2)")
        .bind(event.id.to_string())
        .bind(serde_json::json!(event).to_string())
        .execute(&mut *write)
        .await?;
    sqlx::query("update replicas set metered_until = $1 where id = $2")
        .bind(to.to_string())
        .bind(replica)
        .execute(&mut *write)
        .await?;
    write.commit().await?;
    Ok(())
}

/// Sends what waits. An answer that is lost makes the next round send the same events again, which the registry knows.
pub async fn send(db: &SqlitePool, registry: &RegistryClient) -> Result<(), Error> {
    loop {
        let rows: Vec<(String, String)> =
            sqlx::query_as("select id, body from usage_events where sent = 0 order by id limit $1")
                .bind(BATCH_EVENTS)
                .fetch_all(db)
                .await?;
        if rows.is_empty() {
            return Ok(());
        }
        let events: Vec<UsageEvent> = rows
            .iter()
            .map(|(_, body)| serde_json::from_str(body).map_err(|_| damaged("a usage event")))
            .collect::<Result<_, _>>()?;
        let receipt = registry.send_usage(&events).await?;
        let mut write = db.begin_with("begin immediate").await?;
        for (id, _) in &rows {
            sqlx::query("update usage_events set sent = 1 where id = $1")
                .bind(id)
                .execute(&mut *write)
                .await?;
        }
        for refused in &receipt.refused {
            tracing::error!(event = %refused.id, reason = refused.reason, "the registry refused usage");
            sqlx::query("update usage_events set refused = $1 where id = $2")
                .bind(&refused.reason)
                .bind(refused.id.to_string())
                .execute(&mut *write)
                .await?;
        }
        write.commit().await?;
    }
}

/// How far usage has come.
pub async fn metered(db: &SqlitePool) -> Result<Metered, Error> {
    let (sent, waiting, refused, millis): (i64, i64, i64, i64) = sqlx::query_as(
        "select coalesce(sum(sent = 1 and refused is null), 0), coalesce(sum(sent = 0), 0),
                coalesce(sum(refused is not null), 0),
                coalesce(sum(json_extract(body, '$.replica_millis')), 0)
         from usage_events",
    )
    .fetch_one(db)
    .await?;
    Ok(Metered { sent, waiting, refused, replica_millis: millis as u64 })
}

/// Meters and sends for ever, at this interval.
pub(crate) async fn run(db: SqlitePool, registry: Option<RegistryClient>, every: Duration) {
    let mut interval = tokio::time::interval(every);
    interval.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        interval.tick().await;
        if let Err(error) = meter(&db).await {
            tracing::error!(%error, "usage could not be metered");
        }
        if let Some(registry) = registry.as_ref().filter(|registry| registry.has_account())
            && let Err(error) = send(&db, registry).await
        {
            tracing::warn!(%error, "usage waits to be sent");
        }
    }
}

fn damaged(what: &str) -> Error {
    Error::Damaged(format!("{what} cannot be read"))
}
