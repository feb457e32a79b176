//! Entries are told elsewhere in their order, each at least once, by one replica at a time. How far it has come is written down after an
//! entry was taken, and nobody who acts waits for it.

use std::time::{Duration, Instant};

use chandlery_accounts::{Error, audit};
use chandlery_package::wire::AuditEntry;
use chandlery_store::{Db, time};
use jiff::{SignedDuration, Timestamp};

use super::{Syslog, Webhook};

/// How long one replica goes on before it lets go.
const TURN: Duration = Duration::from_secs(60);
/// After how long another one goes on for a replica that has died: longer than a turn, and than any entries that it ends with take.
const LEASE: SignedDuration = SignedDuration::from_mins(5);
/// How many entries are told before what was taken is written down.
const AT_ONCE: usize = 20;

/// Where entries are told; none: nowhere.
#[derive(Debug, Clone, Default)]
pub struct Exports {
    /// A URL that each entry is sent to.
    pub webhook: Option<Webhook>,
    /// A collector of logs.
    pub syslog: Option<Syslog>,
}

enum Sink<'a> {
    Webhook(&'a Webhook),
    /// With what the registry is called there.
    Syslog(&'a Syslog, &'a str),
}

impl Sink<'_> {
    fn name(&self) -> &'static str {
        match self {
            Self::Webhook(_) => "webhook",
            Self::Syslog(..) => "syslog",
        }
    }

    /// Tells these entries: how many were taken, and why no more were.
    async fn tell(&self, entries: &[AuditEntry]) -> (usize, Result<(), String>) {
        match self {
            Self::Webhook(webhook) => webhook.tell(entries).await,
            Self::Syslog(syslog, origin) => match syslog.tell(entries, origin).await {
                Ok(()) => (entries.len(), Ok(())),
                Err(why) => (0, Err(why)),
            },
        }
    }
}

/// Tells what was not told yet, wherever it is to be told. `origin` is the registry's name. What is refused is tried again the next time.
pub async fn export(db: &Db, exports: &Exports, origin: &str) -> Result<(), Error> {
    let webhook = async {
        match &exports.webhook {
            Some(webhook) => take_turn(db, &Sink::Webhook(webhook)).await,
            None => Ok(()),
        }
    };
    let syslog = async {
        match &exports.syslog {
            Some(syslog) => take_turn(db, &Sink::Syslog(syslog, origin)).await,
            None => Ok(()),
        }
    };
    let (webhook, syslog) = tokio::join!(webhook, syslog);
    webhook.and(syslog)
}

async fn take_turn(db: &Db, sink: &Sink<'_>) -> Result<(), Error> {
    let name = sink.name();
    let Some(mut last) = begin(db, name).await? else { return Ok(()) };
    let until = Instant::now() + TURN;
    'turn: loop {
        let entries = audit::after(db, last).await?;
        if entries.is_empty() {
            break;
        }
        for entries in entries.chunks(AT_ONCE) {
            let (taken, outcome) = sink.tell(entries).await;
            if let Some(entry) = taken.checked_sub(1).and_then(|index| entries.get(index)) {
                last = entry.number;
                keep(db, name, last).await?;
            }
            if let Err(why) = &outcome {
                tracing::warn!(
                    sink = name,
                    why,
                    after = last,
                    "the audit trail could not be told: it is tried again"
                );
            }
            if outcome.is_err() || Instant::now() >= until {
                break 'turn;
            }
        }
    }
    end(db, name).await
}

/// The last entry that was told there, if there are others after it, and no other replica is at it.
async fn begin(db: &Db, sink: &str) -> Result<Option<i64>, Error> {
    let known: Option<(i64,)> = sqlx::query_as("select number from audit_exports where sink = $1")
        .bind(sink)
        .fetch_optional(db.read())
        .await?;
    let last = known.map_or(0, |(number,)| number);
    if audit::after(db, last).await?.is_empty() {
        return Ok(None);
    }
    let now = Timestamp::now();
    let mut write = db.write().await?;
    sqlx::query(
        "insert into audit_exports (sink, number, leased_until) values ($1, 0, '') on conflict do nothing",
    )
    .bind(sink)
    .execute(&mut *write)
    .await?;
    let begun: Option<(i64,)> = sqlx::query_as(
        "update audit_exports set leased_until = $1 where sink = $2 and leased_until < $3 returning number",
    )
    .bind(time(now + LEASE))
    .bind(sink)
    .bind(time(now))
    .fetch_optional(&mut *write)
    .await?;
    write.commit().await?;
    Ok(begun.map(|(number,)| number))
}

/// Where entries are told, and how many were not told there yet.
pub async fn behind(db: &Db, exports: &Exports) -> Result<Vec<(&'static str, i64)>, Error> {
    let sinks = [("webhook", exports.webhook.is_some()), ("syslog", exports.syslog.is_some())];
    let mut behind = Vec::new();
    for (sink, _) in sinks.into_iter().filter(|(_, is_used)| *is_used) {
        let (count,): (i64,) = sqlx::query_as(
            "select count(*) from audit
             where number > (select coalesce(max(number), 0) from audit_exports where sink = $1)",
        )
        .bind(sink)
        .fetch_one(db.read())
        .await?;
        behind.push((sink, count));
    }
    Ok(behind)
}

async fn keep(db: &Db, sink: &str, number: i64) -> Result<(), Error> {
    let mut write = db.write_shared().await?;
    sqlx::query("update audit_exports set number = $1 where sink = $2 and number < $1")
        .bind(number)
        .bind(sink)
        .execute(&mut *write)
        .await?;
    Ok(write.commit().await?)
}

async fn end(db: &Db, sink: &str) -> Result<(), Error> {
    let mut write = db.write_shared().await?;
    sqlx::query("update audit_exports set leased_until = '' where sink = $1")
        .bind(sink)
        .execute(&mut *write)
        .await?;
    Ok(write.commit().await?)
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use axum::Router;
    use axum::http::{HeaderMap, StatusCode};
    use axum::routing::post;
    use chandlery_accounts::Actor;
    use chandlery_package::wire::Act;
    use serde_json::Value;

    use super::*;
    use crate::Registry;
    use crate::testing::registry;

    /// A webhook that takes so many of its first requests, then refuses one, and takes all others: the numbers of what it took.
    async fn webhook(first: usize) -> (Exports, Arc<Mutex<Vec<i64>>>) {
        let taken: Arc<Mutex<Vec<i64>>> = Arc::default();
        let (kept, asked) = (Arc::clone(&taken), Arc::new(Mutex::new(0)));
        let take = move |headers: HeaderMap, body: String| async move {
            let mut asked = asked.lock().unwrap();
            *asked += 1;
            if *asked == first + 1 {
                return StatusCode::SERVICE_UNAVAILABLE;
            }
            let body: Value = serde_json::from_str(&body).unwrap();
            let number = body["data"]["number"].as_i64().unwrap();
            assert_eq!(headers["webhook-id"], format!("audit-{number}").as_str());
            kept.lock().unwrap().push(number);
            StatusCode::OK
        };
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/", listener.local_addr().unwrap());
        tokio::spawn(async move { axum::serve(listener, Router::new().fallback(post(take))).await });
        (Exports { webhook: Some(Webhook { url, secret: "s3cr3t".into() }), syslog: None }, taken)
    }

    /// A registry whose trail has so many entries.
    async fn with_entries(entries: usize) -> (tempfile::TempDir, Registry) {
        let (folder, registry) = registry().await;
        let mut write = registry.db.write().await.unwrap();
        for _ in 1..entries {
            let (actor, act) = (Actor::machine(), Act::TokenMade);
            audit::record(&mut write, &actor, act, "ann", Value::Null, Value::Null).await.unwrap();
        }
        write.commit().await.unwrap();
        (folder, registry)
    }

    #[tokio::test]
    async fn what_was_not_taken_is_told_again_and_what_was_taken_is_not() {
        let (_folder, registry) = with_entries(45).await;
        let (exports, taken) = webhook(30).await;
        let export = async || export(&registry.db, &exports, "example.com/log").await.unwrap();
        export().await;
        assert_eq!(*taken.lock().unwrap(), (1..=30_i64).collect::<Vec<_>>());
        assert_eq!(behind(&registry.db, &exports).await.unwrap(), [("webhook", 15)]);
        export().await;
        assert_eq!(*taken.lock().unwrap(), (1..=45_i64).collect::<Vec<_>>());
        export().await;
        assert_eq!(taken.lock().unwrap().len(), 45);
    }

    #[tokio::test]
    async fn one_replica_tells_and_another_goes_on_when_it_has_died() {
        let (_folder, registry) = with_entries(3).await;
        let (exports, taken) = webhook(usize::MAX - 1).await;
        assert_eq!(begin(&registry.db, "webhook").await.unwrap(), Some(0));
        assert_eq!(begin(&registry.db, "webhook").await.unwrap(), None);
        assert_eq!(begin(&registry.db, "syslog").await.unwrap(), Some(0), "each has its own turn");
        export(&registry.db, &exports, "example.com/log").await.unwrap();
        assert_eq!(*taken.lock().unwrap(), [0_i64; 0]);
        let past = "update audit_exports set leased_until = '2020-01-01T00:00:00.000000Z'".to_owned();
        crate::testing::write(&registry, &[past]).await;
        export(&registry.db, &exports, "example.com/log").await.unwrap();
        assert_eq!(*taken.lock().unwrap(), [1, 2, 3]);
    }
}
