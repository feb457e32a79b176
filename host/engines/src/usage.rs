//! What replicas use, as events that are durable before they are sent. The event and the mark up to which its replica was
//! metered change together, so that no moment is counted twice or lost.

use std::collections::BTreeMap;

use chandlery_package::Release;
use chandlery_package::column::{Json, Text};
use chandlery_package::wire::host::Metered;
use chandlery_package::wire::{RefusedUsage, UsageEvent};
use futures::StreamExt as _;
use jiff::{SignedDuration, Timestamp};
use sqlx::SqlitePool;
use uuid::Uuid;

use crate::meters::{self, Reading};
use crate::{Error, replicas};

/// How many replicas are asked at once what their meters show.
const AT_ONCE: usize = 16;
/// How often a replica's meters are read again that somebody else has read meanwhile.
const ATTEMPTS_MAX: usize = 3;

/// Turns what every running replica has used so far into events.
pub async fn meter(db: &SqlitePool) -> Result<(), Error> {
    let running = replicas::running(db).await?;
    let mut asked = Vec::new();
    for replica in &running {
        asked.push(async move { (replica, meters::read(db, replica).await) });
    }
    // All are read before the first is counted: a reading that is not polled would keep its connection from what counts another.
    let readings: Vec<_> = futures::stream::iter(asked).buffer_unordered(AT_ONCE).collect().await;
    for (replica, reading) in readings {
        event(db, replica, Timestamp::now(), reading?.as_ref()).await?;
    }
    Ok(())
}

/// Reads the meters of one replica, for the last time before it is asked to end, and turns what it has used into an event.
pub(crate) async fn meter_now(db: &SqlitePool, replica: &str) -> Result<(), Error> {
    for _ in 0..ATTEMPTS_MAX {
        let reading = meters::read(db, replica).await?;
        if event(db, replica, Timestamp::now(), reading.as_ref()).await? {
            break;
        }
    }
    Ok(())
}

/// Turns what one replica has used until it ended into an event. Nothing more can be read of it.
pub(crate) async fn meter_until(db: &SqlitePool, replica: &str, now: Timestamp) -> Result<(), Error> {
    event(db, replica, now, None).await.map(drop)
}

/// Turns what one replica has used since it was last metered into an event. Says whether its meters were read late enough to count:
/// another reading may have overtaken this one.
async fn event(
    db: &SqlitePool,
    replica: &str,
    now: Timestamp,
    reading: Option<&Reading>,
) -> Result<bool, Error> {
    let mut write = db.begin_with("begin immediate").await?;
    let found: Option<(String, Text<Release>, i64, Option<Text<Timestamp>>)> = sqlx::query_as(
        "select replicas.deployment, revisions.release, replicas.gpu_count, replicas.metered_until
         from replicas join revisions on revisions.deployment = replicas.deployment
                                     and revisions.revision = replicas.revision
         where replicas.id = $1 and replicas.handle is not null",
    )
    .bind(replica)
    .fetch_optional(&mut *write)
    .await?;
    let Some((deployment, Text(release), gpus, Some(Text(from)))) = found else { return Ok(true) };
    let millis = now.duration_since(from).as_millis();
    // Whole milliseconds are counted; what is left over is counted the next time.
    let to = from.checked_add(SignedDuration::from_millis(i64::try_from(millis).unwrap_or(0)));
    let (Ok(to), true) = (to, millis > 0) else { return Ok(reading.is_none()) };
    let grown = match reading {
        Some(reading) => meters::count(&mut write, replica, reading).await?,
        None => Some(BTreeMap::new()),
    };
    let counts = grown.is_some();
    let event = UsageEvent {
        id: Uuid::now_v7(),
        deployment,
        release,
        from,
        to,
        replica_millis: millis as u64,
        gpu_millis: millis as u64 * u64::try_from(gpus).unwrap_or_default(),
        units: grown.unwrap_or_default(),
        corrects: None,
    };
    sqlx::query("insert into usage_events (id, body) values ($1, $2)")
        .bind(Text(event.id))
        .bind(Json(&event))
        .execute(&mut *write)
        .await?;
    sqlx::query("update replicas set metered_until = $1 where id = $2")
        .bind(Text(to))
        .bind(replica)
        .execute(&mut *write)
        .await?;
    write.commit().await?;
    Ok(counts)
}

/// The oldest events that wait to be sent, at most `limit`.
pub async fn waiting(db: &SqlitePool, limit: i64) -> Result<Vec<UsageEvent>, Error> {
    let rows: Vec<(Json<UsageEvent>,)> =
        sqlx::query_as("select body from usage_events where sent = 0 order by id limit $1")
            .bind(limit)
            .fetch_all(db)
            .await?;
    Ok(rows.into_iter().map(|(Json(event),)| event).collect())
}

/// Marks events as sent, and those among them that the registry refused with its reasons.
pub async fn acknowledge(
    db: &SqlitePool,
    events: &[UsageEvent],
    refused: &[RefusedUsage],
) -> Result<(), Error> {
    let mut write = db.begin_with("begin immediate").await?;
    for event in events {
        sqlx::query("update usage_events set sent = 1 where id = $1")
            .bind(Text(event.id))
            .execute(&mut *write)
            .await?;
    }
    for refused in refused {
        sqlx::query("update usage_events set refused = $1 where id = $2")
            .bind(&refused.reason)
            .bind(Text(refused.id))
            .execute(&mut *write)
            .await?;
    }
    write.commit().await?;
    Ok(())
}

/// What a deployment has used, as far as it was metered.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Used {
    /// Milliseconds that its replicas ran, summed over replicas.
    pub replica_millis: u64,
    /// Milliseconds that GPUs were held, summed over GPUs.
    pub gpu_millis: u64,
}

/// What a deployment of this name has used since a moment.
pub async fn used_by(db: &SqlitePool, deployment: &str, since: Timestamp) -> Result<Used, Error> {
    // In the words of the index.
    let (replica_millis, gpu_millis): (i64, i64) = sqlx::query_as(
        "select coalesce(sum(json_extract(body, '$.replica_millis')), 0),
                coalesce(sum(json_extract(body, '$.gpu_millis')), 0)
         from usage_events
         where json_extract(body, '$.deployment') = $1 and json_extract(body, '$.to') > $2",
    )
    .bind(deployment)
    .bind(Text(since))
    .fetch_one(db)
    .await?;
    Ok(Used { replica_millis: replica_millis.unsigned_abs(), gpu_millis: gpu_millis.unsigned_abs() })
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
    let units: Vec<(String, i64)> = sqlx::query_as(
        "select reported.key, sum(reported.value) from usage_events, json_each(body, '$.units') as reported
         group by reported.key order by reported.key",
    )
    .fetch_all(db)
    .await?;
    let units = units.into_iter().map(|(unit, count)| (unit, count.unsigned_abs())).collect();
    Ok(Metered { sent, waiting, refused, replica_millis: millis as u64, units })
}

#[cfg(test)]
mod tests {
    use sqlx::sqlite::SqlitePoolOptions;

    use super::*;

    #[tokio::test]
    async fn what_a_deployment_has_used_is_its_own_and_of_late() {
        let db = SqlitePoolOptions::new().max_connections(1).connect("sqlite::memory:").await.unwrap();
        sqlx::migrate!("../../migrations/host").run(&db).await.unwrap();
        for (deployment, to, replica_millis, gpu_millis) in [
            ("web", "2026-01-01T00:00:00Z", 1, 1),
            ("web", "2026-02-01T00:00:00Z", 10, 80),
            ("web", "2026-02-02T00:00:00Z", 20, 160),
            ("other", "2026-02-02T00:00:00Z", 7, 7),
        ] {
            let event = UsageEvent {
                id: Uuid::now_v7(),
                deployment: deployment.into(),
                release: "acme:x@1.0.0".parse().unwrap(),
                from: "2025-12-31T00:00:00Z".parse().unwrap(),
                to: to.parse().unwrap(),
                replica_millis,
                gpu_millis,
                units: BTreeMap::new(),
                corrects: None,
            };
            sqlx::query("insert into usage_events (id, body) values ($1, $2)")
                .bind(Text(event.id))
                .bind(Json(&event))
                .execute(&db)
                .await
                .unwrap();
        }
        let since = "2026-01-15T00:00:00Z".parse().unwrap();
        assert_eq!(used_by(&db, "web", since).await.unwrap(), Used { replica_millis: 30, gpu_millis: 240 });
        assert_eq!(used_by(&db, "none", since).await.unwrap(), Used::default());
    }
}
