//! What was answered, by the name that follows from an account and its key.

use chandlery_package::column::Text;
use chandlery_store::{Db, Error, time};
use jiff::{SignedDuration, Timestamp};

/// How long an answer is kept.
const LASTS: SignedDuration = SignedDuration::from_hours(24);

/// A request that came before.
pub(super) struct Before {
    /// What follows from what it asked.
    pub(super) asked: String,
    pub(super) at: Timestamp,
    /// Its answer, sealed; none: it is being made, or what came of it is not known.
    pub(super) answer: Option<String>,
}

/// Takes a name for a request; gives the one that has it.
pub(super) async fn claim(db: &Db, name: &str, asked: &str, now: Timestamp) -> Result<Option<Before>, Error> {
    let mut write = db.write().await?;
    let taken: Option<(String,)> = sqlx::query_as(
        "insert into idempotent_answers (name, asked, at) values ($1, $2, $3)
         on conflict (name) do update set asked = excluded.asked, at = excluded.at, answer = null
         where idempotent_answers.at <= $4 returning name",
    )
    .bind(name)
    .bind(asked)
    .bind(time(now))
    .bind(time(now - LASTS))
    .fetch_optional(&mut *write)
    .await?;
    if taken.is_some() {
        write.commit().await?;
        return Ok(None);
    }
    let (asked, Text(at), answer): (String, Text<Timestamp>, Option<String>) =
        sqlx::query_as("select asked, at, answer from idempotent_answers where name = $1")
            .bind(name)
            .fetch_one(&mut *write)
            .await?;
    Ok(Some(Before { asked, at, answer }))
}

/// Keeps the answer.
pub(super) async fn answer(db: &Db, name: &str, sealed: &str) -> Result<(), Error> {
    let mut write = db.write().await?;
    sqlx::query("update idempotent_answers set answer = $1 where name = $2")
        .bind(sealed)
        .bind(name)
        .execute(&mut *write)
        .await?;
    write.commit().await
}

/// Gives a name back: what was asked was refused, and may be asked again.
pub(super) async fn release(db: &Db, name: &str) -> Result<(), Error> {
    let mut write = db.write().await?;
    sqlx::query("delete from idempotent_answers where name = $1").bind(name).execute(&mut *write).await?;
    write.commit().await
}

/// Forgets what was kept for long enough.
pub(crate) async fn forget(db: &Db) -> Result<(), Error> {
    let mut write = db.write().await?;
    sqlx::query("delete from idempotent_answers where at <= $1")
        .bind(time(Timestamp::now() - LASTS))
        .execute(&mut *write)
        .await?;
    write.commit().await
}
