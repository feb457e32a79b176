//! What was answered, by the name that follows from an account and its key.

use chandlery_package::Namespace;
use chandlery_package::column::Text;
use chandlery_store::{Db, time};
use jiff::{SignedDuration, Timestamp};

use crate::error::Error;

/// How long an answer is kept.
const LASTS: SignedDuration = SignedDuration::from_hours(24);
/// How many keys of an account are kept at once.
const KEPT_MAX: i64 = 10_000;

/// A request that came before.
pub(super) struct Before {
    /// What follows from what it asked.
    pub(super) asked: String,
    pub(super) at: Timestamp,
    /// Its answer, sealed; none: it is being made, or what came of it is not known.
    pub(super) answer: Option<String>,
}

/// Takes a name for a request of an account; gives the one that has it. Refused where as many of the account's are kept as may be.
pub(super) async fn claim(
    db: &Db,
    account: &Namespace,
    name: &str,
    asked: &str,
    now: Timestamp,
) -> Result<Option<Before>, Error> {
    let mut write = db.write_shared().await?;
    let taken: Option<(String,)> = sqlx::query_as(
        "insert into idempotent_answers (name, account, asked, at)
         select $1, $2, $3, $4
         where (select count(*) from idempotent_answers where account = $2 and at > $5) < $6
         on conflict (name) do update set asked = excluded.asked, at = excluded.at, answer = null
         where idempotent_answers.at <= $5 returning name",
    )
    .bind(name)
    .bind(account.as_str())
    .bind(asked)
    .bind(time(now))
    .bind(time(now - LASTS))
    .bind(KEPT_MAX)
    .fetch_optional(&mut *write)
    .await?;
    if taken.is_some() {
        write.commit().await?;
        return Ok(None);
    }
    let before: Option<(String, Text<Timestamp>, Option<String>)> =
        sqlx::query_as("select asked, at, answer from idempotent_answers where name = $1 and at > $2")
            .bind(name)
            .bind(time(now - LASTS))
            .fetch_optional(&mut *write)
            .await?;
    drop(write);
    match before {
        Some((asked, Text(at), answer)) => Ok(Some(Before { asked, at, answer })),
        None => Err(not_taken(db, account, now).await?),
    }
}

/// Why nothing has a name that could not be taken: as many are kept as may be, or its request was refused just now.
async fn not_taken(db: &Db, account: &Namespace, now: Timestamp) -> Result<Error, Error> {
    let earlier: Option<(Text<Timestamp>,)> = sqlx::query_as(
        "select at from idempotent_answers where account = $1 order by at desc limit 1 offset $2",
    )
    .bind(account.as_str())
    .bind(KEPT_MAX - 1)
    .fetch_optional(db.read())
    .await?;
    let left = earlier.map(|(Text(at),)| (LASTS - now.duration_since(at)).as_secs());
    Ok(match left.filter(|left| *left >= 0) {
        Some(left) => {
            let what = format!("'{account}' has sent {KEPT_MAX} Idempotency-Keys in {} h", LASTS.as_hours());
            chandlery_edge::Error::too_many(what, left.unsigned_abs() + 1).into()
        }
        None => Error::conflict(
            "the request with this Idempotency-Key was just answered: send it again in a moment",
        ),
    })
}

/// Keeps the answer.
pub(super) async fn answer(db: &Db, name: &str, sealed: &str) -> Result<(), Error> {
    let mut write = db.write_shared().await?;
    sqlx::query("update idempotent_answers set answer = $1 where name = $2")
        .bind(sealed)
        .bind(name)
        .execute(&mut *write)
        .await?;
    Ok(write.commit().await?)
}

/// Gives a name back: what was asked was refused, and may be asked again.
pub(super) async fn release(db: &Db, name: &str) -> Result<(), Error> {
    let mut write = db.write_shared().await?;
    sqlx::query("delete from idempotent_answers where name = $1").bind(name).execute(&mut *write).await?;
    Ok(write.commit().await?)
}

/// Forgets what was kept for long enough.
pub(crate) async fn forget(db: &Db) -> Result<(), Error> {
    let mut write = db.write().await?;
    sqlx::query("delete from idempotent_answers where at <= $1")
        .bind(time(Timestamp::now() - LASTS))
        .execute(&mut *write)
        .await?;
    Ok(write.commit().await?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing;

    #[tokio::test]
    async fn an_account_has_so_many_keys_and_is_still_answered_by_those() {
        let (_folder, registry) = testing::registry().await;
        let (operator, now): (Namespace, _) = ("operator".parse().unwrap(), Timestamp::now());
        let row = |name: &str, at: Timestamp| {
            format!(
                "insert into idempotent_answers (name, account, asked, at)
                 with recursive numbers (number) as (select 1 union all select number + 1 from numbers where number < {KEPT_MAX})
                 select '{name}-' || number, 'operator', 'asked', '{}' from numbers",
                time(at)
            )
        };
        let claimed = async |name: &str| claim(&registry.db, &operator, name, "asked", now).await;

        // What is kept for long enough counts no more.
        testing::write(&registry, &[row("old", now - LASTS)]).await;
        assert!(claimed("old-1").await.unwrap().is_none() && claimed("old-1").await.unwrap().is_some());
        testing::write(&registry, &[row("new", now - SignedDuration::from_hours(1))]).await;
        assert!(claimed("new-1").await.unwrap().is_some());
        let refused = claimed("other").await.err().unwrap();
        let Error::Shared(chandlery_edge::Error::TooMany { seconds, .. }) = refused else {
            panic!("{refused}");
        };
        assert!(seconds.abs_diff(23 * 3600) < 5, "{seconds}");
    }
}
