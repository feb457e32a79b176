//! The events that Stripe has told, each once, and what became of each.

use chandlery_package::column::Text;
use chandlery_package::wire::{EventState, Page, Paging, ProcessorEvent, ToldEvent};
use jiff::{SignedDuration, Timestamp};
use sqlx::AnyConnection;

use super::event::Event;
use crate::Error;
use chandlery_store::{Db, Write, time};

/// How long what is parked waits before it is tried again by itself, in seconds: at first, and at most.
const WAITS_SECONDS: [i64; 2] = [10, 3600];
/// How many parked events are tried in one go.
const BATCH: i64 = 100;
/// How much of a reason is kept, in characters.
const REASON_MAX: usize = 500;

/// Keeps an event that was not told before, and says whether it is to be followed now.
pub(super) async fn keep(write: &mut Write, event: &Event, now: Timestamp) -> Result<bool, Error> {
    let state = match event.topic {
        _ if event.of_another => EventState::Ignored,
        None if event.moves_nothing() => EventState::Ignored,
        None => EventState::Unhandled,
        Some(_) => EventState::Parked,
    };
    sqlx::query(
        "insert into processor_events (id, received_at, kind, object, about, created_at, body, state, retry_at)
         values ($1, $2, $3, $4, $5, nullif($6, ''), $7, $8, $9) on conflict do nothing",
    )
    .bind(&event.id)
    .bind(time(now))
    .bind(&event.kind)
    .bind(event.object.reference("id").unwrap_or_default())
    .bind(event.about())
    .bind(event.created_at.map(time).unwrap_or_default())
    .bind(&event.body)
    .bind(state.as_str())
    .bind(time(retry_at(0, now)))
    .execute(&mut **write)
    .await?;
    is_parked(write, &event.id).await
}

fn retry_at(tries: i64, now: Timestamp) -> Timestamp {
    let seconds = WAITS_SECONDS[0] << tries.clamp(0, 20);
    now + SignedDuration::from_secs(seconds.min(WAITS_SECONDS[1]))
}

/// Whether nothing became of an event yet.
pub(super) async fn is_parked(db: &mut AnyConnection, id: &str) -> Result<bool, Error> {
    let found: Option<(Text<EventState>,)> =
        sqlx::query_as("select state from processor_events where id = $1")
            .bind(id)
            .fetch_optional(db)
            .await?;
    Ok(found == Some((Text(EventState::Parked),)))
}

/// Says what became of an event.
pub(super) async fn settle(write: &mut Write, id: &str, state: EventState) -> Result<(), Error> {
    sqlx::query("update processor_events set state = $1, reason = '' where id = $2")
        .bind(state.as_str())
        .bind(id)
        .execute(&mut **write)
        .await?;
    Ok(())
}

/// Leaves an event for later, and says why.
pub(super) async fn park(db: &Db, id: &str, reason: &str, now: Timestamp) -> Result<(), Error> {
    let mut write = db.write().await?;
    let found: Option<(i64,)> =
        sqlx::query_as("select tries from processor_events where id = $1 and state = 'parked'")
            .bind(id)
            .fetch_optional(&mut *write)
            .await?;
    if let Some((tries,)) = found {
        sqlx::query("update processor_events set reason = $1, tries = $2, retry_at = $3 where id = $4")
            .bind(reason.chars().take(REASON_MAX).collect::<String>())
            .bind(tries + 1)
            .bind(time(retry_at(tries + 1, now)))
            .bind(id)
            .execute(&mut *write)
            .await?;
        write.commit().await?;
    }
    Ok(())
}

fn read(rows: Vec<(String,)>) -> Result<Vec<Event>, Error> {
    rows.into_iter().map(|(body,)| Event::read(body.as_bytes())).collect()
}

/// What waits for the same as others, in the order in which it is to be followed.
pub(super) async fn parked_about(db: &Db, about: &str) -> Result<Vec<Event>, Error> {
    let rows: Vec<(String,)> = sqlx::query_as(
        "select body from processor_events where about = $1 and state = 'parked' order by created_at, id",
    )
    .bind(about)
    .fetch_all(db.read())
    .await?;
    let mut events = read(rows)?;
    events.sort_by_key(|event| event.topic);
    Ok(events)
}

/// What is to be tried again by now.
pub(super) async fn due(db: &Db, now: Timestamp) -> Result<Vec<Event>, Error> {
    let rows: Vec<(String,)> = sqlx::query_as(
        "select body from processor_events where state = 'parked' and retry_at <= $1
         order by retry_at, id limit $2",
    )
    .bind(time(now))
    .bind(BATCH)
    .fetch_all(db.read())
    .await?;
    read(rows)
}

#[derive(sqlx::FromRow)]
struct Row {
    id: String,
    kind: String,
    object: String,
    created_at: Option<Text<Timestamp>>,
    received_at: Text<Timestamp>,
    state: Text<EventState>,
    reason: String,
}

/// The events in a state or in any, in the order of their ids.
pub async fn list(
    db: &Db,
    state: Option<EventState>,
    paging: &Paging<String>,
) -> Result<Page<ProcessorEvent>, Error> {
    let rows: Vec<Row> = sqlx::query_as(
        "select id, kind, object, created_at, received_at, state, reason from processor_events
         where id > $1 and (state = $2 or $2 = '') order by id limit $3",
    )
    .bind(paging.after().map_or("", String::as_str))
    .bind(state.map_or("", EventState::as_str))
    .bind(paging.rows())
    .fetch_all(db.read())
    .await?;
    Ok(paging.cut(rows, |row| row.id.clone()).map(shown))
}

fn shown(row: Row) -> ProcessorEvent {
    ProcessorEvent {
        id: row.id,
        kind: row.kind,
        object: row.object,
        created_at: row.created_at.map(|Text(at)| at),
        received_at: row.received_at.0,
        state: row.state.0,
        reason: row.reason,
    }
}

/// What was told of an object, in the order in which it came: `about` is what must be in the books before it.
pub(crate) async fn of_object(
    db: &mut AnyConnection,
    about: &str,
    object: &str,
) -> Result<Vec<ProcessorEvent>, Error> {
    let rows: Vec<Row> = sqlx::query_as(
        "select id, kind, object, created_at, received_at, state, reason from processor_events
         where about = $1 and object = $2 order by received_at, id",
    )
    .bind(about)
    .bind(object)
    .fetch_all(db)
    .await?;
    Ok(rows.into_iter().map(shown).collect())
}

/// The event of this id, as it was told.
pub async fn find(db: &Db, id: &str) -> Result<ToldEvent, Error> {
    let none = || Error::NotFound(format!("event '{id}'"));
    let mut db = db.snapshot().await?;
    let row: Option<Row> = sqlx::query_as(
        "select id, kind, object, created_at, received_at, state, reason from processor_events where id = $1",
    )
    .bind(id)
    .fetch_optional(&mut *db)
    .await?;
    let event = shown(row.ok_or_else(none)?);
    let (tries, body): (i64, String) =
        sqlx::query_as("select tries, body from processor_events where id = $1")
            .bind(id)
            .fetch_one(&mut *db)
            .await?;
    Ok(ToldEvent { event, tries, body })
}

/// How many events are in each state.
pub async fn count(db: &mut AnyConnection) -> Result<Vec<(EventState, i64)>, Error> {
    let rows: Vec<(Text<EventState>, i64)> =
        sqlx::query_as("select state, count(*) from processor_events group by state").fetch_all(db).await?;
    Ok(rows.into_iter().map(|(Text(state), count)| (state, count)).collect())
}
