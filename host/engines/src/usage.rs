//! What replicas use, as events that are durable before they are sent. The event and the mark up to which its replica was
//! metered change together, so that no moment is counted twice or lost.

use chandlery_package::Release;
use chandlery_package::column::{Json, Text};
use chandlery_package::wire::host::Metered;
use chandlery_package::wire::{RefusedUsage, UsageEvent};
use jiff::{SignedDuration, Timestamp};
use sqlx::SqlitePool;
use uuid::Uuid;

use crate::Error;
use crate::replicas;

/// Turns what every running replica has used so far into events.
pub async fn meter(db: &SqlitePool) -> Result<(), Error> {
    for replica in replicas::running(db).await? {
        meter_until(db, &replica, Timestamp::now()).await?;
    }
    Ok(())
}

/// Turns what one replica has used since it was last metered into an event.
pub(crate) async fn meter_until(db: &SqlitePool, replica: &str, now: Timestamp) -> Result<(), Error> {
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
    let Some((deployment, Text(release), gpus, Some(Text(from)))) = found else { return Ok(()) };
    let millis = now.duration_since(from).as_millis();
    // Whole milliseconds are counted; what is left over is counted the next time.
    let to = from.checked_add(SignedDuration::from_millis(i64::try_from(millis).unwrap_or(0)));
    let (Ok(to), true) = (to, millis > 0) else { return Ok(()) };
    let event = UsageEvent {
        id: Uuid::now_v7(),
        deployment,
        release,
        from,
        to,
        replica_millis: millis as u64,
        gpu_millis: millis as u64 * u64::try_from(gpus).unwrap_or_default(),
        units: Default::default(),
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
    Ok(())
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
