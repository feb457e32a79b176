//! When a log is known to have told of an entry: not when whoever wrote it says so, but when the first checkpoint that covers it was
//! vouched for, as far as this host has seen the log grow.

use chandlery_package::log::ReleaseState;
use jiff::{SignedDuration, Timestamp};
use sqlx::SqliteConnection;

use super::{Error, Rules};

/// How long a sighting is kept: longer than any age that a rule may demand.
const KEPT: SignedDuration = SignedDuration::from_hours(24 * 366);

impl Rules {
    /// Notes that a log had so many entries when its checkpoint was vouched for.
    pub async fn saw(&self, log_key: &str, size: u64, vouched: Timestamp) -> Result<(), Error> {
        let size = i64::try_from(size).unwrap_or(i64::MAX);
        let (known, last): (i64, i64) = sqlx::query_as(
            "select coalesce(max(size), -1), coalesce(max(at), 0) from log_sightings where log_key = $1",
        )
        .bind(log_key)
        .fetch_one(self.db.pool())
        .await?;
        if size <= known {
            return Ok(());
        }
        // What is new cannot have been vouched for before what it follows.
        let at = vouched.as_second().max(last);
        let mut write = self.db.write().await?;
        note(&mut write, log_key, size, at).await?;
        // The last of those that are older than any age says all that they say.
        sqlx::query(
            "delete from log_sightings where log_key = $1
             and size < (select max(size) from log_sightings where log_key = $1 and at < $2)",
        )
        .bind(log_key)
        .bind(at - KEPT.as_secs())
        .execute(&mut *write)
        .await?;
        Ok(write.commit().await?)
    }

    /// The same of what witnesses said before this host knew the log.
    pub async fn saw_before(&self, log_key: &str, size: u64, seen: Timestamp) -> Result<(), Error> {
        let size = i64::try_from(size).unwrap_or(i64::MAX);
        let mut write = self.db.write().await?;
        note(&mut write, log_key, size, seen.as_second()).await?;
        Ok(write.commit().await?)
    }

    /// When a log was first known to tell of a release; none: no checkpoint that covers it was seen.
    pub(super) async fn witnessed(
        &self,
        log_key: &str,
        state: &ReleaseState,
    ) -> Result<Option<Timestamp>, Error> {
        let index = i64::try_from(state.index).unwrap_or(i64::MAX);
        let seen: Option<(i64,)> = sqlx::query_as(
            "select at from log_sightings where log_key = $1 and size > $2 order by size limit 1",
        )
        .bind(log_key)
        .bind(index)
        .fetch_optional(self.db.pool())
        .await?;
        let (before,): (i64,) =
            sqlx::query_as("select count(*) from log_sightings where log_key = $1 and size <= $2")
                .bind(log_key)
                .bind(index)
                .fetch_one(self.db.pool())
                .await?;
        let seen = seen.and_then(|(seconds,)| Timestamp::from_second(seconds).ok());
        // What was there at first sight is as old as the log says, where the log's word is all that is asked for.
        let takes_its_word = before == 0 && !self.witnesses_decide;
        Ok(seen.map(|seen| if takes_its_word { seen.min(state.at) } else { seen }))
    }
}

/// Of two sightings of one size, the earlier one counts.
async fn note(write: &mut SqliteConnection, log_key: &str, size: i64, at: i64) -> Result<(), Error> {
    sqlx::query(
        "insert into log_sightings (log_key, size, at) values ($1, $2, $3)
         on conflict (log_key, size) do update set at = min(log_sightings.at, excluded.at)",
    )
    .bind(log_key)
    .bind(size)
    .bind(at)
    .execute(write)
    .await?;
    Ok(())
}
