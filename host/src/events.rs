//! The outbox: events for integrations, each written down in the transaction of what it tells of, so that none is lost and
//! none tells of what was rolled back; and how far the delivery of each is. [`crate::integrations`] delivers them.

use std::time::Duration;

use backon::{BackoffBuilder as _, ExponentialBuilder};

use chandlery_package::column::{Json, Text};
use chandlery_package::{PluginId, words};
use jiff::{SignedDuration, Timestamp};
use sqlx::{SqliteConnection, SqlitePool};
use uuid::Uuid;

use crate::system::Error;
use chandlery_sandbox::{Event, EventKind};

/// How long to wait before an event is delivered again: twice as long with each attempt.
const BACK_OFF: ExponentialBuilder = ExponentialBuilder::new()
    .with_min_delay(Duration::from_secs(1))
    .with_max_delay(BACK_OFF_MAX)
    .without_max_times();
const BACK_OFF_MAX: Duration = Duration::from_secs(3600);
/// After these an event is given up.
const ATTEMPTS_MAX: i64 = 14;
/// How long what was delivered or given up is kept.
const KEPT: SignedDuration = SignedDuration::from_hours(30 * 24);

words! {
    /// How far the delivery of an event to an integration is.
    pub(crate) enum DeliveryState: "state of a delivery" {
        /// It waits to be told, or to be told again.
        Waiting = "waiting",
        /// It was told.
        Delivered = "delivered",
        /// It was tried too often.
        GivenUp = "given-up",
    }
}

/// An event of this moment, to be filled in.
pub(crate) fn new_event(kind: EventKind) -> Event {
    Event {
        id: Uuid::now_v7().to_string(),
        kind,
        at: Timestamp::now(),
        deployment: String::new(),
        target: String::new(),
        team: None,
        release: None,
        revision: 0,
        detail: String::new(),
        attempt: 0,
        attempted_at: 0,
    }
}

/// Writes an event down for each of these integrations, in the transaction of what it tells of. They are read in that
/// transaction, too: what is uninstalled after it began forgets its events after it has ended.
pub(crate) async fn tell(
    write: &mut SqliteConnection,
    integrations: &[PluginId],
    event: &Event,
) -> Result<(), Error> {
    for plugin in integrations {
        sqlx::query(
            "insert into deliveries (id, plugin, event, state, not_before) values ($1, $2, $3, $4, $5)",
        )
        .bind(&event.id)
        .bind(Text(plugin))
        .bind(Json(event))
        .bind(Text(DeliveryState::Waiting))
        .bind(Text(event.at))
        .execute(&mut *write)
        .await?;
    }
    Ok(())
}

/// An event that waits to be told to an integration.
#[derive(sqlx::FromRow)]
pub(crate) struct Delivery {
    id: String,
    event: Json<Event>,
    attempts: i64,
}

impl Delivery {
    /// The event as the integration is told it, with the number of this attempt.
    pub(crate) fn event(&self) -> Event {
        let Json(event) = self.event.clone();
        Event { attempt: u32::try_from(self.attempts + 1).unwrap_or(u32::MAX), ..event }
    }
}

/// The events that an integration is to be told now, the oldest first, at most `limit`.
pub(crate) async fn due(db: &SqlitePool, plugin: &PluginId, limit: i64) -> Result<Vec<Delivery>, Error> {
    let due = sqlx::query_as(
        "select id, event, attempts from deliveries
         where plugin = $1 and state = $2 and not_before <= $3 order by id limit $4",
    );
    let due = due.bind(Text(plugin)).bind(Text(DeliveryState::Waiting)).bind(Text(Timestamp::now()));
    Ok(due.bind(limit).fetch_all(db).await?)
}

/// Writes down how an attempt ended: with this problem, or well.
pub(crate) async fn note(
    db: &SqlitePool,
    plugin: &PluginId,
    delivery: &Delivery,
    problem: Option<String>,
) -> Result<(), Error> {
    let attempts = delivery.attempts + 1;
    let state = match &problem {
        None => DeliveryState::Delivered,
        Some(_) if attempts >= ATTEMPTS_MAX => DeliveryState::GivenUp,
        Some(_) => DeliveryState::Waiting,
    };
    let again =
        Timestamp::now().checked_add(SignedDuration::try_from(back_off(attempts)).unwrap_or_default());
    sqlx::query(
        "update deliveries set state = $1, attempts = $2, not_before = $3, problem = $4
         where id = $5 and plugin = $6 and attempts = $7",
    )
    .bind(Text(state))
    .bind(attempts)
    .bind(Text(again.unwrap_or(Timestamp::MAX)))
    .bind(problem)
    .bind(&delivery.id)
    .bind(Text(plugin))
    .bind(delivery.attempts)
    .execute(db)
    .await?;
    Ok(())
}

/// Forgets what was delivered or given up long ago.
pub(crate) async fn forget_old(db: &SqlitePool) -> Result<(), Error> {
    let before = Timestamp::now().checked_sub(KEPT).unwrap_or(Timestamp::MIN);
    sqlx::query("delete from deliveries where state <> $1 and not_before < $2")
        .bind(Text(DeliveryState::Waiting))
        .bind(Text(before))
        .execute(db)
        .await?;
    Ok(())
}

/// Forgets all that an integration was to be told.
pub(crate) async fn forget(write: &mut SqliteConnection, plugin: &PluginId) -> Result<(), Error> {
    sqlx::query("delete from deliveries where plugin = $1").bind(Text(plugin)).execute(write).await?;
    Ok(())
}

/// How the deliveries to an integration fare: how many are in each state, and the newest problem.
#[derive(sqlx::FromRow)]
pub(crate) struct Counts {
    pub delivered: i64,
    pub waiting: i64,
    pub given_up: i64,
    pub problem: Option<String>,
}

/// How the deliveries to an integration fare, of those that are kept.
pub(crate) async fn counts(db: &SqlitePool, plugin: &PluginId) -> Result<Counts, Error> {
    let counts = sqlx::query_as(
        "select coalesce(sum(state = $1), 0) as delivered, coalesce(sum(state = $2), 0) as waiting,
                coalesce(sum(state = $3), 0) as given_up,
                (select problem from deliveries where plugin = $4 and problem is not null
                 order by id desc limit 1) as problem
         from deliveries where plugin = $4",
    );
    let counts = counts
        .bind(Text(DeliveryState::Delivered))
        .bind(Text(DeliveryState::Waiting))
        .bind(Text(DeliveryState::GivenUp));
    Ok(counts.bind(Text(plugin)).fetch_one(db).await?)
}

/// An event as an integration was told it, or is to be.
pub(crate) struct Told {
    pub event: Event,
    pub state: DeliveryState,
    /// How often it was tried.
    pub attempts: i64,
    /// How the last attempt failed.
    pub problem: Option<String>,
}

/// The last events that an integration was told or is to be, the newest first, at most `limit`.
pub(crate) async fn latest(db: &SqlitePool, plugin: &PluginId, limit: i64) -> Result<Vec<Told>, Error> {
    let rows: Vec<(Json<Event>, Text<DeliveryState>, i64, Option<String>)> = sqlx::query_as(
        "select event, state, attempts, problem from deliveries where plugin = $1 order by id desc limit $2",
    )
    .bind(Text(plugin))
    .bind(limit)
    .fetch_all(db)
    .await?;
    let told = |(Json(event), Text(state), attempts, problem)| Told { event, state, attempts, problem };
    Ok(rows.into_iter().map(told).collect())
}

/// The last events of a deployment that some integration was told or is to be, the newest first, at most `limit`.
pub(crate) async fn of_deployment(
    db: &SqlitePool,
    deployment: &str,
    limit: i64,
) -> Result<Vec<Event>, Error> {
    // In the words of the index.
    let rows: Vec<(Json<Event>,)> = sqlx::query_as(
        "select event from deliveries where json_extract(event, '$.deployment') = $1
         group by id order by id desc limit $2",
    )
    .bind(deployment)
    .bind(limit)
    .fetch_all(db)
    .await?;
    Ok(rows.into_iter().map(|(Json(event),)| event).collect())
}

fn back_off(attempts: i64) -> Duration {
    let earlier = usize::try_from(attempts.clamp(1, ATTEMPTS_MAX) - 1).unwrap_or(0);
    BACK_OFF.build().nth(earlier).unwrap_or(BACK_OFF_MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::db::Db;

    #[tokio::test]
    async fn a_deployments_events_are_told_once_however_many_were_told_them() {
        let folder = tempfile::tempdir().unwrap();
        let db = Db::open(&folder.path().join("host.db")).await.unwrap();
        let plugins = ["acme:a", "acme:b"].map(|name| name.parse::<PluginId>().unwrap());
        let mut write = db.write().await.unwrap();
        for (deployment, detail) in [("web", "first"), ("other", "of another"), ("web", "second")] {
            let event = Event {
                deployment: deployment.into(),
                detail: detail.into(),
                ..new_event(EventKind::Degraded)
            };
            tell(&mut write, &plugins, &event).await.unwrap();
        }
        write.commit().await.unwrap();
        let details =
            |events: Vec<Event>| -> Vec<String> { events.into_iter().map(|event| event.detail).collect() };
        assert_eq!(details(of_deployment(db.pool(), "web", 9).await.unwrap()), ["second", "first"]);
        assert_eq!(details(of_deployment(db.pool(), "web", 1).await.unwrap()), ["second"]);
        let told = latest(db.pool(), &plugins[1], 2).await.unwrap();
        assert!(told.iter().all(|told| told.state == DeliveryState::Waiting && told.attempts == 0));
        let told = told.into_iter().map(|told| told.event).collect();
        assert_eq!(details(told), ["second", "of another"]);
    }

    #[test]
    fn each_wait_is_twice_the_one_before_up_to_an_hour() {
        let waits = [0, 1, 2, 3, 12, 13, 14, i64::MAX].map(|attempts| back_off(attempts).as_secs());
        assert_eq!(waits, [1, 1, 2, 4, 2048, 3600, 3600, 3600]);
    }
}
