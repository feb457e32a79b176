//! What has ended, and what nobody looks up any more: log-ins and tokens, means to set a password, and the letters that brought such means.

use chandlery_store::{Db, time};
use jiff::{SignedDuration, Timestamp};

use crate::Error;

/// How long what has ended is still shown to whom it belonged.
const KEPT: SignedDuration = SignedDuration::from_hours(30 * 24);

/// Forgets what has ended for long enough.
pub async fn forget_ended(db: &Db, now: Timestamp) -> Result<(), Error> {
    let before = time(now - KEPT);
    let mut write = db.write_shared().await?;
    for statement in [
        "delete from tokens where expires_at <= $1",
        "delete from password_resets where expires_at <= $1",
        "delete from notices where secret = 1 and made_at <= $1",
    ] {
        sqlx::query(statement).bind(&before).execute(&mut *write).await?;
    }
    Ok(write.commit().await?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_has_ended_is_forgotten_once_nobody_looks_it_up() {
        let folder = tempfile::tempdir().unwrap();
        let url = format!("sqlite://{}?mode=rwc", folder.path().join("registry.db").display());
        let db = Db::open(&url).await.unwrap();
        let now: Timestamp = "2026-11-29T12:00:00Z".parse().unwrap();
        let ago = |days: i64| time(now - SignedDuration::from_hours(24 * days));
        let (old, new, ahead) = (ago(30), ago(29), ago(-1));
        let mut rows = vec![
            "insert into accounts (name, password_hash, role, created_at) values ('ann', '', 'member', '')".to_owned(),
            "insert into tokens (hash, account, created_at, scope, note) values ('endless', 'ann', '', 'read', '')".to_owned(),
        ];
        for (name, at) in [("old", &old), ("new", &new), ("ahead", &ahead)] {
            rows.extend([
                format!(
                    "insert into tokens (hash, account, created_at, scope, note, expires_at)
                     values ('{name}', 'ann', '', 'read', '', '{at}')"
                ),
                format!("insert into password_resets (account, hash, expires_at) values ('ann', '{name}', '{at}')"),
                format!(
                    "insert into notices (key, account, subject, body, made_at, secret) values ('{name}', 'ann', '', '', '{at}', 1)"
                ),
                format!(
                    "insert into notices (key, account, subject, body, made_at) values ('told {name}', 'ann', '', '', '{at}')"
                ),
            ]);
        }
        for row in rows {
            sqlx::query(sqlx::AssertSqlSafe(row)).execute(db.read()).await.unwrap();
        }
        forget_ended(&db, now).await.unwrap();
        for (left, expected) in [
            ("select hash from tokens order by hash", vec!["ahead", "endless", "new"]),
            ("select hash from password_resets order by hash", vec!["ahead", "new"]),
            (
                "select key from notices order by key",
                vec!["ahead", "new", "told ahead", "told new", "told old"],
            ),
        ] {
            let found: Vec<(String,)> = sqlx::query_as(left).fetch_all(db.read()).await.unwrap();
            assert_eq!(found.into_iter().map(|(name,)| name).collect::<Vec<_>>(), expected, "{left}");
        }
    }
}
